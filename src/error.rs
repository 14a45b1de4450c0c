//! Every way a call can fail, as one enum with fields; its conversion to `covertreex.errors` stands in one place.
//!
//! A message says what was given, what is wanted and what to do. Numba twin: `covertreex/errors.py`,
//! and Python's own `MemoryError`.

use crate::level::Level;
use std::fmt;

/// What went wrong.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // the fields are named for what they hold
pub enum Error {
    /// An array's shape does not fit the others.
    Shape { name: &'static str, given: String, wanted: String },
    /// An array of another element type or memory order.
    Dtype { name: &'static str, given: String, wanted: &'static str },
    /// A number or a name outside its domain.
    Parameter { name: &'static str, given: String, wanted: String },
    /// A row index outside `0..limit`.
    IndexRange { name: &'static str, position: usize, value: i64, limit: usize },
    /// A pivot that is not above zero: the inducing covariance is not positive definite.
    Factor { row: usize },
    /// The floating-point unit does not compute as the contract needs.
    FloatEnvironment { found: String },
    /// A CPU level that is unknown, or that this CPU lacks.
    LevelUnavailable { level: String },
    /// Memory that cannot be had: Python's own `MemoryError`.
    Memory { what: &'static str, bytes: u128 },
    /// A fault of this program.
    Internal { message: String },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape { name, given, wanted } => {
                write!(f, "{name} has shape {given}; wanted {wanted}")
            }
            Self::Dtype { name, given, wanted } => {
                write!(
                    f,
                    "{name} is {given}; wanted {wanted}: convert it with numpy.ascontiguousarray"
                )
            }
            Self::Parameter { name, given, wanted } => {
                write!(f, "{name} is {given}; wanted {wanted}")
            }
            Self::IndexRange { name, position, value, limit } => {
                write!(f, "{name}[{position}] is {value}; wanted a row index in 0..{limit}")
            }
            Self::Factor { row } => write!(
                f,
                "the inducing covariance is not positive definite: pivot {row} of its Cholesky factor is not above zero; \
                 use fewer or more distant inducing points, or a shorter lengthscale"
            ),
            Self::FloatEnvironment { found } => write!(
                f,
                "this thread's floating-point unit is set to {found}; wanted IEEE arithmetic, round to nearest with \
                 subnormals kept: a library built with -ffast-math may have set it; restore the mode, or load that library \
                 in another process"
            ),
            Self::LevelUnavailable { level } => {
                let usable: Vec<_> = Level::available().iter().map(|level| level.name()).collect();
                let known = Level::NAMES.contains(&level.as_str());
                let fault = if known { "not available on this CPU" } else { "unknown" };
                write!(f, "level {level:?} is {fault}; wanted one of {usable:?}")
            }
            Self::Memory { what, bytes } => {
                let mut amount = *bytes as f64;
                let mut unit = "bytes";
                for next in ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] {
                    if amount >= 1024.0 {
                        (amount, unit) = (amount / 1024.0, next);
                    }
                }
                write!(
                    f,
                    "unable to allocate {amount:.2} {unit} for {what}; wanted an amount that this process can have: \
                     use fewer points at a time, or more memory"
                )
            }
            Self::Internal { message } => {
                write!(
                    f,
                    "the Rust engine failed: {message}; this is a bug in covertreex, please report it"
                )
            }
        }
    }
}

impl std::error::Error for Error {}

#[cfg(feature = "python")]
mod python {
    use super::Error;
    use pyo3::PyErr;
    use pyo3::exceptions::PyMemoryError;

    mod errors {
        pyo3::import_exception!(covertreex.errors, ShapeError);
        pyo3::import_exception!(covertreex.errors, DtypeError);
        pyo3::import_exception!(covertreex.errors, ParameterError);
        pyo3::import_exception!(covertreex.errors, IndexRangeError);
        pyo3::import_exception!(covertreex.errors, FactorError);
        pyo3::import_exception!(covertreex.errors, FloatEnvironmentError);
        pyo3::import_exception!(covertreex.errors, EngineUnavailableError);
        pyo3::import_exception!(covertreex.errors, InternalError);
    }

    impl From<Error> for PyErr {
        fn from(error: Error) -> Self {
            let message = error.to_string();
            match error {
                Error::Shape { .. } => errors::ShapeError::new_err(message),
                Error::Dtype { .. } => errors::DtypeError::new_err(message),
                Error::Parameter { .. } => errors::ParameterError::new_err(message),
                Error::IndexRange { .. } => errors::IndexRangeError::new_err(message),
                Error::Factor { .. } => errors::FactorError::new_err(message),
                Error::FloatEnvironment { .. } => errors::FloatEnvironmentError::new_err(message),
                Error::LevelUnavailable { .. } => errors::EngineUnavailableError::new_err(message),
                Error::Memory { .. } => PyMemoryError::new_err(message),
                Error::Internal { .. } => errors::InternalError::new_err(message),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn messages_say_what_was_given_and_what_is_wanted() {
        let cases = [
            (
                Error::Shape { name: "v_q", given: "(2, 3)".into(), wanted: "(2, 4)".into() },
                vec!["v_q", "(2, 3)", "(2, 4)"],
            ),
            (
                Error::Dtype { name: "u", given: "float16".into(), wanted: "float64" },
                vec!["u", "float16", "float64"],
            ),
            (
                Error::Parameter { name: "k", given: "0".into(), wanted: "k >= 1".into() },
                vec!["k", "0", "k >= 1"],
            ),
            (
                Error::IndexRange { name: "ids", position: 3, value: -1, limit: 9 },
                vec!["ids[3]", "-1", "0..9"],
            ),
            (Error::Factor { row: 7 }, vec!["pivot 7", "above zero", "fewer"]),
            (
                Error::FloatEnvironment { found: "flush-to-zero".into() },
                vec!["flush-to-zero", "IEEE", "fast-math"],
            ),
            (
                Error::LevelUnavailable { level: "nonsense".into() },
                vec!["\"nonsense\" is unknown", "baseline"],
            ),
            (
                Error::Memory { what: "packed rows", bytes: 3 << 39 },
                vec!["1.50 TiB", "packed rows", "fewer"],
            ),
            (Error::Memory { what: "norms", bytes: 1023 }, vec!["1023.00 bytes"]),
            (Error::Memory { what: "norms", bytes: 1 << 80 }, vec!["1048576.00 EiB"]),
            (Error::Internal { message: "oops".into() }, vec!["oops", "report"]),
        ];
        for (error, parts) in cases {
            let message = error.to_string();
            for part in parts {
                assert!(message.contains(part), "{part:?} is missing in {message:?}");
            }
        }
    }
}
