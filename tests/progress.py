"""One line that says how far the tests are and what is running, instead of thousands of dots."""

from __future__ import annotations

import time

import pytest
from _pytest.terminal import TerminalReporter

_ON_TERMINAL, _IN_LOG = 0.2, 30.0  # seconds from line to line: where it is rewritten, and where it is not


class Progress:
    """A plugin of the process that the user started; the tests may run in others."""

    def __init__(self, reporter: TerminalReporter) -> None:
        self._reporter = reporter
        self._rewrites = bool(reporter.isatty)
        self._total = self._done = self._failed = 0
        self._ended = False
        self._running: dict[str, float] = {}
        self._begin = self._last = time.monotonic()
        reporter.showfspath = False

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Count the tests, where they run in this process."""
        self._total = self._total or len(session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: object, ids: list[str]) -> None:
        """Count the tests, where they run in others."""
        self._total = len(ids)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """No dot and no letter: what failed is named by ``pytest_runtest_logreport``."""
        passed_around = report.when != "call" and report.outcome == "passed"
        if self._ended or passed_around or hasattr(report, "wasxfail"):
            return None
        wrong = report.outcome == "failed" and report.when != "call"
        return ("error" if wrong else report.outcome, "", "")

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test begins, here or elsewhere."""
        self._running[nodeid] = time.monotonic()
        self._show()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Name what failed at once."""
        if report.failed:
            self._failed += 1
            self._clear()
            self._say(f"FAILED {report.nodeid}", red=True)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """A test ends."""
        self._done += 1
        self._running.pop(nodeid, None)

    def pytest_sessionfinish(self) -> None:
        """Leave the screen to what pytest says at the end."""
        self._ended = True
        self._clear()

    def line(self, now: float) -> str:
        """How many are done, how long it took, and the files of the tests that run, the longest first."""
        minutes, seconds = divmod(int(now - self._begin), 60)
        files = dict.fromkeys(name.partition("::")[0] for name in sorted(self._running, key=self._running.__getitem__))
        failed = f", {self._failed} failed" if self._failed else ""
        return f"{self._done:5} of {self._total} tests{failed}, {minutes}:{seconds:02} min, running: {' '.join(files)}"

    def _show(self) -> None:
        now = time.monotonic()
        if now - self._last < (_ON_TERMINAL if self._rewrites else _IN_LOG):
            return
        self._last = now
        if self._rewrites:
            width = max(20, self._reporter._tw.fullwidth - 1)
            self._reporter.rewrite(self.line(now)[:width], erase=True)
        else:
            self._say(self.line(now))

    def _say(self, line: str, **markup: bool) -> None:
        """One line, at once where the output is a file or a pipe too."""
        self._reporter.write_line(line, **markup)
        self._reporter.flush()

    def _clear(self) -> None:
        if self._rewrites:
            self._reporter.rewrite("", erase=True)
