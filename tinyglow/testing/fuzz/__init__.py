"""Random networks, each compiled with random options for a random core, and compared with the interpreter."""

from __future__ import annotations

from tinyglow.testing.fuzz.sweep import Sweep, fuzz
from tinyglow.testing.fuzz.trial import Options, Outcome, options_of, try_network

__all__ = ["Options", "Outcome", "Sweep", "fuzz", "options_of", "try_network"]
