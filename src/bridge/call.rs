//! How a call runs: without the GIL, on checked threads, in a pool of the wanted size, and never panicking into Python.

use crate::environment;
use crate::error::Error;
use pyo3::prelude::*;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Run `work` without the GIL, on a checked thread, in a pool of `threads`; a panic becomes an error.
pub(super) fn call<R: Send>(
    py: Python<'_>,
    threads: Option<usize>,
    work: impl FnOnce() -> Result<R, Error> + Send,
) -> PyResult<R> {
    let guarded = || {
        environment::check()?;
        in_pool(threads, work)
    };
    let outcome = py.detach(|| catch_unwind(AssertUnwindSafe(guarded)));
    Ok(outcome.map_err(|panic| Error::Internal { message: panic_message(&*panic) })??)
}

fn in_pool<R: Send>(
    threads: Option<usize>,
    work: impl FnOnce() -> Result<R, Error> + Send,
) -> Result<R, Error> {
    match threads {
        None => work(),
        Some(0) => {
            let wanted = "at least 1, or None for all".into();
            Err(Error::Parameter { name: "threads", given: "0".into(), wanted })
        }
        Some(threads) => rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .map_err(|error| Error::Internal { message: error.to_string() })?
            .install(work),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".into())
}
