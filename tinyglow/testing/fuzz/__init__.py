"""Random networks, each compiled with random options for a random core, and compared with the interpreter."""

from __future__ import annotations

from tinyglow.testing.fuzz.networks import Network, drawn
from tinyglow.testing.fuzz.options import Options, options_of
from tinyglow.testing.fuzz.sweep import Sweep, fuzz
from tinyglow.testing.fuzz.trial import Outcome, try_network

__all__ = ["Network", "Options", "Outcome", "Sweep", "drawn", "fuzz", "options_of", "try_network"]
