"""The whole parity test: the plugin makes one test of it for each case, output and engine."""


def test_parity(parity_check, parity_suite, snapshot):
    """Make one check."""
    parity_suite.check(parity_check, snapshot)
