"""The options that commands share: how each is written, completed and understood.

What the library refuses here is an error of the command line, and blamed on the option.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .failures import usage

if TYPE_CHECKING:
    from ..kernels import Kernel
    from ..runtime import Runtime
    from ..tree import CoverTree

_METRIC, _SEARCH, _OUTPUT, _INPUT = "Metric", "Engine", "Output", "Input"

METRICS = ("residual", "euclidean")


def _kernels() -> list[str]:
    from ..kernels import KERNELS

    return list(KERNELS)


def _engines() -> list[str]:
    from ..metrics._engines import ENGINES

    return list(ENGINES)


def _profiles() -> list[tuple[str, str]]:
    from ..runtime import Runtime

    return list(Runtime.profiles().items())


def _option(*names: str, panel: str, help: str, **more: Any) -> Any:  # noqa: A002
    return typer.Option(*names, help=help, rich_help_panel=panel, **more)


Input = Annotated[
    Path,
    typer.Argument(
        metavar="INPUT",
        help="Points, a row each: .npy, .npz, .csv, .tsv or .parquet.",
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
    int, typer.Option("-k", "--neighbors", metavar="K", min=1, help="How many neighbours.")
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
    _option("--variance", panel=_METRIC, help="Covariance at distance 0.", show_default="1.0"),
]
Inducing = Annotated[
    int | None,
    _option("--inducing", panel=_METRIC, help="How many inducing points.", show_default="512"),
]
Seed = Annotated[
    int | None,
    _option("--seed", panel=_METRIC, help="Of the draw of inducing points.", show_default="0"),
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
    _option("--threads", panel=_SEARCH, help="How many.", show_default="one a core"),
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


@dataclass(frozen=True)
class MetricOptions:
    """What a metric is made of; without a kernel, the Euclidean one."""

    kernel: Kernel | None
    more: dict[str, Any]

    @classmethod
    def of(
        cls,
        metric: str,
        kernel: str | None,
        lengthscale: str | None,
        variance: float | None,
        inducing: int | None,
        seed: int | None,
        block_dtype: str | None,
    ) -> MetricOptions:
        """Understand the options of the panel Metric."""
        from ..kernels import KERNELS, kernel_from_name
        from ..metrics._arguments import as_block_dtype, as_choice, as_integer

        with usage("--metric"):
            as_choice(metric, "metric", METRICS)
        given = {
            "--kernel": kernel,
            "--lengthscale": lengthscale,
            "--variance": variance,
            "--inducing": inducing,
            "--seed": seed,
            "--block-dtype": block_dtype,
        }
        if metric == "euclidean":
            for option, value in given.items():
                if value is not None:
                    raise typer.BadParameter(
                        "the Euclidean metric takes none; leave it out", param_hint=option
                    )
            return cls(None, {})
        with usage("--kernel"):
            name = as_choice("matern52" if kernel is None else kernel, "kernel", tuple(KERNELS))
        scale = 1.0 if lengthscale is None else _scales(lengthscale)
        with usage("--lengthscale"):
            chosen = kernel_from_name(name, lengthscale=scale, variance=1.0)
        with usage("--variance"):
            number = 1.0 if variance is None else variance
            chosen = kernel_from_name(name, lengthscale=scale, variance=number)
        with usage("--inducing"):
            count = as_integer(512 if inducing is None else inducing, "inducing", 1)
        with usage("--seed"):
            drawn = as_integer(0 if seed is None else seed, "seed", 0, 2**64 - 1)
        with usage("--block-dtype"):
            dtype = as_block_dtype("float64" if block_dtype is None else block_dtype)
        return cls(chosen, {"inducing_count": count, "seed": drawn, "block_dtype": dtype})


def _scales(text: str) -> float | tuple[float, ...]:
    try:
        scales = tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is not a number, or numbers separated by commas", param_hint="--lengthscale"
        ) from error
    return scales[0] if len(scales) == 1 else scales


@dataclass(frozen=True)
class RuntimeOptions:
    """Options of the panel Engine, before it is known what they are applied to."""

    profile: str | None
    overrides: list[str] | None
    engine: str | None
    threads: int | None

    def runtime(self) -> Runtime:
        """Return the runtime they make."""
        from ..runtime import Runtime

        with usage("--profile"):
            Runtime.from_profile(self.profile or "default")
        with usage("--set"):
            how = Runtime.from_profile(self.profile or "default", self.overrides or ())
        return self._updated(how)

    def applied_to(self, tree: CoverTree) -> CoverTree:
        """Return a saved tree with what these options change of its own runtime."""
        if self.profile is None and not self.overrides:
            return tree.searched_by(self._updated(tree.runtime))
        return tree.searched_by(self.runtime().with_updates(metric=tree.runtime.metric))

    def _updated(self, how: Runtime) -> Runtime:
        if self.engine is not None:
            with usage("--engine"):
                how = how.with_updates(engine=self.engine)
        if self.threads is not None:
            with usage("--threads"):
                how = how.with_updates(threads=self.threads)
        return how


def ranges_of(text: str) -> list[range]:
    """Return the ranges of ids that ``0,7,10:20`` names."""
    ranges = []
    for part in text.split(","):
        bounds = [bound.strip() for bound in part.split(":")]
        if len(bounds) > 2 or not all(bound.isascii() and bound.isdigit() for bound in bounds):
            raise typer.BadParameter(
                f"{part!r} is no id such as 7, and no range such as 10:20", param_hint="--ids"
            )
        named = range(int(bounds[0]), int(bounds[-1]) + (len(bounds) == 1))
        if not named:
            raise typer.BadParameter(f"the range {part!r} is empty", param_hint="--ids")
        ranges.append(named)
    return ranges
