# ruff: noqa: ARG002, ARG003  (the signatures are syrupy's)
"""The syrupy extension through which the reference engine is compared and frozen.

syrupy keeps every value it saw to the end of the session, so it sees a few words for an array and
for a golden, and asks `matches` here, which holds the one against the other block by block.
Use the snapshot on the left, ``snapshot(name="<output>/<case>") == array``: the other way round
NumPy compares elementwise.
syrupy's own discovery is shown no files, so its clean-up finds none to delete, and its write goes
to the store, which refuses it outside a freeze session.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from syrupy.data import SnapshotCollection, SnapshotCollections
from syrupy.extensions.base import AbstractSyrupyExtension
from syrupy.extensions.single_file import SingleFileSnapshotExtension
from syrupy.location import PyTestLocation
from syrupy.types import PropertyFilter, PropertyMatcher, SerializedData, SnapshotIndex

from covertreex.testing.bits import Array, require_supported
from covertreex.testing.store import GoldenStore
from covertreex.testing.verdicts import GoldenDamagedError, HarnessError


class Fingerprint(bytes):
    """A few words for an array; of a received one, also a way to it while it lives."""

    array: weakref.ref[Array] | None = None
    name: str = ""


class GoldenExtension(SingleFileSnapshotExtension):
    """Arrays as goldens of one store; make it with `extension_for`."""

    file_extension = "npy"
    store: ClassVar[GoldenStore]

    def serialize(
        self,
        data: Any,
        *,
        exclude: PropertyFilter | None = None,
        include: PropertyFilter | None = None,
        matcher: PropertyMatcher | None = None,
    ) -> SerializedData:
        """Return a few words for an array, with a way to it."""
        if not isinstance(data, np.ndarray):
            raise HarnessError(f"a golden is a NumPy array, not a {type(data).__name__}")
        require_supported(data.dtype)
        fingerprint = Fingerprint(f"{data.dtype.str} {data.shape}".encode())
        fingerprint.array = weakref.ref(data)
        return fingerprint

    def matches(self, *, serialized_data: SerializedData, snapshot_data: SerializedData) -> bool:
        """Whether dtype, shape and every bit are equal, in whatever order memory has them."""
        array = _received(serialized_data)
        if array is None or not isinstance(snapshot_data, Fingerprint):
            return False
        try:
            golden = self.store.read(snapshot_data.name)
            if self.store.writing:
                golden.verify()
            return golden.is_bitwise(array)
        except GoldenDamagedError:
            if self.store.writing:
                return False  # a freeze repairs it
            raise

    def diff_lines(
        self, serialized_data: SerializedData, snapshot_data: SerializedData
    ) -> Iterator[str]:
        """Say what differs, by number and not line by line."""
        array = _received(serialized_data)
        if array is None or not isinstance(snapshot_data, Fingerprint):
            return
        golden = self.store.read(snapshot_data.name)
        same_shape = array.shape == golden.entry.shape
        yield from golden.compare(golden.same_part(array) if same_shape else array).lines()

    def read_snapshot_data_from_location(
        self, *, snapshot_location: str, snapshot_name: str, session_id: str
    ) -> SerializedData | None:
        """Return the name of the golden; None if there is none. `matches` reads and checks it."""
        name = self.store.name_at(snapshot_location)
        if name not in self.store.manifest.goldens or not Path(snapshot_location).exists():
            return None
        fingerprint = Fingerprint(f"golden {name}".encode())
        fingerprint.name = name
        return fingerprint

    @classmethod
    def write_snapshot_collection(
        cls,
        *,
        snapshot_collection: SnapshotCollection,
        name_order: dict[str, int] | None = None,
    ) -> None:
        """Hand a changed array to the freeze session; without one, refuse."""
        name = cls.store.name_at(snapshot_collection.location)
        for snapshot in snapshot_collection:
            array = _received(snapshot.data)
            if array is None:
                raise HarnessError(f"the array of {name} is gone before it could be frozen")
            cls.store.stage(name, array)

    def delete_snapshots(self, *, snapshot_location: str, snapshot_names: set[str]) -> None:
        """Refuse: goldens go by `GoldenStore.prune` only."""
        raise HarnessError(f"{snapshot_location} is deleted by an explicit prune only")

    def discover_snapshots(
        self, *, test_location: PyTestLocation, ignore_extensions: list[str] | None = None
    ) -> SnapshotCollections:
        """Show syrupy no files: what is unused is judged by the suite, and never deleted."""
        return SnapshotCollections()

    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        """Return the root of the set, wherever the test is."""
        return str(cls.store.root)

    @classmethod
    def get_location(cls, *, test_location: PyTestLocation, index: SnapshotIndex) -> str:
        """Return the golden's file; its name is the index, ``snapshot(name=...)``."""
        if not isinstance(index, str):
            raise HarnessError("a golden needs its name: snapshot(name='<output>/<case>') == array")
        return cls.store.location(index)

    @classmethod
    def get_snapshot_name(cls, *, test_location: PyTestLocation, index: SnapshotIndex = 0) -> str:
        """Return a name that syrupy can trace to the test."""
        return AbstractSyrupyExtension.get_snapshot_name(test_location=test_location, index=index)

    @classmethod
    def matches_test_location(
        cls, *, test_location: PyTestLocation, snapshot_location: str
    ) -> bool:
        """Accept every test as the owner of its golden: the name decides, not the file's place."""
        return True


def _received(data: SerializedData | None) -> Array | None:
    """Return the array that was given, little-endian, if it still lives."""
    array = data.array() if isinstance(data, Fingerprint) and data.array else None
    return None if array is None else array.astype(array.dtype.newbyteorder("<"), copy=False)


def extension_for(store: GoldenStore) -> type[GoldenExtension]:
    """Return the extension class bound to a store; syrupy makes its instances without arguments."""
    return type("GoldenExtension", (GoldenExtension,), {"store": store})
