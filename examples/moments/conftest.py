"""Give the harness its suite; pytest knows the plugin from the installed package."""


def pytest_parity_suite(config):
    """Return the suite of this project."""
    from suite import SUITE

    return SUITE
