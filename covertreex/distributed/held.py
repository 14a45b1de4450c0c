"""Trees as workers hold them: how large they are, and in what state they arrive.

Dask sends arrays as pieces of one buffer, so what arrives may stand at any address; the engines
want arrays that are aligned, as all arrays are that NumPy makes.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, TypeVar

import distributed
import numpy.typing as npt
from dask.sizeof import sizeof

from ..errors import ConfigurationError
from ..metrics.residual.backend import certified, owned
from ..tree import CoverTree

_kept: dict[str, Held] = {}
"""Trees that were scattered to this process, by the names of their keepers."""

A = TypeVar("A", bound=npt.NDArray[Any])

_building = Lock()
"""Held while an index is built: threads of a worker that want the same one then build it once."""

_TREE = "points", "ids"
_METRIC = (
    "points",
    "inducing_indices",
    "v_matrix",
    "p_diag",
    "scaled",
    "scaled_inducing",
    "cholesky",
)


@dataclass(frozen=True, eq=False)
class Held:
    """A tree on its way to workers, or there. Its index is not sent: it is built where it arrives.

    Attributes
    ----------
    tree : CoverTree
        The tree; all of its arrays are aligned.
    """

    tree: CoverTree

    def __reduce__(self) -> tuple[Any, tuple[CoverTree]]:
        return arrived, (replace(self.tree),)  # a copy without an index

    def ready(self, threads: int) -> CoverTree:
        """Return the tree for a search with so many threads, its index built."""
        searched = self.tree.searched_by(self.tree.runtime.with_updates(threads=threads))
        with _building:
            searched.indexes.prepare(searched.runtime)
        return searched


class Keeper(distributed.WorkerPlugin):
    """Brings a tree to each worker of a cluster, also to one that starts later.

    A future would not do: the scheduler drops copies that no task waits for, index and all.
    """

    def __init__(self, name: str, held: Held) -> None:
        self.name, self.held = name, held

    def setup(self, worker: distributed.Worker) -> None:  # noqa: ARG002 - Dask's signature
        """Keep the tree."""
        _kept[self.name] = self.held

    def teardown(self, worker: distributed.Worker) -> None:  # noqa: ARG002 - Dask's signature
        """Let go of the tree."""
        _kept.pop(self.name, None)


class Lease(distributed.SchedulerPlugin):
    """Takes a scattered tree from the workers when nobody can ask for it any more.

    Tasks that search the tree depend on one task of no work, whose result its `ScatteredTree` wants
    too; so the scheduler forgets that one only when the tree, what is lazy and what is computed of
    it are all gone. A finaliser of the tree alone would take it from searches under way.
    """

    def __init__(self, name: str, key: Any) -> None:
        self.name, self.key = name, key

    async def start(self, scheduler: distributed.Scheduler) -> None:
        """Know the scheduler."""
        self.scheduler = scheduler

    def transition(  # Dask's signature
        self,
        key: Any,
        start: str,  # noqa: ARG002
        finish: str,
        *args: Any,  # noqa: ARG002
        stimulus_id: str,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> None:
        """Take the tree from the workers once the task is forgotten."""
        if key == self.key and finish == "forgotten":
            self.scheduler.loop.add_callback(self._end)

    async def _end(self) -> None:
        self.scheduler.plugins.pop(self.name, None)
        if self.name in self.scheduler.worker_plugins:  # unless it was released
            with suppress(OSError):  # a worker that is gone has let go of it
                await self.scheduler.unregister_worker_plugin(None, self.name)


def kept(name: str) -> Held:
    """Return the tree that a keeper of this name brought.

    Raises
    ------
    ConfigurationError
        If there is none, because the tree was released.
    """
    if name not in _kept:
        raise ConfigurationError(
            "the scattered tree is not on this worker, because it was released; scatter it again"
        )
    return _kept[name]


def aligned(array: A) -> A:
    """Return the array, or a copy of it if it stands where no engine reads it."""
    return array if array.flags.aligned else array.copy()


def arrived(tree: CoverTree) -> Held:
    """Hold a tree that was sent here."""
    landed: dict[int, npt.NDArray[Any]] = {}  # an array that two share stays one

    def land(of: object, names: tuple[str, ...]) -> dict[str, Any]:
        arrays = {name: getattr(of, name) for name in names}
        for array in arrays.values():
            if id(array) not in landed:
                landed[id(array)] = owned(aligned(array))
        return {name: landed[id(array)] for name, array in arrays.items()}

    residual = tree.residual
    if residual is not None:
        again = replace(residual, **land(residual, _METRIC))
        residual = certified(again) if residual.certified else again
    return Held(replace(tree, residual=residual, **land(tree, _TREE)))


def _bytes_of(held: Held) -> int:
    """Bytes of a tree's arrays: by them Dask brings queries to trees, not trees to queries."""
    tree = held.tree
    arrays = [getattr(tree, name) for name in _TREE]
    if tree.residual is not None:
        arrays += [getattr(tree.residual, name) for name in _METRIC]
    return sum({id(array): array.nbytes for array in arrays}.values())


sizeof.register(Held, _bytes_of)
