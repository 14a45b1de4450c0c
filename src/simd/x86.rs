//! The x86-64 vectors: AVX2 + FMA (4 x f64, 8 x f32) and AVX-512 F/DQ/VL/BW (8 x f64, 16 x f32).
//!
//! One macro writes all four, so that they differ by instruction names alone. `min` and `max` are the hardware's own
//! compare-and-select: the second operand wins when neither is less, as [`Vector::min`] wants.

use core::arch::x86_64::{
    __m256, __m256d, __m512, __m512d, _CMP_LE_OQ, _CMP_NLT_UQ, _mm_loadu_ps, _mm_storeu_ps,
    _mm_sub_ps, _mm256_add_epi64, _mm256_add_pd, _mm256_add_ps, _mm256_andnot_pd, _mm256_andnot_ps,
    _mm256_castpd_si256, _mm256_castsi256_pd, _mm256_cmp_pd, _mm256_cmp_ps, _mm256_cvtpd_ps,
    _mm256_cvtps_pd, _mm256_div_pd, _mm256_div_ps, _mm256_fmadd_pd, _mm256_fmadd_ps,
    _mm256_fnmadd_pd, _mm256_fnmadd_ps, _mm256_loadu_pd, _mm256_loadu_ps, _mm256_max_pd,
    _mm256_max_ps, _mm256_min_pd, _mm256_min_ps, _mm256_movemask_pd, _mm256_movemask_ps,
    _mm256_mul_pd, _mm256_mul_ps, _mm256_set1_epi64x, _mm256_set1_pd, _mm256_set1_ps,
    _mm256_slli_epi64, _mm256_sqrt_pd, _mm256_sqrt_ps, _mm256_srai_epi32, _mm256_storeu_pd,
    _mm256_storeu_ps, _mm256_sub_epi64, _mm256_sub_pd, _mm256_sub_ps, _mm512_abs_pd, _mm512_abs_ps,
    _mm512_add_epi64, _mm512_add_pd, _mm512_add_ps, _mm512_castpd_si512, _mm512_castsi512_pd,
    _mm512_cmp_pd_mask, _mm512_cmp_ps_mask, _mm512_cvtpd_ps, _mm512_cvtps_pd, _mm512_div_pd,
    _mm512_div_ps, _mm512_fmadd_pd, _mm512_fmadd_ps, _mm512_fnmadd_pd, _mm512_fnmadd_ps,
    _mm512_loadu_pd, _mm512_loadu_ps, _mm512_max_pd, _mm512_max_ps, _mm512_min_pd, _mm512_min_ps,
    _mm512_mul_pd, _mm512_mul_ps, _mm512_set1_epi64, _mm512_set1_pd, _mm512_set1_ps,
    _mm512_slli_epi64, _mm512_sqrt_pd, _mm512_sqrt_ps, _mm512_srai_epi64, _mm512_storeu_pd,
    _mm512_storeu_ps, _mm512_sub_epi64, _mm512_sub_pd, _mm512_sub_ps,
};

use super::{Double, Simd, Vector};
use crate::numeric::MAGIC;

macro_rules! x86_vector {
    ($name:ident, $raw:ty, $lane:ty, $lanes:literal, $set1:ident, $load:ident, $store:ident, $add:ident, $sub:ident,
     $mul:ident, $div:ident, $sqrt:ident, $fma:ident, $neg_fma:ident, $min:ident, $max:ident, |$x:ident| $abs:expr, |$a:ident, $b:ident| $reaches:expr) => {
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
                // SAFETY: `self` exists, so the CPU has the level.
                Self(unsafe { $fma(self.0, b.0, c.0) })
            }
            #[inline(always)]
            fn neg_fma(self, b: Self, c: Self) -> Self {
                // SAFETY: `self` exists, so the CPU has the level.
                Self(unsafe { $neg_fma(self.0, b.0, c.0) })
            }
            #[inline(always)]
            fn abs(self) -> Self {
                let $x = self.0;
                // SAFETY: `self` exists, so the CPU has the level.
                Self(unsafe { $abs })
            }
            #[inline(always)]
            fn min(self, c: Self) -> Self {
                // SAFETY: `self` exists, so the CPU has the level.
                Self(unsafe { $min(self.0, c.0) })
            }
            #[inline(always)]
            fn max(self, c: Self) -> Self {
                // SAFETY: `self` exists, so the CPU has the level.
                Self(unsafe { $max(self.0, c.0) })
            }
            #[inline(always)]
            fn reaches(self, c: Self) -> u32 {
                let ($a, $b) = (self.0, c.0);
                // SAFETY: `self` exists, so the CPU has the level.
                unsafe { $reaches }
            }
        }
    };
}

x86_vector!(
    F64x4,
    __m256d,
    f64,
    4,
    _mm256_set1_pd,
    _mm256_loadu_pd,
    _mm256_storeu_pd,
    _mm256_add_pd,
    _mm256_sub_pd,
    _mm256_mul_pd,
    _mm256_div_pd,
    _mm256_sqrt_pd,
    _mm256_fmadd_pd,
    _mm256_fnmadd_pd,
    _mm256_min_pd,
    _mm256_max_pd,
    |x| _mm256_andnot_pd(_mm256_set1_pd(-0.0), x),
    |a, b| _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_NLT_UQ>(a, b)) as u32
);
x86_vector!(
    F32x8,
    __m256,
    f32,
    8,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_add_ps,
    _mm256_sub_ps,
    _mm256_mul_ps,
    _mm256_div_ps,
    _mm256_sqrt_ps,
    _mm256_fmadd_ps,
    _mm256_fnmadd_ps,
    _mm256_min_ps,
    _mm256_max_ps,
    |x| _mm256_andnot_ps(_mm256_set1_ps(-0.0), x),
    |a, b| _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NLT_UQ>(a, b)) as u32
);
x86_vector!(
    F64x8,
    __m512d,
    f64,
    8,
    _mm512_set1_pd,
    _mm512_loadu_pd,
    _mm512_storeu_pd,
    _mm512_add_pd,
    _mm512_sub_pd,
    _mm512_mul_pd,
    _mm512_div_pd,
    _mm512_sqrt_pd,
    _mm512_fmadd_pd,
    _mm512_fnmadd_pd,
    _mm512_min_pd,
    _mm512_max_pd,
    |x| _mm512_abs_pd(x),
    |a, b| u32::from(_mm512_cmp_pd_mask::<_CMP_NLT_UQ>(a, b))
);
x86_vector!(
    F32x16,
    __m512,
    f32,
    16,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_add_ps,
    _mm512_sub_ps,
    _mm512_mul_ps,
    _mm512_div_ps,
    _mm512_sqrt_ps,
    _mm512_fmadd_ps,
    _mm512_fnmadd_ps,
    _mm512_min_ps,
    _mm512_max_ps,
    |x| _mm512_abs_ps(x),
    |a, b| u32::from(_mm512_cmp_ps_mask::<_CMP_NLT_UQ>(a, b))
);

impl Double for F64x4 {
    #[inline(always)]
    fn halves_of_power(self) -> (Self, Self) {
        // SAFETY: `self` exists, so the CPU has the level. `k` fits 32 bits, so its upper half is all sign, and shifting both
        // halves arithmetically shifts the whole.
        unsafe {
            let k = _mm256_sub_epi64(
                _mm256_castpd_si256(self.0),
                _mm256_set1_epi64x(MAGIC.to_bits() as i64),
            );
            let h = _mm256_srai_epi32::<1>(k);
            let bias = _mm256_set1_epi64x(1023);
            let low = _mm256_slli_epi64::<52>(_mm256_add_epi64(h, bias));
            let rest = _mm256_add_epi64(_mm256_sub_epi64(k, h), bias);
            let high = _mm256_slli_epi64::<52>(rest);
            (Self(_mm256_castsi256_pd(low)), Self(_mm256_castsi256_pd(high)))
        }
    }
    #[inline(always)]
    fn at_most(self, c: Self) -> u32 {
        // SAFETY: `self` exists, so the CPU has the level.
        unsafe { _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_LE_OQ>(self.0, c.0)) as u32 }
    }
}

impl Double for F64x8 {
    #[inline(always)]
    fn halves_of_power(self) -> (Self, Self) {
        // SAFETY: `self` exists, so the CPU has the level.
        unsafe {
            let k = _mm512_sub_epi64(
                _mm512_castpd_si512(self.0),
                _mm512_set1_epi64(MAGIC.to_bits() as i64),
            );
            let h = _mm512_srai_epi64::<1>(k);
            let bias = _mm512_set1_epi64(1023);
            let low = _mm512_slli_epi64::<52>(_mm512_add_epi64(h, bias));
            let rest = _mm512_add_epi64(_mm512_sub_epi64(k, h), bias);
            let high = _mm512_slli_epi64::<52>(rest);
            (Self(_mm512_castsi512_pd(low)), Self(_mm512_castsi512_pd(high)))
        }
    }
    #[inline(always)]
    fn at_most(self, c: Self) -> u32 {
        // SAFETY: `self` exists, so the CPU has the level.
        u32::from(unsafe { _mm512_cmp_pd_mask::<_CMP_LE_OQ>(self.0, c.0) })
    }
}

/// AVX2 and FMA: 16 registers, of which 9 accumulate; with 12 the compiler spills.
pub struct Avx2;

impl Simd for Avx2 {
    type F32 = F32x8;
    type F64 = F64x4;
    const ROWS: usize = 3;

    #[inline(always)]
    unsafe fn widened_difference(a: *const f32, b: *const f32) -> F64x4 {
        // SAFETY: the caller's promise, four lanes.
        unsafe { F64x4(_mm256_cvtps_pd(_mm_sub_ps(_mm_loadu_ps(a), _mm_loadu_ps(b)))) }
    }
    #[inline(always)]
    unsafe fn store_narrowed(x: F64x4, at: *mut f32) {
        // SAFETY: the caller's promise, four lanes.
        unsafe { _mm_storeu_ps(at, _mm256_cvtpd_ps(x.0)) }
    }
}

/// AVX-512: 32 registers, of which 24 accumulate.
pub struct Avx512;

impl Simd for Avx512 {
    type F32 = F32x16;
    type F64 = F64x8;
    const ROWS: usize = 8;

    #[inline(always)]
    unsafe fn widened_difference(a: *const f32, b: *const f32) -> F64x8 {
        // SAFETY: the caller's promise, eight lanes.
        unsafe { F64x8(_mm512_cvtps_pd(_mm256_sub_ps(_mm256_loadu_ps(a), _mm256_loadu_ps(b)))) }
    }
    #[inline(always)]
    unsafe fn store_narrowed(x: F64x8, at: *mut f32) {
        // SAFETY: the caller's promise, eight lanes.
        unsafe { _mm256_storeu_ps(at, _mm512_cvtpd_ps(x.0)) }
    }
}
