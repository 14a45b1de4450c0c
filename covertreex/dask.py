"""Neighbours with Dask: queries in partitions, and points that no one machine can hold.

    from covertreex.dask import knn, scatter, shard

`knn` takes what holds the points, and queries as a dask array; what it returns is lazy and has the
bits that `CoverTree.knn` of one process returns, whatever the chunks and the workers. The points
are one of these:

====================  =================================  ===================================
given                 who holds it                       when a worker dies
====================  =================================  ===================================
a `CoverTree`         the graph, so the scheduler too    the scheduler sends it again
`scatter(tree)`       every worker, and the scheduler    the one in its place gets it
path of a saved tree  every worker, from a file system   the file is opened again
                      that all of them see
`shard(points)`       each worker its own points         their shards are built again
====================  =================================  ===================================

Without a cluster the threads of this process search, as for any dask array; `scatter` alone needs a
running client. A task computes with one thread, because a worker runs as many tasks at a time as it
has threads; ``threads=`` is for workers that were given fewer threads than cores. Progress is
Dask's own: `dask.diagnostics.ProgressBar` for threads, and for a cluster
``distributed.progress(result.persist())`` or its dashboard.

Examples
--------
>>> import dask.array as da
>>> import numpy as np
>>> from covertreex import Matern52, cover_tree
>>> from covertreex.dask import knn, shard
>>> coords = np.linspace(0.0, 9.0, 40).reshape(-1, 1)
>>> kernel = Matern52(lengthscale=0.5)
>>> shards = shard(da.from_array(coords, chunks=(10, 1)), kernel, inducing_count=4)
>>> indices, distances = knn(shards, k=3, predecessor_mode=True)
>>> indices.shape, indices.chunks[0], indices.dtype
((40, 3), (10, 10, 10, 10), dtype('int64'))
>>> tree = cover_tree(coords, kernel, inducing_count=4)
>>> bool((indices.compute() == tree.knn(k=3, predecessor_mode=True)[0]).all())
True
"""

from .distributed.graphs import knn
from .distributed.handles import ScatteredTree, ShardedTree, scatter, shard

__all__ = ["ScatteredTree", "ShardedTree", "knn", "scatter", "shard"]
