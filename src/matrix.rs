//! Matrices: a borrowed row-major view, and panels packed for the register tile.
//!
//! A [`Packed`] cuts the rows of a matrix into panels of `width`; within a panel, column `k` of all its rows lies together
//! (`panel[k * width + row]`), so that a tile reads forward. Rows past the end are +0.0. Numba twin: none, layout only.

use crate::error::Error;
use crate::memory::{count, zeros};
use crate::numeric::Real;
use rayon::prelude::*;
use std::ops::Range;

/// A row-major matrix, borrowed: `data.len() == rows * cols`.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a, T> {
    data: &'a [T],
    rows: usize,
    cols: usize,
}

impl<'a, T: Real> Matrix<'a, T> {
    /// View a slice as `rows` by `cols`.
    pub fn new(name: &'static str, data: &'a [T], rows: usize, cols: usize) -> Result<Self, Error> {
        if rows.checked_mul(cols) == Some(data.len()) {
            return Ok(Self { data, rows, cols });
        }
        let given = format!("({},)", data.len());
        Err(Error::Shape { name, given, wanted: format!("({rows}, {cols}), row after row") })
    }

    /// How many rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many columns.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Row `i`.
    #[inline]
    #[must_use]
    pub fn row(&self, i: usize) -> &'a [T] {
        &self.data[i * self.cols..(i + 1) * self.cols]
    }

    /// Some of the rows.
    #[must_use]
    pub fn slice(&self, rows: Range<usize>) -> Self {
        let data = &self.data[rows.start * self.cols..rows.end * self.cols];
        Self { data, rows: rows.len(), cols: self.cols }
    }

    /// The `p`-th `width` rows, or what is left of them.
    fn panel(&self, p: usize, width: usize) -> Self {
        self.slice(p * width..((p + 1) * width).min(self.rows))
    }

    /// An error unless the matrix has this shape.
    pub fn expect(&self, name: &'static str, rows: usize, cols: usize) -> Result<(), Error> {
        if (self.rows, self.cols) == (rows, cols) {
            return Ok(());
        }
        let given = format!("({}, {})", self.rows, self.cols);
        Err(Error::Shape { name, given, wanted: format!("({rows}, {cols})") })
    }
}

/// An error unless a vector has this length.
pub fn expect_length(name: &'static str, given: usize, wanted: usize) -> Result<(), Error> {
    if given == wanted {
        return Ok(());
    }
    Err(Error::Shape { name, given: format!("({given},)"), wanted: format!("({wanted},)") })
}

/// An error unless there is a radius for each of `count` queries, infinity for all, none of them NaN.
pub fn expect_radii(radii: &[f64], count: usize) -> Result<(), Error> {
    expect_length("radii", radii.len(), count)?;
    let Some(at) = radii.iter().position(|radius| radius.is_nan()) else { return Ok(()) };
    let (given, wanted) = (format!("NaN at {at}"), "distances, infinity for all".into());
    Err(Error::Parameter { name: "radii", given, wanted })
}

/// An error unless a vector has room for `rows` by `cols`.
pub fn expect_area(
    name: &'static str,
    given: usize,
    rows: usize,
    cols: usize,
) -> Result<(), Error> {
    if rows.checked_mul(cols) == Some(given) {
        return Ok(());
    }
    Err(Error::Shape { name, given: format!("({given},)"), wanted: format!("({rows} * {cols},)") })
}

/// The rows of a matrix in panels of `width`, column after column.
#[derive(Clone, Debug)]
pub struct Packed<T> {
    width: usize,
    depth: usize,
    data: Vec<T>,
}

/// What a [`Packed`] asks memory for.
const PANELS: &str = "packed rows";
/// Columns that are moved together: a cache line of `f64`, so that each line of the source is read once.
const STRIP: usize = 8;

impl<T: Real> Packed<T> {
    /// Room for `rows` rows of `depth` columns, all +0.0.
    pub fn zeroed(rows: usize, depth: usize, width: usize) -> Result<Self, Error> {
        let data = zeros(PANELS, &[rows.div_ceil(width), width, depth])?;
        Ok(Self { width, depth, data })
    }

    /// No rows yet: takes no memory.
    #[must_use]
    pub fn empty(width: usize) -> Self {
        Self { width, depth: 0, data: Vec::new() }
    }

    /// Pack a matrix.
    pub fn new(matrix: Matrix<T>, width: usize) -> Result<Self, Error> {
        let mut packed = Self::empty(width);
        packed.fill(matrix)?;
        Ok(packed)
    }

    /// Pack another matrix into the same memory.
    pub fn fill(&mut self, matrix: Matrix<T>) -> Result<(), Error> {
        let (width, size) = self.resize(matrix)?;
        for (p, panel) in self.data.chunks_mut(size).enumerate() {
            pack_panel(panel, matrix.panel(p, width), width);
        }
        Ok(())
    }

    /// [`Packed::fill`], panels in parallel.
    pub fn fill_in_parallel(&mut self, matrix: Matrix<T>) -> Result<(), Error> {
        let (width, size) = self.resize(matrix)?;
        self.data.par_chunks_mut(size).enumerate().for_each(|(p, panel)| {
            pack_panel(panel, matrix.panel(p, width), width);
        });
        Ok(())
    }

    /// Make room without clearing: packing writes every value. Returns the width and a panel's size, at least 1.
    fn resize(&mut self, matrix: Matrix<T>) -> Result<(usize, usize), Error> {
        let sizes = [matrix.rows.div_ceil(self.width), self.width, matrix.cols];
        let len = count::<T>(PANELS, &sizes)?;
        if len <= self.data.len() {
            self.data.truncate(len);
        } else {
            self.data = zeros(PANELS, &sizes)?; // growing would copy what is not needed any more
        }
        self.depth = matrix.cols;
        Ok((self.width, (self.width * matrix.cols).max(1)))
    }

    /// Value `k` of row `i`.
    #[cfg(test)]
    pub(crate) fn at(&self, i: usize, k: usize) -> T {
        self.panel(i / self.width)[k * self.width + i % self.width]
    }

    /// Columns, as in the matrix.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Panel `p`: `depth * width` values.
    #[inline]
    #[must_use]
    pub fn panel(&self, p: usize) -> &[T] {
        let size = self.width * self.depth;
        &self.data[p * size..(p + 1) * size]
    }

    /// Panel `p`, to write.
    #[inline]
    pub fn panel_mut(&mut self, p: usize) -> &mut [T] {
        let size = self.width * self.depth;
        &mut self.data[p * size..(p + 1) * size]
    }
}

/// Transpose at most `width` rows into a panel, +0.0 in place of those that lack.
pub fn pack_panel<T: Real>(panel: &mut [T], rows: Matrix<T>, width: usize) {
    for (strip, k) in panel.chunks_mut(STRIP * width).zip((0..).step_by(STRIP)) {
        for i in 0..rows.rows {
            for (column, &x) in strip.chunks_exact_mut(width).zip(&rows.row(i)[k..]) {
                column[i] = x;
            }
        }
        if rows.rows < width {
            strip.chunks_exact_mut(width).for_each(|column| column[rows.rows..].fill(T::default()));
        }
    }
}

/// The other way: the first lanes of a panel, as many as `out` has rows of `stride`, rounded once; columns past the panel stay.
pub fn unpack_panel<T: Real>(panel: &[f64], width: usize, out: &mut [T], stride: usize) {
    for (strip, k) in panel.chunks(STRIP * width).zip((0..).step_by(STRIP)) {
        for (i, row) in out.chunks_exact_mut(stride).enumerate() {
            for (x, column) in row[k..].iter_mut().zip(strip.chunks_exact(width)) {
                *x = T::round(column[i]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::sample;

    #[test]
    fn panels_hold_columns_of_rows_and_zeros_past_the_end() {
        for (rows, cols, width) in
            [(1, 1, 1), (5, 3, 3), (7, 17, 4), (24, 9, 24), (25, 8, 24), (3, 0, 4), (0, 3, 4)]
        {
            let data: Vec<f64> = sample(rows as u64, rows * cols);
            let matrix = Matrix::new("a", &data, rows, cols).unwrap();
            let mut packed =
                Packed::new(Matrix::new("stale", &[f64::NAN; 900], 30, 30).unwrap(), width)
                    .unwrap();
            packed.fill(matrix).unwrap();
            let mut in_parallel = Packed::empty(width);
            in_parallel.fill_in_parallel(matrix).unwrap();
            assert_eq!(packed.depth(), cols);
            for row in 0..rows.next_multiple_of(width) {
                for k in 0..cols {
                    let wanted = if row < rows { data[row * cols + k] } else { 0.0 };
                    for packed in [&packed, &in_parallel] {
                        let found = packed.panel(row / width)[k * width + row % width];
                        assert_eq!(
                            found.to_bits(),
                            wanted.to_bits(),
                            "{rows} {cols} {width} at {row} {k}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn panels_that_do_not_fit_in_memory_are_refused_and_change_nothing() {
        let one = Matrix::new("one", &[1.0], 1, 1).unwrap();
        let mut packed = Packed::new(one, 2).unwrap();
        let empty = Matrix::new("empty", &[], 0, 1 << 62).unwrap(); // a huge depth, no rows
        assert!(packed.fill(Matrix { rows: 1, ..empty }).is_err());
        assert!(packed.fill_in_parallel(Matrix { rows: 1, ..empty }).is_err());
        assert_eq!((packed.depth(), packed.panel(0)), (1, &[1.0, 0.0][..]));
        assert!(Packed::<f64>::zeroed(1 << 40, 1 << 40, 8).is_err());
        assert!(Packed::<f64>::zeroed(1 << 30, 1 << 29, 8).is_err());
    }

    #[test]
    fn unpacking_is_packing_backwards() {
        for (rows, cols, width) in [(1, 1, 1), (3, 19, 4), (24, 40, 24)] {
            let data: Vec<f64> = sample(8, rows * cols);
            let packed = Packed::new(Matrix::new("a", &data, rows, cols).unwrap(), width).unwrap();
            let stride = cols + 2;
            let mut out = vec![-9.0_f32; rows * stride];
            unpack_panel(packed.panel(0), width, &mut out, stride);
            for row in 0..rows {
                for k in 0..stride {
                    let wanted = if k < cols { data[row * cols + k] as f32 } else { -9.0 };
                    assert_eq!(out[row * stride + k], wanted);
                }
            }
        }
    }

    #[test]
    fn views_are_of_their_shape_or_refused() {
        let data = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let matrix = Matrix::new("a", &data, 3, 2).unwrap();
        assert_eq!((matrix.rows(), matrix.cols()), (3, 2));
        assert_eq!(matrix.row(1), [3.0, 4.0]);
        assert_eq!(matrix.slice(1..3).row(1), [5.0, 6.0]);
        assert_eq!(matrix.expect("a", 3, 2), Ok(()));
        for (rows, cols) in [(3, 3), (2, 2), (2, 3)] {
            assert!(matches!(matrix.expect("a", rows, cols), Err(Error::Shape { name: "a", .. })));
        }
        assert!(Matrix::new("a", &data, 2, 2).is_err());
        assert!(Matrix::new("a", &data, usize::MAX, 2).is_err());
        assert_eq!(expect_area("p", 6, 3, 2), Ok(()));
        for (rows, cols) in [(3, 3), (1 << 63, 2)] {
            assert!(matches!(expect_area("p", 0, rows, cols), Err(Error::Shape { name: "p", .. })));
        }
        assert_eq!(expect_length("p", 3, 3), Ok(()));
        assert!(matches!(expect_length("p", 3, 4), Err(Error::Shape { name: "p", .. })));
    }
}
