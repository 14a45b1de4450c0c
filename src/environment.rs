//! Is the floating-point unit of this thread as IEEE 754 has it: round to nearest, subnormals in and out?
//!
//! The control register is a thread's own and inherited, and one library linked with -ffast-math changes it for both engines,
//! so every call and every worker task asks. It asks by arithmetic, in float64 alone: on x86-64 and aarch64 one register holds
//! the setting for both widths. Numba twin: `environment` in `covertreex/metrics/_numba_loops.py`.

use crate::error::Error;
use std::hint::black_box;

const ROUNDOFF: f64 = f64::EPSILON / 2.0;

/// An error that names what is wrong with this thread's floating-point unit, if anything is.
#[inline]
pub fn check() -> Result<(), Error> {
    let wrong = [
        (flushes_results(), "flush-to-zero"),
        (ignores_subnormals(), "denormals-are-zero"),
        (rounds_otherwise(), "rounding mode"),
    ];
    if wrong.iter().all(|(found, _)| !found) {
        return Ok(());
    }
    let names: Vec<_> = wrong.iter().filter(|(found, _)| *found).map(|(_, name)| *name).collect();
    Err(Error::FloatEnvironment { found: names.join(" and ") })
}

/// Looks at bits: where subnormals are ignored, they also equal 0.
fn flushes_results() -> bool {
    (black_box(f64::MIN_POSITIVE) * black_box(0.5)).to_bits() == 0
}

fn ignores_subnormals() -> bool {
    black_box(f64::from_bits(1)) * black_box(f64::from_bits((1000 + 1023) << 52)) == 0.0
}

/// Upward fails the first sum, toward zero and downward the second, downward the third as well.
fn rounds_otherwise() -> bool {
    let step = black_box(ROUNDOFF);
    black_box(1.0) + step != 1.0
        || black_box(1.0 + f64::EPSILON) + step != 1.0 + 2.0 * f64::EPSILON
        || black_box(-1.0) - step != -1.0
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[test]
    fn a_fresh_thread_passes() {
        assert_eq!(check(), Ok(()));
        assert_eq!(std::thread::spawn(check).join().unwrap(), Ok(()));
    }

    /// Set these bits of this thread's MXCSR; what it was, to be loaded again.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn plant(bits: u32) -> u32 {
        let mut saved = 0_u32;
        // SAFETY: stores this thread's MXCSR, loads it with legal bits set.
        unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut saved) };
        load(saved | bits);
        saved
    }

    #[cfg(target_arch = "x86_64")]
    fn load(control: u32) {
        // SAFETY: legal bits; what is computed under them uses black boxes, so that nothing moves in or out.
        unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const control) };
    }

    #[cfg(target_arch = "x86_64")]
    fn check_with(bits: u32) -> Result<(), Error> {
        let saved = plant(bits);
        let found = check();
        load(saved);
        found
    }

    /// A worker whose MXCSR was changed after the caller was checked: only its own check can see it.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn a_worker_is_checked_too() {
        let u = crate::Matrix::new("u", &[1.0, 2.0, 3.0, 4.0], 2, 2).unwrap();
        for bits in [1_u32 << 15, 1 << 6, 1 << 13, 2 << 13, 3 << 13] {
            let workers = rayon::ThreadPoolBuilder::new().num_threads(2);
            let workers = workers.start_handler(move |_| {
                plant(bits);
            });
            let found = workers
                .build()
                .unwrap()
                .install(|| crate::dot::dot_block(crate::Level::best(), u, u, &mut [0.0; 4]));
            assert!(matches!(found, Err(Error::FloatEnvironment { .. })), "{bits:x}");
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn each_setting_is_named() {
        let cases = [
            (1 << 15, "flush-to-zero"),
            (1 << 6, "denormals-are-zero"),
            (1 << 13, "rounding mode"),
            (2 << 13, "rounding mode"),
            (3 << 13, "rounding mode"),
            (1 << 15 | 1 << 6, "flush-to-zero and denormals-are-zero"),
        ];
        for (bits, name) in cases {
            assert_eq!(check_with(bits), Err(Error::FloatEnvironment { found: name.into() }));
        }
        assert_eq!(check(), Ok(()));
    }
}
