"""Closing lines of a test run: how many rows gave the same bits, and what could not be run here."""

from collections import Counter


def pytest_terminal_summary(terminalreporter):
    """Print one line a finding that tests recorded as ``same_bits`` or ``not_here``."""
    passed = terminalreporter.getreports("passed")
    found = [prop for report in passed if report.when == "call" for prop in report.user_properties]
    same = Counter(value for name, value in found if name == "same_bits")
    absent = sorted({value for name, value in found if name == "not_here"})
    if same:
        rows = ", ".join(f"{who} {count}" for who, count in same.items())
        terminalreporter.write_line(f"SAME BITS: {same.total()} rows ({rows})")
    for what in absent:
        terminalreporter.write_line(f"NOT RUN: {what}")
