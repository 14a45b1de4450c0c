"""What people read before they agree: every golden, its numbers, digests and where it differs."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from covertreex.testing import GoldenStore
from covertreex.testing.planning import Kind, Unused
from covertreex.testing.preview import ASCII, BLOCKS, show_plan, show_unused, strip

SHA, OTHER = "ab" * 32, "cd" * 32


def staged(root: Path, arrays: dict[str, np.ndarray], sha: str, **limit: int) -> GoldenStore:
    store = GoldenStore(root, **limit)
    store.begin()
    for name, array in arrays.items():
        store.stage(name, array)
        store.stage_input(name.split("/")[1], sha)
    return store


@pytest.fixture
def root(tmp_path: Path) -> Path:
    arrays = {
        "v/moved": np.zeros((32, 2)),
        "v/reshaped": np.zeros(3),
        "v/damaged": np.zeros(3),
        "v/same": np.ones(3),
        "w/moved": np.arange(4),
        "w/repaired": np.arange(5),
        "w/nothing": np.zeros(0),
        "w/large": np.zeros(100),
    }
    store = staged(tmp_path, arrays, SHA)
    store.commit("first", versions={}, cpu={})
    store.path("v/damaged").write_bytes(b"")
    store.path("w/repaired").unlink()
    return tmp_path


def shown(root: Path, width: int = 100, encoding: str = "utf-8") -> tuple[str, GoldenStore]:
    moved = np.zeros((32, 2))
    moved[0, 0], moved[-1], moved[17] = -0.0, 1e-300, 2.5
    arrays = {
        "v/moved": moved,
        "v/reshaped": np.zeros(4),
        "v/damaged": np.ones(3),
        "v/same": np.ones(3),
        "v/new": np.linspace(-2, 3, 5).reshape(5, 1),
        "w/moved": np.array([0, 1, 3, 3]),
        "w/repaired": np.arange(5),
        "w/nothing": np.zeros(0),
        "w/large": np.ones(100),
    }
    store = staged(root, arrays, SHA, full_limit=512)
    store.stage_input("moved", OTHER)
    plan = store.plan()
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    show_plan(Console(file=stream, width=width, color_system=None), plan)
    store.abort()
    stream.flush()
    return raw.getvalue().decode(encoding), store


def row(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(name + " "))


def test_every_golden_has_its_row(root: Path) -> None:
    text, store = shown(root)
    old = store.manifest.goldens["v/moved"].sha256[:8]
    cells = row(text, "v/moved").split()
    assert cells[1:5] == ["5/64", "2.5", "2^62", old]
    assert cells[6] == "▂·······▄······▄"
    assert row(text, "w/moved").split()[1:4] == ["1/4", "1", "1"]
    assert row(text, "w/moved").split()[-1] == "··█·"
    assert "<f8 (4,) for" in text
    assert "kept as other" in text
    assert row(text, "v/damaged").split()[1:5] == ["old", "file", "is", "damaged"]
    assert row(text, "v/new").split()[1:4] == ["<f8", "(5,", "1)"]
    assert row(text, "v/new").split()[-2:] == ["-2.0", "3.0"]
    assert "w/repaired: the array is the frozen one" in text
    assert "moved: abababab to cdcdcdcd" in text
    assert "new: abababab (new)" in text
    assert "v/same" not in text
    assert "w/nothing" not in text
    totals = text[text.index("by output") :]
    assert row(totals, "v").split() == ["v", "3", "5/64", "2.5", "2^62"]
    assert row(totals, "w").split() == ["w", "2", "1/4", "1", "1"]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_it_keeps_to_the_width_and_to_the_encoding(root: Path, width) -> None:
    text, _ = shown(root, width, "ascii")
    assert max(map(len, text.splitlines())) <= width
    assert ASCII[0] in row(text, "w/moved")


def test_shares_are_never_shown_as_nothing() -> None:
    assert strip([0.0, 1e-9, 0.125, 0.126, 1.0]) == "·▁▁▂█"
    assert strip([0.0, 1.0], ASCII) == ".@"
    assert len(BLOCKS) == len(ASCII)


def test_a_plan_by_kind(root: Path) -> None:
    store = staged(root, {"v/same": np.ones(3), "w/repaired": np.arange(5)}, SHA)
    plan = store.plan()
    store.abort()
    assert plan
    assert not plan.renews
    assert [update.name for update in plan.of(Kind.REPAIRED)] == ["w/repaired"]
    assert str(plan.change).startswith("0 new, 0 changed, 1 repaired, 7 unchanged goldens")


def test_what_would_be_deleted_is_named(root: Path) -> None:
    stream = io.StringIO()
    unused = Unused(("v/gone",), ("v/notes.txt",), ("gone",))
    show_unused(Console(file=stream, width=40), unused)
    assert stream.getvalue().splitlines() == [
        "",
        "to be deleted",
        "v/gone: no case makes it",
        "v/notes.txt: the manifest does not list it",
        "gone: inputs of no case",
    ]
