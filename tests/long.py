"""Whether the run is CI's, which takes its time, or one that somebody waits for."""

from __future__ import annotations

import os

from tinyglow.testing.budget import is_full

LONG_VARIABLE = "TINYGLOW_LONG"


def is_long() -> bool:
    """Whether the environment asks for the longest tests too: ``TINYGLOW_LONG=1``, as in CI, or the full mode."""
    return is_full() or bool(os.environ.get(LONG_VARIABLE))
