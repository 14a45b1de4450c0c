"""How deep a test run digs, and what it saw: ``--thorough``, Hypothesis profiles, closing tables.

A test that measures takes the fixture `figure`; a test whose inputs are generated takes `tried`.
What they note travels in ``user_properties``, so it survives pytest-xdist's way to the controller.
"""

import json
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings

EXAMPLES = {"fast": 50, "thorough": 1_000}
FIGURE, TRIED = "oracle_figure", "examples_tried"

_COMMON = {
    "deadline": None,  # the first example compiles
    "database": None,
    # `tried` is a function's fixture that counts over all its examples: it is not to be reset
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}
settings.register_profile(
    "fast", max_examples=EXAMPLES["fast"], derandomize=True, parent=settings(**_COMMON)
)
settings.register_profile(
    "thorough", max_examples=EXAMPLES["thorough"], print_blob=True, parent=settings(**_COMMON)
)


def pytest_addoption(parser):
    """Declare the option."""
    parser.addoption(
        "--thorough",
        action="store_true",
        help=f"{EXAMPLES['thorough']:,} random examples a stage, a dense oracle: minutes",
    )


def pytest_configure(config):
    """Choose the profile; the fast one draws the same examples in every run."""
    settings.load_profile("thorough" if config.getoption("thorough") else "fast")


@pytest.fixture(scope="session")
def thorough(pytestconfig):
    """Whether the run takes minutes rather than seconds."""
    return pytestconfig.getoption("thorough")


@pytest.fixture
def figure(record_property):
    """Note a figure: ``figure(what, unit, largest, share, values)``, the share that of a bound."""

    def note(what, unit, largest, share, values):
        share = None if share is None else float(share)
        record_property(FIGURE, json.dumps([what, unit, float(largest), share, int(values)]))

    return note


@pytest.fixture
def tried(record_property, request):
    """Count examples: ``tried[what] += 1`` in the body; Hypothesis runs it once for each."""
    count = Counter()
    yield count
    record_property(TRIED, json.dumps(count))


def pytest_terminal_summary(terminalreporter):
    """Print the largest figure of each stage, and the number of examples tried."""
    ended = [r for r in terminalreporter.getreports("") if getattr(r, "when", "") == "teardown"]
    noted = [(name, text) for report in ended for name, text in report.user_properties]
    figures = [json.loads(text) for name, text in noted if name == FIGURE]
    counts = sum((Counter(json.loads(text)) for name, text in noted if name == TRIED), Counter())
    if figures:
        terminalreporter.write_sep("=", "distance from the true value")
        for line in table(figures):
            terminalreporter.write_line(line)
    if counts:
        each = ", ".join(f"{what} {count:,}" for what, count in counts.items())
        terminalreporter.write_line(f"EXAMPLES: {counts.total():,} tried ({each})")


def table(figures):
    """One line for each thing measured, over all tests that measured it."""
    rows = {}
    for what, unit, largest, share, values in figures:
        most, nearest, count = rows.get((what, unit), (0.0, share and 0.0, 0))
        nearest = None if share is None else max(nearest, share)
        rows[what, unit] = (max(most, largest), nearest, count + values)
    width = max(len(what) for what, _ in rows)
    yield f"{'stage':{width}}  {'largest':>8}  {'of bound':>8}  {'values':>10}  in units of"
    for (what, unit), (largest, share, values) in rows.items():
        of_bound = "-" if share is None else f"{share:.1%}"
        yield f"{what:{width}}  {largest:8.3g}  {of_bound:>8}  {values:10,}  {unit}"
