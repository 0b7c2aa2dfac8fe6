"""How many examples property tests try: few and always the same by default, many and always new on request."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

FULL_VARIABLE = "TINYGLOW_FULL"
QUICK_VARIABLE = "TINYGLOW_QUICK"
_QUICK_SHARE = 10
BUSY_MACHINE = [HealthCheck.too_slow]  # which is no failure


def is_full() -> bool:
    """Whether the environment asks for the long run (``TINYGLOW_FULL=1``)."""
    return _asked_for(FULL_VARIABLE)


def _asked_for(variable: str) -> bool:
    return os.environ.get(variable, "") not in ("", "0")


def budget(quick: int, full: int = 5_000) -> settings:
    """Settings for a property test: ``quick`` examples that are the same in every run, or ``full`` random ones.

    ``TINYGLOW_QUICK=1`` tries a tenth of the quick ones. A test that fails only in the long run prints how to repeat
    the example that failed.
    """
    long_run = is_full()
    if not long_run and _asked_for(QUICK_VARIABLE):
        quick = max(3, quick // _QUICK_SHARE)
    return settings(
        max_examples=full if long_run else quick,
        derandomize=not long_run,
        print_blob=True,
        database=None,
        deadline=None,  # what is compiled once counts for the first example
        suppress_health_check=BUSY_MACHINE,
    )
