"""The mini projects that `harness` times: one a contestant, each a folder that pytest runs.

All make the same arrays, float64 and float32 in turn, from ``arrays.py``; all have one test a
golden (the pair of engines: three). A `Project` knows how to write itself, which plugins it needs,
and the arguments that make its goldens and verify them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ARRAYS = """
import numpy as np

COUNT, SIZE, FAULT = {count}, {size}, {fault!r}


def make(i):
    dtype = (np.float64, np.float32)[i % 2]
    array = np.random.default_rng(i).random(SIZE // np.dtype(dtype).itemsize, dtype=dtype)
    if FAULT == "one ULP":
        array[len(array) // 2] = np.nextafter(array[len(array) // 2], dtype(2))
    elif FAULT == "one element by 0.1":
        array[len(array) // 2] += dtype(0.1)
    return array
"""

EMPTY = """
import pytest
from arrays import COUNT, SIZE, make


@pytest.mark.parametrize("i", range(COUNT))
def test(i):
    assert make(i).nbytes == SIZE
"""

SINGLE_FILE = """
import io
import numpy as np
import pytest
from arrays import COUNT, make
from syrupy.extensions.single_file import SingleFileSnapshotExtension


class Npy(SingleFileSnapshotExtension):
    file_extension = "npy"

    def serialize(self, data, *, exclude=None, include=None, matcher=None):
        stream = io.BytesIO()
        np.save(stream, data)
        return stream.getvalue()


@pytest.mark.parametrize("i", range(COUNT))
def test(i, snapshot):
    assert snapshot.use_extension(Npy) == make(i)
"""

AMBER = """
import sys
import numpy as np
import pytest
from arrays import COUNT, make


@pytest.mark.parametrize("i", range(COUNT))
def test(i, snapshot):
    with np.printoptions(threshold=sys.maxsize, floatmode="unique"):
        assert snapshot == make(i)
"""

REGRESSIONS = """
import pytest
from arrays import COUNT, make


@pytest.mark.parametrize("i", range(COUNT))
def test(i, ndarrays_regression):
    ndarrays_regression.check({"a": make(i)})
"""

ARRAYDIFF = """
import pytest
from arrays import COUNT, make


@pytest.mark.array_compare(file_format=FORMAT)
@pytest.mark.parametrize("i", range(COUNT))
def test(i):
    return make(i)
"""

SUITE = """
from pathlib import Path
import numpy as np
from arrays import COUNT, make
from covertreex.testing import Policy, Row, Rule, Stage, Suite

pytest_plugins = ["covertreex.testing.plugin"]


def pytest_parity_suite(config):
    return Suite(
        root=Path(__file__).parent / "goldens",
        cases={f"c{i}": i for i in range(COUNT)},
        inputs=lambda case: {"i": np.array(case)},
        stages=(Stage("make", ("a",), lambda engine, given, _: {"a": engine(int(given["i"]))}),),
        reference=("reference", make),
        candidates=CANDIDATES,
        policy=Policy((Row("*", "*", Rule(), "the same function"),)),
        full_limit=FULL_LIMIT,
    )
"""

PARITY = """
def test(parity_check, parity_suite, snapshot):
    parity_suite.check(parity_check, snapshot)
"""


@dataclass(frozen=True)
class Project:
    """One contestant.

    Attributes
    ----------
    name
        What the table calls it.
    test, conftest
        Its two files.
    plugins
        The pytest plugins it needs, and no others are loaded.
    freeze, verify
        The arguments that make the goldens, and those that verify them.
    extra
        Tests it has beyond those of its goldens.
    checks
        Tests a golden.
    """

    name: str
    test: str
    conftest: str = ""
    plugins: Sequence[str] = ()
    freeze: Sequence[str] = ()
    verify: Sequence[str] = ()
    extra: int = 0
    checks: int = 1

    def write(self, root: Path, *, count: int, size: int, fault: str = "") -> None:
        """Write the project, or write it again with a fault in every array."""
        root.mkdir(parents=True, exist_ok=True)
        (root / "arrays.py").write_text(ARRAYS.format(count=count, size=size, fault=fault))
        (root / "conftest.py").write_text(self.conftest)
        (root / "test_it.py").write_text(self.test)
        (root / "pytest.ini").write_text("[pytest]\npythonpath = .\n")

    def command(self, *arguments: str) -> list[str]:
        """Return the command that runs it."""
        loaded = [part for plugin in self.plugins for part in ("-p", plugin)]
        quiet = ["-q", "-p", "no:cacheprovider", "--tb=line"]
        return [sys.executable, "-m", "pytest", *quiet, *loaded, *arguments]


def _ours(name: str, candidates: str, full_limit: int, checks: int) -> Project:
    conftest = SUITE.replace("CANDIDATES", candidates).replace("FULL_LIMIT", str(full_limit))
    freeze = ("--freeze-reason", "the benchmark begins", "--freeze-yes")
    return Project(name, PARITY, conftest, ("syrupy",), freeze, (), 1, checks)


WHOLE = 1 << 40
"""A `full_limit` that keeps everything whole."""

EMPTY_RUN = Project("no goldens", EMPTY)
OURS = _ours("covertreex", "{}", WHOLE, 1)
PAIR = _ours("covertreex, two engines", '{"candidate": make}', WHOLE, 3)
DIGEST = _ours("covertreex, digest + rows", "{}", 128 * 1024, 1)
UPDATE = ("--snapshot-update",)
NO_DIFF = ("--snapshot-diff-mode=disabled",)  # of a failure: minutes, of large arrays
SYRUPY = Project("syrupy, np.save in single files", SINGLE_FILE, "", ("syrupy",), UPDATE, NO_DIFF)
AMBER_RUN = Project("syrupy, amber text", AMBER, "", ("syrupy",), UPDATE, NO_DIFF)
NDARRAYS = Project(
    "pytest-regressions, ndarrays_regression",
    REGRESSIONS,
    "",
    ("pytest_datadir.plugin", "pytest_regressions.plugin"),
    ("--force-regen",),
)


def _arraydiff(kind: str) -> Project:
    return Project(
        f"pytest-arraydiff, {kind}",
        ARRAYDIFF.replace("FORMAT", repr(kind)),
        "",
        ("pytest_arraydiff.plugin",),
        ("--arraydiff-generate-path=reference",),
        ("--arraydiff",),
    )


ARRAYDIFF_FITS, ARRAYDIFF_TEXT = _arraydiff("fits"), _arraydiff("text")
