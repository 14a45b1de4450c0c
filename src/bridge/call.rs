//! How a call runs: without the GIL, on checked threads, in a pool of the wanted size, and never panicking into Python.

use crate::environment;
use crate::error::Error;
use pyo3::prelude::*;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

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
    // A child of fork() has no thread of the global pool left: work dealt to it would never be done.
    static OWNER: OnceLock<u32> = OnceLock::new();
    let own_pool = *OWNER.get_or_init(std::process::id) == std::process::id();
    match threads {
        None if own_pool => work(),
        Some(0) => {
            let wanted = "at least 1, or None for all".into();
            Err(Error::Parameter { name: "threads", given: "0".into(), wanted })
        }
        _ => rayon::ThreadPoolBuilder::new()
            .num_threads(threads.unwrap_or(0)) // 0: as many as the global pool has
            .build()
            .map_err(|error| Error::Internal { message: error.to_string() })?
            .install(work),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".into())
}
