"""The set of goldens on disk: ``<root>/<output>/<case>.npy`` and ``<root>/manifest.json``.

Reading never writes, and trusts a file only as far as the manifest vouches for it. Writing is
`begin`, `stage` and `stage_input` as often as needed, `commit` or `abort`: the set changes as one,
what did not change keeps its bytes, and nothing is ever deleted but by `prune`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from covertreex.testing import journal
from covertreex.testing.bits import Array
from covertreex.testing.golden import FULL_LIMIT, Golden, freeze, thaw
from covertreex.testing.manifest import Entry, Freeze, Manifest, golden_name
from covertreex.testing.verdicts import (
    FreezeRefusedError,
    GoldenDamagedError,
    GoldenMissingError,
    HarnessError,
    UpdateInterruptedError,
)


@dataclass(frozen=True)
class Change:
    """What a commit did, by golden name (`inputs` by case)."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    repaired: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    unchanged: int = 0

    def __str__(self) -> str:
        return (
            f"{len(self.added)} new, {len(self.changed)} changed, {len(self.repaired)} repaired, "
            f"{self.unchanged} unchanged goldens; {len(self.inputs)} new or changed inputs"
        )


class GoldenStore:
    """The goldens under one directory.

    Parameters
    ----------
    root
        The directory; a freeze makes it.
    full_limit
        The size in bytes above which an array is kept as digest and sampled rows.
    """

    def __init__(self, root: str | Path, *, full_limit: int = FULL_LIMIT) -> None:
        self.root = Path(root).absolute()
        self.full_limit = full_limit
        self._manifest: Manifest | None = None
        self._lock: int | None = None
        self._staged: dict[str, tuple[Entry, bytes]] = {}
        self._inputs: dict[str, str] = {}

    # Reading

    @property
    def manifest_path(self) -> Path:
        """Where the manifest is."""
        return self.root / journal.MANIFEST

    @property
    def manifest(self) -> Manifest:
        """The manifest, read once; an empty one if nothing was ever frozen.

        Raises
        ------
        GoldenDamagedError
            If it is not what a freeze wrote, or a freeze was interrupted.
        """
        if self._manifest is None:
            if journal.interrupted(self.root):
                raise UpdateInterruptedError(
                    f"a freeze of {self.root} was interrupted after it had decided; "
                    "any freeze session finishes it before it begins its own"
                )
            data = self._bytes(self.manifest_path)
            self._manifest = Manifest() if data is None else Manifest.loads(_utf8(data))
        return self._manifest

    def path(self, name: str) -> Path:
        """Return the file of a golden named ``<output>/<case>``."""
        return self.root / f"{golden_name(*name.split('/', 1))}.npy"

    def name_at(self, path: str | Path) -> str:
        """Return the name of the golden whose file this is; the inverse of `path`."""
        return str(Path(path).relative_to(self.root).with_suffix(""))

    def read(self, name: str) -> Golden:
        """Read one golden, checked against the manifest.

        Raises
        ------
        GoldenMissingError
            If there is no such entry or no file.
        GoldenDamagedError
            If file or manifest are not what a freeze wrote.
        """
        entry = self.manifest.goldens.get(name)
        if entry is None:
            raise GoldenMissingError(f"no golden {name} is frozen in {self.root}")
        data = self._bytes(self.path(name))
        if data is None:
            raise GoldenMissingError(f"{self.path(name)} is gone; the manifest lists it")
        try:
            return thaw(entry, data)
        except GoldenDamagedError as error:
            raise GoldenDamagedError(f"{self.path(name)} {error}") from error

    def strays(self) -> list[str]:
        """Name the files that no entry of the manifest accounts for, relative to the root.

        Text files beside the manifest (a ledger, a README) are no goldens and not meant.
        """
        known = {self.path(name) for name in self.manifest.goldens}
        found = []
        for path in sorted(self.root.rglob("*")):
            relative = path.relative_to(self.root)
            beside = len(relative.parts) == 1 and path.suffix != ".npy"
            if relative.parts[0] == journal.PENDING or (beside and not path.is_symlink()):
                continue
            if path.is_symlink() or (path.is_file() and path not in known):
                found.append(str(relative))
        return found

    def _bytes(self, path: Path) -> bytes | None:
        """Read a file of the set, or nothing if it is not there; follow no symbolic link."""
        if path.is_symlink() or (path.parent != self.root and path.parent.is_symlink()):
            raise GoldenDamagedError(f"{path} is a symbolic link, or lies behind one")
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise GoldenDamagedError(f"{path} cannot be read: {error}") from error

    # Writing

    @property
    def writing(self) -> bool:
        """Whether a freeze session has begun."""
        return self._lock is not None

    def begin(self) -> str:
        """Take the set for writing; finish or discard what a killed freeze left, and say which.

        Raises
        ------
        FreezeRefusedError
            If another process is writing.
        GoldenDamagedError
            If the manifest cannot be built on.
        """
        self._lock = journal.lock(self.root)
        try:
            note = journal.recover(self.root)
            self._manifest = None
            self.manifest  # noqa: B018  (a damaged one is found before anything is staged)
        except HarnessError:
            self.abort()
            raise
        return note

    def stage(self, name: str, array: Array) -> None:
        """Collect one golden of a freeze session; nothing is written yet."""
        self._require_writing()
        golden_name(*name.split("/", 1))
        self._staged[name] = freeze(array, 0, self.full_limit)

    def stage_input(self, case: str, sha256: str) -> None:
        """Collect the digest of a case's inputs."""
        self._require_writing()
        self._inputs[case] = sha256

    def commit(self, reason: str, *, versions: Mapping[str, str], cpu: Mapping[str, Any]) -> Change:
        """Change the set as one, and end the session.

        An entry takes the new freeze's number only if its array or its case's inputs changed; if
        nothing did, no byte is touched.
        """
        self._require_writing()
        if not reason.strip():
            raise FreezeRefusedError("a freeze needs a reason")
        old = self.manifest
        number = max(old.freezes, default=0) + 1
        moved = {case for case, sha in self._inputs.items() if old.inputs.get(case) != sha}
        goldens, files = dict(old.goldens), {}
        done: dict[str, list[str]] = {"added": [], "changed": [], "repaired": []}
        for name, (entry, data) in self._staged.items():
            known = old.goldens.get(name)
            same = known is not None and _same_array(known, entry)
            if same and self._intact(name):
                continue
            done["added" if known is None else "repaired" if same else "changed"].append(name)
            goldens[name] = replace(entry, freeze=known.freeze if known and same else number)
            files[f"{name}.npy"] = data
        for name, entry in goldens.items():
            if name.split("/", 1)[1] in moved:
                goldens[name] = replace(entry, freeze=number)
        freezes = {**old.freezes, number: Freeze(reason.strip(), dict(versions), dict(cpu))}
        self._write(goldens, {**old.inputs, **self._inputs}, freezes, files)
        self.abort()
        unchanged = len(old.goldens) - len(done["changed"]) - len(done["repaired"])
        lists = {key: tuple(names) for key, names in done.items()}
        return Change(**lists, inputs=tuple(sorted(moved)), unchanged=unchanged)

    def prune(self, names: Iterable[str]) -> None:
        """Delete these goldens, entries and files, as one; the only way a golden goes."""
        names = set(names)
        self.begin()
        old = self.manifest
        if unknown := sorted(names - set(old.goldens)):
            self.abort()
            raise GoldenMissingError(f"cannot prune {unknown[0]}: it is not in the manifest")
        goldens = {name: entry for name, entry in old.goldens.items() if name not in names}
        cases = {name.split("/", 1)[1] for name in goldens}
        inputs = {case: sha for case, sha in old.inputs.items() if case in cases}
        self._write(goldens, inputs, old.freezes, {}, [f"{name}.npy" for name in names])
        self.abort()

    def abort(self) -> None:
        """End the session; what was staged and not committed is forgotten."""
        if self._lock is not None:
            os.close(self._lock)
        self._lock = None
        self._manifest = None
        self._staged = {}
        self._inputs = {}

    def _require_writing(self) -> None:
        if not self.writing:
            raise FreezeRefusedError(
                "goldens are written by a freeze session only (pytest --freeze-reason TEXT)"
            )

    def _write(
        self,
        goldens: Mapping[str, Entry],
        inputs: Mapping[str, str],
        freezes: Mapping[int, Freeze],
        files: Mapping[str, bytes],
        remove: Iterable[str] = (),
    ) -> None:
        used = {entry.freeze for entry in goldens.values()}
        kept = {number: frozen for number, frozen in freezes.items() if number in used}
        text = Manifest(goldens, inputs, kept).dumps()
        writes = dict(files)
        if text != self.manifest.dumps():
            writes[journal.MANIFEST] = text.encode()
        if writes:
            journal.change(self.root, writes, remove)

    def _intact(self, name: str) -> bool:
        try:
            self.read(name)
        except (GoldenDamagedError, GoldenMissingError):
            return False
        return True


def _same_array(one: Entry, other: Entry) -> bool:
    return (one.dtype, one.shape, one.sha256) == (other.dtype, other.shape, other.sha256)


def _utf8(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise GoldenDamagedError("manifest.json is not UTF-8") from error
