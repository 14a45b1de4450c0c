"""The options that commands share, as typer shows, completes and reads them.

What completes imports what it completes from when it is asked to, so that ``--help`` need not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .._text import DIGITS, shown, whole_number
from .meaning import METRICS

_METRIC, _SEARCH, _OUTPUT, _INPUT = "Metric", "Engine", "Output", "Input"


def _kernels() -> list[str]:
    from ..kernels import KERNELS

    return list(KERNELS)


def _engines() -> list[str]:
    from ..metrics._engines import ENGINES

    return list(ENGINES)


def _profiles() -> list[tuple[str, str]]:
    from ..runtime import Runtime

    return list(Runtime.profiles().items())


def _integer(text: str) -> int:
    number = whole_number(text.strip().removeprefix("+"))
    if number is None:
        raise typer.BadParameter(f"{shown(text)} is no whole number of at most {DIGITS} digits")
    return number


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise typer.BadParameter(f"{shown(text)} is no number") from error


def _option(*names: str, panel: str, help: str, **more: Any) -> Any:  # noqa: A002
    return typer.Option(*names, help=help, rich_help_panel=panel, **more)


Input = Annotated[
    Path,
    typer.Argument(
        metavar="INPUT",
        help="Points, a row each: .npy, .npz, .csv, .tsv or .parquet. The first line of text is "
        "a header if none of its cells is a number: years as names would be a point.",
        show_default=False,
    ),
]
Saved = Annotated[
    Path, typer.Argument(metavar="TREE", help="A tree that build saved.", show_default=False)
]
Columns = Annotated[
    str | None,
    _option(
        "--columns",
        panel=_INPUT,
        metavar="X,Y,..",
        help="Columns that are coordinates, in order: names, or numbers from 0 where there are "
        "none. By default all.",
    ),
]
Key = Annotated[
    str | None,
    _option("--key", panel=_INPUT, metavar="NAME", help="Which array of an npz."),
]
Queries = Annotated[
    Path | None,
    _option(
        "--queries",
        panel=_INPUT,
        metavar="FILE",
        help="Points whose neighbours are wanted; by default all points of the input.",
    ),
]
QueriesKey = Annotated[
    str | None,
    _option(
        "--queries-key",
        panel=_INPUT,
        metavar="NAME",
        help="Which array of an npz of --queries; by default that of --key.",
    ),
]
Ids = Annotated[
    str | None,
    _option(
        "--ids",
        panel=_INPUT,
        metavar="0,7,10:20",
        help="Ids, from 0, and ranges of ids whose neighbours are wanted; the end of a range is "
        "not in it.",
    ),
]
K = Annotated[
    int,
    typer.Option("-k", "--neighbors", metavar="K", parser=_integer, help="How many neighbours."),
]
Predecessors = Annotated[
    bool,
    typer.Option(
        "--predecessors", help="Only among points of a lower id, as Vecchia's approximation wants."
    ),
]
Metric = Annotated[
    str,
    _option(
        "--metric",
        panel=_METRIC,
        help="residual: sqrt(1 - |rho|) of a Gaussian process; or euclidean.",
        autocompletion=lambda: list(METRICS),
    ),
]
KernelName = Annotated[
    str | None,
    _option(
        "--kernel",
        panel=_METRIC,
        help="rbf, matern12, matern32 or matern52.",
        show_default="matern52",
        autocompletion=_kernels,
    ),
]
Lengthscale = Annotated[
    str | None,
    _option(
        "--lengthscale",
        panel=_METRIC,
        metavar="L[,L..]",
        help="In the units of the points: one, or one for each column.",
        show_default="1.0",
    ),
]
Variance = Annotated[
    float | None,
    _option(
        "--variance",
        panel=_METRIC,
        parser=_number,
        metavar="V",
        help="Covariance at distance 0.",
        show_default="1.0",
    ),
]
Inducing = Annotated[
    int | None,
    _option(
        "--inducing",
        panel=_METRIC,
        parser=_integer,
        metavar="M",
        help="How many inducing points.",
        show_default="512",
    ),
]
Seed = Annotated[
    int | None,
    _option(
        "--seed",
        panel=_METRIC,
        parser=_integer,
        metavar="SEED",
        help="Of the draw of inducing points.",
        show_default="0",
    ),
]
BlockDtype = Annotated[
    str | None,
    _option(
        "--block-dtype",
        panel=_METRIC,
        help="float64; or float32, half the memory, where `doctor` finds that it resolves them.",
        show_default="float64",
        autocompletion=lambda: ["float64", "float32"],
    ),
]
Engine = Annotated[
    str | None,
    _option(
        "--engine",
        panel=_SEARCH,
        help="rust-hilbert, rust-natural or python-numba: the same bits from each.",
        show_default="rust-hilbert",
        autocompletion=_engines,
    ),
]
Threads = Annotated[
    int | None,
    _option(
        "--threads",
        panel=_SEARCH,
        parser=_integer,
        metavar="N",
        help="How many.",
        show_default="one a core",
    ),
]
ProfileName = Annotated[
    str | None,
    _option(
        "--profile",
        panel=_SEARCH,
        metavar="NAME",
        help="Named options of the runtime.",
        autocompletion=_profiles,
    ),
]
Overrides = Annotated[
    list[str] | None,
    _option(
        "--set",
        panel=_SEARCH,
        metavar="NAME=VALUE",
        help="An option of the runtime; may be given again.",
    ),
]
Output = Annotated[
    Path | None,
    _option(
        "--output",
        "-o",
        panel=_OUTPUT,
        metavar="FILE",
        help="A .npz, .parquet or .csv; by default a csv on the standard output.",
    ),
]
TreeOutput = Annotated[
    Path,
    _option(
        "--output",
        "-o",
        panel=_OUTPUT,
        metavar="FILE",
        help="The file to save, .covertree.",
        show_default=False,
    ),
]
Force = Annotated[bool, _option("--force", panel=_OUTPUT, help="Replace an output that is there.")]
Json = Annotated[
    bool,
    _option("--json", panel=_OUTPUT, help="A summary as one JSON object on the standard output."),
]
Quiet = Annotated[bool, _option("--quiet", "-q", panel=_OUTPUT, help="No progress and no summary.")]
NoProgress = Annotated[
    bool, _option("--quiet", "-q", panel=_OUTPUT, help="No progress; what is found is shown.")
]
