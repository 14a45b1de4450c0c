"""Mutants of the Rust engine's numeric files: what cargo-mutants lists, and what it cannot see.

cargo-mutants passes over unsafe functions, and over operators that are written as methods: that is
all of the vector code. So it lists the mutants of a copy whose functions are not marked unsafe, the
keyword blanked out where it stands so that every position holds; methods and constants are added
here, and the mutants run by `runner`, which knows both judges.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .mutant import Edit, Mutant, number_mutants, offsets

LEFT_OUT = {
    "src/bridge.rs": "the boundary: it moves arrays, computes nothing",
    "src/bridge/arrays.rs": "the boundary",
    "src/bridge/call.rs": "the boundary",
    "src/error.rs": "words, not numbers",
    "src/lib.rs": "exports only",
    "src/memory.rs": "asks for memory, computes nothing",
    "src/simd/neon.rs": "does not run on x86-64",
}
"""Files without mutants, and why."""

ELSEWHERE = ("run_neon",)
"""Functions that are not compiled for x86-64."""

_METHODS = {
    r"\.fma\(": (".neg_fma(",),
    r"\.neg_fma\(": (".fma(",),
    r"\.min\(": (".max(",),
    r"\.max\(": (".min(",),
    r"(?<!ptr\(\))(?<!\ba)(?<!\bb)\.sub\(": (".add(",),
    r"\.mul\(": (".add(",),
    r"\.div\(": (".mul(",),
    r"\.sqrt\(\)": ("",),
    r"\.abs\(\)": ("",),
    r"\.rev\(\)": ("",),
    r"(?<=\.take\()S::ROWS": ("S::ROWS - 1",),
}
"""Methods that stand for operators, and what takes their place."""

_INSTRUCTIONS = {"add": "sub", "sub": "add", "mul": "add", "div": "mul", "fmadd": "fnmadd",
                 "fnmadd": "fmadd", "min": "max", "max": "min"}  # fmt: skip
"""Instructions of x86-64, a line each where a vector type is made of them."""

Listed = dict[str, Any]
"""One entry of the JSON of ``cargo mutants --list``."""

_COMPARED = r"(?:[=!<>]=|(?<!=)[<>])\s*-?$"
_HEX = r"\b0x[0-9a-fA-F_]{4,}\b"
_FLOAT = r"(?<![\w.])\d+\.\d+(?:e-?\d+)?\b|(?<![\w.])\d+e-?\d+\b"


def rust_mutants(root: Path) -> list[Mutant]:
    """Return all mutants of the numeric files below ``root``."""
    paths = sorted(path.relative_to(root).as_posix() for path in (root / "src").rglob("*.rs"))
    if unknown := LEFT_OUT.keys() - set(paths):
        raise ValueError(f"left out, but not there: {sorted(unknown)}")
    texts = {path: (root / path).read_text("utf-8") for path in paths if path not in LEFT_OUT}
    listed = _listed(root)
    edits = {
        path: [
            edit
            for edit in (*_from_list(text, listed.get(path, [])), *_textual(text))
            if edit.function not in ELSEWHERE
        ]
        for path, text in texts.items()
    }
    return number_mutants(texts, edits)


def _listed(root: Path) -> dict[str, list[Listed]]:
    """Return what cargo-mutants lists, by file."""
    with TemporaryDirectory() as directory:
        copy = Path(directory)
        for name in ("Cargo.toml", "Cargo.lock"):
            shutil.copyfile(root / name, copy / name)
        shutil.copytree(root / "src", copy / "src")
        for path in (copy / "src").rglob("*.rs"):
            text = path.read_text("utf-8")
            path.write_text(re.sub(r"\bunsafe(?= fn\b)", " " * 6, text), "utf-8")
        if shutil.which("cargo-mutants") is None:
            raise FileNotFoundError("cargo-mutants is not on PATH; `nox -s mutants` installs it")
        cargo = shutil.which("cargo") or "cargo"
        command = [cargo, "mutants", "--list", "--json", "--no-config", "--no-shuffle"]
        done = subprocess.run(command, cwd=copy, check=True, capture_output=True, text=True)
    listed: dict[str, list[Listed]] = {}
    for mutant in json.loads(done.stdout):
        listed.setdefault(mutant["file"], []).append(mutant)
    return listed


def _from_list(text: str, listed: list[Listed]) -> Iterator[Edit]:
    starts = offsets(text)
    for mutant in listed:
        span, function = mutant["span"], mutant["function"]
        start, stop = (
            starts[span[end]["line"] - 1] + span[end]["column"] - 1 for end in ("start", "end")
        )
        name = function["function_name"] if function else "constant"
        yield Edit(start, stop, mutant["replacement"], name)


def _textual(text: str) -> Iterator[Edit]:
    """Yield edits of methods and constants, outside of tests and comments."""
    end = text.find("#[cfg(test)]\nmod tests")
    code = text[:end] if end >= 0 else text
    code = re.sub(r"//[^\n]*", lambda comment: " " * len(comment[0]), code)
    instructions = {
        rf"(?m)(?<=^    _mm(?:256|512)_){name}(?=_p[ds],$)": (other,)
        for name, other in _INSTRUCTIONS.items()
    }
    rules = [*_METHODS.items(), *instructions.items(), (_HEX, None), (_FLOAT, None)]
    for pattern, replacements in rules:
        for match in re.finditer(pattern, code):
            function = _function_at(code, match.start())
            for new in replacements or _constants(match[0]):
                if new == "-0.0" and re.search(_COMPARED, code[: match.start()]):
                    continue  # -0.0 compares as 0.0 does
                yield Edit(match.start(), match.end(), new, function)


def _constants(literal: str) -> tuple[str, ...]:
    """Return the neighbours of a constant: another last bit; for zero, its negative and one."""
    if literal.startswith("0x"):
        return (f"({literal} ^ 1)",)
    if float(literal) == 0.0:
        return ("-0.0", "1.0")
    return (f"{literal}f64.next_up()",)


def _function_at(code: str, position: int) -> str:
    """Return the function or constant that a position lies in, by what stands before it."""
    names = re.findall(r"(?<![*'\w])(?:fn|const|static) (\w+)", code[:position])
    return names[-1] if names else "file"
