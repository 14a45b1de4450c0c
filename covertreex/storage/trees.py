"""Trees in containers: what of a `CoverTree` is stored, and how one is made of it again.

Stored are the arrays that searches read, so that a loaded tree computes nothing before it answers:
coordinates and ids; for the residual metric the scaled coordinates, V, p_diag and the factor. What
is loaded is read-only and not copied.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from ..errors import CovertreexError, FileFormatError, InputError
from ..kernels import kernel_from_name
from ..metrics._arguments import as_integer
from ..metrics.residual.backend import ResidualBackend, restored
from ..runtime import Runtime
from ..search.indexes import IndexParts, Layout, Stored, index_revision, made_of
from . import container
from .checks import check_values

if TYPE_CHECKING:
    from .._rust import SearchIndex
    from ..tree import CoverTree

__all__ = ["load_tree", "save_tree"]

KIND = "cover tree"
_TREE = {"points": ("float64", "nd"), "ids": ("int64", "n")}
_METRIC = {
    "scaled": ("float64", "nd"),
    "inducing_indices": ("int64", "r"),
    "scaled_inducing": ("float64", "rd"),
    "cholesky": ("float64", "rr"),
    "v_matrix": ("", "nm"),
    "p_diag": ("", "n"),
}
_INDEX = {
    "index.order": ("int64", "n"),
    "index.regions": ("int64", "R2"),
    "index.pivots": ("int64", "P"),
    "index.bases": ("float32", "b"),
    "index.coordinates": ("float32", "c"),
    "index.sigma": ("float32", "n"),
    "index.limits": ("float32", "R8"),
}
"""Dtype, empty for the block dtype, and shape, a letter or a digit a length. The index's are in the
order of `IndexParts`."""
T = TypeVar("T")


def save_tree(tree: CoverTree, path: Path, *, force: bool) -> None:
    """Write a tree; see `CoverTree.save`."""
    metric = tree.residual
    described: dict[str, Any] = {
        "metric": None if metric is None else _described(metric),
        "mis_seed": tree.mis_seed,
        "next_id": tree.next_id,
        "runtime": asdict(tree.runtime),
    }
    arrays = {name: getattr(tree, name) for name in _TREE}
    if metric is not None:
        arrays |= {name: getattr(metric, name) for name in _METRIC}
        described["index"], parts = _taken_apart(tree)
        arrays |= parts
    container.write(path, KIND, described, arrays, force=force)


def _described(metric: ResidualBackend) -> dict[str, Any]:
    kernel = metric.kernel
    return {
        "block_dtype": metric.block_dtype,
        "certified": metric.certified,
        "chunk_size": metric.chunk_size,
        "kernel": {
            "name": kernel.name,
            "lengthscale": kernel.lengthscale,
            "variance": kernel.variance,
        },
    }


def _taken_apart(tree: CoverTree) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Return what the header says of the residual index that was built, and its arrays."""
    kept = tree.indexes.kept(tree.runtime)
    if kept is None:
        return None, {}
    (static, batch_order), index = kept
    described = {
        "batch_order": batch_order,
        "pays": index is not None,
        "residual_use_static_euclidean_tree": static,
        "revision": index_revision(),
    }
    parts: tuple[npt.NDArray[Any], ...] = () if index is None else index.parts
    arrays = dict(zip(_INDEX, parts, strict=False))
    for name in set(arrays) & {"index.regions", "index.limits"}:
        arrays[name] = arrays[name].reshape(-1, int(_INDEX[name][1][1]))
    return described, arrays


def _stored_index(
    path: Path, described: _Fields, metric: ResidualBackend, arrays: dict[str, npt.NDArray[Any]]
) -> tuple[Layout, Stored]:
    """Return how a stored index is made, once a search needs it, and of which layout it is."""
    pays = described.take("pays", bool)

    def make() -> SearchIndex | None:
        if not pays:
            return None
        try:
            parts = tuple(arrays[name].reshape(-1) for name in _INDEX)
            return made_of(metric, cast(IndexParts, parts))
        except InputError as error:
            raise FileFormatError(
                f"{path} has an index that is not of its points ({error}): it is damaged; save the "
                "tree again"
            ) from error

    static = described.fields.get("residual_use_static_euclidean_tree")
    layout = static, described.take("batch_order", str)
    return layout, Stored(described.take("revision", int), make)


def load_tree(path: Path, *, mapped: bool, verify: bool, seal: bytes | None = None) -> CoverTree:
    """Read a tree; see `CoverTree.load`. With a seal it must be the one that has that."""
    from ..tree import CoverTree

    contents = container.read(path, KIND, mapped=mapped, verify=verify, seal=seal)
    fields = _Fields(path, contents.header)
    described = fields.within("metric")
    block = described.take("block_dtype", str) if described else ""
    stored = fields.within("index") if described else None
    wanted = _TREE | (_METRIC if described else {})
    if stored is not None and stored.take("pays", bool):
        wanted |= _INDEX
    _expect_arrays(path, contents, wanted, block)
    arrays, ids = contents.arrays, contents.arrays["ids"]
    next_id, mis_seed = (fields.take(name, int) for name in ("next_id", "mis_seed"))
    try:
        as_integer(next_id, "next_id", 1, 2**63 - 1)
        as_integer(mis_seed, "mis_seed", 0, 2**64 - 1)
        runtime = Runtime(**fields.take("runtime", dict))
        metric = _metric(described, contents) if described else None
        tree = CoverTree(runtime, metric, arrays["points"], ids, next_id, mis_seed)
    except (CovertreexError, TypeError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(
            f"{path} was saved with options that this covertreex does not take: {error}; save the "
            "tree again with this version"
        ) from error
    if verify:
        try:
            check_values(tree)
        except InputError as error:
            raise FileFormatError(
                f"{path} holds what no tree has: {error}; save the tree again"
            ) from error
    if stored is not None and metric is not None:
        tree.indexes.store(*_stored_index(path, stored, metric, arrays))
    return tree


def _metric(described: _Fields, contents: container.Contents) -> ResidualBackend:
    kernel = kernel_from_name(**described.take("kernel", dict))
    columns = contents.arrays["points"].shape[1]
    kernel.scale(np.zeros((1, columns)))  # refuses another number of lengthscales
    return restored(
        points=contents.arrays["points"],
        kernel=kernel,
        block_dtype=described.take("block_dtype", str),
        chunk_size=as_integer(described.take("chunk_size", int), "chunk_size", 1),
        certified=described.take("certified", bool),
        **{name: contents.arrays[name] for name in _METRIC},
    )


def _expect_arrays(
    path: Path, contents: container.Contents, wanted: dict[str, tuple[str, str]], block: str
) -> None:
    """Refuse a file whose arrays are not those wanted, or whose shapes do not fit each other."""
    lengths = {digit: int(digit) for digit in "28"}
    for name, (dtype, letters) in wanted.items():
        array = contents.arrays.get(name)
        if array is None:
            raise FileFormatError(f"{path} has no array {name!r}; save the tree again")
        fits = (array.dtype.name, array.ndim) == (dtype or block, len(letters)) and array.size
        if not fits or array.shape != tuple(
            lengths.setdefault(*pair) for pair in zip(letters, array.shape, strict=True)
        ):
            raise FileFormatError(
                f"{path} has an array {name!r} of {array.dtype} and shape {array.shape}, which "
                "does not fit the others; save the tree again"
            )


class _Fields:
    """Fields of a header, each of the type it is asked for, or the file is refused."""

    def __init__(self, path: Path, fields: dict[str, Any]) -> None:
        self.path, self.fields = path, fields

    def take(self, name: str, kind: type[T]) -> T:
        value = self.fields.get(name)
        if type(value) is not kind:
            raise FileFormatError(
                f"{self.path} says {name}={value!r} where {kind.__name__} is wanted; save the tree "
                "again"
            )
        return value

    def within(self, name: str) -> _Fields | None:
        """Return the fields below one, or None where that is null."""
        if self.fields.get(name, self) is None:
            return None
        return _Fields(self.path, self.take(name, dict))
