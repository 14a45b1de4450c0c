//! Hilbert order: points along a curve that fills space, so that neighbours in the order are near in space.
//!
//! Coordinates are counted in cells of one width, up to 31 bits each and 64 in all; beyond 64 coordinates the first 64 decide. A cell's
//! place on the curve is an integer (J. Skilling, "Programming the Hilbert curve", AIP Conf. Proc. 707, 2004); points of a
//! cell stand by id. The order is a hint: it decides where work starts, never an answer.
//! Numba twin: `hilbert_keys` in `covertreex/search/_tree_loops.py`.

use crate::environment;
use crate::error::Error;
use crate::matrix::Matrix;
use crate::memory::{room, zeros};
use rayon::prelude::*;

const ORDER: &str = "the order of the points";
/// Bits of a place on the curve.
const PLACE_BITS: usize = 64;
/// Bits of a coordinate, at most.
const MOST_BITS: usize = 31;
/// Points of one task.
const TASK: usize = 4096;

/// Ids of points (n, d) along the curve.
pub fn order(u: Matrix<f64>) -> Result<Vec<i64>, Error> {
    let places = places(u)?;
    let mut order = room(ORDER, &[places.len()])?;
    order.extend(0..places.len() as i64);
    order.par_sort_unstable_by_key(|&id: &i64| (places[id as usize], id));
    Ok(order)
}

/// The place of each point on the curve.
fn places(u: Matrix<f64>) -> Result<Vec<u64>, Error> {
    environment::check()?;
    let d = u.cols().min(PLACE_BITS);
    let bits = MOST_BITS.min(PLACE_BITS / d.max(1));
    let mut low = vec![f64::INFINITY; d];
    let mut high = vec![f64::NEG_INFINITY; d];
    for i in 0..u.rows() {
        for (c, &x) in u.row(i)[..d].iter().enumerate() {
            low[c] = if x < low[c] { x } else { low[c] };
            high[c] = if x > high[c] { x } else { high[c] };
        }
    }
    // Halves, because a difference of two finite numbers may overflow.
    let extent = low.iter().zip(&high).map(|(low, high)| 0.5 * high - 0.5 * low);
    let extent = extent.fold(0.0, |most, x| if x > most { x } else { most });
    let cells = (1_u64 << bits) as f64;
    let mut places = zeros(ORDER, &[u.rows()])?;
    places.par_chunks_mut(TASK).enumerate().try_for_each(|(task, places)| {
        environment::check()?;
        let mut cell = vec![0; d];
        for (i, place) in (task * TASK..).zip(places) {
            for ((cell, &x), &low) in cell.iter_mut().zip(u.row(i)).zip(&low) {
                let part = if extent > 0.0 { (0.5 * x - 0.5 * low) / extent * cells } else { 0.0 };
                *cell = if part < cells { part as u32 } else { cells as u32 - 1 };
            }
            *place = place_of(&mut cell, bits);
        }
        Ok(())
    })?;
    Ok(places)
}

/// A cell's place on the curve, by its coordinates of `bits` each.
fn place_of(cell: &mut [u32], bits: usize) -> u64 {
    for bit in (1..bits).rev() {
        let below = (1 << bit) - 1;
        for c in 0..cell.len() {
            if cell[c] >> bit & 1 == 1 {
                cell[0] ^= below;
            } else {
                let other = (cell[0] ^ cell[c]) & below;
                cell[0] ^= other;
                cell[c] ^= other;
            }
        }
    }
    for c in 1..cell.len() {
        cell[c] ^= cell[c - 1];
    }
    let last = cell.last().copied().unwrap_or_default();
    let turned = (1..bits).filter(|bit| last >> bit & 1 == 1);
    let turn = turned.fold(0, |turn, bit| turn ^ ((1 << bit) - 1));
    let mut place = 0;
    for bit in (0..bits).rev() {
        for &x in &*cell {
            place = place << 1 | u64::from((x ^ turn) >> bit & 1);
        }
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_visits_every_cell_of_a_grid_step_by_step() {
        for (d, bits) in [(1, 5), (2, 1), (2, 4), (3, 3), (4, 2), (5, 1)] {
            let count = 1_usize << (d * bits);
            let mut cells = vec![Vec::new(); count];
            for index in 0..count {
                let cell: Vec<_> =
                    (0..d).map(|c| (index >> (c * bits)) as u32 & ((1 << bits) - 1)).collect();
                let place = place_of(&mut cell.clone(), bits) as usize;
                assert!(cells[place].is_empty());
                cells[place] = cell;
            }
            for pair in cells.windows(2) {
                let steps: u32 = pair[0].iter().zip(&pair[1]).map(|(a, b)| a.abs_diff(*b)).sum();
                assert_eq!(steps, 1, "{d} {bits}: {pair:?}");
            }
        }
    }

    #[test]
    fn points_of_a_line_stand_in_a_row() {
        let x = [3.0, -1.0, 2.5, 7.0, -1.0];
        assert_eq!(order(Matrix::new("u", &x, 5, 1).unwrap()), Ok(vec![1, 4, 2, 0, 3]));
    }

    #[test]
    fn any_finite_points_have_an_order() {
        let wild = [f64::MAX, f64::MIN, 0.0, -0.0, f64::MIN_POSITIVE, 5e-324, 1.0, f64::MAX];
        for (n, d) in [(8, 1), (4, 2), (1, 8), (8, 0), (0, 1)] {
            let u = Matrix::new("u", &wild[..n * d], n, d).unwrap();
            let mut found = order(u).unwrap();
            found.sort_unstable();
            assert_eq!(found, (0..n as i64).collect::<Vec<_>>());
        }
        let same = Matrix::new("u", &[0.7; 6], 3, 2).unwrap();
        assert_eq!(order(same), Ok(vec![0, 1, 2]));
        let many = crate::draws::sample::<f64>(1, 5 * 100);
        assert_eq!(order(Matrix::new("u", &many, 5, 100).unwrap()).unwrap().len(), 5);
    }
}
