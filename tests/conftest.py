"""What all tests share: the parity suite, and `engine` and `stages`, which run a test twice."""

import pytest

from covertreex.metrics._engines import engine_named

pytest_plugins = ["summary", "thorough"]


def pytest_parity_suite(config):
    """Give the harness the suite of this project."""
    from parity.suite import SUITE

    return SUITE


@pytest.fixture(params=["python-numba", "rust-hilbert"])
def engine(request):
    """Name of an engine; the test holds for each."""
    return request.param


@pytest.fixture
def stages(engine):
    """Stages of an engine; the test holds for each."""
    return engine_named(engine)
