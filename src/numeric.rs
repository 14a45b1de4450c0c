//! The arithmetic of the contract: lanes, the fma chain, `exp`.
//!
//! A sum of products is one chain from +0.0 in ascending order, each step one fma. `exp` is the contract's own, at most 1 ULP.
//! Each has a scalar definition and, where it runs over many values, a body over [`Simd`] that gives the same bits.
//! Numba twin: `chain`, `_exp` in `covertreex/metrics/_numba_loops.py`.

use crate::level::{Level, Routine};
use crate::simd::{Double, Simd, Vector};

/// The floats a block may hold: `f32` or `f64`.
pub trait Real: Copy + PartialOrd + Default + Send + Sync + std::fmt::Debug + 'static {
    /// Its vector in level `S`.
    type Vector<S: Simd>: Vector<Lane = Self>;
    /// NumPy's name.
    const NAME: &'static str;
    /// Half the distance from 1 to the next value: the relative error of one rounding.
    const ROUNDOFF: f64;
    /// The smallest value above 0: twice the absolute error of one rounding where it underflows.
    const TINY: f64;
    /// A quarter of where it overflows, at most.
    const LARGE: f64;

    /// `self * b + c`, rounded once.
    #[must_use]
    fn fma(self, b: Self, c: Self) -> Self;
    /// `self - b`, rounded once, then widened.
    fn widened_difference(self, b: Self) -> f64;
    /// The same value in `f64`.
    fn widen(self) -> f64;
    /// Rounded once from `f64`.
    fn round(x: f64) -> Self;

    /// `F64::LANES` differences `a - b`, each rounded once, then widened.
    ///
    /// # Safety
    /// `a` and `b` are valid for reading `F64::LANES` values; the CPU has the level of `S`.
    unsafe fn widened_differences<S: Simd>(a: *const Self, b: *const Self) -> S::F64;
    /// Round `F64::LANES` values and write them.
    ///
    /// # Safety
    /// `at` is valid for writing `F64::LANES` values; the CPU has the level of `S`.
    unsafe fn store_rounded<S: Simd>(x: S::F64, at: *mut Self);
}

impl Real for f32 {
    type Vector<S: Simd> = S::F32;
    const NAME: &'static str = "float32";
    const ROUNDOFF: f64 = f32::EPSILON as f64 / 2.0;
    const TINY: f64 = f32::from_bits(1) as f64;
    const LARGE: f64 = f32::MAX as f64 / 4.0;

    #[inline(always)]
    fn fma(self, b: f32, c: f32) -> f32 {
        self.mul_add(b, c)
    }
    #[inline(always)]
    fn widened_difference(self, b: f32) -> f64 {
        f64::from(self - b)
    }
    #[inline(always)]
    fn widen(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn round(x: f64) -> f32 {
        x as f32
    }
    #[inline(always)]
    unsafe fn widened_differences<S: Simd>(a: *const f32, b: *const f32) -> S::F64 {
        // SAFETY: the caller's promise.
        unsafe { S::widened_difference(a, b) }
    }
    #[inline(always)]
    unsafe fn store_rounded<S: Simd>(x: S::F64, at: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { S::store_narrowed(x, at) }
    }
}

impl Real for f64 {
    type Vector<S: Simd> = S::F64;
    const NAME: &'static str = "float64";
    const ROUNDOFF: f64 = f64::EPSILON / 2.0;
    const TINY: f64 = f64::from_bits(1);
    const LARGE: f64 = f64::MAX / 4.0;

    #[inline(always)]
    fn fma(self, b: f64, c: f64) -> f64 {
        self.mul_add(b, c)
    }
    #[inline(always)]
    fn widened_difference(self, b: f64) -> f64 {
        self - b
    }
    #[inline(always)]
    fn widen(self) -> f64 {
        self
    }
    #[inline(always)]
    fn round(x: f64) -> f64 {
        x
    }
    #[inline(always)]
    unsafe fn widened_differences<S: Simd>(a: *const f64, b: *const f64) -> S::F64 {
        // SAFETY: the caller's promise.
        unsafe { S::F64::load(a).sub(S::F64::load(b)) }
    }
    #[inline(always)]
    unsafe fn store_rounded<S: Simd>(x: S::F64, at: *mut f64) {
        // SAFETY: the caller's promise.
        unsafe { x.store(at) }
    }
}

/// The sum of products: one chain, `k` ascending, from +0.0.
#[inline(always)]
pub fn chain<T: Real>(a: &[T], b: &[T]) -> T {
    chain_from(T::default(), a, b)
}

/// The chain, going on from a stored accumulator.
#[inline(always)]
pub fn chain_from<T: Real>(start: T, a: &[T], b: &[T]) -> T {
    a.iter().zip(b).fold(start, |sum, (&a, &b)| a.fma(b, sum))
}

/// `s = chain(d, d)` over the coordinates' differences.
#[inline(always)]
#[must_use]
pub fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).fold(0.0, |sum, (a, b)| (a - b).mul_add(a - b, sum))
}

/// 1.5 * 2^52: added to a small number, it leaves the number's nearest integer in the low bits.
pub(crate) const MAGIC: f64 = f64::from_bits(0x4338_0000_0000_0000);
const LOG2E: f64 = f64::from_bits(0x3ff7_1547_652b_82fe);
const LN2_HI: f64 = f64::from_bits(0x3fe6_2e42_fefa_3800);
const LN2_LO: f64 = f64::from_bits(0x3d2e_f357_93c7_6730);
/// `C2..=C11`; `C0` and `C1` are 1.
const POLYNOMIAL: [f64; 10] = [
    f64::from_bits(0x3fe0_0000_0000_000a),
    f64::from_bits(0x3fc5_5555_5555_54fa),
    f64::from_bits(0x3fa5_5555_5555_087c),
    f64::from_bits(0x3f81_1111_1112_7be5),
    f64::from_bits(0x3f56_c16c_1842_a126),
    f64::from_bits(0x3f2a_01a0_12a5_7b5e),
    f64::from_bits(0x3efa_0199_a0c6_6195),
    f64::from_bits(0x3ec7_1df2_5523_5e0b),
    f64::from_bits(0x3e92_8ad7_2cd4_ab37),
    f64::from_bits(0x3e5a_d7f6_f0e2_4922),
];
const LOWEST: f64 = -746.0;
const HIGHEST: f64 = 710.0;

/// The constants of [`exp`] by name, as bit patterns.
pub fn exp_constants() -> impl Iterator<Item = (String, u64)> {
    let named = [("LOG2E", LOG2E), ("MAGIC", MAGIC), ("LN2_HI", LN2_HI), ("LN2_LO", LN2_LO)];
    let terms = POLYNOMIAL.iter().zip(2..).map(|(c, degree)| (format!("C{degree}"), c.to_bits()));
    named.into_iter().map(|(name, c)| (name.to_owned(), c.to_bits())).chain(terms)
}

/// From `t = k + MAGIC`: `(2^h, 2^(k - h))` with `h = k >> 1`.
#[inline(always)]
pub(crate) fn halves_of_power(t: f64) -> (f64, f64) {
    let k = t.to_bits() as i64 - MAGIC.to_bits() as i64;
    let power = |j: i64| f64::from_bits(((j + 1023) << 52) as u64);
    (power(k >> 1), power(k - (k >> 1)))
}

/// The contract's exponential: reduce by `ln 2` in two parts, a polynomial of degree 11, scale in two steps.
#[inline(always)]
#[must_use]
pub fn exp(x: f64) -> f64 {
    let x = if x < LOWEST { LOWEST } else { x };
    let x = if x > HIGHEST { HIGHEST } else { x };
    let t = x.mul_add(LOG2E, MAGIC);
    let k = t - MAGIC;
    let r = (-k).mul_add(LN2_LO, (-k).mul_add(LN2_HI, x));
    let [terms @ .., last] = POLYNOMIAL;
    let p = terms.iter().rev().fold(last, |p, &c| p.mul_add(r, c));
    let p = p.mul_add(r, 1.0).mul_add(r, 1.0);
    let (low, high) = halves_of_power(t);
    p * low * high
}

/// [`exp`], lane by lane.
///
/// # Safety
/// The CPU has the level of `S`.
#[inline(always)]
pub(crate) unsafe fn exp_lanes<S: Simd>(x: S::F64) -> S::F64 {
    // SAFETY: the caller's promise.
    unsafe {
        let (lowest, highest) = (S::F64::splat(LOWEST), S::F64::splat(HIGHEST));
        let (magic, one) = (S::F64::splat(MAGIC), S::F64::splat(1.0));
        let x = highest.min(lowest.max(x));
        let t = x.fma(S::F64::splat(LOG2E), magic);
        let k = t.sub(magic);
        let r = k.neg_fma(S::F64::splat(LN2_HI), x);
        let r = k.neg_fma(S::F64::splat(LN2_LO), r);
        let [terms @ .., last] = POLYNOMIAL;
        let mut p = S::F64::splat(last);
        for &c in terms.iter().rev() {
            p = p.fma(r, S::F64::splat(c));
        }
        let p = p.fma(r, one).fma(r, one);
        let (low, high) = t.halves_of_power();
        p.mul(low).mul(high)
    }
}

/// [`exp`] of every value of a slice, in place.
pub fn exp_in_place(level: Level, values: &mut [f64]) {
    // SAFETY: the routine's field is a slice.
    unsafe { level.run(ExpInPlace(values)) }
}

struct ExpInPlace<'a>(&'a mut [f64]);

impl Routine for ExpInPlace<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let mut vectors = self.0.chunks_exact_mut(S::F64::LANES);
        for lanes in &mut vectors {
            // SAFETY: a chunk has `LANES` values; the level is the caller's promise.
            unsafe { exp_lanes::<S>(S::F64::load(lanes.as_ptr())).store(lanes.as_mut_ptr()) }
        }
        for x in vectors.into_remainder() {
            *x = exp(*x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::SplitMix64;

    #[test]
    fn a_chain_is_fused_ascending_and_starts_at_plus_zero() {
        let step = f64::EPSILON;
        let square = chain(&[1.0 + step, 1.0], &[1.0 + step, -(1.0 + 2.0 * step)]);
        assert_eq!(square, 0.0, "the first product is rounded: its chain starts at 0");
        let square = chain(&[1.0, 1.0 + step], &[-(1.0 + 2.0 * step), 1.0 + step]);
        assert_eq!(square, step * step, "the second product is not: it is fused");
        assert_eq!(chain(&[-1.0_f64], &[0.0]).to_bits(), 0, "0 + -0 is +0");
        assert_eq!(chain::<f32>(&[], &[]).to_bits(), 0);
        assert_eq!(chain_from(2.0, &[3.0, 1.0], &[5.0, 0.5]), 17.5);
        assert_eq!(squared_distance(&[1.0, 5.0], &[4.0, 1.0]), 25.0);
    }

    #[test]
    fn the_traits_numbers_are_those_of_their_types() {
        assert_eq!(
            (<f32 as Real>::ROUNDOFF, <f64 as Real>::ROUNDOFF),
            (2f64.powi(-24), 2f64.powi(-53))
        );
        assert_eq!((<f32 as Real>::TINY, <f64 as Real>::TINY), (2f64.powi(-149), 5e-324));
        assert_eq!((f32::NAME, f64::NAME), ("float32", "float64"));
        assert_eq!(
            1.0_f32.widened_difference(f32::EPSILON / 4.0),
            1.0,
            "rounded before it is widened"
        );
        assert_eq!(3.0_f64.widened_difference(1.0), 2.0);
        assert_eq!((<f32 as Real>::round(0.1), 0.1_f32.widen()), (0.1_f32, f64::from(0.1_f32)));
    }

    /// By exact rational arithmetic, outside this program.
    const EXPONENTIALS: [(f64, u64); 13] = [
        (0.0, 0x3ff0_0000_0000_0000),
        (1.0, 0x4005_bf0a_8b14_5769),
        (-1.0, 0x3fd7_8b56_362c_ef38),
        (0.5, 0x3ffa_6129_8e1e_069c),
        (-745.0, 0x0000_0000_0000_0001),
        (-744.44, 0x0000_0000_0000_0001),
        (-745.2, 0x0000_0000_0000_0000),
        (-708.5, 0x000e_6cf6_d088_97ac),
        (709.78, 0x7fef_e9ce_5c4c_52b4),
        (-37.25, 0x3c93_278b_cd70_e981),
        (1e-20, 0x3ff0_0000_0000_0000),
        (-746.0, 0x0000_0000_0000_0000),
        (710.0, 0x7ff0_0000_0000_0000),
    ];

    #[test]
    fn exp_gives_the_bits_of_the_contract() {
        for (x, bits) in EXPONENTIALS {
            assert_eq!(exp(x).to_bits(), bits, "exp({x})");
        }
        assert_eq!(exp(f64::NEG_INFINITY).to_bits(), 0);
        assert_eq!(exp(f64::INFINITY), f64::INFINITY);
    }

    #[test]
    fn exp_is_near_the_system_library() {
        let mut draws = SplitMix64::new(1);
        for _ in 0..20_000 {
            let x = draws.uniform() * 1500.0 - 760.0;
            let ulps = exp(x).to_bits().abs_diff(x.exp().to_bits());
            assert!(ulps <= 2, "exp({x}) is {ulps} ULP away");
        }
    }

    #[test]
    fn exp_has_the_same_bits_at_every_level_and_length() {
        let mut draws = SplitMix64::new(2);
        for len in 0..=33 {
            let values: Vec<f64> = (0..len).map(|_| draws.uniform() * 1600.0 - 800.0).collect();
            let wanted: Vec<u64> = values.iter().map(|&x| exp(x).to_bits()).collect();
            for &level in Level::available() {
                let mut found = values.clone();
                exp_in_place(level, &mut found);
                assert_eq!(
                    found.iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
                    wanted,
                    "{level:?} {len}"
                );
            }
        }
    }

    #[test]
    fn constants_have_their_names() {
        let named: std::collections::BTreeMap<_, _> = exp_constants().collect();
        assert_eq!(named.len(), 14);
        assert_eq!(named["LOG2E"], std::f64::consts::LOG2_E.to_bits());
        assert_eq!(named["MAGIC"], (1.5 * 2f64.powi(52)).to_bits());
        assert_eq!((named["C2"], named["C11"]), (0x3fe0_0000_0000_000a, 0x3e5a_d7f6_f0e2_4922));
        let ln2 = f64::from_bits(named["LN2_HI"]) + f64::from_bits(named["LN2_LO"]);
        assert_eq!(ln2, std::f64::consts::LN_2);
    }
}
