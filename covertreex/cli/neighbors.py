"""The commands ``neighbors``, ``build`` and ``query``: points in, a tree, neighbours out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import typer

from ..errors import IndexRangeError, ParameterError
from ..metrics._arguments import F64, I64, as_integer
from . import writing
from .console import Report
from .failures import usage, writing_to
from .interrupts import interruptible
from .meaning import MetricOptions, RuntimeOptions, ranges_of
from .reading import Points, read_points, same_columns
from .searching import search
from .standard import refuse_closed_output

if TYPE_CHECKING:
    from ..runtime import Runtime
    from ..tree import CoverTree

__all__ = ["Question", "Source", "build", "neighbors", "query"]

TREE_SUFFIX = ".covertree"

MOST = 2**31 - 1
"""Largest k: beyond it not even one query's neighbours could be meant."""


@dataclass(frozen=True)
class Source:
    """Where points are read from, and which columns or array of it, or of a file of queries."""

    path: Path
    columns: str | None
    key: str | None
    queries_key: str | None = None

    def read(self, width: int | None = None) -> Points:
        """Read this file."""
        return self._read(self.path, self.key, width)

    def read_queries(self, path: Path, width: int) -> Points:
        """Read another file with the same columns."""
        key = self.queries_key
        if key is None and path.suffix.lower() == ".npz":
            key = self.key
        return self._read(path, key, width)

    def _read(self, path: Path, key: str | None, width: int | None) -> Points:
        wanted = None if self.columns is None else [c.strip() for c in self.columns.split(",")]
        return read_points(path, columns=wanted, key=key, width=width)


@dataclass(frozen=True)
class Question:
    """Whose neighbours are wanted, how many, and where they go."""

    k: int
    ids: str | None
    queries: Path | None
    predecessors: bool
    output: Path | None
    force: bool

    def refuse_nonsense(self, report: Report, *inputs: Path) -> None:
        """Raise before anything is read, if the options cannot be meant."""
        with usage("-k"):
            as_integer(self.k, "k", 1, MOST)
        if self.ids is not None:
            ranges_of(self.ids)
            if self.queries is not None:
                raise typer.BadParameter("give --ids or --queries, not both", param_hint="--ids")
        if self.predecessors and self.queries is not None:
            raise typer.BadParameter(
                "points of another file have no place in the order of ids, so none come before "
                "them; give --ids, or neither",
                param_hint="--predecessors",
            )
        if self.output is not None:
            read = (*inputs, self.queries)
            writing.refuse_output(self.output, writing.SUFFIXES, force=self.force, inputs=read)
        elif report.as_json:
            raise typer.BadParameter(
                "the neighbours would be written among the JSON; give --output", param_hint="--json"
            )
        else:
            refuse_closed_output()

    def refuse_k(self, n: int, path: Path) -> None:
        """Raise if there are fewer points than neighbours wanted; predecessors may be fewer."""
        if self.k > n and not self.predecessors:
            raise ParameterError(
                f"k is {self.k}, but {path} has {n} points; give -k within 1 and {n}"
            )

    def asked(self, tree: CoverTree, queries: Points | None) -> tuple[I64, I64 | F64]:
        """Return what each query is called, and what is searched for: ids, or coordinates."""
        if queries is not None:
            return np.arange(len(queries.array)), queries.array
        if self.ids is None:
            return tree.ids, tree.ids
        named = ranges_of(self.ids)
        if (last := max(part.stop for part in named) - 1) >= tree.next_id:
            raise IndexRangeError(f"--ids names {last}; ids lie within 0 and {tree.next_id - 1}")
        ids = np.concatenate([np.arange(part.start, part.stop) for part in named])
        return ids, ids


def neighbors(
    source: Source,
    question: Question,
    metric: MetricOptions,
    engine: RuntimeOptions,
    report: Report,
) -> None:
    """Read points, build a tree, search it, and write the neighbours."""
    how = engine.runtime_of(metric)
    question.refuse_nonsense(report, source.path)
    with report.warnings_shown():
        with report.phase("read"):
            data = source.read()
            question.refuse_k(len(data.array), data.path)
            queries = None
            if question.queries is not None:
                queries = source.read_queries(question.queries, data.array.shape[1])
                same_columns(data, queries)
        with report.phase("build"):
            tree = _grown(data, metric, how)
        _answer(tree, question, queries, report, source.path)


def build(
    source: Source,
    output: Path,
    metric: MetricOptions,
    engine: RuntimeOptions,
    report: Report,
    *,
    force: bool,
) -> None:
    """Read points, build a tree, and save it."""
    how = engine.runtime_of(metric)
    writing.refuse_output(output, (TREE_SUFFIX,), force=force, inputs=(source.path,))
    with report.warnings_shown():
        with report.phase("read"):
            data = source.read()
        with report.phase("build"):
            tree = _grown(data, metric, how)
        with report.phase("save"), writing_to():
            tree.save(output, force=force)
    summary = _summary(tree, report) | {"output": str(output)}
    report.note(_described(tree, source.path) | _times(report) | _size(output))
    report.result(summary)


def query(
    saved: Path, source: Source | None, question: Question, engine: RuntimeOptions, report: Report
) -> None:
    """Load a tree, search it, and write the neighbours."""
    from ..tree import CoverTree

    engine.runtime()  # a name that is unknown is known before the file is read
    question.refuse_nonsense(report, saved)
    with report.warnings_shown():
        with report.phase("load"):
            tree = engine.applied_to(interruptible(lambda: CoverTree.load(saved)))
            question.refuse_k(len(tree), saved)
        queries = None
        if source is not None:
            with report.phase("read"):
                queries = source.read(width=tree.points.shape[1])
        _answer(tree, question, queries, report, saved)


def _grown(data: Points, metric: MetricOptions, how: Runtime) -> CoverTree:
    from ..api import cover_tree

    return interruptible(lambda: cover_tree(data.array, metric.kernel, runtime=how, **metric.more))


def _answer(
    tree: CoverTree, question: Question, queries: Points | None, report: Report, origin: Path
) -> None:
    """Search, write, and say what was done."""
    names, asked = question.asked(tree, queries)
    with report.phase("search", len(names)) as advance:
        indices, distances = search(
            tree, asked, k=question.k, predecessors=question.predecessors, advance=advance
        )
    with report.phase("write"):
        found = writing.Found(names, indices, distances)
        writing.write(found, question.output, force=question.force)
    rate = len(names) / report.seconds["search"]
    output = question.output
    report.note(
        _described(tree, origin)
        | {
            "search": f"{len(names):,} queries, k = {question.k}, "
            f"{tree.runtime.resolved_engine}: {rate:,.0f} queries/s"
        }
        | _times(report)
        | ({} if output is None else _size(output))
    )
    report.result(
        _summary(tree, report)
        | {
            "queries": len(names),
            "k": question.k,
            "predecessors": question.predecessors,
            "rate": rate,
            "output": None if output is None else str(output),
        }
    )


def _summary(tree: CoverTree, report: Report) -> dict[str, Any]:
    """Return what every command tells of its tree, as JSON values."""
    n, d = tree.points.shape
    metric: dict[str, Any] = {"metric": "euclidean"}
    if tree.residual is not None:
        kernel = tree.residual.kernel
        metric = {
            "metric": "residual",
            "kernel": {
                "name": kernel.name,
                "lengthscale": kernel.lengthscale,
                "variance": kernel.variance,
            },
            "inducing": tree.residual.v_matrix.shape[1],
            "block_dtype": tree.residual.block_dtype,
        }
    return {
        "n": n,
        "d": d,
        **metric,
        "engine": tree.runtime.resolved_engine,
        "threads": tree.runtime.threads,
        "seconds": sum(report.seconds.values()),
        "phases": dict(report.seconds),
    }


def _described(tree: CoverTree, origin: Path) -> dict[str, str]:
    n, d = tree.points.shape
    metric = "Euclidean distance"
    if tree.residual is not None:
        m = tree.residual.v_matrix.shape[1]
        metric = f"residual correlation, {tree.residual.kernel!r}, {m} inducing points"
    return {"points": f"{n:,} of {d} coordinates, {origin}", "metric": metric}


def _times(report: Report) -> dict[str, str]:
    return {"time": ", ".join(f"{name} {s:.2f} s" for name, s in report.seconds.items())}


def _size(path: Path) -> dict[str, str]:
    return {"output": f"{path}, {path.stat().st_size / 1e6:,.1f} MB"}
