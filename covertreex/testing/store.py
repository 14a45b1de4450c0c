"""The set of goldens on disk: ``<root>/<output>/<case>.npy``, a manifest and a ledger.

Reading never writes, and trusts a file only as far as the manifest vouches for it. Writing is
`begin`, `stage` and `stage_input` as often as needed, `plan` to see what would change, `commit` or
`abort`: the set changes as one, what did not change keeps its bytes, and nothing is ever deleted
but by `prune`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO
from weakref import WeakValueDictionary

from covertreex.testing import journal, ledger
from covertreex.testing.bits import Array
from covertreex.testing.golden import FULL_LIMIT, Golden, freeze
from covertreex.testing.manifest import Entry, Freeze, Manifest, golden_name
from covertreex.testing.planning import Change, Plan, Unused, plan_of
from covertreex.testing.verdicts import (
    FreezeRefusedError,
    GoldenDamagedError,
    GoldenMissingError,
    HarnessError,
    UpdateInterruptedError,
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
        self._alive: WeakValueDictionary[str, Golden] = WeakValueDictionary()
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
                    "the next freeze, unless it is a dry run, finishes it before it begins its own"
                )
            try:
                with self._open(self.manifest_path) as stream:
                    self._manifest = Manifest.loads(_utf8(stream.read()))
            except GoldenMissingError:
                self._manifest = Manifest()
        return self._manifest

    @property
    def ledger(self) -> str:
        """The text of the ledger, checked against the manifest; empty if there is none yet.

        Raises
        ------
        GoldenDamagedError
            If it is not the one that the manifest seals.
        """
        try:
            with self._open(self.root / journal.LEDGER) as stream:
                data = stream.read()
        except GoldenMissingError:
            data = None
        return ledger.checked(data, self.manifest.ledger)

    def path(self, name: str) -> Path:
        """Return the file of a golden named ``<output>/<case>``."""
        return Path(self.location(name))

    def location(self, name: str) -> str:
        """Return the same as text."""
        return f"{self.root}/{golden_name(*name.split('/', 1))}.npy"

    def name_at(self, path: str | Path) -> str:
        """Return the name of the golden whose file this is; the inverse of `path`."""
        return str(path).removeprefix(f"{self.root}/").removesuffix(".npy")

    def read(self, name: str) -> Golden:
        """Read one golden, checked against the manifest: a small one wholly, now and once.

        Of a large one header and length are checked, the rest in the pass that compares it. For as
        long as somebody holds a golden, it is given again and not read again.

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
        known = self._alive.get(name)
        if known is not None and known.entry is entry:
            return known
        path = self.path(name)
        self._alive[name] = golden = Golden(entry, partial(self._open, path), str(path))
        return golden

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

    def unused(self, names: Iterable[str]) -> Unused:
        """Return what nothing needs if these are the goldens there must be."""
        names, manifest = set(names), self.manifest
        cases = {name.split("/", 1)[1] for name in names}
        return Unused(
            goldens=tuple(sorted(set(manifest.goldens) - names)),
            files=tuple(self.strays()),
            inputs=tuple(sorted(set(manifest.inputs) - cases)),
        )

    def _open(self, path: Path) -> BinaryIO:
        """Open a file of the set; follow no symbolic link."""
        if path.is_symlink() or (path.parent != self.root and path.parent.is_symlink()):
            raise GoldenDamagedError(f"{path} is a symbolic link, or lies behind one")
        try:
            return path.open("rb")
        except FileNotFoundError as error:
            raise GoldenMissingError(f"{path} is gone; the manifest lists it") from error
        except OSError as error:
            raise GoldenDamagedError(f"{path} cannot be read: {error}") from error

    # Writing

    @property
    def writing(self) -> bool:
        """Whether a freeze session has begun."""
        return self._lock is not None

    def begin(self, *, recover: bool = True) -> str:
        """Take the set for writing; finish or discard what a killed freeze left, and say which.

        A dry run does neither: without `recover` nothing is written.

        Raises
        ------
        FreezeRefusedError
            If another process is writing.
        GoldenDamagedError
            If the manifest or the ledger cannot be built on.
        """
        self._lock = journal.lock(self.root)
        try:
            note = journal.recover(self.root) if recover else ""
            self._manifest = None
            self.ledger  # noqa: B018  (damage is found before anything is staged)
        except (HarnessError, OSError):
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

    @property
    def needs_ledger(self) -> bool:
        """Whether the set is from before there was a ledger: the next commit writes it."""
        return bool(self.manifest.freezes) and not self.ledger

    def plan(self) -> Plan:
        """Return what `commit` would change; nothing is written."""
        self._require_writing()
        return plan_of(self.manifest, self._staged, self._inputs, self.read)

    def commit(self, reason: str, *, versions: Mapping[str, str], cpu: Mapping[str, Any]) -> Change:
        """Change the set as one, and end the session.

        An entry takes the new freeze's number only if its array or its case's inputs changed; if
        nothing did, no byte is touched.
        """
        plan, frozen = self.plan(), _frozen(reason, versions, cpu)
        old, text, number = self.manifest, self._text(), self._number()
        files = {f"{update.name}.npy": update.data for update in plan.updates}
        new = plan.applied(old, number, frozen)
        if plan.renews:
            text = ledger.extended(text, number, frozen, ledger.lines_of(plan))
        self._write(new, text, files)
        self.abort()
        return plan.change

    def prune(
        self, unused: Unused, reason: str, *, versions: Mapping[str, str], cpu: Mapping[str, Any]
    ) -> None:
        """Delete entries and files as one, and end the session; the only way a golden goes."""
        self._require_writing()
        frozen = _frozen(reason, versions, cpu)
        if unknown := sorted(set(unused.goldens) - set(self.manifest.goldens)):
            raise GoldenMissingError(f"cannot prune {unknown[0]}: it is not in the manifest")
        lines = ledger.lines_of_pruned(unused)
        text = ledger.extended(self._text(), self._number(), frozen, lines)
        remove = [*(f"{name}.npy" for name in unused.goldens), *unused.files]
        self._write(unused.applied(self.manifest), text, {}, remove)
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

    def _number(self) -> int:
        """Return the number of the next freeze; the ledger remembers those the manifest forgot."""
        return max(*self.manifest.freezes, ledger.last_number(self.ledger), 0) + 1

    def _text(self) -> str:
        """Return the ledger so far; a set from before there was one is told from its manifest."""
        return self.ledger or ledger.from_manifest(self.manifest)

    def _write(
        self, new: Manifest, text: str, files: Mapping[str, bytes], remove: Iterable[str] = ()
    ) -> None:
        sealed = replace(new, ledger=ledger.sha256(text) if text != ledger.HEADER else None)
        writes = dict(files)
        if sealed.ledger != self.manifest.ledger:
            writes[journal.LEDGER] = text.encode()
        if sealed != self.manifest:
            writes[journal.MANIFEST] = sealed.dumps().encode()
        if writes:
            journal.change(self.root, writes, remove)


def _frozen(reason: str, versions: Mapping[str, str], cpu: Mapping[str, Any]) -> Freeze:
    if not reason.strip():
        raise FreezeRefusedError("a freeze needs a reason")
    return Freeze(reason.strip(), dict(versions), dict(cpu))


def _utf8(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise GoldenDamagedError("manifest.json is not UTF-8") from error
