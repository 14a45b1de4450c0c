"""The pytest plugin: options, the sessions that check or write, the report, the stamp.

It is loaded wherever covertreex is installed; a conftest names the suite by the hook
``pytest_parity_suite(config)``. Without that hook it does nothing, and nothing heavy is imported
before a suite is there: no NumPy, no syrupy, no rich. What a check found travels in
``user_properties``, so the controller of pytest-xdist sees it all.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from covertreex.testing.collected import check_at, checks_of, suite_of
from covertreex.testing.options import LOG_WIDTH, add_options, wanted
from covertreex.testing.records import CHECK_PROPERTY, RECORD_PROPERTY, Check, Record
from covertreex.testing.verdicts import MissingExtraError, ParityFailure, Verdict

if TYPE_CHECKING:
    from covertreex.testing.report import Summary
    from covertreex.testing.suite import Suite


class Hooks:
    """The hooks a conftest can give."""

    @pytest.hookspec(firstresult=True)
    def pytest_parity_suite(self, config: pytest.Config) -> Suite | None:
        """Return the suite of this session."""


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the hook that names the suite."""
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("parity", "golden snapshots of two engines")
    add_options(group)
    group.addoption("--parity-json", metavar="PATH", help="write the report as JSON")
    group.addoption(
        "--parity-explain",
        metavar="CASE[:OUTPUT[I,J]]",
        help="run no test: walk one element of a case through the stages, engine beside engine",
    )
    group.addoption("--parity-html", metavar="PATH", help="write the report as one HTML page")
    group.addoption("--parity-stamp", metavar="PATH", help="write the stamp of a green run")
    group.addoption(
        "--parity-strict",
        action="store_true",
        help="fail on policy rows that are stale or looser than anything observed",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Begin a session of the plugin."""
    try:
        session = _session(config)
    except ModuleNotFoundError as error:
        raise pytest.UsageError(str(MissingExtraError(error.name))) from error
    config.pluginmanager.register(session, "covertreex-parity-session")


def _session(config: pytest.Config) -> object:
    explain = config.getoption("parity_explain")
    if explain is not None and wanted(config):
        raise pytest.UsageError("--parity-explain writes nothing: freeze without it")
    if explain is not None:
        from covertreex.testing.explain import ExplainSession

        return ExplainSession(config, explain)
    if not wanted(config):
        return ParitySession(config)
    if config.getoption("freeze_prune"):
        from covertreex.testing.pruning import PruneSession

        return PruneSession(config)
    from covertreex.testing.freezing import FreezeSession

    return FreezeSession(config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of every check for a function that takes `parity_check`."""
    if "parity_check" in metafunc.fixturenames:
        metafunc.parametrize("parity_check", suite_of(metafunc.config).checks())


def pytest_collection_finish(session: pytest.Session) -> None:
    """Show on a terminal how far the checks are."""
    if checks := {item.nodeid: check for item, check in checks_of(session.items)}:
        from covertreex.testing.progress import watch

        freezing = wanted(session.config)
        watch(session.config, "freezing" if freezing else "comparing", checks)


@pytest.fixture(scope="session")
def parity_suite(pytestconfig: pytest.Config) -> Suite:
    """Return the suite of the session, as the conftest names it."""
    return suite_of(pytestconfig)


class ParitySession:
    """A session that checks: it collects records, reports, stamps; it never writes a golden."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self._records: dict[Check, Record] = {}
        self._others: list[str] = []
        self._uncollected = False
        self._summary: Summary | None = None

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Mark every check; refuse a bare ``--snapshot-update`` among them."""
        checks = checks_of(items)
        option = self.config.option
        updating = ("update_snapshots", "update_new_snapshots_only")
        if checks and any(getattr(option, name, False) for name in updating):
            raise pytest.UsageError(
                "goldens are not updated by --snapshot-update: use --freeze-reason TEXT"
            )
        for item, check in checks:
            line = json.dumps([check.case, check.output, check.role])
            item.user_properties.append((CHECK_PROPERTY, line))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a module that could not be collected: nobody knows what it would have checked."""
        self._uncollected |= report.failed

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Let the verdict come first where a failure is told in one line, and in JUnit."""
        report = yield
        crash = getattr(report.longrepr, "reprcrash", None)
        raised = call.excinfo.value if call.excinfo is not None else None
        if crash is not None and isinstance(raised, ParityFailure):
            crash.message = str(raised)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the record of a check; one that failed without a record is an ERROR.

        Only the controller does: a worker of pytest-xdist sends its reports on as they are.
        """
        if hasattr(self.config, "workerinput"):
            return
        properties = dict(report.user_properties)
        if CHECK_PROPERTY in properties:
            check = Check(*json.loads(str(properties[CHECK_PROPERTY])))
        elif report.failed and (lost := check_at(self.config, report.nodeid)) is not None:
            check = lost  # its worker died, and its properties with it
        else:
            if report.failed:
                self._others.append(report.nodeid)
            return
        if report.failed or check not in self._records:
            self._take(report, check, properties.get(RECORD_PROPERTY))
        self._tell(report, check)

    def _take(self, report: pytest.TestReport, check: Check, line: object) -> None:
        """Keep the record that came with a report; a failure without one is an ERROR."""
        record = Record.loads(str(line)) if line is not None else None
        if report.failed and (record is None or record.ok):
            fields = (check.case, check.output, check.role)
            cause, detail = _cause(report), report.longreprtext
            record = Record(*fields, verdict=Verdict.ERROR, message=cause, detail=detail)
        if record is not None:
            self._records[check] = record

    def _tell(self, report: pytest.TestReport, check: Check) -> None:
        """Put what is known of a check in place of the JSON that brought it, for JUnit."""
        texts = (CHECK_PROPERTY, RECORD_PROPERTY)
        kept = [pair for pair in report.user_properties if pair[0] not in texts]
        known = self._records.get(check)
        report.user_properties = [*kept, *(known.properties() if known else ())]

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Close the run: judge the policy, write what was asked for."""
        stamp = self.config.getoption("parity_stamp")
        if hasattr(self.config, "workerinput"):
            return
        if stamp and (self._uncollected or self._others):
            Path(stamp).unlink(missing_ok=True)
        page, report = (self.config.getoption(f"parity_{name}") for name in ("html", "json"))
        if not self._records:
            for path in filter(None, (page, report)):  # another run's would pass for this one's
                Path(path).unlink(missing_ok=True)
            return
        self._summary = summary = self._summarise(suite_of(self.config))
        if not summary.green and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if report:
            from covertreex.testing.report import as_json

            _write(Path(report), json.dumps(as_json(summary), indent=1) + "\n")
        if page:
            from covertreex.testing.page import render_page

            _write(Path(page), render_page(summary))
        if stamp:
            self._stamp(Path(stamp), summary)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the report."""
        if self._summary is not None:
            from covertreex.testing.journal import undecided
            from covertreex.testing.report import render

            if undecided(self._summary.suite.store.root):
                note = "a freeze was killed before it had decided: the set is the old one"
                terminalreporter.write_line(note)
            terminalreporter.write_sep("=", "parity")
            writer = self.config.get_terminal_writer()
            width = writer.fullwidth if terminalreporter.isatty else LOG_WIDTH
            text = render(self._summary, width=width, color=writer.hasmarkup)
            terminalreporter.write(text)
            if page := self.config.getoption("parity_html"):
                terminalreporter.write_line(f"page: {page}")

    def _summarise(self, suite: Suite) -> Summary:
        from covertreex.testing.report import Summary

        order = [check for check in suite.all_checks() if check in self._records]
        records = [self._records[check] for check in order]
        strict = bool(self.config.getoption("parity_strict"))
        summary = Summary(suite, records, strict=strict, others=self._others)
        pairs = [(case, output) for case in suite.cases for output in suite.outputs]
        problems = suite.policy.stale(pairs)
        if summary.complete and not summary.failed:
            problems += suite.policy.loose(record for record in records if record.row >= 0)
        return Summary(suite, records, problems, strict, self._others)

    def _stamp(self, path: Path, summary: Summary) -> None:
        """Complete and green writes the stamp, red removes it, partial and green leaves it."""
        if not summary.green:
            path.unlink(missing_ok=True)
        elif summary.complete and not self._uncollected:
            from covertreex.testing.stamp import write_stamp

            write_stamp(path, summary.suite)


def _cause(report: pytest.TestReport) -> str:
    """Return what a failed test raised, in one line."""
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longrepr).strip().partition("\n")[0]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(text, encoding="utf-8", errors="backslashreplace")
    draft.replace(path)
