"""The command ``doctor``: this machine, both engines on small cases, and the precision of data."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..errors import EngineUnavailableError
from ..metrics._arguments import as_threads
from ..metrics._engines import ENGINES, engine_named
from . import selfcheck
from .console import Report
from .failures import usage
from .interrupts import interruptible
from .meaning import MetricOptions
from .neighbors import Source
from .precision import Precision, precision_of
from .standard import standard_output

__all__ = ["doctor"]

PACKAGES = ("numpy", "numba", "llvmlite", "typer", "rich", "pyarrow", "scikit-learn", "dask", "nox")


def doctor(
    source: Source | None, metric: MetricOptions, threads: int | None, report: Report
) -> bool:
    """Examine, and show what was found; return whether the engines agree.

    Raises
    ------
    EngineUnavailableError
        After all else was shown, if an engine cannot be loaded: nothing can then be compared.
    """
    with usage("--threads"):
        as_threads(threads)
    with report.warnings_shown():
        machine = _machine()
        engines = {name: _state(name) for name in ENGINES}
        missing = [name for name, state in engines.items() if state != "ready"]
        parity = {} if missing else _parity(report)
        precision = None if source is None else _precision(source, metric, threads, report)
    agree = not any(parity.values())
    if report.as_json:
        figures = None if precision is None else {**asdict(precision), "advice": precision.advice}
        report.result(
            {
                **machine,
                "engines": engines,
                "self_parity": parity,
                "agree": agree and not missing,
                "precision": figures,
            }
        )
    else:
        _show(machine, engines, parity, precision)
    if missing:
        raise EngineUnavailableError(engines[missing[0]])
    return agree


def _machine() -> dict[str, Any]:
    versions: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "covertreex": metadata.version("covertreex"),
        "python": platform.python_version(),
        "versions": versions,
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": cores,
        "cpu": _cpu(),
    }


def _cpu() -> dict[str, Any] | None:
    """Return what the extension sees and uses of the CPU; nothing if it cannot be loaded."""
    try:
        from .. import _rust
    except ImportError:
        return None  # the engines' own state says why
    return {
        "features": _rust.cpu_features(),
        "levels": _rust.levels(),
        "level": _rust.best_level(),
        "build": _rust.build_profile(),
    }


def _state(engine: str) -> str:
    try:
        engine_named(engine)
    except EngineUnavailableError as error:
        return " ".join(str(error).split())
    return "ready"


def _parity(report: Report) -> dict[str, str]:
    """Where the engines part in each case."""
    with report.phase("comparing engines (Numba compiles when it is first used)"):
        return interruptible(lambda: {case.name: where for case, where in selfcheck.check()})


def _precision(
    source: Source, metric: MetricOptions, threads: int | None, report: Report
) -> Precision:
    from ..kernels import Matern52
    from ..metrics.residual.backend import build_residual_backend

    with report.phase("reading"):
        data = source.read()
    with report.phase("factoring"):
        return interruptible(
            lambda: precision_of(
                build_residual_backend(
                    data.array, kernel=metric.kernel or Matern52(), threads=threads, **metric.more
                )
            )
        )


def _show(
    machine: Mapping[str, Any],
    engines: Mapping[str, str],
    parity: Mapping[str, str],
    precision: Precision | None,
) -> None:
    console = Console(highlight=False)
    grid = Table.grid(padding=(0, 2))
    rows = _machine_rows(machine) + [(name, state) for name, state in engines.items()]
    rows += [(f"parity, {name}", where or "every bit is equal") for name, where in parity.items()]
    rows += [] if precision is None else _precision_rows(precision)
    bad = {state for state in engines.values() if state != "ready"} | set(parity.values())
    for name, text in rows:
        grid.add_row(Text(name, "bold cyan"), Text(text, "bold red" if text in bad else ""))
    with standard_output():
        console.print(grid, soft_wrap=not console.is_terminal)


def _machine_rows(machine: Mapping[str, Any]) -> list[tuple[str, str]]:
    versions = machine["versions"].items()
    cpu = machine["cpu"]
    rows = [
        ("covertreex", f"{machine['covertreex']}, Python {machine['python']}"),
        ("packages", ", ".join(f"{name} {number}" for name, number in versions if number)),
        ("not there", ", ".join(name for name, number in versions if not number) or "none"),
        ("machine", f"{machine['platform']}, {machine['cores']} cores for this process"),
    ]
    if cpu is not None:
        rows += [
            ("CPU", " ".join(cpu["features"]) or "none of the features asked for"),
            (
                "Rust",
                f"uses {cpu['level']}, of {', '.join(cpu['levels'])}; a {cpu['build']} build",
            ),
        ]
    return rows


def _precision_rows(precision: Precision) -> list[tuple[str, str]]:
    return [
        ("data", f"{precision.n:,} points of {precision.d} coordinates"),
        ("duplicates", f"{precision.duplicates:,}"),
        ("float32", f"cannot resolve {precision.unresolved_share:.1%} of the points"),
        ("p_diag", f"median {precision.median_p_diag:.3g} of the variance"),
        ("advice", precision.advice),
    ]
