"""``neighbors``, ``build`` and ``query`` answer as the library does, to the last bit."""

import csv
import json
import re

import numpy as np
import pyarrow.parquet as pq
import pytest

from covertreex import RBF, Matern52, cover_tree
from covertreex.cli import searching

INDUCING = ("--inducing", 12, "--lengthscale", 0.8)


def tree_of(points):
    return cover_tree(points, Matern52(lengthscale=0.8), inducing_count=12)


def table(path):
    """Columns of a table: three of int64, one of float64."""
    if path.suffix == ".parquet":
        return [column.to_numpy() for column in pq.read_table(path).columns]
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["query", "rank", "neighbor", "distance"]
    *ids, distances = zip(*rows, strict=True)
    return [*(np.array(column, dtype=np.int64) for column in ids), np.array(distances, float)]


def test_an_npz_holds_what_knn_returns(command, points, folder):
    assert command("neighbors", "points.npy", "-k", 5, *INDUCING, "-o", "out.npz").code == 0
    indices, distances = tree_of(points).knn(k=5)
    with np.load("out.npz", allow_pickle=False) as found:
        assert sorted(found) == ["distances", "indices", "queries"]
        assert np.array_equal(found["queries"], np.arange(60))
        assert np.array_equal(found["indices"], indices)
        assert found["distances"].tobytes() == distances.tobytes()
    assert sorted(path.name for path in folder.iterdir()) == ["out.npz", "points.npy"]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("predecessors", [False, True])
def test_a_table_holds_a_row_for_each_neighbour(command, points, folder, suffix, predecessors):
    path = folder / f"out.{suffix}"
    more = ["--predecessors"] if predecessors else []
    assert command("neighbors", "points.npy", "-k", 5, *INDUCING, "-o", path, *more).code == 0
    indices, distances = tree_of(points).knn(k=5, predecessor_mode=predecessors)
    there = indices >= 0
    assert there.all() != predecessors
    queries, ranks, neighbors, found = table(path)
    row, rank = np.nonzero(there)
    assert np.array_equal(queries, row)
    assert np.array_equal(ranks, rank + 1)
    assert np.array_equal(neighbors, indices[there])
    assert found.tobytes() == distances[there].tobytes()


def test_a_csv_goes_to_the_standard_output(command, points, folder):
    command("neighbors", "points.npy", "-k", 2, *INDUCING, "-o", "out.csv")
    found = command("neighbors", "points.npy", "-k", 2, *INDUCING)
    assert found.out == (folder / "out.csv").read_text()


def test_queries_are_points_of_another_file(command, points):
    np.save("q.npy", points[:7] + 0.125)
    command("neighbors", "points.npy", "-k", 3, *INDUCING, "--queries", "q.npy", "-o", "out.npz")
    indices, distances = tree_of(points).knn(points[:7] + 0.125, k=3)
    with np.load("out.npz") as found:
        assert np.array_equal(found["indices"], indices)
        assert found["distances"].tobytes() == distances.tobytes()


def test_queries_of_whole_numbers_are_points_and_no_ids(command, points):
    np.save("q.npy", np.zeros((2, 3), np.int64))
    command("neighbors", "points.npy", "-k", 3, *INDUCING, "--queries", "q.npy", "-o", "out.npz")
    with np.load("out.npz") as found:
        assert np.array_equal(found["indices"], tree_of(points).knn(np.zeros((2, 3)), k=3)[0])


def test_ids_and_ranges(command, points):
    command("neighbors", "points.npy", "-k", 3, *INDUCING, "--ids", "7,50:53,7", "-o", "out.npz")
    with np.load("out.npz") as found:
        assert found["queries"].tolist() == [7, 50, 51, 52, 7]
        assert np.array_equal(found["indices"], tree_of(points).knn([7, 50, 51, 52, 7], k=3)[0])


def test_options_reach_the_metric(command, points):
    options = ("--kernel", "rbf", "--lengthscale", "0.5,1,2", "--variance", 3, "--seed", 4)
    command("neighbors", "points.npy", "-k", 3, *options, "--inducing", 9, "-o", "a.npz")
    kernel = RBF(lengthscale=(0.5, 1.0, 2.0), variance=3.0)
    expected = cover_tree(points, kernel, inducing_count=9, seed=4).knn(k=3)
    command("neighbors", "points.npy", "-k", 3, "--metric", "euclidean", "-o", "b.npz")
    for name, (indices, distances) in (("a", expected), ("b", cover_tree(points).knn(k=3))):
        with np.load(f"{name}.npz") as found:
            assert np.array_equal(found["indices"], indices)
            assert found["distances"].tobytes() == distances.tobytes()


@pytest.mark.parametrize(
    "how",
    [
        ("--engine", "python-numba"),
        ("--profile", "residual-fast", "--set", "threads=1"),
        ("--set", "enable_sparse_traversal=false", "--threads", 2),
    ],
)
def test_no_option_of_the_engine_changes_the_file(command, points, folder, how):
    command("neighbors", "points.npy", "-k", 4, *INDUCING, "-o", "a.npz")
    command("neighbors", "points.npy", "-k", 4, *INDUCING, "-o", "b.npz", *how)
    assert (folder / "a.npz").read_bytes() == (folder / "b.npz").read_bytes()


@pytest.mark.parametrize("size", [1, 7, 60])
def test_the_answer_does_not_depend_on_parts(points, monkeypatch, size):
    monkeypatch.setattr(searching, "_FIRST", size)
    monkeypatch.setattr(searching, "_next_size", lambda *_: size)
    tree, done = tree_of(points), []
    for predecessors in (False, True):
        indices, distances = searching.search(
            tree, tree.ids, k=4, predecessors=predecessors, advance=done.append
        )
        expected = tree.knn(k=4, predecessor_mode=predecessors)
        assert np.array_equal(indices, expected[0])
        assert distances.tobytes() == expected[1].tobytes()
    assert sum(done) == 120


def test_parts_grow_until_they_take_their_time():
    size, sizes = searching._FIRST, []
    for _ in range(40):  # 5,000 queries a second
        size = searching._next_size(size, size / 5000)
        sizes.append(size)
    assert sizes[0] == 4 * searching._FIRST
    assert sizes[-1] == pytest.approx(2500, abs=1)
    assert searching._next_size(1, 60.0) == 1


def test_a_saved_tree_answers_as_the_points_do(command, points, folder):
    assert command("build", "points.npy", *INDUCING, "-o", "t.covertree").code == 0
    np.save("q.npy", points[:5] * 1.5)
    for more in ((), ("--queries", "q.npy"), ("--predecessors",), ("--ids", "3:9")):
        command("neighbors", "points.npy", "-k", 4, *INDUCING, *more, "-o", "a.npz", "--force")
        assert command("query", "t.covertree", "-k", 4, *more, "-o", "b.npz", "--force").code == 0
        assert (folder / "a.npz").read_bytes() == (folder / "b.npz").read_bytes()


@pytest.mark.parametrize("how", [("--engine", "python-numba"), ("--profile", "cpu-debug")])
def test_a_saved_tree_takes_other_options(command, points, folder, how):
    command("build", "points.npy", *INDUCING, "-o", "t.covertree")
    command("query", "t.covertree", "-k", 4, "-o", "a.npz")
    told = command("query", "t.covertree", "-k", 4, "-o", "b.npz", "--json", *how)
    assert json.loads(told.out)["engine"] == "python-numba"
    assert (folder / "a.npz").read_bytes() == (folder / "b.npz").read_bytes()


def test_force_replaces_a_file(command, points, folder):
    (folder / "out.csv").write_text("old")
    assert command("neighbors", "points.npy", "-k", 2, "-o", "out.csv", "--force").code == 0
    assert (folder / "out.csv").read_text().startswith("query,rank")


def test_json_is_one_object_and_all_else_is_elsewhere(command, points):
    done = command("neighbors", "points.npy", "-k", 5, *INDUCING, "-o", "out.npz", "--json")
    assert done.out.count("\n") == 1
    told = json.loads(done.out)
    expected = {
        "n": 60,
        "d": 3,
        "k": 5,
        "queries": 60,
        "metric": "residual",
        "kernel": {"name": "matern52", "lengthscale": 0.8, "variance": 1.0},
        "inducing": 12,
        "engine": "rust-hilbert",
        "output": "out.npz",
        "warnings": [],
    }
    assert {name: told[name] for name in expected} == expected
    assert told["rate"] == pytest.approx(60 / told["phases"]["search"])
    assert told["seconds"] == pytest.approx(sum(told["phases"].values()))
    assert "residual correlation" in done.err
    built = json.loads(command("build", "points.npy", "-o", "t.covertree", "--json").out)
    assert (built["n"], built["inducing"], built["output"]) == (60, 60, "t.covertree")


def test_a_warning_is_one_line_and_in_the_json(command, points):
    np.save("near.npy", points * 1e-4)
    options = ("--block-dtype", "float32", "-o", "out.npz", "--json", "--quiet")
    done = command("neighbors", "near.npy", "-k", 5, "--inducing", 8, *options)
    assert done.code == 0
    assert re.fullmatch(r"covertreex: warning: float32 blocks cannot [^\n]+\n", done.err)
    (warning,) = json.loads(done.out)["warnings"]
    assert done.err == f"covertreex: warning: {warning}\n"
    assert warning.endswith("remedy: leave --block-dtype out, or give float64")


def test_quiet_is_quiet(command, points):
    done = command("neighbors", "points.npy", "-k", 5, "-o", "out.npz", "--quiet")
    assert done == (0, "", "")


def test_more_predecessors_may_be_wanted_than_there_are_points(command, points, folder):
    asked = ("-k", 70, "--predecessors", "-q", "-o")
    assert command("neighbors", "points.npy", *INDUCING, *asked, "out.npz").code == 0
    assert command("build", "points.npy", *INDUCING, "-q", "-o", "t.covertree").code == 0
    assert command("query", "t.covertree", *asked, "again.npz").code == 0
    expected, _ = tree_of(points).knn(k=70, predecessor_mode=True)
    for name in ("out.npz", "again.npz"):
        assert np.array_equal(np.load(folder / name)["indices"], expected)


@pytest.mark.parametrize("source", ["points.npy", "both.npz"])
def test_queries_may_be_an_array_of_another_name(command, points, folder, source):
    np.savez("both.npz", near=points[:7], all=points)
    named = ("--key", "all") if source == "both.npz" else ()
    asked = ("--queries", "both.npz", "--queries-key", "near", "-k", 3, *INDUCING, "-q")
    assert command("neighbors", source, *named, *asked, "-o", "out.npz").code == 0
    expected, _ = tree_of(points).knn(points[:7], k=3)
    assert np.array_equal(np.load(folder / "out.npz")["indices"], expected)
