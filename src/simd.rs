//! Vectors: the one set of operations every routine is written in, and the plain scalar that is its own vector.
//!
//! A [`Vector`] has [`Vector::LANES`] lanes of `f32` or `f64`; each lane does exactly one IEEE operation, so lanes never see
//! one another and a wider level computes the same bits. What always holds: a value of a vector type exists only where the
//! CPU has its instructions, because the ways to make one from nothing are unsafe and only [`crate::level::Level::run`] leads there.
//! Numba twin: the scalar operators of `covertreex/metrics/_numba_loops.py`, which LLVM widens.

#[cfg(target_arch = "aarch64")]
pub mod neon;
#[cfg(target_arch = "x86_64")]
pub mod x86;

use crate::numeric::Real;

/// Vectors in one register tile's row: 3 of them by [`Simd::ROWS`] rows fill the register file and hide the latency of fma.
pub const VECTORS: usize = 3;

/// The largest [`Simd::ROWS`].
pub const MAX_ROWS: usize = 8;

/// Lanes of one floating-point type; every operation rounds each lane once.
pub trait Vector: Copy {
    /// What a lane holds.
    type Lane: Real;
    /// How many lanes.
    const LANES: usize;

    /// All lanes equal to `x`.
    ///
    /// # Safety
    /// The CPU has this vector's instructions.
    unsafe fn splat(x: Self::Lane) -> Self;
    /// Read `LANES` consecutive lanes, of any alignment.
    ///
    /// # Safety
    /// `at` is valid for reading `LANES` lanes; the CPU has this vector's instructions.
    unsafe fn load(at: *const Self::Lane) -> Self;
    /// Write `LANES` consecutive lanes, of any alignment.
    ///
    /// # Safety
    /// `at` is valid for writing `LANES` lanes.
    unsafe fn store(self, at: *mut Self::Lane);

    /// `self + b`.
    fn add(self, b: Self) -> Self;
    /// `self - b`.
    fn sub(self, b: Self) -> Self;
    /// `self * b`.
    fn mul(self, b: Self) -> Self;
    /// `self / b`.
    fn div(self, b: Self) -> Self;
    /// The square root.
    fn sqrt(self) -> Self;
    /// `self * b + c`, rounded once.
    fn fma(self, b: Self, c: Self) -> Self;
    /// `-self * b + c`, rounded once.
    fn neg_fma(self, b: Self, c: Self) -> Self;
    /// The magnitude.
    fn abs(self) -> Self;
    /// `if self < c { self } else { c }`.
    fn min(self, c: Self) -> Self;
    /// `if self > c { self } else { c }`.
    fn max(self, c: Self) -> Self;
    /// Lanes that are not below `c`, as bits; NaN is not below.
    fn reaches(self, c: Self) -> u32;
}

/// What `exp` needs of integers, and comparison.
pub trait Double: Vector<Lane = f64> {
    /// From `t = k + MAGIC`: `(2^h, 2^(k - h))` with `h = k >> 1`, both exponents normal.
    fn halves_of_power(self) -> (Self, Self);
    /// Bit `i` is set where lane `i` is at most that of `c`; NaN never is.
    fn at_most(self, c: Self) -> u32;
}

/// A level's vectors and the shape of its register tile.
pub trait Simd {
    /// Lanes of `f32`, as wide as those of `f64`.
    type F32: Vector<Lane = f32>;
    /// Lanes of `f64`.
    type F64: Double;
    /// Rows of the register tile; divides `VECTORS * LANES` of either type.
    const ROWS: usize;

    /// `F64::LANES` differences `a - b`, rounded in `f32`, then widened.
    ///
    /// # Safety
    /// `a` and `b` are valid for reading `F64::LANES` values; the CPU has this level.
    unsafe fn widened_difference(a: *const f32, b: *const f32) -> Self::F64;
    /// Round `F64::LANES` values to `f32` and write them.
    ///
    /// # Safety
    /// `at` is valid for writing `F64::LANES` values.
    unsafe fn store_narrowed(x: Self::F64, at: *mut f32);
}

/// The level every CPU has: one lane, fma through the exact software path where there is no instruction.
pub struct Scalar;

macro_rules! scalar_vector {
    ($float:ty) => {
        #[allow(clippy::neg_cmp_op_on_partial_ord)] // NaN is not below
        impl Vector for $float {
            type Lane = $float;
            const LANES: usize = 1;

            #[inline(always)]
            unsafe fn splat(x: $float) -> Self {
                x
            }
            #[inline(always)]
            unsafe fn load(at: *const $float) -> Self {
                // SAFETY: the caller's promise.
                unsafe { at.read() }
            }
            #[inline(always)]
            unsafe fn store(self, at: *mut $float) {
                // SAFETY: the caller's promise.
                unsafe { at.write(self) }
            }
            #[inline(always)]
            fn add(self, b: Self) -> Self {
                self + b
            }
            #[inline(always)]
            fn sub(self, b: Self) -> Self {
                self - b
            }
            #[inline(always)]
            fn mul(self, b: Self) -> Self {
                self * b
            }
            #[inline(always)]
            fn div(self, b: Self) -> Self {
                self / b
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                <$float>::sqrt(self)
            }
            #[inline(always)]
            fn fma(self, b: Self, c: Self) -> Self {
                self.mul_add(b, c)
            }
            #[inline(always)]
            fn neg_fma(self, b: Self, c: Self) -> Self {
                (-self).mul_add(b, c)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                <$float>::abs(self)
            }
            #[inline(always)]
            fn min(self, c: Self) -> Self {
                if self < c { self } else { c }
            }
            #[inline(always)]
            fn max(self, c: Self) -> Self {
                if self > c { self } else { c }
            }
            #[inline(always)]
            fn reaches(self, c: Self) -> u32 {
                u32::from(!(self < c))
            }
        }
    };
}

scalar_vector!(f32);
scalar_vector!(f64);

impl Double for f64 {
    #[inline(always)]
    fn halves_of_power(self) -> (f64, f64) {
        crate::numeric::halves_of_power(self)
    }
    #[inline(always)]
    fn at_most(self, c: f64) -> u32 {
        u32::from(self <= c)
    }
}

impl Simd for Scalar {
    type F32 = f32;
    type F64 = f64;
    const ROWS: usize = 3;

    #[inline(always)]
    unsafe fn widened_difference(a: *const f32, b: *const f32) -> f64 {
        // SAFETY: the caller's promise, one lane.
        f64::from(unsafe { a.read() - b.read() })
    }
    #[inline(always)]
    unsafe fn store_narrowed(x: f64, at: *mut f32) {
        // SAFETY: the caller's promise, one lane.
        unsafe { at.write(x as f32) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::{Level, Routine};
    use crate::numeric::MAGIC;

    const WIDEST: usize = 16;

    /// One operation of every kind on three rows of lanes, as bits.
    struct EachOperation<T> {
        rows: [[T; WIDEST]; 3],
    }

    fn each_operation<V: Vector>([a, b, c]: [V; 3]) -> Vec<V> {
        let signs =
            [a.add(b), a.sub(b), a.mul(b), a.div(b), a.abs().sqrt(), a.abs(), a.min(b), a.max(b)];
        [signs.to_vec(), vec![b.min(a), b.max(a), a.fma(b, c), a.neg_fma(b, c)]].concat()
    }

    impl<T: Real> Routine for EachOperation<T> {
        type Output = Vec<[T; WIDEST]>;
        #[inline(always)]
        unsafe fn run<S: Simd>(self) -> Self::Output {
            let mut out = vec![[T::default(); WIDEST]; 12];
            for lane in (0..WIDEST).step_by(T::Vector::<S>::LANES) {
                // SAFETY: `WIDEST` is a multiple of every vector's lanes.
                unsafe {
                    let rows = self
                        .rows
                        .each_ref()
                        .map(|row| T::Vector::<S>::load(row.as_ptr().add(lane)));
                    for (out, x) in out.iter_mut().zip(each_operation(rows)) {
                        x.store(out.as_mut_ptr().add(lane));
                    }
                }
            }
            out
        }
    }

    fn lanes<T: Real>() -> [[T; WIDEST]; 3] {
        let row = |at: fn(usize) -> f64| std::array::from_fn(|i| T::round(at(i)));
        [
            row(|i| [0.0, -0.0, 1.5, -3.25, 1e-300, -7.0, 1e30, 2.0][i % 8] + (i / 8) as f64 * 0.1),
            row(|i| [-0.0, 0.0, -2.5, -3.25, 3.0, 1e-9, -1e30, 0.7][i % 8]),
            row(|i| i as f64 / 7.0 - 1.0),
        ]
    }

    #[test]
    fn lanes_compute_what_scalars_do() {
        fn check<T: Real + Vector<Lane = T>>(bits: fn(T) -> u64) {
            let rows = lanes::<T>();
            let wanted: Vec<Vec<u64>> = (0..WIDEST)
                .map(|i| each_operation(rows.map(|row| row[i])).into_iter().map(bits).collect())
                .collect();
            for &level in Level::available() {
                // SAFETY: the routine's fields promise nothing.
                let found = unsafe { level.run(EachOperation { rows }) };
                for (operation, row) in found.iter().enumerate() {
                    for (lane, &x) in row.iter().enumerate() {
                        assert_eq!(
                            bits(x),
                            wanted[lane][operation],
                            "{level:?} {operation} {lane}"
                        );
                    }
                }
            }
        }
        check::<f64>(f64::to_bits);
        check::<f32>(|x| u64::from(x.to_bits()));
    }

    /// Which lanes are not below others, NaN and signed zeros among them.
    struct Reaching<T> {
        rows: [[T; WIDEST]; 2],
    }

    impl<T: Real> Routine for Reaching<T> {
        type Output = u32;
        #[inline(always)]
        unsafe fn run<S: Simd>(self) -> u32 {
            let mut bits = 0;
            for lane in (0..WIDEST).step_by(T::Vector::<S>::LANES) {
                // SAFETY: `WIDEST` is a multiple of every vector's lanes.
                let [a, b] =
                    self.rows.map(|row| unsafe { T::Vector::<S>::load(row.as_ptr().add(lane)) });
                bits |= a.reaches(b) << lane;
            }
            bits
        }
    }

    #[test]
    fn a_lane_reaches_what_it_is_not_below() {
        fn check<T: Real>() {
            let (inf, nan) = (f64::INFINITY, f64::NAN);
            let a = [
                1.0, 2.0, -0.0, 0.0, nan, 1.0, inf, -inf, -1.0, 3.0, nan, 1.0, 0.5, -inf, 2.0, 0.0,
            ];
            let b =
                [2.0, 1.0, 0.0, -0.0, 1.0, nan, inf, inf, -2.0, 3.0, nan, 0.5, 1.0, -inf, 3.0, 1.0];
            let rows = [a, b].map(|row| row.map(T::round));
            for &level in Level::available() {
                // SAFETY: the routine's fields promise nothing.
                let found = unsafe { level.run(Reaching { rows }) };
                assert_eq!(found, 0b0010_1111_0111_1110, "{level:?} {}", T::NAME);
            }
        }
        check::<f64>();
        check::<f32>();
    }

    #[test]
    fn scalars_compute_what_their_names_say() {
        let found = each_operation([6.0_f64, -1.5, 0.25]);
        let wanted = [4.5, 7.5, -9.0, -4.0, 6.0_f64.sqrt(), 6.0, -1.5, 6.0, -1.5, 6.0, -8.75, 9.25];
        assert_eq!(found, wanted);
        assert_eq!(Vector::min(0.0_f64, -0.0).to_bits(), (-0.0_f64).to_bits());
        assert_eq!(Vector::max(-0.0_f32, 0.0).to_bits(), 0);
    }

    /// Each lane of a row against each of another, NaN among them.
    struct Comparisons;

    impl Routine for Comparisons {
        type Output = ();
        #[inline(always)]
        unsafe fn run<S: Simd>(self) {
            let values = [0.0, -0.0, 1.0, f64::NAN, f64::INFINITY, -2.0, 5e-324, 1e300];
            for c in values {
                for lane in (0..8).step_by(S::F64::LANES) {
                    // SAFETY: 8 is a multiple of every vector's lanes.
                    let found = unsafe {
                        S::F64::load(values.as_ptr().add(lane)).at_most(S::F64::splat(c))
                    };
                    let lanes = values[lane..lane + S::F64::LANES].iter().enumerate();
                    let wanted: u32 = lanes.map(|(i, &x)| u32::from(x <= c) << i).sum();
                    assert_eq!(found, wanted, "{lane} {c}");
                }
            }
        }
    }

    #[test]
    fn lanes_compare_as_scalars_do() {
        for level in Level::available() {
            // SAFETY: the routine has no fields.
            unsafe { level.run(Comparisons) }
        }
    }

    /// Differences and roundings between the widths, and the halves of powers.
    struct Conversions;

    impl Routine for Conversions {
        type Output = ();
        #[inline(always)]
        unsafe fn run<S: Simd>(self) {
            let [a, b, _] = lanes::<f32>();
            let wide: [f64; WIDEST] = std::array::from_fn(|i| 1.0 + i as f64 * 2f64.powi(-25));
            let powers: [f64; WIDEST] = std::array::from_fn(|i| {
                [-1076.0, -1075.0, -1.0, 0.0, 1.0, 1023.0, 1024.0, 7.0][i % 8]
            });
            for lane in (0..WIDEST).step_by(S::F64::LANES) {
                let (mut difference, mut low, mut high) =
                    ([0.0; WIDEST], [0.0; WIDEST], [0.0; WIDEST]);
                let mut narrow = [0.0_f32; WIDEST];
                // SAFETY: `WIDEST` is a multiple of every vector's lanes.
                unsafe {
                    S::widened_difference(a.as_ptr().add(lane), b.as_ptr().add(lane))
                        .store(difference.as_mut_ptr());
                    S::store_narrowed(S::F64::load(wide.as_ptr().add(lane)), narrow.as_mut_ptr());
                    let t = S::F64::load(powers.as_ptr().add(lane)).add(S::F64::splat(MAGIC));
                    let halves = t.halves_of_power();
                    halves.0.store(low.as_mut_ptr());
                    halves.1.store(high.as_mut_ptr());
                }
                for i in 0..S::F64::LANES {
                    assert_eq!(
                        difference[i].to_bits(),
                        f64::from(a[lane + i] - b[lane + i]).to_bits()
                    );
                    assert_eq!(narrow[i].to_bits(), (wide[lane + i] as f32).to_bits());
                    let k = powers[lane + i] as i32;
                    assert_eq!(low[i].to_bits(), 2f64.powi(k >> 1).to_bits());
                    assert_eq!(high[i].to_bits(), 2f64.powi(k - (k >> 1)).to_bits());
                }
            }
            for width in [VECTORS * S::F64::LANES, VECTORS * S::F32::LANES] {
                assert_eq!(width % S::ROWS, 0);
            }
            assert!(S::ROWS <= MAX_ROWS);
        }
    }

    #[test]
    fn conversions_round_once_at_every_level() {
        for level in Level::available() {
            // SAFETY: the routine has no fields.
            unsafe { level.run(Conversions) }
        }
    }
}
