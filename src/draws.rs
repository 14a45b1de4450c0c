//! Draws: `SplitMix64`, uniforms, normal-like sums and inducing rows, all from integers.
//!
//! A seed is the generator's first state; what it draws depends on nothing else. Uniforms are multiples of 2^-53 in [0, 1),
//! normals sums of 12 of them minus 6. Numba twin: `splitmix64`, `sum_twelve`, `shuffle_front` in
//! `covertreex/metrics/_numba_loops.py`, `uniforms`, `normals`, `inducing_rows` in `covertreex/metrics/_residual_numba.py`.

use crate::error::Error;
use crate::memory::room;

/// `SplitMix64`, whose state starts at the seed.
#[derive(Clone, Debug)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// The generator of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next integer.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A multiple of 2^-53 in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.draw() >> 11) as f64 * (f64::EPSILON / 2.0)
    }

    /// The sum of 12 uniforms, in order, minus 6.
    pub fn normal(&mut self) -> f64 {
        let first = self.uniform();
        (1..12).fold(first, |sum, _| sum + self.uniform()) - 6.0
    }
}

/// `min(m, n)` rows of `0..n`, ascending: the start of a Fisher-Yates shuffle, sorted.
pub fn inducing_rows(seed: u64, n: usize, m: usize) -> Result<Vec<i64>, Error> {
    let mut generator = SplitMix64::new(seed);
    let mut rows: Vec<i64> = room("the rows to draw from", &[n])?;
    rows.extend(0..n as i64);
    let m = m.min(n);
    for i in 0..m {
        let step = generator.draw() % (n - i) as u64;
        rows.swap(i, i + step as usize);
    }
    rows.truncate(m);
    rows.sort_unstable();
    Ok(rows)
}

/// Normal-like values, rounded once, for the tests of other modules.
#[cfg(test)]
pub(crate) fn sample<T: crate::numeric::Real>(seed: u64, count: usize) -> Vec<T> {
    let mut generator = SplitMix64::new(seed);
    (0..count).map(|_| T::round(generator.normal())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_those_of_the_published_generator() {
        let mut generator = SplitMix64::new(1_234_567);
        let published = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(published.map(|_| generator.draw()), published);
        assert_eq!(SplitMix64::new(0).draw(), 0xE220_A839_7B1D_CDAF);
    }

    #[test]
    fn uniforms_are_the_high_bits() {
        let (mut integers, mut uniforms) = (SplitMix64::new(3), SplitMix64::new(3));
        for _ in 0..100 {
            let uniform = uniforms.uniform();
            assert!((0.0..1.0).contains(&uniform));
            assert_eq!((uniform * 2f64.powi(53)) as u64, integers.draw() >> 11);
        }
    }

    #[test]
    fn a_normal_takes_twelve_uniforms_in_order() {
        let (mut uniforms, mut normals) = (SplitMix64::new(9), SplitMix64::new(9));
        for _ in 0..50 {
            let mut sum = uniforms.uniform();
            for _ in 1..12 {
                sum += uniforms.uniform();
            }
            assert_eq!(normals.normal().to_bits(), (sum - 6.0).to_bits());
        }
    }

    #[test]
    fn inducing_rows_are_distinct_sorted_and_capped() {
        for (n, m) in [(0, 3), (1, 1), (7, 3), (64, 128), (1000, 31)] {
            let rows = inducing_rows(42, n, m).unwrap();
            assert_eq!(rows.len(), m.min(n));
            assert!(rows.windows(2).all(|pair| pair[0] < pair[1]));
            assert!(rows.iter().all(|&row| (0..n as i64).contains(&row)));
        }
        assert_ne!(inducing_rows(1, 1000, 10), inducing_rows(2, 1000, 10));
        assert_eq!(inducing_rows(5, 9, 9), Ok((0..9).collect()));
    }

    #[test]
    fn rows_that_do_not_fit_in_memory_are_refused() {
        for n in [1 << 59, 1 << 62, usize::MAX] {
            let bytes = 8 * n as u128;
            let refused = Error::Memory { what: "the rows to draw from", bytes };
            assert_eq!(inducing_rows(1, n, 1), Err(refused));
        }
    }

    #[test]
    fn inducing_rows_follow_the_shuffle() {
        let (n, m, seed) = (13, 5, 77);
        let mut generator = SplitMix64::new(seed);
        let mut left: Vec<i64> = (0..n).collect();
        let mut chosen = Vec::new();
        for i in 0..m {
            let j = i + (generator.draw() % (n as u64 - i as u64)) as usize;
            left.swap(i, j);
            chosen.push(left[i]);
        }
        chosen.sort_unstable();
        assert_eq!(inducing_rows(seed, n as usize, m), Ok(chosen));
    }
}
