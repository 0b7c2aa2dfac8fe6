"""How many examples property tests try: few and always the same by default, many and always new on request."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

FULL_VARIABLE = "TINYGLOW_FULL"
BUSY_MACHINE = [HealthCheck.too_slow]  # which is no failure


def is_full() -> bool:
    """Whether the environment asks for the long run (``TINYGLOW_FULL=1``)."""
    return os.environ.get(FULL_VARIABLE, "") not in ("", "0")


def budget(quick: int, full: int = 5_000) -> settings:
    """Settings for a property test: ``quick`` examples that are the same in every run, or ``full`` random ones.

    A test that fails only in the long run prints how to repeat the example that failed.
    """
    long_run = is_full()
    return settings(
        max_examples=full if long_run else quick,
        derandomize=not long_run,
        print_blob=True,
        database=None,
        deadline=None,  # what is compiled once counts for the first example
        suppress_health_check=BUSY_MACHINE,
    )
