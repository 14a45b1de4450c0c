//! CPU levels: which vectors this CPU has, and the one place where a routine is stamped for each of them.
//!
//! A [`Level`] can only be had where the CPU has it: holding one is the proof that [`Level::run`] needs. All levels compute
//! the same bits. Numba twin: none, LLVM compiles for the host.

use crate::error::Error;
use crate::simd::{Scalar, Simd};
use std::sync::OnceLock;

#[cfg(target_arch = "aarch64")]
use crate::simd::neon::Neon;
#[cfg(target_arch = "x86_64")]
use crate::simd::x86::{Avx2, Avx512};

/// A set of instructions that this CPU has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

/// A computation written once over [`Simd`], with its arguments.
///
/// `run` and all it calls on vectors must be `#[inline(always)]`, and loops rather than closures handed to `map` or `fold`: what is
/// not inlined into the stamped function is compiled without the level's features, its lanes pass through memory, 20 times slower.
pub trait Routine {
    /// What it returns.
    type Output;
    /// Compute with the vectors of `S`.
    ///
    /// # Safety
    /// The CPU has the level of `S`, and what the routine's own fields promise holds.
    unsafe fn run<S: Simd>(self) -> Self::Output;
}

impl Level {
    /// The names of all levels, of whatever CPU.
    pub const NAMES: [&'static str; 4] = ["baseline", "avx2", "avx512", "neon"];

    /// The levels of this CPU, slowest first.
    pub fn available() -> &'static [Level] {
        static LEVELS: OnceLock<Vec<Level>> = OnceLock::new();
        LEVELS.get_or_init(detect)
    }

    /// The fastest level of this CPU.
    #[must_use]
    pub fn best() -> Level {
        Self::available().last().copied().unwrap_or(Level(Kind::Baseline))
    }

    /// The level of that name, or the best one; a level that the CPU lacks is an error, never replaced.
    pub fn named(name: Option<&str>) -> Result<Level, Error> {
        let Some(name) = name else { return Ok(Self::best()) };
        Self::available()
            .iter()
            .copied()
            .find(|level| level.name() == name)
            .ok_or_else(|| Error::LevelUnavailable { level: name.to_owned() })
    }

    /// The level's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Baseline => "baseline",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => "neon",
        }
    }

    /// Run a routine compiled for this level.
    ///
    /// # Safety
    /// What the routine's own fields promise holds.
    #[inline]
    pub unsafe fn run<R: Routine>(self, routine: R) -> R::Output {
        // SAFETY: a `Level` exists only where `detect` found its instructions; the rest is the caller's promise.
        unsafe {
            match self.0 {
                Kind::Baseline => routine.run::<Scalar>(),
                #[cfg(target_arch = "x86_64")]
                Kind::Avx2 => run_avx2(routine),
                #[cfg(target_arch = "x86_64")]
                Kind::Avx512 => run_avx512(routine),
                #[cfg(target_arch = "aarch64")]
                Kind::Neon => run_neon(routine),
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn run_avx2<R: Routine>(routine: R) -> R::Output {
    // SAFETY: the caller's promise.
    unsafe { routine.run::<Avx2>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")]
unsafe fn run_avx512<R: Routine>(routine: R) -> R::Output {
    // SAFETY: the caller's promise.
    unsafe { routine.run::<Avx512>() }
}

#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon")]
unsafe fn run_neon<R: Routine>(routine: R) -> R::Output {
    // SAFETY: the caller's promise.
    unsafe { routine.run::<Neon>() }
}

fn detect() -> Vec<Level> {
    let has = |feature| cpu_features().contains(&feature);
    let mut levels = vec![Level(Kind::Baseline)];
    #[cfg(target_arch = "x86_64")]
    {
        if ["avx2", "fma"].into_iter().all(has) {
            levels.push(Level(Kind::Avx2));
        }
        if ["avx2", "fma", "avx512f", "avx512dq", "avx512vl", "avx512bw"].into_iter().all(has) {
            levels.push(Level(Kind::Avx512));
        }
    }
    #[cfg(target_arch = "aarch64")]
    if has("neon") {
        levels.push(Level(Kind::Neon));
    }
    levels
}

/// The features that a level could ask for and this CPU has.
#[must_use]
pub fn cpu_features() -> Vec<&'static str> {
    macro_rules! detected {
        ($is:ident, $($feature:tt),*) => { [$(($feature, std::arch::$is!($feature))),*] };
    }
    #[cfg(target_arch = "x86_64")]
    let features = detected!(
        is_x86_feature_detected,
        "sse4.2",
        "avx",
        "avx2",
        "fma",
        "avx512f",
        "avx512dq",
        "avx512vl",
        "avx512bw"
    );
    #[cfg(target_arch = "aarch64")]
    let features = detected!(is_aarch64_feature_detected, "neon", "fp16", "sve");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let features: [(&str, bool); 0] = [];
    features.into_iter().filter_map(|(name, present)| present.then_some(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_start_at_baseline_and_find_themselves_by_name() {
        let levels = Level::available();
        assert_eq!(levels[0].name(), "baseline");
        assert_eq!(Level::named(None), Ok(*levels.last().unwrap()));
        for level in levels {
            assert_eq!(Level::named(Some(level.name())), Ok(*level));
            assert!(Level::NAMES.contains(&level.name()));
        }
    }

    #[test]
    fn a_level_the_cpu_lacks_is_refused() {
        let lacking = Level::named(Some("sse9")).unwrap_err();
        assert_eq!(lacking, Error::LevelUnavailable { level: "sse9".into() });
        let message = lacking.to_string();
        assert!(message.contains("\"sse9\" is unknown"), "{message}");
        assert!(message.contains("baseline"), "{message}");
        let foreign = if cfg!(target_arch = "x86_64") { "neon" } else { "avx2" };
        let message = Level::named(Some(foreign)).unwrap_err().to_string();
        assert!(message.contains("not available on this CPU"), "{message}");
    }

    #[test]
    fn levels_follow_the_features() {
        let has = |feature| cpu_features().contains(&feature);
        let named = |name| Level::named(Some(name)).is_ok();
        #[cfg(target_arch = "x86_64")]
        for (feature, present) in [
            ("sse4.2", is_x86_feature_detected!("sse4.2")),
            ("avx2", is_x86_feature_detected!("avx2")),
            ("avx512f", is_x86_feature_detected!("avx512f")),
        ] {
            assert_eq!(has(feature), present, "{feature}");
        }
        if cfg!(target_arch = "x86_64") {
            assert_eq!(named("avx2"), has("avx2") && has("fma"));
            assert_eq!(named("avx512"), named("avx2") && has("avx512f") && has("avx512dq"));
        }
        assert!(!cfg!(target_arch = "aarch64") || named("neon"));
    }

    #[test]
    fn each_level_runs_its_own_vectors() {
        struct Lanes;
        impl Routine for Lanes {
            type Output = usize;
            #[inline(always)]
            unsafe fn run<S: Simd>(self) -> usize {
                use crate::simd::Vector;
                assert_eq!(2 * S::F64::LANES, S::F32::LANES.max(2 * S::F64::LANES));
                S::F64::LANES
            }
        }
        for level in Level::available() {
            let lanes = match level.name() {
                "baseline" => 1,
                "neon" => 2,
                "avx2" => 4,
                _ => 8,
            };
            // SAFETY: the routine has no fields.
            assert_eq!(unsafe { level.run(Lanes) }, lanes);
        }
    }
}
