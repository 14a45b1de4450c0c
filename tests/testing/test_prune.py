"""Pruning: the only thing that deletes; it lists first, asks, and deletes as one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_plugin import BODY, CONFTEST, POLICY
from toy_pair import CASES, make_suite

from covertreex.testing import FreezeRefusedError, GoldenMissingError, GoldenStore
from covertreex.testing.planning import Unused

MACHINE = {"versions": {}, "cpu": {}}
FEWER = 'changes["cases"] = {n: c for n, c in toy.CASES.items() if n != "odd"}\n'
PRUNE = ("--freeze-prune", "--freeze-reason", "the case odd is gone")


@pytest.fixture
def project(tmp_path: Path, freeze) -> Path:
    for name, text in (
        ("conftest.py", CONFTEST),
        ("changes.py", FEWER),
        ("policy.toml", POLICY.format(0)),
        ("test_body.py", BODY),
    ):
        (tmp_path / name).write_text(text)
    freeze(make_suite(tmp_path))
    (tmp_path / "snapshots" / "g" / "stray.npy").write_bytes(b"")
    return tmp_path


def test_a_session_lists_asks_and_deletes_as_one(project: Path, run_pytest, tree, verdicts) -> None:
    before = tree(project / "snapshots")
    listed = "g/odd: no case makes it", "g/stray.npy: the manifest does not", "odd: inputs of no"
    for arguments, status, outcome in (
        ((*PRUNE, "--freeze-dry-run"), 0, "DRY RUN, nothing was deleted: 4 goldens, 1 stray files"),
        (PRUNE, 1, "nothing was deleted: there is no terminal to ask at; pass --freeze-yes"),
    ):
        ended = run_pytest(*arguments)
        assert ended.returncode == status, ended.stdout
        assert outcome in ended.stdout
        assert all(line in ended.stdout for line in listed)
        assert tree(project / "snapshots") == before
    ended = run_pytest(*PRUNE, "--freeze-yes")
    assert ended.returncode == 0, ended.stdout
    assert "PRUNED: 4 goldens, 1 stray files, 1 digests of inputs" in ended.stdout
    assert "undo: git checkout -- snapshots" in ended.stdout
    after = tree(project / "snapshots")
    gone = {f"{output}/odd.npy" for output in ("g", "s", "index", "value")} | {"g/stray.npy"}
    assert set(before) - set(after) == gone
    assert {name for name in after if after[name] != before[name]} == {"ledger.md", "manifest.json"}
    fewer = {name: case for name, case in CASES.items() if name != "odd"}
    suite = make_suite(project, cases=fewer)
    assert verdicts(suite) == {}
    assert "## 2. the case odd is gone\n\n- deleted: g, s, index, value x 1 case" in (
        suite.store.ledger.replace("g, index, s, value", "g, s, index, value")
    )
    ended = run_pytest(*PRUNE, "--freeze-yes")
    assert ended.returncode == 0
    assert "nothing to delete" in ended.stdout
    assert tree(project / "snapshots") == after


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--freeze-prune",), "--freeze-reason needs a text"),
        ((*PRUNE, "--freeze-only", "odd"), "a prune is of the whole set"),
        ((*PRUNE, "-k", "odd"), "a prune is of the whole set"),
    ],
)
def test_what_is_refused(project: Path, run_pytest, tree, arguments, message) -> None:
    before = tree(project / "snapshots")
    ended = run_pytest(*arguments, "--freeze-yes")
    assert ended.returncode == 4
    assert message in ended.stderr
    assert tree(project / "snapshots") == before


@pytest.fixture
def store(tmp_path: Path) -> GoldenStore:
    store = GoldenStore(tmp_path / "set")
    store.begin()
    for name in ("v/a", "v/b", "w/a"):
        store.stage(name, np.zeros(3))
        store.stage_input(name[2:], "ab" * 32)
    store.commit("first", **MACHINE)
    return store


def test_only_prune_deletes(store: GoldenStore, tree) -> None:
    store.begin()
    store.stage("v/a", np.ones(1))
    store.commit("fewer", **MACHINE)
    assert set(store.manifest.goldens) == {"v/a", "v/b", "w/a"}
    unused = store.unused(["v/a", "w/a"])
    assert unused == Unused(goldens=("v/b",), inputs=("b",))
    with pytest.raises(FreezeRefusedError, match="freeze session only"):
        store.prune(unused, "why", **MACHINE)
    store.begin()
    with pytest.raises(FreezeRefusedError, match="needs a reason"):
        store.prune(unused, " ", **MACHINE)
    store.prune(unused, "why", **MACHINE)
    assert not store.writing
    assert set(store.manifest.goldens) == {"v/a", "w/a"}
    assert set(store.manifest.inputs) == {"a"}
    assert not store.path("v/b").exists()
    before = tree(store.root)
    store.begin()
    with pytest.raises(GoldenMissingError, match="cannot prune v/b"):
        store.prune(Unused(goldens=("v/a", "v/b")), "why", **MACHINE)
    store.abort()
    assert tree(store.root) == before


def test_what_a_link_leads_to_stays(store: GoldenStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (store.root / "v").rename(outside)
    (store.root / "v").symlink_to(outside)
    store.begin()
    with pytest.raises(FreezeRefusedError, match="is a symbolic link"):
        store.prune(Unused(goldens=("v/b",)), "why", **MACHINE)
    store.abort()
    unused = store.unused(["v/a", "v/b", "w/a"])
    assert unused == Unused(files=("v",))
    store.begin()
    store.prune(unused, "a link", **MACHINE)
    assert not (store.root / "v").is_symlink()
    assert sorted(path.name for path in outside.iterdir()) == ["a.npy", "b.npy"]
