"""Runs pytest in the checkout that is its current directory, in a child process for each request.

What takes long to import is imported once, here; a child has it at once. ``python -m tests.planted.server`` reads a
request a line, ``{"tests": [...], "log": file}``, and answers ``{"outcome": ..., "test": ..., "seconds": ...}``.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

PASSED, FAILED, TIMEOUT = "passed", "failed", "timeout"
SECONDS = 60  # of processor time, of the tests of one mutant
assert os.name == "posix", "mutants run in processes that are forked"

_WALL = 4 * 3600  # seconds, for what waits for ever: on a busy machine processor time takes long
# Code for some cores is seen there alone, so that few kernels are tried with more cases there than in the usual run.
CASES_VARIABLE, LEAST_CASES = "TINYGLOW_CASES_ON_CORES", 12
_CASES_IN_ALL, _MOST_CASES = 300, 100
_FOREIGN = ("numpy", "hypothesis", "onnx", "unicorn", "elftools.elf.elffile", "capstone", "yaml", "jinja2", "PIL.Image")
# For mutants of C, all of the package too: no Python changes.
_OWN = (
    "tests.conftest",
    "tests.drawn_cases",
    "tests.parity.selection",
    "tinyglow.registry",
    "tinyglow.testing.emulated",
)


class _Watch:
    """Notes the first test that fails."""

    def __init__(self) -> None:
        self.first = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called by pytest after each phase of a test."""
        if report.failed and not self.first:
            self.first = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Called by pytest after each file that it read."""
        if report.failed and not self.first:
            self.first = f"{report.nodeid} (import)"


def _child(tests: list[str], log: str, answer: int) -> None:
    """Run the tests, write how it went, and end."""
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 5))
    out = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    os.dup2(out, 1), os.dup2(out, 2)
    sys.dont_write_bytecode = True  # time stamps do not tell a mutant from the file that it was made of
    on_cores = sum("parity/test_cores.py" in test for test in tests)
    os.environ[CASES_VARIABLE] = str(max(LEAST_CASES, min(_MOST_CASES, _CASES_IN_ALL // max(on_cores, 1))))
    watch = _Watch()
    options = ["-x", "-q", "--tb=short", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "ignore"]
    status = pytest.main([*options, *tests], plugins=[watch])
    os.write(answer, json.dumps([int(status), watch.first]).encode())
    os._exit(0)


def run(tests: list[str], log: str) -> dict[str, Any]:
    """The outcome of tests in a process of its own."""
    reading, writing = os.pipe()
    begin = time.monotonic()
    child = os.fork()
    if not child:
        os.close(reading)
        _child(tests, log, writing)
    os.close(writing)
    status, late = 0, False
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() - begin > _WALL:
            late = True
            os.killpg(child, signal.SIGKILL)
        time.sleep(0.02)
    text = os.read(reading, 65_536)
    os.close(reading)
    seconds = round(usage.ru_utime + usage.ru_stime, 1)  # with those of the compilers that it started
    if late or (os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL)):
        return {"outcome": TIMEOUT, "test": "", "seconds": seconds}
    if not text:
        return {"outcome": FAILED, "test": f"the process ended, status {status}", "seconds": seconds}
    code, first = json.loads(text)
    return {"outcome": FAILED if code else PASSED, "test": first or f"pytest's status {code}", "seconds": seconds}


def main() -> None:
    """Serve until the input ends."""
    for name in (*_FOREIGN, *(_OWN if "--own" in sys.argv else ())):
        importlib.import_module(name)
    assert "tinyglow" not in sys.modules or Path(sys.modules["tinyglow"].__file__ or "").is_relative_to(Path.cwd())
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(run(request["tests"], request["log"])), flush=True)


if __name__ == "__main__":
    main()
