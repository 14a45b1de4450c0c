//! Buffers whose size a caller controls: there, or an [`Error::Memory`]; nothing here aborts.
//!
//! A size is given by its factors, so that a product too large for the machine is refused like memory that cannot be had.
//! Numba twin: none, NumPy raises `MemoryError` by itself.

use crate::error::Error;

/// An empty vector with room for as many values as the product of `sizes`.
pub(crate) fn room<T>(what: &'static str, sizes: &[usize]) -> Result<Vec<T>, Error> {
    let mut values = Vec::new();
    match values.try_reserve_exact(count::<T>(what, sizes)?) {
        Ok(()) => Ok(values),
        Err(_) => Err(refusal::<T>(what, sizes)),
    }
}

/// As many zeros as the product of `sizes`.
pub(crate) fn zeros<T: Clone + Default>(
    what: &'static str,
    sizes: &[usize],
) -> Result<Vec<T>, Error> {
    let mut values = room(what, sizes)?;
    values.resize(count::<T>(what, sizes)?, T::default());
    Ok(values)
}

/// Room for so many values more, where a vector grows.
pub(crate) fn reserve<T>(
    what: &'static str,
    values: &mut Vec<T>,
    more: usize,
) -> Result<(), Error> {
    match values.try_reserve(more) {
        Ok(()) => Ok(()),
        Err(_) => Err(refusal::<T>(what, &[values.len().saturating_add(more)])),
    }
}

/// The product of `sizes`, as long as so many values can be addressed.
pub(crate) fn count<T>(what: &'static str, sizes: &[usize]) -> Result<usize, Error> {
    let count = sizes.iter().try_fold(1_usize, |count, &size| count.checked_mul(size));
    let bytes = count.and_then(|count| count.checked_mul(size_of::<T>()));
    match (count, bytes) {
        (Some(count), Some(bytes)) if isize::try_from(bytes).is_ok() => Ok(count),
        _ => Err(refusal::<T>(what, sizes)),
    }
}

/// The error that says how much was asked for.
pub(crate) fn refusal<T>(what: &'static str, sizes: &[usize]) -> Error {
    let bytes = |bytes: u128, &size: &usize| bytes.saturating_mul(size as u128);
    Error::Memory { what, bytes: sizes.iter().fold(size_of::<T>() as u128, bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_have_the_size_asked_for() {
        assert_eq!(zeros::<f32>("a", &[3, 4]), Ok(vec![0.0; 12]));
        assert_eq!(zeros::<f64>("a", &[usize::MAX, 0]), Ok(vec![]));
        let room = room::<i64>("a", &[5, 2]).unwrap();
        assert!(room.is_empty() && room.capacity() >= 10);
    }

    #[test]
    fn vectors_grow_or_say_to_what_they_cannot() {
        let mut values = vec![1.0_f64; 3];
        assert_eq!(reserve("a", &mut values, 50), Ok(()));
        assert!(values.capacity() >= 53);
        let wanted = Error::Memory { what: "a", bytes: 8 * ((1 << 61) + 3) };
        assert_eq!(reserve("a", &mut values, 1 << 61), Err(wanted));
    }

    #[test]
    fn what_cannot_be_had_is_an_error_that_says_how_much() {
        let cases: [(&[usize], u128); 4] = [
            (&[1 << 60], 1 << 63),
            (&[1 << 40, 1 << 40], 1 << 83),
            (&[usize::MAX; 3], u128::MAX),
            (&[1 << 59], 1 << 62), // addressable, and more than any machine has
        ];
        for (sizes, bytes) in cases {
            let wanted = Error::Memory { what: "a", bytes };
            assert_eq!(zeros::<f64>("a", sizes), Err(wanted.clone()), "{sizes:?}");
            assert_eq!(room::<u64>("a", sizes), Err(wanted), "{sizes:?}");
        }
        assert_eq!(count::<u8>("a", &[isize::MAX as usize]), Ok(isize::MAX as usize));
        assert!(count::<u8>("a", &[isize::MAX as usize + 1]).is_err());
    }
}
