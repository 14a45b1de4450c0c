//! The aarch64 vectors: NEON, 2 x f64 and 4 x f32, which every aarch64 CPU of a Rust `std` target has.
//!
//! `min` and `max` are compare-and-select: `fmin` and `fmax` order zeros and NaN otherwise than [`Vector::min`] wants.

use core::arch::aarch64::{
    float32x4_t, float64x2_t, vabsq_f32, vabsq_f64, vaddq_f32, vaddq_f64, vaddq_s64, vbslq_f32,
    vbslq_f64, vcgtq_f32, vcgtq_f64, vcleq_f64, vcltq_f32, vcltq_f64, vcvt_f32_f64, vcvt_f64_f32,
    vdivq_f32, vdivq_f64, vdupq_n_f32, vdupq_n_f64, vdupq_n_s64, vfmaq_f32, vfmaq_f64, vfmsq_f32,
    vfmsq_f64, vgetq_lane_u64, vld1_f32, vld1q_f32, vld1q_f64, vmulq_f32, vmulq_f64,
    vreinterpretq_f64_s64, vreinterpretq_s64_f64, vshlq_n_s64, vshrq_n_s64, vsqrtq_f32, vsqrtq_f64,
    vst1_f32, vst1q_f32, vst1q_f64, vsub_f32, vsubq_f32, vsubq_f64, vsubq_s64,
};

use super::{Double, Simd, Vector};
use crate::numeric::MAGIC;

macro_rules! neon_vector {
    ($name:ident, $raw:ty, $lane:ty, $lanes:literal, $set1:ident, $load:ident, $store:ident, $add:ident, $sub:ident,
     $mul:ident, $div:ident, $sqrt:ident, $fma:ident, $neg_fma:ident, $abs:ident, $less:ident, $greater:ident, $select:ident) => {
        #[doc = concat!(stringify!($lanes), " lanes of ", stringify!($lane), ".")]
        #[derive(Clone, Copy)]
        pub struct $name($raw);

        impl Vector for $name {
            type Lane = $lane;
            const LANES: usize = $lanes;

            #[inline(always)]
            unsafe fn splat(x: $lane) -> Self {
                // SAFETY: the caller's promise.
                Self(unsafe { $set1(x) })
            }
            #[inline(always)]
            unsafe fn load(at: *const $lane) -> Self {
                // SAFETY: the caller's promise.
                Self(unsafe { $load(at) })
            }
            #[inline(always)]
            unsafe fn store(self, at: *mut $lane) {
                // SAFETY: the caller's promise; `self` exists, so the CPU has the level.
                unsafe { $store(at, self.0) }
            }
            #[inline(always)]
            fn add(self, b: Self) -> Self {
                // SAFETY: `self` exists, so the CPU has the level.
                Self(unsafe { $add(self.0, b.0) })
            }
            #[inline(always)]
            fn sub(self, b: Self) -> Self {
                // SAFETY: `self` exists, so the CPU has the level.
                Self(unsafe { $sub(self.0, b.0) })
            }
            #[inline(always)]
            fn mul(self, b: Self) -> Self {
                // SAFETY: `self` exists, so the CPU has the level.
                Self(unsafe { $mul(self.0, b.0) })
            }
            #[inline(always)]
            fn div(self, b: Self) -> Self {
                // SAFETY: `self` exists, so the CPU has the level.
                Self(unsafe { $div(self.0, b.0) })
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                // SAFETY: `self` exists, so the CPU has the level.
                Self(unsafe { $sqrt(self.0) })
            }
            #[inline(always)]
            fn fma(self, b: Self, c: Self) -> Self {
                // SAFETY: `self` exists, so the CPU has the level; the accumulator comes first.
                Self(unsafe { $fma(c.0, self.0, b.0) })
            }
            #[inline(always)]
            fn neg_fma(self, b: Self, c: Self) -> Self {
                // SAFETY: `self` exists, so the CPU has the level; the accumulator comes first.
                Self(unsafe { $neg_fma(c.0, self.0, b.0) })
            }
            #[inline(always)]
            fn abs(self) -> Self {
                // SAFETY: `self` exists, so the CPU has the level.
                Self(unsafe { $abs(self.0) })
            }
            #[inline(always)]
            fn min(self, c: Self) -> Self {
                // SAFETY: `self` exists, so the CPU has the level.
                Self(unsafe { $select($less(self.0, c.0), self.0, c.0) })
            }
            #[inline(always)]
            fn max(self, c: Self) -> Self {
                // SAFETY: `self` exists, so the CPU has the level.
                Self(unsafe { $select($greater(self.0, c.0), self.0, c.0) })
            }
            #[inline(always)]
            #[allow(clippy::neg_cmp_op_on_partial_ord)] // NaN is not below
            fn reaches(self, c: Self) -> u32 {
                let (mut a, mut b) = ([0.0; $lanes], [0.0; $lanes]);
                // SAFETY: the arrays have the lanes; `self` exists, so the CPU has the level.
                unsafe {
                    self.store(a.as_mut_ptr());
                    c.store(b.as_mut_ptr());
                }
                (0..$lanes).fold(0, |bits, lane| bits | u32::from(!(a[lane] < b[lane])) << lane)
            }
        }
    };
}

neon_vector!(
    F64x2,
    float64x2_t,
    f64,
    2,
    vdupq_n_f64,
    vld1q_f64,
    vst1q_f64,
    vaddq_f64,
    vsubq_f64,
    vmulq_f64,
    vdivq_f64,
    vsqrtq_f64,
    vfmaq_f64,
    vfmsq_f64,
    vabsq_f64,
    vcltq_f64,
    vcgtq_f64,
    vbslq_f64
);
neon_vector!(
    F32x4,
    float32x4_t,
    f32,
    4,
    vdupq_n_f32,
    vld1q_f32,
    vst1q_f32,
    vaddq_f32,
    vsubq_f32,
    vmulq_f32,
    vdivq_f32,
    vsqrtq_f32,
    vfmaq_f32,
    vfmsq_f32,
    vabsq_f32,
    vcltq_f32,
    vcgtq_f32,
    vbslq_f32
);

impl Double for F64x2 {
    #[inline(always)]
    fn halves_of_power(self) -> (Self, Self) {
        // SAFETY: `self` exists, so the CPU has the level.
        unsafe {
            let k = vsubq_s64(vreinterpretq_s64_f64(self.0), vdupq_n_s64(MAGIC.to_bits() as i64));
            let h = vshrq_n_s64::<1>(k);
            let power = |j| {
                let biased = vaddq_s64(j, vdupq_n_s64(1023));
                Self(vreinterpretq_f64_s64(vshlq_n_s64::<52>(biased)))
            };
            (power(h), power(vsubq_s64(k, h)))
        }
    }
    #[inline(always)]
    fn at_most(self, c: Self) -> u32 {
        // SAFETY: `self` exists, so the CPU has the level.
        let within = unsafe { vcleq_f64(self.0, c.0) };
        // SAFETY: as above; a lane is all ones or all zeros.
        unsafe { (vgetq_lane_u64::<0>(within) & 1 | vgetq_lane_u64::<1>(within) & 2) as u32 }
    }
}

/// NEON: 32 registers, of which 18 accumulate.
pub struct Neon;

impl Simd for Neon {
    type F32 = F32x4;
    type F64 = F64x2;
    const ROWS: usize = 6;

    #[inline(always)]
    unsafe fn widened_difference(a: *const f32, b: *const f32) -> F64x2 {
        // SAFETY: the caller's promise, two lanes.
        unsafe { F64x2(vcvt_f64_f32(vsub_f32(vld1_f32(a), vld1_f32(b)))) }
    }
    #[inline(always)]
    unsafe fn store_narrowed(x: F64x2, at: *mut f32) {
        // SAFETY: the caller's promise, two lanes.
        unsafe { vst1_f32(at, vcvt_f32_f64(x.0)) }
    }
}
