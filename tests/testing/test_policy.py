"""The policy: what it takes, which row rules, and which row has gone stale or slack."""

from __future__ import annotations

from pathlib import Path

import pytest

from covertreex.testing import Policy, PolicyError, Record, Row, Rule

ROW = {
    "case": '"*"',
    "output": '"*"',
    "max_ulp": "0",
    "rtol": "0.0",
    "atol": "0",
    "reason": '"bits"',
}


def toml(*rows: dict[str, str]) -> str:
    return "".join("[[row]]\n" + "".join(f"{k} = {v}\n" for k, v in row.items()) for row in rows)


def load(tmp_path: Path, text: str) -> Policy:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    return Policy.load(path)


def test_the_first_match_rules(tmp_path: Path) -> None:
    special = {**ROW, "case": '"odd_*"', "output": '"dist?nce"', "max_ulp": "2"}
    policy = load(tmp_path, toml(special, ROW))
    assert policy.find("odd_1", "distance") == 0
    assert policy.find("odd_1", "knn") == 1
    assert policy.find("Odd_1", "distance") == 1
    assert policy.rows[0].rule == Rule(2, 0.0, 0.0)
    assert policy.path == tmp_path / "policy.toml"


def test_a_golden_without_a_row_is_an_error(tmp_path: Path) -> None:
    policy = load(tmp_path, toml({**ROW, "case": '"odd"'}))
    with pytest.raises(PolicyError, match="no policy row matches v of even"):
        policy.find("even", "v")


BAD = {
    "no rows": ("", "and nothing else"),
    "a table of another name": (toml(ROW) + "[extra]\n", "and nothing else"),
    "not TOML": ("[[row]", "cannot be read"),
    "no reason": (toml({k: v for k, v in ROW.items() if k != "reason"}), "exactly the fields"),
    "empty reason": (toml({**ROW, "reason": '"  "'}), "needs a reason"),
    "unknown field": (toml({**ROW, "max_ulps": "1"}), "exactly the fields"),
    "negative": (toml({**ROW, "max_ulp": "-1"}), "max_ulp must be"),
    "half an ULP": (toml({**ROW, "max_ulp": "0.5"}), "max_ulp must be"),
    "infinite": (toml({**ROW, "rtol": "inf"}), "rtol must be"),
    "NaN": (toml({**ROW, "atol": "nan"}), "atol must be"),
    "boolean": (toml({**ROW, "max_ulp": "true"}), "max_ulp must be"),
    "case is no text": (toml({**ROW, "case": "1"}), "case must be a text"),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_a_bad_policy_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        load(tmp_path, text)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot be read"):
        Policy.load(tmp_path / "none.toml")


def test_a_row_that_rules_nothing_is_stale() -> None:
    policy = Policy(
        (Row("a", "*", Rule(), "one"), Row("a", "v", Rule(), "shadowed"), Row("*", "*", Rule(), ""))
    )
    assert policy.stale([("a", "v"), ("b", "v")]) == [
        "policy row 2 (v of a) rules no golden: remove it"
    ]


@pytest.mark.parametrize(
    ("rule", "ulp_used", "tolerance_used", "found"),
    [
        (Rule(), 0, 0.0, []),
        (Rule(max_ulp=4), 4, 0.0, []),
        (Rule(max_ulp=4), 3, 0.0, ["max_ulp 4, observed 3"]),
        (Rule(max_ulp=4), 0, 0.0, ["max_ulp 4, observed 0"]),
        (Rule(rtol=1e-6), 0, 0.6, []),
        (Rule(atol=1e-6), 0, 0.4, ["40% of rtol/atol was needed"]),
        (Rule(max_ulp=1, rtol=1e-6), 0, 0.0, ["max_ulp 1, observed 0", "0% of rtol/atol"]),
    ],
)
def test_a_row_looser_than_what_is_observed(
    rule: Rule, ulp_used: int, tolerance_used: float, found: list[str]
) -> None:
    policy = Policy((Row("*", "*", rule, "because"), Row("never", "*", Rule(9), "not run")))
    records = [
        Record("a", "v", "rust", row=0, ulp_used=0),
        Record("a", "w", "rust", row=0, ulp_used=ulp_used, tolerance_used=tolerance_used),
    ]
    said = policy.loose(records)
    assert len(said) == len(found)
    assert all(
        "can be tightened" in line and end in line for line, end in zip(said, found, strict=True)
    )
