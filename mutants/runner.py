"""Runs mutants: each in one of a few scratch copies of the project, under a limit of CPU time.

A copy is made once a job and keeps its build products, so that a mutant costs what its one change
costs. Before the first mutant the copy itself must pass every judge.
"""

from __future__ import annotations

import math
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from .judges import UNVIABLE, Judge
from .mutant import Mutant

COPIED = ("Cargo.toml", "Cargo.lock", "README.md", "pyproject.toml", "src", "covertreex", "mutants",
          "snapshots", "tests")  # fmt: skip
_CACHED, _UNCACHED = "cache=True", "cache=False"
_OUT_OF_TIME = (-signal.SIGXCPU, 128 + signal.SIGXCPU, -signal.SIGKILL)


class BaselineError(Exception):
    """The sources as they stand do not pass a judge."""


@dataclass(frozen=True)
class Result:
    """What became of a mutant: ``caught``, ``survived`` or ``unviable`` (it does not compile)."""

    mutant: Mutant
    outcome: str
    judge: str = ""
    timed_out: bool = False
    seconds: float = 0.0


class Tree:
    """A scratch copy of the project."""

    def __init__(self, project: Path, root: Path) -> None:
        self.root = root
        ignored = shutil.ignore_patterns("__pycache__")
        for name in COPIED:
            if (project / name).is_dir():
                shutil.copytree(project / name, root / name, ignore=ignored)
            else:
                root.mkdir(parents=True, exist_ok=True)
                shutil.copy2(project / name, root / name)

    def judged(self, mutant: Mutant, judges: Sequence[Judge], limit: float) -> Result:
        """Make the change, ask the judges in turn, take it back."""
        path = self.root / mutant.path
        original = path.read_bytes()
        # A cached function would be the one of another mutant.
        path.write_text(mutant.source.replace(_CACHED, _UNCACHED), "utf-8")
        start = time.monotonic()
        try:
            outcome, judge, timed_out = self._verdict(mutant, judges, limit)
        finally:
            path.write_bytes(original)
        return Result(mutant, outcome, judge, timed_out, round(time.monotonic() - start, 1))

    def _verdict(
        self, mutant: Mutant, judges: Sequence[Judge], limit: float
    ) -> tuple[str, str, bool]:
        function = mutant.name.partition(" ")[2].partition(":")[0]
        for judge in judges:
            for at, command in enumerate(judge.commands):
                filled = [part.replace("{function}", function) for part in command]
                code, _ = self.run(filled, judge, limit)
                if code == UNVIABLE or (code not in (0, None) and at < judge.build):
                    return "unviable", judge.name, False
                if code != 0:
                    return "caught", judge.name, code is None
        return "survived", "", False

    def run(self, command: Sequence[str], judge: Judge, limit: float) -> tuple[int | None, str]:
        """Run one command; the exit code is None where time was up, and nothing of it runs on.

        A process that spins is ended by the limit of its own seconds of CPU time, which other work
        on the machine does not use up; one that hangs, by ten times as much on the clock.
        """
        environment = {
            **os.environ,
            **judge.environment,
            "CARGO_TARGET_DIR": str(self.root / "target"),
            "NUMBA_CACHE_DIR": str(self.root / "numba-cache"),
            "PYTHONPATH": os.pathsep.join([str(self.root), str(self.root / "tests")]),
            "PYTHONDONTWRITEBYTECODE": "1",  # two mutants of one size within a second are one to it
        }
        with subprocess.Popen(
            ["/bin/sh", "-c", f'ulimit -t {math.ceil(limit)}; exec "$@"', "sh", *command],
            cwd=self.root, env=environment, text=True, errors="replace",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        ) as process:  # fmt: skip
            try:
                output, _ = process.communicate(timeout=10 * limit)
            except subprocess.TimeoutExpired:
                _end(process)
                return None, ""
        return (None if process.returncode in _OUT_OF_TIME else process.returncode), output


def _end(process: subprocess.Popen[str]) -> None:
    """End a process and its children; nextest's tests have groups of their own, so ask it first."""
    for kind, grace in ((signal.SIGTERM, 20.0), (signal.SIGKILL, None)):
        os.killpg(process.pid, kind)
        try:
            process.communicate(timeout=grace)
        except subprocess.TimeoutExpired:
            continue
        return


def run_mutants(
    project: Path,
    scratch: Path,
    mutants: Sequence[Mutant],
    judges: Sequence[Judge],
    *,
    jobs: int,
    limit: float,
) -> Iterator[Result]:
    """Yield the result of each mutant, in the order in which they are done."""
    trees: SimpleQueue[Tree] = SimpleQueue()
    for job in range(min(jobs, max(1, len(mutants)))):
        tree = Tree(project, scratch / f"tree-{job}")
        check_baseline(tree, judges)
        trees.put(tree)

    def run(mutant: Mutant) -> Result:
        tree = trees.get()
        try:
            return tree.judged(mutant, judges, limit)
        finally:
            trees.put(tree)

    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(run, mutant) for mutant in mutants]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def check_baseline(tree: Tree, judges: Iterable[Judge]) -> None:
    """Raise `BaselineError` unless the copy passes every judge."""
    for judge in judges:
        for command in judge.commands:
            code, output = tree.run(command, judge, limit=1_800.0)
            if code != 0:
                tail = "\n".join(output.splitlines()[-30:])
                raise BaselineError(f"without a change, {' '.join(command)} gave {code}:\n{tail}")
