"""What options mean: text becomes kernels, runtimes and ids.

What the library refuses here is an error of the command line, and blamed on the option.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from .._text import shown, whole_number
from .failures import usage

if TYPE_CHECKING:
    from ..kernels import Kernel
    from ..runtime import Runtime
    from ..tree import CoverTree

__all__ = ["METRICS", "MetricOptions", "RuntimeOptions", "ranges_of"]

METRICS = ("residual", "euclidean")


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
            f"{shown(text)} is not a number, or numbers separated by commas",
            param_hint="--lengthscale",
        ) from error
    return scales[0] if len(scales) == 1 else scales


@dataclass(frozen=True)
class RuntimeOptions:
    """Options of the panel Engine, before it is known what they are applied to."""

    profile: str | None
    overrides: list[str] | None
    engine: str | None
    threads: int | None

    def runtime_of(self, metric: MetricOptions) -> Runtime:
        """Return the runtime they make, for points under that metric."""
        how = self.runtime()
        if metric.kernel is None:
            self._refuse_metric(how, "euclidean", "use --metric residual")
        else:
            self._refuse_metric(how, "residual_correlation", "use --metric euclidean")
        return how

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
        how, metric = self.runtime(), tree.runtime.metric
        self._refuse_metric(how, metric, f"the tree was built for {metric}; leave it out")
        return tree.searched_by(how.with_updates(metric=metric))

    def _refuse_metric(self, how: Runtime, metric: str, remedy: str) -> None:
        """Raise if --set names another metric than that of the points: it would be overruled."""
        named = {text.partition("=")[0].strip() for text in self.overrides or ()}
        if "metric" in named and how.metric != metric:
            raise typer.BadParameter(
                f"metric={how.metric} cannot choose the metric; {remedy}", param_hint="--set"
            )

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
        bounds = [whole_number(bound.strip()) for bound in part.split(":")]
        first, last = bounds[0], bounds[-1]
        if len(bounds) > 2 or first is None or last is None or first < 0:
            raise typer.BadParameter(
                f"{shown(part)} is no id such as 7, and no range such as 10:20", param_hint="--ids"
            )
        named = range(first, last + (len(bounds) == 1))
        if not named:
            raise typer.BadParameter(f"the range {shown(part)} is empty", param_hint="--ids")
        ranges.append(named)
    return ranges
