"""The manifest: one text, and every way to spoil it is damage that says how."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covertreex.testing import GoldenDamagedError, HarnessError
from covertreex.testing.manifest import Entry, Freeze, Manifest, golden_name

SHA = "0123456789abcdef" * 4
ENTRY = Entry("<f8", (2, 3), SHA, SHA, "0.0", "1.5", ("0x00", "0x01"), 1)
SAMPLED = replace(ENTRY, shape=(100, 3), rows=(0, 50, 99), row_size=3)
MANIFEST = Manifest(
    {"v/small": ENTRY, "v/large": SAMPLED},
    {"small": SHA, "large": SHA},
    {1: Freeze("née à la main", {"numpy": "2"}, {"features": ["fma"]})},
)
TEXT = MANIFEST.dumps()


def test_a_manifest_comes_back_and_is_one_text() -> None:
    assert Manifest.loads(TEXT) == MANIFEST
    backwards = Manifest(
        dict(reversed(MANIFEST.goldens.items())),
        dict(reversed(MANIFEST.inputs.items())),
        MANIFEST.freezes,
    )
    assert backwards.dumps() == TEXT
    assert Manifest.loads(Manifest().dumps()) == Manifest()


def test_a_golden_reads_field_by_field() -> None:
    lines = [line.strip() for line in TEXT.splitlines()]
    assert '"shape": [2, 3]' in lines
    assert '"first": ["0x00", "0x01"],' in lines
    assert '"reason": "née à la main",' in lines
    assert json.loads(TEXT)["goldens"]["v/large"]["rows"] == [0, 50, 99]


def renamed(name: str) -> str:
    return TEXT.replace('"v/small"', json.dumps(name))


SPOILED = {
    "conflict": (f"<<<<<<< ours\n{TEXT}=======\n{TEXT}>>>>>>> theirs\n", "conflict markers"),
    "empty": ("", "not JSON"),
    "cut": (TEXT[:-20], "not JSON"),
    "deep": ("[" * 100_000, "not JSON"),
    "list": ("[]", "wants an object"),
    "duplicate key": (
        TEXT.replace('"inputs": {', f'"inputs": {{\n  "small": "{SHA}",'),
        "'small' twice",
    ),
    "unknown key": (TEXT.replace('"schema"', '"extra": 1,\n "schema"'), "unknown key 'extra'"),
    "unknown field": (TEXT.replace('"dtype"', '"color": 1,\n   "dtype"'), "unknown key 'color'"),
    "missing field": (TEXT.replace('   "min": "0.0",\n', ""), "'min' is missing"),
    "other schema": (TEXT.replace('"schema": 1', '"schema": 2'), "schema 2"),
    "parent": (renamed("../small"), "'../small', which is not"),
    "parent case": (renamed("v/../../small"), "which is not"),
    "absolute": (renamed("/etc/passwd"), "which is not"),
    "backslash": (renamed("v\\\\small"), "which is not"),
    "hidden": (renamed("v/.small"), "which is not"),
    "not a hash": (TEXT.replace(f'"sha256": "{SHA}"', '"sha256": "00"'), "no freeze writes"),
    "negative shape": (TEXT.replace("[2, 3]", "[-2, 3]"), "no freeze writes"),
    "float shape": (TEXT.replace("[2, 3]", "[2.0, 3]"), "no freeze writes"),
    "true as number": (TEXT.replace('"freeze": 1', '"freeze": true'), "no freeze writes"),
    "no such freeze": (TEXT.replace('"freeze": 1', '"freeze": 7'), "names freeze 7"),
    "freeze name": (TEXT.replace('"1": {', '"one": {'), "not a freeze number"),
    "NaN": (TEXT.replace('["fma"]', "[NaN]"), "edited by hand"),
    "value": (TEXT.replace('"max": "1.5"', '"max": "1.6"'), "edited by hand"),
    "reason": (TEXT.replace("la main", "la machine"), "edited by hand"),
    "hash": (TEXT.replace(SHA, SHA[::-1], 1), "edited by hand"),
    "seal": (TEXT.replace('"seal": "', '"seal": "0'), "edited by hand"),
    "indentation": (TEXT.replace("\n ", "\n  "), "edited by hand"),
    "no newline": (TEXT.rstrip("\n"), "edited by hand"),
}


@pytest.mark.parametrize(("text", "message"), SPOILED.values(), ids=SPOILED)
def test_a_spoiled_manifest_is_damage_and_says_how(text: str, message: str) -> None:
    assert text != TEXT
    with pytest.raises(GoldenDamagedError, match=message):
        Manifest.loads(text)


@given(st.integers(0, len(TEXT) - 1), st.text(min_size=1, max_size=3))
def test_no_edit_goes_unseen(place: int, typed: str) -> None:
    text = TEXT[:place] + typed + TEXT[place + len(typed) :]
    if text != TEXT:
        with pytest.raises(GoldenDamagedError):
            Manifest.loads(text)


@pytest.mark.parametrize(
    ("output", "case"),
    [("", "a"), ("a", ""), ("..", "a"), ("a", ".."), ("a", "b..c"), ("a/b", "c"), ("a", "/c"),
     ("manifest.json", "a"), (".pending", "a"), ("a", "b\n"), ("a", "é"), ("-a", "b")],
)  # fmt: skip
def test_names_that_could_leave_their_place_are_refused(output: str, case: str) -> None:
    with pytest.raises(HarnessError, match="cannot name a golden"):
        golden_name(output, case)


def test_names_of_cases_may_hold_numbers() -> None:
    assert golden_name("kernel_block", "ls=1e-3.n=64") == "kernel_block/ls=1e-3.n=64"
