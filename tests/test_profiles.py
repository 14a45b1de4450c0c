"""`covertreex.profiles`: named runtimes, and options as text."""

from dataclasses import fields

import pytest

from covertreex import Runtime
from covertreex.errors import ConfigurationError, CovertreexError, DtypeError, ParameterError
from covertreex.profiles import PROFILES


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_a_runtime_with_a_purpose(name: str) -> None:
    runtime = Runtime.from_profile(name)
    for option, value in PROFILES[name].options.items():
        assert getattr(runtime, option) == value
    assert Runtime.profiles()[name].endswith(".")


def test_profiles_name_the_engines_they_promise() -> None:
    engines = {name: Runtime.from_profile(name).resolved_engine for name in PROFILES}
    assert engines == {
        "default": "rust-hilbert",
        "residual-gold": "rust-hilbert",
        "residual-fast": "rust-hilbert",
        "residual-audit": "python-numba",
        "cpu-debug": "python-numba",
    }
    assert Runtime.from_profile("default") == Runtime()
    assert Runtime.from_profile("cpu-debug").threads == 1


OVERRIDES = {
    "threads=2": ("threads", 2),
    " threads = 2 ": ("threads", 2),
    "threads=none": ("threads", None),
    "enable_rust=TRUE": ("enable_rust", True),
    "enable_sparse_traversal=false": ("enable_sparse_traversal", False),
    "engine=rust-natural": ("engine", "rust-natural"),
    "engine=None": ("engine", None),
    "batch_order=natural": ("batch_order", "natural"),
    "metric=euclidean": ("metric", "euclidean"),
}


@pytest.mark.parametrize("text", OVERRIDES)
def test_overrides_are_read_by_the_type_of_the_option(text: str) -> None:
    name, value = OVERRIDES[text]
    runtime = Runtime.from_profile("default", ["threads=7", text])
    assert getattr(runtime, name) is value or getattr(runtime, name) == value
    rest = {field.name for field in fields(Runtime)} - {name, "threads"}
    assert all(getattr(runtime, other) == getattr(Runtime(), other) for other in rest)


@pytest.mark.parametrize(
    ("overrides", "kind", "words"),
    [
        (["threads"], ParameterError, "name=value"),
        (["threads="], ParameterError, "name=value"),
        (["=2"], ParameterError, "name=value"),
        (["thread=2"], ParameterError, "did you mean 'threads'?"),
        (["threads=two"], ParameterError, "a whole number or none"),
        (["threads=2.0"], ParameterError, "a whole number or none"),
        (["threads=\N{ARABIC-INDIC DIGIT TWO}"], ParameterError, "a whole number or none"),
        (["threads=" + "9" * 5000], ParameterError, "'... gives '999"),
        (["9" * 5000], ParameterError, "'... is not of the form"),
        (["threads=0"], ParameterError, "within 1 and 1024"),
        (["enable_rust=yes"], ParameterError, "true or false or none"),
        (["enable_sparse_traversal=none"], ParameterError, "true or false"),
        (["engine=rust-hilbrt"], ParameterError, "did you mean 'rust-hilbert'?"),
        (["metric=none"], ParameterError, "metric is 'none'"),
        (["enable_rust=false", "engine=rust-hilbert"], ConfigurationError, "contradicts"),
        ("threads=2", DtypeError, "give a list"),
        ([2], DtypeError, "give a string"),
    ],
)
def test_overrides_that_cannot_be_read_are_refused_in_one_line(
    overrides: list[str], kind: type[CovertreexError], words: str
) -> None:
    with pytest.raises(kind) as refusal:
        Runtime.from_profile("default", overrides)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["residual-gald", "", None, ["default"]])
def test_an_unknown_profile_is_refused(name: str) -> None:
    with pytest.raises(ParameterError, match=r"profile is .*known are 'default'"):
        Runtime.from_profile(name)


def test_a_misspelt_profile_is_recognised() -> None:
    with pytest.raises(ParameterError, match="did you mean 'residual-gold'"):
        Runtime.from_profile("residual-gald")
