"""What does not fit in memory is a MemoryError from both engines: no panic, no abort.

The calls run in a process of their own whose address space is bounded. Input arrays are zeros that
nothing touches, so they cost address space alone.
"""

import json
import subprocess
import sys
from textwrap import dedent

SETUP = """
    import json, resource
    import numpy as np
    from covertreex import _rust, build_residual_backend
    from covertreex.metrics._engines import engine_named

    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))

    def attempt(name, call):
        try:
            said = ["no error", str(np.shape(call()))]
        except BaseException as error:
            builtin = next(t for t in type(error).__mro__ if t.__module__ == "builtins")
            said = [builtin.__name__, f"{type(error).__name__}: {error}"]
        print(json.dumps([name, *said]), flush=True)

    line = np.arange(60_000.0)[:, None]
    kernel = ("rbf", 1.0)
"""

BOTH = """
    stages = engine_named(ENGINE)
    attempt("splitmix64", lambda: stages.splitmix64(1, 2**40))
    attempt("uniforms", lambda: stages.uniforms(1, 2**40))
    attempt("normals", lambda: stages.normals(1, 2**40))
    attempt("inducing_rows", lambda: stages.inducing_rows(1, 2**40, 1))
    attempt("kernel_block", lambda: stages.kernel_block(line, line, *kernel, "float64"))
    attempt("dot_block", lambda: stages.dot_block(line, line))
    attempt("build", lambda: build_residual_backend(
        line * 10, seed=1, inducing_count=60_000, engine=ENGINE))
"""

# Results that are small, or fit, while what the engine needs besides does not.
RUST = """
    attempt("inducing_rows, 2**62", lambda: _rust.inducing_rows(1, 2**62, 1))
    attempt("inducing_rows, 2**64 - 1", lambda: _rust.inducing_rows(1, 2**64 - 1, 1))
    attempt("splitmix64, 2**62", lambda: _rust.splitmix64(1, 2**62))
    bare = np.zeros((2**40, 0))
    attempt("kernel_block, 2**80", lambda: _rust.kernel_block(bare, bare, *kernel, "float32"))
    attempt("dot_block, 2**80", lambda: _rust.dot_block(bare, bare))
    attempt("cholesky, 2**80", lambda: _rust.cholesky(bare, *kernel))
    del bare
    wide = np.zeros((1, 2**28))
    attempt("kernel_block, panels", lambda: _rust.kernel_block(wide, wide, *kernel, "float64"))
    attempt("dot_block, panels", lambda: _rust.dot_block(wide, wide))
    attempt("cholesky, points", lambda: _rust.cholesky(wide, *kernel))
    attempt("project, points", lambda: _rust.project(
        wide, wide, np.ones((1, 1)), *kernel, "float64"))
    p = np.ones(1)
    attempt("knn, points", lambda: _rust.knn(
        wide, p[:, None], p, wide, p[:, None], p, *kernel, 1e-9, 1, 1))
    attempt("knn, panels", lambda: _rust.knn(
        p[:, None], wide, p, p[:, None], wide, p, *kernel, 1e-9, 1, 1))
    del wide
    some = np.zeros((28_000, 1))
    attempt("cholesky, panels", lambda: _rust.cholesky(some, *kernel))
    lower = np.zeros((28_000, 28_000))
    attempt("project, panels", lambda: _rust.project(
        some[:1], some, lower, *kernel, "float32"))
    del lower
    n = 2**28
    bare, p = np.zeros((n, 0)), np.zeros(n, np.float32)
    v = np.zeros((n, 0), np.float32)
    attempt("knn, heaps", lambda: _rust.knn(
        bare[:1], v[:1], p[:1], bare, v, p, *kernel, 1e-9, n, 1))
    del p, v, bare
    n = 3 * 2**27
    ids, radii, empty = np.zeros(n, np.int64), np.zeros(n), np.zeros((n, 0))
    attempt("distance_block_no_gate, variances", lambda: _rust.distance_block_no_gate(
        np.ones(1), ids, ids[:0], empty, empty, radii, 1e-9))
    del radii, empty
    one = np.ones((1, 1))
    attempt("distances_sq_batch, indices", lambda: _rust.distances_sq_batch(
        one, one, one[0], *kernel, 1e-9, 0, ids, None))
    del ids
    n = 2**29
    bare, v, p = np.zeros((n, 0)), np.zeros((n, 1), np.float32), np.zeros(n, np.float32)
    attempt("distance_idx, norms", lambda: _rust.distance_idx(bare, v, p, *kernel, 1e-9, 0, 1))
"""


def outcomes(script):
    """Run a script; what each attempt in it raised, and the process that did."""
    process = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False
    )
    attempts = [json.loads(line) for line in process.stdout.splitlines() if line.startswith("[")]
    return attempts, process


def check(script):
    """Hold every attempt of a script to a MemoryError that says how much was asked for."""
    attempts, process = outcomes(dedent(SETUP) + dedent(script))
    wrong = [attempt for attempt in attempts if attempt[1] != "MemoryError"]
    assert not wrong, process.stderr
    assert process.returncode == 0, (attempts, process.stderr)
    assert len(attempts) == script.count("attempt(")
    assert all("nable to allocate" in said for _, _, said in attempts), attempts


def test_a_result_that_does_not_fit_is_a_memory_error(engine):
    check(BOTH.replace("ENGINE", repr(engine)))


def test_a_buffer_of_the_rust_engine_that_does_not_fit_is_a_memory_error():
    check(RUST)
