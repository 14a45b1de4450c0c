"""`covertreex._text`: whole numbers as somebody types them."""

import pytest

from covertreex._text import DIGITS, shown, whole_number


@pytest.mark.parametrize("text", ["0", "7", "-7", "007", "9" * DIGITS, "-" + "9" * DIGITS])
def test_digits_are_a_number(text: str) -> None:
    assert whole_number(text) == int(text)


ELSE = [
    "",
    "-",
    "--1",
    "+1",
    " 1",
    "1_0",
    "1.0",
    "1e3",
    "\N{ARABIC-INDIC DIGIT TWO}",
    "²",
    "\N{FULLWIDTH DIGIT ONE}",
]


@pytest.mark.parametrize("text", [*ELSE, "9" * (DIGITS + 1), "9" * 5000])
def test_other_text_is_none(text: str) -> None:
    assert whole_number(text) is None


def test_a_long_text_is_shown_by_its_start() -> None:
    assert shown("7'") == '"7\'"'
    assert shown("9" * 5000) == "'" + "9" * 40 + "'..."
