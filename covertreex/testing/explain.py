"""``--parity-explain CASE[:OUTPUT[I,J]]``: no test runs; one element is walked through the stages.

Without an element the walk begins at the worst one of the first output that is beyond the policy,
or that differs at all; where everything is equal, at the first element of the last output. It
prints what each engine gives in decimal, as a hexadecimal float and in bits, and marks where an
engine parts from the golden. The text is the same on a terminal and in a log, but for colours.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import pytest
from rich.console import Console
from rich.text import Text

from covertreex.testing.collected import suite_of
from covertreex.testing.parts import Part, part_text
from covertreex.testing.progress import progress
from covertreex.testing.records import FROZEN
from covertreex.testing.suite import Suite
from covertreex.testing.verdicts import TargetError
from covertreex.testing.walk import GOLDEN, Step, Value, Walk

PARTS = "<- parts here"

_TARGET = re.compile(r"([^:\[\]]+)(?::([^:\[\]]+)(?:\[([\d, ]*)\])?)?")


@dataclass(frozen=True)
class Target:
    """What is to be explained; without `output` or `index`, the walk finds them."""

    case: str
    output: str | None = None
    index: Part | None = None

    @classmethod
    def parse(cls, text: str, suite: Suite) -> Target:
        """Read ``CASE``, ``CASE:OUTPUT`` or ``CASE:OUTPUT[I,J]``.

        Raises
        ------
        TargetError
            If it is none of them, or names what the suite does not have; it names what is close.
        """
        found = _TARGET.fullmatch(text.strip())
        if found is None:
            raise TargetError(f"{text!r} is none of CASE, CASE:OUTPUT, CASE:OUTPUT[I,J]")
        case, output, index = found.groups()
        for kind, name, known in (("case", case, suite.cases), ("output", output, suite.outputs)):
            if name is not None and name not in known:
                close = get_close_matches(name, known, n=5, cutoff=0.5) or sorted(known)[:5]
                raise TargetError(f"no {kind} is called {name!r}; close: {', '.join(close)}")
        if index is None:
            return cls(case, output)
        return cls(case, output, tuple(int(number) for number in re.findall(r"\d+", index)))

    def begin(self, walk: Walk) -> tuple[str, Part]:
        """Return the output and the index at which the walk begins.

        Raises
        ------
        TargetError
            If the output has no such element.
        """
        if self.output is None:
            last = list(walk.suite.outputs)[-1]
            return walk.start() or (last, walk.focus(last, ()) or ())
        shape = walk.base(self.output).shape
        if self.index is None:
            return self.output, walk.focus(self.output, ()) or ()
        inside = (i < length for i, length in zip(self.index, shape, strict=False))
        if len(self.index) != len(shape) or not all(inside):
            raise TargetError(
                f"{self.output} of {self.case} has the shape {shape}; "
                f"it has no element {part_text(self.index)}"
            )
        return self.output, self.index


class ExplainSession:
    """A session that runs no test and explains one case."""

    def __init__(self, config: pytest.Config, target: str) -> None:
        self.config = config
        self._target = target
        self._text: Text | str = ""
        self._status = pytest.ExitCode.OK
        if getattr(config.option, "dist", "no") != "no" or hasattr(config, "workerinput"):
            raise pytest.UsageError("--parity-explain runs in one process: run without -n")

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> bool:
        """Collect nothing; refuse a target that is not there."""
        try:
            Target.parse(self._target, suite_of(self.config))
        except TargetError as error:
            raise pytest.UsageError(str(error)) from error
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> bool:
        """Walk; an engine that raises is shown as pytest shows a test that does."""
        walked = pytest.CallInfo.from_call(self._walk, when="call")
        if walked.excinfo is None:
            return True
        error = walked.excinfo.value
        if isinstance(error, TargetError):
            raise pytest.UsageError(str(error))
        if not isinstance(error, Exception):
            raise error
        self._text = str(walked.excinfo.getrepr())
        self._status = pytest.ExitCode.TESTS_FAILED
        return True

    def _walk(self) -> None:
        suite = suite_of(self.config)
        target = Target.parse(self._target, suite)
        walk = Walk(suite, target.case)
        total = len(suite.outputs) * len(walk.roles)
        with progress(self.config, "computing", total) as advance:
            for output in suite.outputs:
                for role in walk.roles:
                    advance(f"{output} of {target.case} ({walk.label(role)})")
                    walk.sight(role, output)
        self._text = explanation(walk, *target.begin(walk))

    @pytest.hookimpl(trylast=True)  # after syrupy, which adds the status it was called with
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Say how it went: pytest itself would say that no test was collected."""
        if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = self._status

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the walk."""
        terminalreporter.write_sep("=", f"explain {self._target}")
        writer = self.config.get_terminal_writer()
        stream = io.StringIO()
        console = Console(
            file=stream,
            force_terminal=writer.hasmarkup,
            color_system="standard" if writer.hasmarkup else None,
        )
        console.print(self._text, soft_wrap=True, markup=False, highlight=False)
        terminalreporter.write(stream.getvalue())


def explanation(walk: Walk, output: str, index: Part) -> Text:
    """Return what is told of a walk from one element."""
    shown = walk.steps(output, index)
    steps = [step for found in shown.values() for step in found]
    values = [value for step in steps for value in step.values]
    widths = [max((len(value.cells[i]) for value in values), default=0) for i in range(4)]
    text = Text(f"from {output}{part_text(index)}; {walk.input_note()}\n")
    parted: dict[str, str] = {}
    for stage in walk.suite.stages:
        text.append(f"\n{stage.name}", style="bold").append(f"  fed {_fed(walk.fed(stage))}\n")
        for step in shown[stage.name]:
            text.append(f"  {step.title}\n")
            for value in step.values:
                mark = step.on_the_way and value.parts and value.role not in parted
                if mark:
                    parted[value.role] = f"{step.element} (stage {stage.name})"
                line = _line(value, widths, PARTS if mark else "")
                text.append(f"    {line}\n", style=_style(value))
    text.append("\n" + "\n".join(_closing(walk, steps, parted)), style="bold")
    return text


def _line(value: Value, widths: Sequence[int], mark: str) -> str:
    cells = [cell.ljust(width) for cell, width in zip(value.cells, widths, strict=True)]
    distance = "" if value.role == GOLDEN or value.note else f"{value.ulp:,} ULP"
    if value.ulp and value.allowed:
        distance += ", allowed"
    return "  ".join(filter(None, [*cells, distance, value.note, mark])).rstrip()


def _style(value: Value) -> str:
    if not value.parts:
        return ""
    return "yellow" if value.allowed and not value.note else "red"


def _fed(digests: Mapping[str, str]) -> str:
    """Say what the engines were given: once, where it is the same."""
    if len(set(digests.values())) == 1:
        return f"{next(iter(digests.values()))}, all alike"
    return ", ".join(f"{role} {digest}" for role, digest in digests.items())


def _closing(walk: Walk, steps: Sequence[Step], parted: Mapping[str, str]) -> Iterator[str]:
    """Say for each engine where it parts, and whether that stage or an earlier one is to blame."""
    frozen = {role for role in parted if role.endswith(FROZEN)}
    for role in map(walk.label, walk.roles):
        if role.endswith(FROZEN):
            continue
        elsewhere = [
            step.output for step in steps if any(v.role == role and v.parts for v in step.values)
        ]
        if role in parted:
            blame = ""
            if role in walk.suite.candidates:
                alike = parted.get(role + FROZEN) == parted[role]
                blame = f", {'also' if alike else 'but not'} when fed the frozen inputs"
            yield f"{role} parts at {parted[role]}{blame}"
        elif elsewhere:
            yield f"{role} is equal on the way, and parts beside it, in {elsewhere[0]}"
        elif role + FROZEN in frozen:
            yield f"{role} is equal, but parts when fed the frozen inputs: {parted[role + FROZEN]}"
        else:
            yield f"{role} is equal, bit for bit"
