"""The manifest: what a reviewer reads, and what every file is checked against.

``manifest.json`` is sorted and written in exactly one way: a text that is not what `dumps` would
write was edited by hand. `goldens` maps ``<output>/<case>`` to an `Entry`, `inputs` a case to the
SHA-256 of its inputs, `freezes` a number to its reason and the machine that froze. No time stamps.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from covertreex.testing.verdicts import GoldenDamagedError, HarnessError

SCHEMA = 1

_PART = r"[A-Za-z0-9_][A-Za-z0-9_=+-]*"
_CASE = re.compile(rf"{_PART}(?:\.{_PART})*")
_OUTPUT = re.compile(_PART)
_SHA256 = re.compile(r"[0-9a-f]{64}")

CONFLICT = re.compile(r"^(<<<<<<<|=======|>>>>>>>)", re.MULTILINE)
"""What git leaves in a file that it could not merge."""


def golden_name(output: str, case: str) -> str:
    """Return ``<output>/<case>``, if both are plain file names that stay where they belong."""
    if not _OUTPUT.fullmatch(output) or not _CASE.fullmatch(case):
        raise HarnessError(
            f"{output!r}/{case!r} cannot name a golden: letters, digits and _ = + - are allowed, "
            "and single dots inside a case"
        )
    return f"{output}/{case}"


@dataclass(frozen=True)
class Entry:
    """One golden.

    Attributes
    ----------
    dtype, shape, sha256
        Of the whole array; the hash is of its C-order little-endian bytes.
    file_sha256
        Of the file.
    min, max, first
        For people: extremes in decimal (NaN left out), the first values as hexadecimal bits.
    freeze
        The number of the freeze that made it.
    rows, row_size
        For an array too large to keep: the file holds these rows of the array seen as rows of
        `row_size` elements. None when the file holds the array.
    """

    dtype: str
    shape: tuple[int, ...]
    sha256: str
    file_sha256: str
    min: str | None
    max: str | None
    first: tuple[str, ...]
    freeze: int
    rows: tuple[int, ...] | None = None
    row_size: int | None = None

    @property
    def whole(self) -> bool:
        """Whether the file holds the array."""
        return self.rows is None


@dataclass(frozen=True)
class Freeze:
    """Why a set was frozen, and on what."""

    reason: str
    versions: Mapping[str, str]
    cpu: Mapping[str, Any]


@dataclass(frozen=True)
class Manifest:
    """The whole set. Immutable; a freeze makes another one.

    Attributes
    ----------
    goldens, inputs, freezes
        The sections of the file.
    ledger
        The SHA-256 of ``ledger.md``; None in a set that has none yet.
    """

    goldens: Mapping[str, Entry] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    freezes: Mapping[int, Freeze] = field(default_factory=dict)
    ledger: str | None = None

    def dumps(self) -> str:
        """Return the one text of this manifest, sealed with a SHA-256 of its content."""
        content: dict[str, Any] = {
            "schema": SCHEMA,
            "freezes": {str(k): asdict(v) for k, v in self.freezes.items()},
            "inputs": dict(self.inputs),
            "goldens": {k: _present(v) for k, v in self.goldens.items()},
            **({} if self.ledger is None else {"ledger": self.ledger}),
        }
        seal = hashlib.sha256(_text(content).encode()).hexdigest()
        return _text({"seal": seal, **content}) + "\n"

    @classmethod
    def loads(cls, text: str) -> Manifest:
        """Read a manifest.

        Raises
        ------
        GoldenDamagedError
            If the text is not exactly what `dumps` writes; it says in which way.
        """
        if CONFLICT.search(text):
            raise _damaged("holds conflict markers: take one side, then freeze again")
        try:
            content = json.loads(text, object_pairs_hook=_unique)
        except (ValueError, RecursionError) as error:
            raise _damaged(f"is not JSON: {error}") from error
        sections = {"seal", "schema", "freezes", "inputs", "goldens"}
        _keys(content, "it", sections, frozenset({"ledger"}))
        if content["schema"] != SCHEMA:
            raise _damaged(f"has schema {content['schema']!r}; this harness reads {SCHEMA}")
        manifest = cls(
            {name: _entry(name, value) for name, value in _items(content, "goldens")},
            {name: _input(name, value) for name, value in _items(content, "inputs")},
            {_number(name): _freeze(name, value) for name, value in _items(content, "freezes")},
            content.get("ledger"),
        )
        if manifest.ledger is not None and not _is_sha256(manifest.ledger):
            raise _damaged("ledger: wants the SHA-256 of ledger.md")
        for name, entry in manifest.goldens.items():
            if entry.freeze not in manifest.freezes:
                raise _damaged(f"{name} names freeze {entry.freeze}, which is not there")
        if not manifest._is(text):
            raise _damaged("was edited by hand: it is not what the last freeze wrote")
        return manifest

    def _is(self, text: str) -> bool:
        try:
            return self.dumps() == text
        except ValueError:  # a NaN or half a surrogate: no freeze writes them
            return False


def _damaged(what: str) -> GoldenDamagedError:
    return GoldenDamagedError(f"manifest.json {what}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _damaged(f"holds {key!r} twice")
        found[key] = value
    return found


def _keys(value: Any, where: str, wanted: set[str], optional: frozenset[str] = frozenset()) -> None:
    if not isinstance(value, dict):
        raise _damaged(f"{where}: wants an object, not {value!r}")
    if unknown := sorted(set(value) - wanted - optional):
        raise _damaged(f"{where}: unknown key {unknown[0]!r}")
    if absent := sorted(wanted - set(value)):
        raise _damaged(f"{where}: key {absent[0]!r} is missing")


def _items(content: Mapping[str, Any], section: str) -> list[tuple[str, Any]]:
    if not isinstance(content[section], dict):
        raise _damaged(f"{section}: wants an object")
    return list(content[section].items())


_OPTIONAL = frozenset({"rows", "row_size"})
_REQUIRED = {f.name for f in fields(Entry)} - _OPTIONAL


def _entry(name: str, value: Any) -> Entry:
    output, _, case = name.partition("/")
    if not _OUTPUT.fullmatch(output) or not _CASE.fullmatch(case):
        raise _damaged(f"holds the name {name!r}, which is not <output>/<case> inside the set")
    _keys(value, name, _REQUIRED, _OPTIONAL)
    sampled = "rows" in value
    shaped = _integers(value["shape"]) and (not sampled or _integers(value["rows"]))
    hashed = all(_is_sha256(value[key]) for key in ("sha256", "file_sha256"))
    texts = all(isinstance(text, str) for text in (value["dtype"], *_list(value["first"])))
    ends = all(value[key] is None or isinstance(value[key], str) for key in ("min", "max"))
    numbers = _integers([value["freeze"]]) and sampled == _integers([value.get("row_size")])
    if not (shaped and hashed and texts and ends and numbers):
        raise _damaged(f"{name}: a field has a value that no freeze writes")
    lists = {key: tuple(value[key]) for key in ("shape", "first", "rows") if key in value}
    return Entry(**{**value, **lists})


def _input(case: str, value: Any) -> str:
    if not _CASE.fullmatch(case) or not _is_sha256(value):
        raise _damaged(f"inputs: {case!r} is not a case with the SHA-256 of its inputs")
    return str(value)


def _freeze(number: str, value: Any) -> Freeze:
    _keys(value, f"freeze {number}", {"reason", "versions", "cpu"})
    if [type(value[key]) for key in ("reason", "versions", "cpu")] != [str, dict, dict]:
        raise _damaged(f"freeze {number}: wants a reason, versions and a cpu")
    return Freeze(**value)


def _number(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        raise _damaged(f"freezes: {text!r} is not a freeze number")
    return int(text)


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value, None]


def _integers(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)


def _present(entry: Entry) -> dict[str, Any]:
    optional = {"rows": entry.rows, "row_size": entry.row_size}
    absent = {key for key, value in optional.items() if value is None}
    return {key: value for key, value in vars(entry).items() if key not in absent}


# Made once: `json.dumps` with arguments makes an encoder for each of many thousand values.
_line = json.JSONEncoder(ensure_ascii=False, sort_keys=True, allow_nan=False).encode
_key = json.JSONEncoder().encode


def _text(value: Any, indent: str = "") -> str:
    """Sorted JSON: an object a line per key, a list on one line."""
    if not isinstance(value, Mapping):
        return _line(value)
    if not value:
        return "{}"
    inner = indent + " "
    keys = sorted(value, key=lambda key: (len(key), key) if key.isdigit() else (0, key))
    lines = (f"{inner}{_key(key)}: {_text(value[key], inner)}" for key in keys)
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
