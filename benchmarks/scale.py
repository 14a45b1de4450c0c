"""What a shard costs, for docs/scale.md: ``python -m benchmarks.scale``.

Seconds are processor seconds of one thread, so that another job on the machine shifts them little.
n points of a shard, the gold recipe's otherwise (d = 3, RBF, m = 512, float64 blocks), k = 30.
"""

from __future__ import annotations

import argparse
import pickle
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

import dask.array as da
import distributed
import numpy as np
from dask.sizeof import sizeof

from covertreex import RBF, Runtime
from covertreex.dask import knn, shard
from covertreex.distributed import tasks
from covertreex.distributed.held import Held
from covertreex.metrics.residual.backend import ResidualBackend

from .recall import WrongAnswerError
from .recipe import F64, Recipe

T = TypeVar("T")

K, QUERIES, INDUCING = 30, 512, 512
HOW = Runtime(threads=1)


def main() -> None:
    """Print the figures, one a line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2**14, 2**15, 2**16, 2**17])
    sizes = parser.parse_args().sizes
    metric, seconds = _timed(lambda: _factor(max(sizes)))
    print(f"factor of {INDUCING} inducing points: {seconds:.2f} s")
    for line in (*_shards(metric, sizes), *_orders(metric), *_merges(), *_graphs(), *_moves()):
        print(line, flush=True)


def _shards(metric: ResidualBackend, sizes: list[int]) -> Iterator[str]:
    """Build, size and search shards of these numbers of points."""
    for n in sizes:
        held, rows = _timed(partial(_shard, metric, Recipe(name="scale", n=n).points))
        _, index = _timed(partial(held.ready, 1))
        asked = np.random.default_rng(1).normal(size=(QUERIES, 3))
        found, search = _timed(partial(_search, held, asked))
        scanned, scan = _timed(partial(_search, _scanning(held), asked))
        if any(one.tobytes() != other.tobytes() for one, other in zip(found, scanned, strict=True)):
            raise WrongAnswerError(f"the index of {n} points answers other than the scan")
        yield (
            f"shard n={n}: {sizeof(held) / n:.0f} bytes, rows of V {rows / n * 1e6:.1f} us, index "
            f"{index / n * 1e6:.1f} us a point; search {search / QUERIES * 1e3:.3f} ms, scan "
            f"{scan / QUERIES * 1e3:.3f} ms a query"
        )


def _orders(metric: ResidualBackend) -> Iterator[str]:
    """Search all of 8 shards whose points are anywhere, or side by side."""
    n, shards = 2**16, 8
    points = Recipe(name="scale", n=n).points
    asked = np.random.default_rng(1).normal(size=(QUERIES, 3))
    for name, order in (("anywhere", np.arange(n)), ("side by side", np.argsort(points[:, 0]))):
        parts = [_shard(metric, part) for part in np.split(points[order], shards)]
        for part in parts:
            part.ready(1)
        each = sum(_timed(partial(_search, part, asked))[1] for part in parts) / QUERIES * 1e3
        yield f"{shards} shards of {n // shards}, points {name}: {each:.3f} ms a query"


def _merges() -> Iterator[str]:
    """Merge answers of 8 shards."""
    rng = np.random.default_rng(2)
    answers = [
        (rng.integers(0, 10**9, (8192, K)), np.sort(rng.random((8192, K)), axis=1))
        for _ in range(8)
    ]
    seconds = _timed(lambda: tasks.merge(answers, K))[1]
    sent = len(pickle.dumps(answers[0], protocol=5)) / 8192
    yield f"merge: {seconds / 8192 / 8 * 1e6:.2f} us a query and shard; an answer {sent:.0f} bytes"


def _graphs() -> Iterator[str]:
    """Make the graph of 64 shards that are asked for 64 blocks of queries."""
    points = da.zeros((64 * 8192, 3), chunks=(8192, 3))
    (answer, _), seconds = _timed(lambda: knn(shard(points, RBF()), k=K))
    size = len(dict(answer.dask))
    yield f"graph of 64 shards and 64 blocks: {size} tasks, {seconds / size * 1e6:.0f} us each"


def _moves() -> Iterator[str]:
    """Search 8 shards on 2 workers, and look where they are afterwards."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        points = da.from_array(Recipe(name="scale", n=2**13).points, chunks=(2**10, 3))
        tree = shard(points, RBF(), inducing_count=INDUCING).persist()
        distributed.wait(tree.trees)
        before = _places(client, tree.trees)
        client.gather(client.compute(list(knn(tree, k=K, predecessor_mode=True))))
        after = _places(client, tree.trees)
        yield f"8 shards on 2 workers: each held {before} before a search of all, {after} after it"


def _places(client: distributed.Client, trees: da.Array) -> list[int]:
    """Shards that each worker holds."""
    keys = {future.key for future in distributed.futures_of(trees)}
    return [len(keys & set(held)) for held in client.has_what().values()]


def _factor(n: int) -> ResidualBackend:
    recipe = Recipe(name="scale", n=n)
    rows = np.sort(np.random.default_rng(0).choice(n, INDUCING, replace=False))
    return tasks.factor(recipe.points[rows], rows, recipe.covariance, "float64", HOW)


def _shard(metric: ResidualBackend, points: F64) -> Held:
    """Make a shard as `covertreex.dask.shard` does, but for its index."""
    scanning = HOW.with_updates(enable_sparse_traversal=False)
    made = tasks.shard(metric, points, 0, len(points), scanning).tree
    return Held(made.searched_by(HOW))


def _scanning(held: Held) -> Held:
    return Held(held.tree.searched_by(HOW.with_updates(enable_sparse_traversal=False)))


def _search(held: Held, asked: F64) -> tasks.Answer:
    return tasks.search_shard(held, asked, 0, None, k=K, threads=1)


def _timed(job: Callable[[], T]) -> tuple[T, float]:
    began = time.process_time()
    result = job()
    return result, time.process_time() - began


if __name__ == "__main__":
    main()
