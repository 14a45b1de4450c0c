"""Pages of the documentation, and what runs their code blocks.

A page's blocks share a namespace and an empty directory, from top to bottom:

- ``python`` runs; with a ``:caption:`` it is a file of that name, as ``toml`` always is;
- ``pycon`` runs, and must print what it shows;
- ``diff`` changes the file of its caption, which must hold what it takes away;
- ``console`` runs each command in a shell, and the lines below it must come out, in that order;
  ``...`` stands for any lines, and ``*`` for anything in one. The shell must succeed, or with
  ``:class: fails`` fail;
- ``bash`` is a command a line that needs the network or minutes: it is looked up, not run, and what
  it names must be there;
- a block of no language is a formula or a drawing.
"""

from __future__ import annotations

import doctest
import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from covertreex import testing

ROOT = Path(__file__).parent.parent
FENCE = re.compile(
    r"^ *(?P<fence>`{3,})(?P<kind>[^\n`]*)\n(?P<body>.*?)^ *(?P=fence)$", re.DOTALL | re.MULTILINE
)
DIRECTIVES = ("{toctree}", "{eval-rst}", "{include}", "{figure}", "{image}", "{command-line}")
"""Fences that hold no code."""
PROGRAMS = ("benchmarks", "mutants", "release")
"""What sessions run besides pytest."""
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Block:
    """One code block: its language, its options as Sphinx reads them, its lines."""

    language: str
    text: str
    line: int
    options: dict[str, str] = field(default_factory=dict)


def blocks(page: Path) -> list[Block]:
    """Return the code blocks of a page."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        kind, body = match["kind"].strip(), match["body"]
        if kind in DIRECTIVES or kind.split()[:1] in [[name] for name in DIRECTIVES]:
            continue
        options = {}
        if kind.startswith("{code-block}"):
            kind = kind.removeprefix("{code-block}").strip()
            head, _, body = body.partition("\n\n")
            options = dict(re.findall(r"^:(\w+): (.*)$", head, re.MULTILINE))
        found.append(Block(kind, body, text.count("\n", 0, match.start()) + 2, options))
    fences = re.findall(r"^ *`{3,}", text, re.MULTILINE)
    assert len(fences) == 2 * len(FENCE.findall(text)), f"{page}: a fence is not closed"
    return found


class Reader:
    """Someone who does what a page says, in one directory."""

    def __init__(self, page: Path, place: Path, *, programs: Path | None = None) -> None:
        self.page, self.place, self.programs = page, place, programs
        self.names: dict[str, object] = {"__name__": "__main__"}

    def read(self) -> None:
        """Run every block; raise at the first that is not true."""
        for block in blocks(self.page):
            if not block.language:
                continue
            run = getattr(self, f"_{block.language}", None)
            where = f"{self.page}:{block.line}"
            assert run is not None, f"{where}: no one knows how to run {block.language!r}"
            try:
                run(block)
            except Exception as error:
                error.add_note(where)
                raise

    def _python(self, block: Block) -> None:
        if "caption" in block.options:
            self._toml(block)
            return
        source = "\n" * block.line + block.text
        exec(compile(source, str(self.page), "exec"), self.names)

    def _toml(self, block: Block) -> None:
        path = self.place / block.options["caption"]
        path.write_text(block.text, encoding="utf-8")

    def _pycon(self, block: Block) -> None:
        example = doctest.DocTestParser().get_doctest(
            block.text, self.names, str(self.page), str(self.page), block.line
        )
        said: list[str] = []
        result = doctest.DocTestRunner(optionflags=FLAGS).run(
            example, out=said.append, clear_globs=False
        )
        self.names.update(example.globs)
        assert result.attempted, "nothing behind >>>"
        assert not result.failed, "".join(said)

    def _diff(self, block: Block) -> None:
        path = self.place / block.options["caption"]
        lines = block.text.splitlines()
        before = "".join(f"{line[1:]}\n" for line in lines if line[:1] in (" ", "-"))
        after = "".join(f"{line[1:]}\n" for line in lines if line[:1] in (" ", "+"))
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{path.name} does not hold what is taken away"
        path.write_text(text.replace(before, after), encoding="utf-8")

    def _console(self, block: Block) -> None:
        parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
        assert not parts[0], f"text before the first command: {parts[0]!r}"
        for part in parts[1:]:
            command, *shown = part.splitlines()
            ended = self._shell(command)
            failed = block.options.get("class") == "fails"
            assert (ended.returncode != 0) == failed, (command, ended.returncode, ended.stdout)
            lines = ["*" if line.strip() == "..." else line for line in shown]
            pytest.LineMatcher([line.rstrip() for line in ended.stdout.splitlines()]).fnmatch_lines(
                [line.replace("[", "[[]").rstrip() for line in lines]
            )

    def _bash(self, block: Block) -> None:
        for line in block.text.splitlines():
            for command in line.split(" && "):
                look_up(command)

    def _shell(self, command: str) -> subprocess.CompletedProcess[str]:
        ours = ("PYTEST", "PYTHON", "FORCE_COLOR", "CI")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        search = [str(path) for path in (self.programs, Path(sys.executable).parent) if path]
        return subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.place,
            env={**kept, "PATH": os.pathsep.join([*search, kept["PATH"]]), "COLUMNS": "100"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )


def look_up(command: str) -> None:
    """Raise unless what a command names is there: an extra, a session, an option of one."""
    match shlex.split(command):
        case ["python", "-m", "pip", "install", *wanted] if wanted:
            for name in wanted:
                _installable(name)
        case ["nox", "-s", *rest]:
            _session(rest)
        case _:
            raise AssertionError(f"no one can look up {command!r}; show it as console, to be run")


def _installable(name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    package, _, extras = name.partition("[")
    assert package in ("covertreex", "nox"), f"nobody installs {name}"
    for extra in filter(None, extras.rstrip("]").split(",")):
        assert extra in project["optional-dependencies"], f"there is no extra {extra}"


def _session(rest: list[str]) -> None:
    source = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    sessions = re.findall(r"^@nox\.session[^\n]*\ndef (\w+)\(", source, re.MULTILINE)
    names, dashes, options = rest, None, []
    if "--" in rest:
        at = rest.index("--")
        names, dashes, options = rest[:at], "--", rest[at + 1 :]
    assert names, "nox -s without a session"
    assert set(names) <= set(sessions), f"there is no session {set(names) - set(sessions)}"
    assert dashes is None or options, "nothing behind --"
    for option in options:
        if option.startswith("--"):
            name = option.partition("=")[0]
            assert name in _declared_options(), f"no session takes {name}"


def _declared_options() -> set[str]:
    """Options that a session, the plugin or a program behind a session declares."""
    files = [ROOT / "noxfile.py", ROOT / "tests" / "thorough.py"]
    for folder in (Path(testing.__file__).parent, *(ROOT / name for name in PROGRAMS)):
        files += sorted(folder.rglob("*.py"))
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    return set(re.findall(r"add_?(?:argument|option)\(\s*\"(--[\w-]+)\"", text))
