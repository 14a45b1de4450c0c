"""The suite: covertreex's reference engine, its candidate, and what a green run proves."""

import functools
import inspect
from pathlib import Path
from types import SimpleNamespace

import covertreex
from covertreex import _rust
from covertreex.metrics import _residual_numba, _residual_rust
from covertreex.testing import Policy, Suite

from .cases import CASES, float64_twin
from .indexed import ENGINE
from .inputs import make_inputs
from .stages import STAGES

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def _cpu() -> dict[str, object]:
    return {"level": _rust.best_level(), "features": _rust.cpu_features()}


def _stamp_files() -> dict[str, Path]:
    package = Path(covertreex.__file__).parent
    sources = [*package.rglob("*.py"), *package.rglob("*.pyi")]
    files = {path.relative_to(package.parent).as_posix(): path for path in sorted(sources)}
    suite = {path.relative_to(ROOT).as_posix(): path for path in sorted(HERE.glob("*.py"))}
    return {"extension": Path(_rust.__file__), **files, **suite}


def _reproduce(case: str) -> str:
    end = "-" if case in CASES else ""  # one case's name may begin another's
    return f'nox -s parity -- -k "{case}{end}"'


def _on_threads(count):
    """Return the reference held to a number of threads, which changes no bit."""
    stages = {name: getattr(_residual_numba, name) for name in _residual_numba.__all__}
    for name, stage in stages.items():
        if "threads" in inspect.signature(stage).parameters:
            stages[name] = functools.partial(stage, threads=count)
    return SimpleNamespace(**stages)


def recall_at_k(own, true):
    """Share of the true neighbours among one's own, both (q, k) ids."""
    hits = (own[:, :, None] == true[:, None, :]).any(axis=1)
    return hits.mean()


SUITE = Suite(
    root=ROOT / "snapshots",
    cases=CASES,
    inputs=make_inputs,
    stages=STAGES,
    reference=("numba", _residual_numba),
    candidates={"rust": _residual_rust, "rust index": ENGINE},
    reruns={f"threads={count}": _on_threads(count) for count in (1, 2, 7)},
    policy=Policy.load(HERE / "policy.toml"),
    twin=float64_twin,
    quality={"knn_indices": recall_at_k},
    cpu=_cpu,
    stamp_files=_stamp_files,
    reproduce=_reproduce,
)
