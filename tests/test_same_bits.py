"""One set of bits over CPU levels, threads, chunks and memory orders: every row is one digest.

A CPU level or threading layer that is not here cannot be run; its row proves that asking for it is
refused, and the closing summary names it as absent.
"""

import importlib
import json
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import pipeline
import pytest
from leveled import at_level

from covertreex import _rust
from covertreex.errors import EngineUnavailableError
from covertreex.metrics import _numba_loops, _residual_numba, euclidean
from covertreex.metrics.residual import backend, core

LEVELS = ("baseline", "avx2", "avx512", "neon")
THREADS, CHUNKS, ORDERS = (1, 2, 7), (1, 7, 512), ("C", "F")
WAYS = tuple(product(THREADS, CHUNKS, ORDERS))
LAYERS = {"workqueue": "workqueue", "omp": "omppool", "tbb": "tbbpool"}


@pytest.fixture(scope="module")
def expected():
    return pipeline.digest("python-numba", threads=1)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("threads", "chunk_size", "order"), WAYS)
def test_rust_at_each_cpu_level(
    level, threads, chunk_size, order, expected, monkeypatch, record_property
):
    for module in (backend, core, euclidean):
        monkeypatch.setattr(module, "engine_named", lambda _: at_level(level))
    way = {"chunk_size": chunk_size, "threads": threads, "order": order}
    if level in _rust.levels():
        assert pipeline.digest("rust-hilbert", **way) == expected
        record_property("same_bits", f"rust {level}")
    else:
        with pytest.raises(EngineUnavailableError, match=level):
            pipeline.digest("rust-hilbert", **way)
        record_property("not_here", f"rust {level}: not on this CPU")


@pytest.mark.parametrize(("threads", "chunk_size", "order"), WAYS)
def test_numba_on_this_cpu(threads, chunk_size, order, expected, record_property):
    way = {"chunk_size": chunk_size, "threads": threads, "order": order}
    assert pipeline.digest("python-numba", **way) == expected
    record_property("same_bits", "numba host")


def digest_elsewhere(**environment):
    """Digest of the reference engine in a process with another environment."""
    run = subprocess.run(
        [sys.executable, pipeline.__file__, "python-numba"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent), **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    return json.loads(run.stdout)["python-numba"]


def test_numba_for_a_generic_cpu(expected, tmp_path, record_property):
    generic = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    assert digest_elsewhere(NUMBA_CACHE_DIR=str(tmp_path), **generic) == expected
    record_property("same_bits", "numba generic")


def loads(module):
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


@pytest.mark.parametrize("layer", LAYERS)
def test_numba_with_each_threading_layer(layer, expected, record_property):
    # The reference uses no layer, so a missing one changes nothing: that is what each row shows.
    assert digest_elsewhere(NUMBA_THREADING_LAYER=layer) == expected
    if loads(f"numba.np.ufunc.{LAYERS[layer]}"):
        record_property("same_bits", f"numba layer {layer}")
    else:
        record_property("not_here", f"numba threading layer {layer}: not installed")


def test_no_loop_of_the_reference_is_parallel_or_fast():
    compiled = [value for value in vars(_numba_loops).values() if hasattr(value, "targetoptions")]
    assert len(compiled) > 20
    for loop in compiled:
        assert not loop.targetoptions.get("parallel")
        assert not loop.targetoptions.get("fastmath")
    assert _residual_numba.loops is _numba_loops
