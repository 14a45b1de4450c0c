"""Engines in several threads and after a fork: the same answers, and no call that never returns."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from parity.inputs import normals

FORK = """
import os, sys
import numpy as np
from covertreex.metrics._engines import engine_named

stages = engine_named(sys.argv[1])
v = np.linspace(-1.0, 1.0, 900).reshape(300, 3)
before = stages.dot_block(v, v)
child = os.fork()
if child == 0:
    os._exit(0 if stages.dot_block(v, v).tobytes() == before.tobytes() else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_child_computes_the_same_bits(engine):
    subprocess.run([sys.executable, "-c", FORK, engine], check=True, timeout=120)


@pytest.mark.parametrize("threads", [None, 2])
def test_calls_from_several_threads_at_once_give_the_same_bits(stages, threads):
    v = normals(3, 400 * 5).reshape(400, 5)
    u, p = v[:, :2].copy(), np.full(400, 0.5)
    expected = stages.knn(u, v, p, u, v, p, "rbf", 1.0, 1e-9, 5, 64)

    def call(_):
        found = stages.knn(u, v, p, u, v, p, "rbf", 1.0, 1e-9, 5, 64, threads=threads)
        return [array.tobytes() for array in found]

    with ThreadPoolExecutor(6) as pool:
        assert all(found == [a.tobytes() for a in expected] for found in pool.map(call, range(24)))
