"""Searches with Dask: the bits of one process, whatever the chunks, the workers, and who dies."""

import logging
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import dask
import dask.array as da
import distributed
import numpy as np
import pytest
from dask.sizeof import sizeof
from parity.inputs import normals

from covertreex import CoverTree, Matern52, Runtime, cover_tree
from covertreex.dask import knn, scatter, shard
from covertreex.distributed import handles, tasks
from covertreex.distributed.held import Held
from covertreex.errors import (
    ConfigurationError,
    DtypeError,
    FileAccessError,
    FileFormatError,
    IndexRangeError,
    MissingDependencyError,
    NonFiniteError,
    ParameterError,
    ShapeError,
)
from covertreex.search.indexes import Indexes

N, D, K = 700, 3, 7
CHUNKS = (150, 3)

# What the metric of each test is made of; float32 blocks warn, as they should.
METRICS = {
    "residual": {"kernel": Matern52(0.7), "inducing_count": 40, "seed": 5},
    "float32": {"kernel": Matern52(0.7), "inducing_count": 40, "seed": 5, "block_dtype": "float32"},
    "euclidean": {},
}
pytestmark = pytest.mark.filterwarnings("ignore::covertreex.errors.ResidualPrecisionWarning")


def points():
    """Coordinates with ties: some points are there three times, far apart in the order of ids."""
    made = normals(11, N * D).reshape(N, D)
    made[400:460] = made[600:660] = made[:60]
    return made


IDS = np.arange(0, N, 3)[::-1].copy()
QUERIES = normals(12, 90 * D).reshape(90, D)


def whole(metric):
    return cover_tree(points(), **METRICS[metric])


def sharded(metric, chunks=CHUNKS, **options):
    return shard(da.from_array(points(), chunks=chunks), **METRICS[metric], **options)


def every_question(tree, *, few=False):
    """Answers to all kinds of queries, lazily where the tree is not one of this process."""
    ids, queries = da.from_array(IDS, chunks=100), da.from_array(QUERIES, chunks=(40, 2))
    answers = [
        *knn(tree, ids, k=K, predecessor_mode=True),
        *knn(tree, queries, k=K),
    ]
    more = [
        *knn(tree, k=K),
        *knn(tree, k=K, predecessor_mode=True),
        *knn(tree, ids.reshape(-1, 1), k=K),
    ]
    return answers if few else answers + more


def of_one_process(tree, *, few=False):
    answers = [*tree.knn(IDS, k=K, predecessor_mode=True), *tree.knn(QUERIES, k=K)]
    more = [*tree.knn(k=K), *tree.knn(k=K, predecessor_mode=True), *tree.knn(IDS, k=K)]
    return answers if few else answers + more


def same_bits(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        assert one.tobytes() == other.tobytes()


@pytest.fixture(params=sorted(METRICS))
def metric(request):
    return request.param


class TestWithoutACluster:
    """The threads of this process, as for any dask array."""

    def test_a_tree_and_its_shards_answer_with_the_bits_of_one_process(self, metric):
        tree = whole(metric)
        expected = of_one_process(tree)
        same_bits(dask.compute(*every_question(tree)), expected)
        same_bits(dask.compute(*every_question(sharded(metric))), expected)

    @pytest.mark.parametrize("rows", [(1, 699), (5, 5, 690), (700,), (35,) * 20, (0, 300, 0, 400)])
    def test_where_shards_end_changes_nothing(self, rows):
        found = knn(sharded("residual", (rows, 3)), k=9, predecessor_mode=True)
        expected = whole("residual").knn(k=9, predecessor_mode=True)
        same_bits(dask.compute(*found, scheduler="synchronous"), expected)

    def test_every_engine_builds_the_same_shards(self, engine):
        found = knn(sharded("residual", engine=engine), k=3)
        same_bits(dask.compute(*found), whole("residual").knn(k=3))

    def test_the_rows_of_a_shard_are_those_of_the_whole(self):
        held = [held.tree for held in dask.compute(*sharded("residual").trees.to_delayed())]
        expected = whole("residual")
        for name in ("v_matrix", "p_diag", "scaled"):
            together = np.concatenate([getattr(tree.residual, name) for tree in held])
            same_bits([together], [getattr(expected.residual, name)])
        assert all(tree.residual.certified for tree in held)
        same_bits([held[0].residual.inducing_indices], [expected.residual.inducing_indices])
        same_bits([np.concatenate([tree.ids for tree in held])], [expected.ids])

    def test_more_neighbours_than_a_shard_has_points(self):
        found = knn(sharded("residual", (90, 3)), da.from_array(QUERIES, chunks=(50, 3)), k=200)
        same_bits(dask.compute(*found), whole("residual").knn(QUERIES, k=200))

    @pytest.mark.parametrize("of", [whole, sharded])
    def test_a_range_of_ids(self, of):
        found = knn(of("residual"), range(140, 463), k=K, predecessor_mode=True)
        expected = whole("residual").knn(np.arange(140, 463), k=K, predecessor_mode=True)
        same_bits(dask.compute(*found), expected)

    def test_a_tree_that_points_were_deleted_from(self):
        tree = whole("residual").delete(np.arange(0, N, 2)).insert(QUERIES)
        found = knn(tree, k=K)
        assert found[0].shape == (len(tree), K)
        same_bits(dask.compute(*found), tree.knn(k=K))

    def test_results_say_what_they_are_before_they_are_computed(self):
        indices, distances = knn(sharded("residual"), da.from_array(QUERIES, chunks=(40, 3)), k=K)
        assert indices.dtype == np.int64
        assert distances.dtype == np.float64
        assert indices.chunks == distances.chunks == ((40, 40, 10), (K,))
        alone = knn(whole("residual"), k=K, return_distances=False)
        assert isinstance(alone, da.Array)

    def test_empty_chunks_of_queries_have_no_answers(self):
        queries = da.concatenate([da.from_array(QUERIES[:4]), da.from_array(QUERIES[4:])])
        ids = da.from_array(IDS, chunks=((0, len(IDS), 0),))
        tree = sharded("residual")
        same_bits(dask.compute(*knn(tree, queries, k=2)), whole("residual").knn(QUERIES, k=2))
        same_bits(dask.compute(*knn(tree, ids, k=2)), whole("residual").knn(IDS, k=2))
        same_bits(dask.compute(*knn(whole("residual"), ids, k=2)), whole("residual").knn(IDS, k=2))

    def test_a_file_is_opened_once_and_again_when_it_was_replaced(self, tmp_path, monkeypatch):
        path = tmp_path / "points.covertree"
        whole("residual").save(path)
        load, loads = tasks.load_tree, []
        monkeypatch.setattr(tasks, "load_tree", lambda *a, **o: loads.append(a) or load(*a, **o))
        same_bits(dask.compute(*knn(path, k=2)), whole("residual").knn(k=2))
        same_bits(dask.compute(*knn(path, k=3)), whole("residual").knn(k=3))
        assert len(loads) == 1
        whole("euclidean").save(path, force=True)
        same_bits(dask.compute(*knn(str(path), k=2)), whole("euclidean").knn(k=2))
        assert len(loads) == 2

    @pytest.mark.parametrize("searched", [False, True], ids=["unseen", "searched-before"])
    def test_a_file_that_was_replaced_meanwhile_is_not_searched(self, tmp_path, searched):
        path = tmp_path / "points.covertree"
        whole("residual").save(path)
        lazy = knn(path, k=2)
        if searched:
            dask.compute(*lazy)
        other = cover_tree(points()[::-1], **METRICS["residual"])  # of the same size
        other.save(path, force=True)
        with pytest.raises(FileFormatError, match=r"points\.covertree was replaced by another"):
            dask.compute(*lazy)

    def test_a_file_that_is_gone_meanwhile_is_named(self, tmp_path):
        path = tmp_path / "points.covertree"
        whole("euclidean").save(path)
        lazy = knn(path, k=2)
        path.unlink()
        with pytest.raises(FileAccessError, match=r"points\.covertree cannot be read"):
            dask.compute(*lazy)

    def test_a_file_is_verified_by_who_searches_it(self, tmp_path):
        path = tmp_path / "points.covertree"
        whole("euclidean").save(path)
        lazy = knn(path, k=2)
        one, other = (point.tobytes() for point in points()[70:72])
        path.write_bytes(path.read_bytes().replace(one, other))
        with pytest.raises(ValueError, match=r"points\.covertree"):
            dask.compute(*lazy)


def test_the_python_of_the_page_on_scale_runs():
    page = (Path(__file__).parent.parent / "docs" / "scale.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 2
    names = {}
    for block in blocks:
        exec(compile(block, "docs/scale.md", "exec"), names)
    assert names["indices"].shape == (3_000, 30)


class TestMerging:
    """The nearest of answers, by (distance, id), with what is left at the end."""

    def test_equal_distances_come_in_order_of_id(self):
        first = np.array([[4, 9]]), np.array([[0.5, 0.5]])
        second = np.array([[11, 12]]), np.array([[0.25, 0.5]])
        ids, distances = tasks.merge([second, first], 3)
        assert ids.tolist() == [[11, 4, 9]]
        assert distances.tolist() == [[0.25, 0.5, 0.5]]

    def test_a_point_at_infinity_comes_before_no_point(self):
        nothing = np.array([[-1, -1]]), np.array([[np.inf, np.inf]])
        far = np.array([[7]]), np.array([[np.inf]])
        ids, distances = tasks.merge([nothing, far], 4)
        assert ids.tolist() == [[7, -1, -1, -1]]
        assert np.isinf(distances).all()


class TestBadInput:
    """One line that says what was given, what is wanted and what to do."""

    @pytest.mark.parametrize(
        ("queries", "error", "message"),
        [
            (QUERIES, DtypeError, "queries is of type ndarray; give a dask array, such as dask"),
            (da.from_array(QUERIES[:, :2]), ShapeError, "queries has 2 columns, but the data have"),
            (da.from_array(QUERIES[:, 0]), ShapeError, "queries has shape .90,.; give a 2-D array"),
            (da.from_array(QUERIES.astype(complex)), DtypeError, "dtype complex128; give real"),
            (da.from_array(IDS.reshape(-1, 2)), ShapeError, "ids must have shape"),
            (da.from_array(QUERIES)[:0], ShapeError, "queries has shape"),
            (
                (lambda q: q[q[:, 0] > 0])(da.from_array(QUERIES)),
                ShapeError,
                "queries has chunks of unknown size; call queries.compute_chunk_sizes",
            ),
        ],
    )
    @pytest.mark.parametrize("of", [whole, sharded])
    def test_queries_of_no_use_are_refused_at_once(self, of, queries, error, message):
        with pytest.raises(error, match=message):
            knn(of("euclidean"), queries, k=1)

    @pytest.mark.parametrize("of", [whole, sharded])
    @pytest.mark.parametrize("k", [0, N + 1])
    def test_so_is_a_k_that_no_tree_can_answer(self, of, k):
        with pytest.raises(ParameterError, match=f"k is {k}; it must be within 1 and {N}"):
            knn(of("euclidean"), k=k)

    def test_and_what_is_no_tree(self):
        with pytest.raises(DtypeError, match="tree is of type ndarray; give a CoverTree, the path"):
            knn(points(), k=1)
        with pytest.raises(DtypeError, match="tree is of type ndarray; give what cover_tree"):
            scatter(points())
        with pytest.raises(FileAccessError, match="nowhere"):
            knn("nowhere.covertree", k=1)

    def test_coordinates_have_no_predecessors(self):
        with pytest.raises(ConfigurationError, match=r"queries are coordinates"):
            knn(whole("euclidean"), da.from_array(QUERIES), k=1, predecessor_mode=True)

    @pytest.mark.parametrize("of", [whole, sharded])
    def test_ranges_of_no_use(self, of):
        with pytest.raises(ParameterError, match=r"queries is range\(5, 5\); give a range of at"):
            knn(of("euclidean"), range(5, 5), k=1)
        with pytest.raises(ParameterError, match="of step 1"):
            knn(of("euclidean"), range(0, 9, 2), k=1)
        with pytest.raises(IndexRangeError, match="ids must lie within 0 and 699"):
            dask.compute(*knn(of("euclidean"), range(600, N + 1), k=1))

    @pytest.mark.parametrize("of", [whole, sharded])
    def test_a_nan_is_named_by_its_chunk_and_row(self, of):
        made = QUERIES.copy()
        made[47, 1] = np.nan
        answer = knn(of("residual"), da.from_array(made, chunks=(20, 3)), k=1)
        with pytest.raises(NonFiniteError, match=r"queries\[40:60\]\[7, 1\] is nan"):
            dask.compute(*answer)

    @pytest.mark.parametrize("of", [whole, sharded])
    def test_so_is_an_id_that_is_not_there(self, of):
        answer = knn(of("residual"), da.from_array(np.array([1, 2, 3, N]), chunks=3), k=1)
        with pytest.raises(IndexRangeError, match=r"queries\[3:4\]\[0\] is 700; ids must"):
            dask.compute(*answer)

    def test_so_is_an_id_that_was_deleted(self):
        tree = whole("residual").delete([3])
        answer = knn(tree, da.from_array(np.array([1, 2, 4, 3]), chunks=2), k=1)
        with pytest.raises(
            IndexRangeError, match=r"queries\[2:4\]\[1\] is 3, a point that was del"
        ):
            dask.compute(*answer)

    def test_a_nan_in_an_inducing_point_is_named_by_the_row_of_the_point(self):
        row = int(whole("residual").residual.inducing_indices[-1])
        made = points()
        made[row, 1] = np.nan
        tree = shard(da.from_array(made, chunks=CHUNKS), **METRICS["residual"])
        with pytest.raises(NonFiniteError, match=rf"points\[{row}:{row + 1}\]\[0, 1\] is nan"):
            dask.compute(*knn(tree, k=1))

    def test_points_of_no_use(self):
        with pytest.raises(DtypeError, match="points is of type ndarray; give a dask array"):
            shard(points())
        with pytest.raises(ShapeError, match="points has shape"):
            shard(da.from_array(points()[:, 0]))
        made = points()
        made[301, 2] = np.inf
        tree = shard(da.from_array(made, chunks=(150, 3)), Matern52(), inducing_count=3)
        with pytest.raises(NonFiniteError, match=r"points\[300:450\]\[1, 2\] is inf"):
            dask.compute(*knn(tree, k=1))

    def test_options_of_a_metric_without_a_kernel(self):
        with pytest.raises(ConfigurationError, match="inducing_count given without a kernel"):
            shard(da.from_array(points()), inducing_count=7)
        with pytest.raises(ShapeError, match="2 lengthscales"):
            shard(da.from_array(points()), Matern52((1.0, 2.0)))
        with pytest.raises(ParameterError, match="block_dtype is 'float16'"):
            shard(da.from_array(points()), Matern52(), block_dtype="float16")
        with pytest.raises(ParameterError, match="threads is 0"):
            shard(da.from_array(points()), threads=0)

    def test_no_client_to_scatter_to(self):
        with pytest.raises(ConfigurationError, match="no Dask client is running; start one"):
            scatter(whole("euclidean"))

    def test_a_tree_that_is_too_large_to_send(self, monkeypatch):
        monkeypatch.setattr(handles, "MESSAGE", 2**10)
        with (
            cluster_of(1, processes=False) as cluster,
            distributed.Client(cluster),
            pytest.raises(ConfigurationError, match="and Dask sends less than"),
        ):
            scatter(whole("euclidean"))

    @pytest.mark.parametrize("name", ["dask", "distributed"])
    def test_a_package_that_is_missing_is_named_with_its_extra(self, name):
        code = f"import sys; sys.modules[{name!r}] = None; import covertreex.dask"
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert run.returncode == 1
        assert run.stderr.splitlines()[-1].startswith(
            f"{MissingDependencyError.__module__}.MissingDependencyError: covertreex.dask needs"
        )
        assert "pip install covertreex[dask]" in run.stderr

    def test_covertreex_does_not_import_dask(self):
        code = "import sys, covertreex.api; sys.exit('dask' in sys.modules)"
        subprocess.run([sys.executable, "-c", code], check=True)


def cluster_of(workers, *, threads=1, processes=True, memory=0):
    return distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=threads,
        processes=processes,
        dashboard_address=":0",  # of another run on this machine the usual port is taken
        silence_logs=logging.CRITICAL,  # a worker that is killed is what is tested
        memory_limit=memory,
    )


@pytest.fixture(scope="module", params=[1, 2, 4], ids=lambda workers: f"{workers}-workers")
def client(request):
    with cluster_of(request.param) as cluster, distributed.Client(cluster) as client:
        yield client


def shifted(value):
    """The value as it is after a journey that puts each of its arrays at an odd address."""
    buffers = []
    data = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    moved = [memoryview(b"." + buffer.raw().tobytes())[1:] for buffer in buffers]
    return pickle.loads(data, buffers=moved)  # noqa: S301 - our own


def computed(client, lazy):
    """What `dask.compute` returns; an answer that never comes is an error."""
    futures = client.compute(list(lazy))
    distributed.wait(futures, timeout=60)
    return client.gather(futures)


def killing(folder, half):
    """Return a step that kills its own worker, once, when half of the blocks were there."""

    def step(block, block_id=None):
        (folder / f"block-{block_id[0]}").touch()
        time.sleep(0.01)
        if len(list(folder.glob("block-*"))) >= half:
            try:
                (folder / "killed").touch(exist_ok=False)
            except FileExistsError:
                return block
            os.kill(os.getpid(), signal.SIGKILL)
        return block

    return step


def count_builds():
    """On a worker: number of residual indexes built from now on."""
    from covertreex.search.indexes import Indexes

    build = Indexes._built

    def built(self, *arguments):
        Indexes.builds += 1
        return build(self, *arguments)

    Indexes.builds, Indexes._built = 0, built


def builds():
    from covertreex.search.indexes import Indexes

    return Indexes.builds


def keeps(name):
    from covertreex.distributed import held

    return name in held._kept


def plugins(dask_scheduler):
    return [*dask_scheduler.plugins, *dask_scheduler.worker_plugins]


def slowly(block):
    time.sleep(0.02)
    return block


class TestOnACluster:
    """Processes of their own, as machines would be: 1, 2 and 4 of them."""

    def test_the_bits_of_one_process(self, client):
        lazy, expected = [], []
        for name in METRICS:
            tree, few = whole(name), name != "residual"
            lazy += every_question(scatter(tree), few=few)
            lazy += every_question(sharded(name).persist(), few=few)
            expected += 2 * of_one_process(tree, few=few)
        same_bits(computed(client, lazy), expected)

    def test_an_index_is_built_once_a_worker(self, client):
        client.run(count_builds)
        ids = da.from_array(IDS, chunks=10)
        tree = scatter(whole("residual"))
        computed(client, knn(tree, ids, k=K))
        computed(client, knn(tree, ids, k=K))
        assert max(client.run(builds).values()) == 1

    def test_every_worker_keeps_a_scattered_tree_until_it_is_released(self, client):
        tree = scatter(whole("residual"))
        assert all(client.run(keeps, tree.name).values())
        tree.release()
        assert not any(client.run(keeps, tree.name).values())
        with pytest.raises(ConfigurationError, match="because it was released; scatter it again"):
            computed(client, knn(tree, da.from_array(IDS), k=K))

    def test_a_scattered_tree_that_nobody_can_ask_any_more_is_let_go(self, client):
        tree = whole("residual")
        scattered = scatter(tree)
        name = scattered.name
        asked = da.from_array(IDS, chunks=20).map_blocks(slowly, dtype=int)
        lazy = knn(scattered, asked, k=K)
        del scattered
        futures = client.compute(list(lazy))
        del lazy
        same_bits(client.gather(futures), tree.knn(IDS, k=K))
        assert all(client.run(keeps, name).values())  # to answer again should a worker die
        del futures
        until = time.monotonic() + 10
        while any(client.run(keeps, name).values()):
            assert time.monotonic() < until
            time.sleep(0.05)
        assert name not in client.run_on_scheduler(plugins)

    def test_workers_that_are_killed_half_way_change_nothing(self, client, tmp_path):
        workers = len(client.nthreads())
        for kind in SURVIVORS[workers]:
            folder = tmp_path / kind
            folder.mkdir()
            tree = whole("residual")
            searched = held_as(kind, tree, folder)
            ids = da.from_array(IDS, chunks=20)
            ids = ids.map_blocks(killing(folder, ids.numblocks[0] // 2), dtype=int)
            found = computed(client, knn(searched, ids, k=K, predecessor_mode=True))
            assert (folder / "killed").exists()
            same_bits(found, tree.knn(IDS, k=K, predecessor_mode=True))
            client.wait_for_workers(workers, timeout=30)


SURVIVORS = {1: ["scattered", "shards"], 2: ["file", "graph"], 4: ["shards", "scattered"]}
"""What is searched while a worker dies, by the number of workers."""


def held_as(kind, tree, folder):
    if kind == "graph":
        return tree
    if kind == "scattered":
        return scatter(tree)
    if kind == "file":
        return tree.save(folder / "points.covertree")
    return sharded("residual").persist()


MEMORY = 120_000
"""Bytes that a worker may hold: two shards."""


def in_memory(dask_worker):
    return dask_worker.data.fast.total_weight


def on_disk(dask_worker):
    return dask_worker.data.spilled_total.memory


class TestShardsLargerThanAWorkersMemory:
    """What a worker may not hold it puts on its disk; what comes back has the same bits.

    The bytes are those that Dask counts, so that the limit can be small: what a process takes
    before it holds anything is left out.
    """

    @pytest.mark.parametrize("workers", [1, 2])
    def test_the_bits_of_one_process(self, workers, tmp_path):
        tree = whole("residual")
        assert tree.residual.v_matrix.nbytes > 1.5 * MEMORY
        counted = {"target": 1.0, "spill": False, "pause": False, "terminate": False}
        settings = {f"distributed.worker.memory.{name}": at for name, at in counted.items()}
        with (
            dask.config.set(settings, temporary_directory=tmp_path),
            cluster_of(workers, memory=MEMORY) as cluster,
            distributed.Client(cluster) as client,
        ):
            shards = sharded("residual").persist()
            distributed.wait(shards.trees)
            assert max(client.run(in_memory).values()) <= MEMORY
            assert sum(client.run(on_disk).values()) > 0
            found = computed(client, every_question(shards, few=True))
            same_bits(found, of_one_process(tree, few=True))
            assert max(client.run(in_memory).values()) <= MEMORY


class TestThreads:
    """A worker runs as many tasks at a time as it has threads; each has those it was given."""

    @pytest.mark.parametrize("threads", [1, 2])
    def test_tasks_of_a_worker_use_the_threads_they_were_given(self, threads, monkeypatch):
        used, search, build = [], CoverTree.knn, Indexes._built

        def searched(tree, *arguments, **options):
            used.append(tree.runtime.threads)
            return search(tree, *arguments, **options)

        def built(indexes, metric, layout, runtime):
            built_by.append(runtime.threads)
            time.sleep(0.2)  # so that the other thread wants it meanwhile
            return build(indexes, metric, layout, runtime)

        built_by = []
        tree = replace(whole("residual"))  # without its index
        monkeypatch.setattr(CoverTree, "knn", searched)
        monkeypatch.setattr(Indexes, "_built", built)
        with cluster_of(1, threads=2, processes=False) as cluster, distributed.Client(cluster):
            dask.compute(*knn(tree, da.from_array(IDS, chunks=60), k=K, threads=threads))
        assert used == [threads] * 4
        assert built_by == [threads]


class TestArrival:
    """What Dask sends stands anywhere in a buffer, and is not to be sent for nothing."""

    @pytest.mark.parametrize("metric", sorted(METRICS))
    def test_arrays_that_arrive_out_of_line_are_searched(self, metric):
        tree = whole(metric)
        expected = tree.knn(QUERIES, k=K)
        held = shifted(Held(tree))
        assert held.tree.points.flags.aligned
        if held.tree.residual is not None:
            assert held.tree.residual.points is held.tree.points
            assert held.tree.residual.certified
        queries = shifted(QUERIES)
        assert not queries.flags.aligned
        options = {"k": K, "threads": 1}
        same_bits(tasks.search_tree(held, queries, 0, predecessors=False, **options), expected)
        same_bits(tasks.search_shard(held, queries, 0, None, **options), expected)
        block = shifted(points()[:100])
        assert not block.flags.aligned
        assert len(tasks.shard(None, block, 0, N, Runtime(metric="euclidean")).tree) == 100

    def test_a_tree_is_as_large_as_its_arrays(self):
        tree = whole("residual")
        inducing = 40
        wanted = N * (inducing + 2 * D + 2) + inducing * (1 + D + inducing)
        assert sizeof(Held(tree)) == 8 * wanted
