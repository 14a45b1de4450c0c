"""The commands as typer sees them: a name, options, a sentence each; and what errors become.

Nothing here computes, and what does is imported when a command runs: ``--help`` and completion
load neither an engine nor NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
import typer.core

from ..errors import CovertreexError, InternalError
from . import options as o
from .console import Report, show_error
from .exits import Exit
from .failures import exit_code_of, line_of
from .meaning import MetricOptions, RuntimeOptions
from .standard import standard_output

__all__ = ["app", "run"]

_CODES = "\n\n".join(f"{code.value:>3}  {code.says}" for code in Exit)
_EPILOG = f"[bold]Exit codes[/bold]\n\n{_CODES}"


class _Commands(typer.core.TyperGroup):
    """All commands, whose help may meet a full disk like any other output."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        with standard_output():
            super().format_help(ctx, formatter)


class _Command(typer.core.TyperCommand):
    """One command; the same."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        with standard_output():
            super().format_help(ctx, formatter)


app = typer.Typer(
    name="covertreex",
    cls=_Commands,
    help="Nearest neighbours by Gaussian-process residual correlation.",
    epilog=_EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
_FOREIGN = {"allow_extra_args": True, "ignore_unknown_options": True}

F = TypeVar("F", bound=Callable[..., None])


def _command(**settings: Any) -> Callable[[F], F]:
    """Register a command; its docstring is its help, each paragraph wrapped by the terminal."""

    def register(function: F) -> F:
        paragraphs = (function.__doc__ or "").split("\n\n")
        told = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
        return app.command(help=told, cls=_Command, **settings)(function)

    return register


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    command = typer.main.get_command(app)
    try:
        code = command.main(
            None if arguments is None else list(arguments),
            prog_name="covertreex",
            standalone_mode=False,
        )
    except typer.TyperException as error:
        if line := " ".join(error.format_message().split()):
            show_error(line)
        return Exit.USAGE
    except InternalError:
        raise
    except (CovertreexError, OSError, MemoryError) as error:
        show_error(line_of(error))
        return exit_code_of(error)
    return code if isinstance(code, int) else Exit.OK


def _version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        with standard_output() as file:
            file.write(f"covertreex {metadata.version('covertreex')}\n")
        raise typer.Exit


@app.callback()
def covertreex(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Nearest neighbours by Gaussian-process residual correlation."""


@_command()
def neighbors(
    source: o.Input,
    k: o.K,
    queries: o.Queries = None,
    queries_key: o.QueriesKey = None,
    ids: o.Ids = None,
    predecessors: o.Predecessors = False,
    columns: o.Columns = None,
    key: o.Key = None,
    metric: o.Metric = "residual",
    kernel: o.KernelName = None,
    lengthscale: o.Lengthscale = None,
    variance: o.Variance = None,
    inducing: o.Inducing = None,
    seed: o.Seed = None,
    block_dtype: o.BlockDtype = None,
    engine: o.Engine = None,
    threads: o.Threads = None,
    profile: o.ProfileName = None,
    overrides: o.Overrides = None,
    output: o.Output = None,
    force: o.Force = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Find the k nearest neighbours of points.

    The output has a row for each neighbour, nearest first: query, rank (from 1), neighbor and
    distance; an npz has the arrays queries (q), indices and distances (q, k). Ids count points
    from 0. A point is its own first neighbour, except among its predecessors; where there are
    fewer than k of these, a table has fewer rows, and an npz has -1 at infinity.
    """
    from . import neighbors as commands

    if queries is None and queries_key is not None:
        raise typer.BadParameter(
            "it chooses from the file of --queries, and there is none", param_hint="--queries-key"
        )
    commands.neighbors(
        commands.Source(source, columns, key, queries_key),
        commands.Question(k, ids, queries, predecessors, output, force),
        MetricOptions.of(metric, kernel, lengthscale, variance, inducing, seed, block_dtype),
        RuntimeOptions(profile, overrides, engine, threads),
        Report(quiet=quiet, as_json=json),
    )


@_command()
def build(
    source: o.Input,
    output: o.TreeOutput,
    columns: o.Columns = None,
    key: o.Key = None,
    metric: o.Metric = "residual",
    kernel: o.KernelName = None,
    lengthscale: o.Lengthscale = None,
    variance: o.Variance = None,
    inducing: o.Inducing = None,
    seed: o.Seed = None,
    block_dtype: o.BlockDtype = None,
    engine: o.Engine = None,
    threads: o.Threads = None,
    profile: o.ProfileName = None,
    overrides: o.Overrides = None,
    force: o.Force = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Build a tree of points and save it, for `covertreex query`."""
    from . import neighbors as commands

    commands.build(
        commands.Source(source, columns, key),
        output,
        MetricOptions.of(metric, kernel, lengthscale, variance, inducing, seed, block_dtype),
        RuntimeOptions(profile, overrides, engine, threads),
        Report(quiet=quiet, as_json=json),
        force=force,
    )


@_command()
def query(
    saved: o.Saved,
    k: o.K,
    queries: o.Queries = None,
    ids: o.Ids = None,
    predecessors: o.Predecessors = False,
    columns: o.Columns = None,
    key: o.Key = None,
    engine: o.Engine = None,
    threads: o.Threads = None,
    profile: o.ProfileName = None,
    overrides: o.Overrides = None,
    output: o.Output = None,
    force: o.Force = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Find the k nearest neighbours in a tree that `covertreex build` saved.

    The output is that of `covertreex neighbors`. Options of the panel Engine replace those that
    the tree was saved with; none changes the answer.
    """
    from . import neighbors as commands

    if queries is None and (columns, key) != (None, None):
        raise typer.BadParameter(
            "they choose from the file of --queries, and there is none",
            param_hint="--columns / --key",
        )
    commands.query(
        saved,
        None if queries is None else commands.Source(queries, columns, key),
        commands.Question(k, ids, queries, predecessors, output, force),
        RuntimeOptions(profile, overrides, engine, threads),
        Report(quiet=quiet, as_json=json),
    )


@_command()
def doctor(
    data: Annotated[
        Path | None,
        typer.Argument(metavar="[DATA]", help="Points to judge the precision of."),
    ] = None,
    columns: o.Columns = None,
    key: o.Key = None,
    kernel: o.KernelName = None,
    lengthscale: o.Lengthscale = None,
    variance: o.Variance = None,
    inducing: o.Inducing = None,
    seed: o.Seed = None,
    threads: o.Threads = None,
    json: o.Json = False,
    quiet: o.NoProgress = False,
) -> None:
    """Look at this machine, and at data if they are given.

    Shows versions, CPU features and engines; lets both engines answer a small case, and compares
    every bit; says which precision the data need.
    """
    from . import doctor as commands
    from .neighbors import Source

    agree = commands.doctor(
        None if data is None else Source(data, columns, key),
        MetricOptions.of("residual", kernel, lengthscale, variance, inducing, seed, None),
        threads,
        Report(quiet=quiet, as_json=json),
    )
    if not agree:
        raise typer.Exit(Exit.DIFFERS)


@_command(context_settings=_FOREIGN)
def parity(context: typer.Context) -> None:
    """Prove a checkout's build: `nox -s parity` with these arguments."""
    from .checkout import run_session

    run_session("parity", context.args)


@_command(context_settings=_FOREIGN)
def bench(context: typer.Context) -> None:
    """Run a checkout's benchmark: `nox -s bench` with these arguments."""
    from .checkout import run_session

    run_session("bench", context.args)
