//! What a skipped point costs nothing for: upper bounds on a residual correlation that hold whatever was rounded.
//!
//! # Residual covariances are inner products
//! Let `u = 2^-53`, `g(n) = n u / (1 - n u)`, and V, p be those of the contract's factor: `V = K_XZ L^-T`, `L L^T = K_ZZ + jitter I`, each up to
//! rounding. Write `k` for the exact kernel of the scaled coordinates; a computed value differs by at most `kappa = 4 (d + 16) u variance`
//! (every kernel here has `|s k'(s)| <= variance`). Then `L L^T = K_ZZ + jitter I + F` with `|F_ij| <= g(m + 2) |l_i| |l_j| + kappa`, and
//! `V L^T = K_XZ + E` with `|E_xj| <= g(m + 2) |v_x| |l_j| + kappa` (Higham, *Accuracy and Stability*, theorems 10.3 and 8.5). For a finite set S of
//! points consider
//! ```text
//! [ K_ZZ + jitter I + F   K_ZS + E^T   ]   [ K_ZZ  K_ZS ]   [ jitter I + F   E^T   ]
//! [ K_SZ + E              K_SS + tau I ] = [ K_SZ  K_SS ] + [ E              tau I ]
//! ```
//! The first part is positive semidefinite because `k` is a kernel, the second when `tau (jitter - |F|) >= |E|^2`. Then so is the Schur
//! complement of the corner `L L^T`, which is `R = K_SS + tau I - V V^T`. So residual covariances `R(x, y) = k(x, y) - v_x.v_y`, `x` and `y` two elements of S,
//! are inner products of vectors with `|x|^2 = k(0) + tau - |v_x|^2`, and Cauchy-Schwarz holds for them and for their linear combinations. S is one
//! query, one point and the pivots of a region, so tau is tiny: [`Certificate::new`] takes Frobenius norms. A point that is also a pivot or the query
//! counts as another element. (With S = {x}, `|x|^2 >= 0` gives `|v_x|^2 <= 1.001 variance`.)
//!
//! The computed numerator is within `noise` of R: both chains' `g(m) |v_x| |v_y|`, kappa, tau, the last rounding. Likewise `|x|^2 <= p_x + noise`.
//!
//! # The bound
//! Scale each vector by `1 / sqrt(p)`. A region has pivots `P_b` and coefficients `A`, any numbers; `w_a = sum_b A_ab P_b`, `W` their Gram matrix. Each point has
//! stored coordinates `f`, each query `g`, again any numbers; `e_j = j - sum_a f_a w_a`, `e_q` likewise, `h_j = (<w_a, e_j>)_a`, `h_q` likewise. Then exactly
//! ```text
//! <q, j> = g.f + g.(W - I) f + g.h_j + f.h_q + <e_q, e_j>,    |e_j|^2 = |j|^2 - |f|^2 - f.(W - I) f - 2 f.h_j
//! ```
//! so that with `omega >= |W - I|`, `H >= |h|`, `sigma_j >= |e_j|`, `t >= |e_q|`
//! ```text
//! |<q, j>| <= |g.f| + t sigma_j + |g| (omega |f| + H_j) + |f| H_q.
//! ```
//! Nothing asks how A, f and g were found, only how far `<w_a, j>` is from `f_a`: by the noise of the correlations and by `float32` rounding, each times a row sum
//! of |A|, which gives `theta >= |(<w_a, j>)_a - f|` and `H = theta + omega |f|`. All that is added to `|g.f| + t sigma` is computed as a sum of
//! positive terms and pushed up by [`UP`], more than its own rounding.
//!
//! # From the bound to the distance
//! What follows the numerator in `distance.rs` is monotone and rounds each step once, so a pair whose exact `|rho|` is below [`reach_of`] of a distance is
//! strictly farther than it: with `|rho| < 1 - d^2 - 2^-44`, the quotient is at most `|rho| (1 + 4u)`, the gap at least `(d^2 + 2^-44 - 5u)(1 - u)`, its root more
//! than `d`. Ties are kept: their `|rho|` is not below.
//!
//! Numba twin: none, it only skips what cannot be in the answer.

use crate::kernel::Kernel;

const U: f64 = f64::EPSILON / 2.0;
/// `JITTER` of `factor.rs`, with room for its rounding.
const JITTER: f64 = 0.999e-6;
/// `FLOOR` of `factor.rs`, with room for its rounding.
const FLOOR: f64 = 0.999e-9;
/// Pushes a sum of positive `f32` terms over its rounding.
pub(super) const UP: f32 = 1.0 + 1.0 / 65536.0;
/// Roundoff of `f32`.
pub(super) const U32: f64 = f32::EPSILON as f64 / 2.0;
/// No scaled correlation is larger: `1 + noise / FLOOR`, as [`Certificate::new`] asks.
pub(super) const LARGEST: f64 = 1.02;

/// The most pivots of a region.
pub const MAX_RANK: usize = 128;

/// That V and p come from the contract's factor, and what follows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Certificate {
    /// How far a computed residual covariance is from an inner product, at most.
    pub(super) noise: f64,
}

impl Certificate {
    /// For `m` inducing points in `d` dimensions; none where the bounds would be void.
    #[must_use]
    pub fn new(kernel: Kernel, m: usize, d: usize) -> Option<Self> {
        let gamma = |n: usize| n as f64 * U / (1.0 - n as f64 * U);
        let kappa = 4.0 * (d as f64 + 16.0) * U;
        let entry = 1.01 * gamma(m + 2) + kappa;
        let left = JITTER - (m as f64) * (entry + 4.0 * U); // jitter - |F|, by rows of |F|
        let tau = (MAX_RANK + 2) as f64 * m as f64 * entry * entry / left;
        let noise = 1.01 * gamma(m + 2) + kappa + tau + 8.0 * U;
        let sound = left > 0.5 * JITTER && noise < (LARGEST - 1.01) * FLOOR;
        sound.then_some(Self { noise: 1.01 * noise * kernel.variance })
    }
}

/// The least `|rho|` of a pair that may be as near as `distance`.
#[must_use]
pub fn reach_of(distance: f64) -> f64 {
    1.0 - distance * distance - 2f64.powi(-44)
}

/// The largest `f32` that is surely not above.
#[inline(always)]
pub(super) fn below(x: f64) -> f32 {
    (x - x.abs() * 2.0 * U32) as f32 - f32::MIN_POSITIVE
}

/// The smallest `f32` that is surely not below.
#[inline(always)]
pub(super) fn above(x: f64) -> f32 {
    -below(-x)
}
