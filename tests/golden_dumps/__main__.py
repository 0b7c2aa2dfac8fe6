"""Writes the dumps of all stations anew: ``python -m tests.golden_dumps``."""

from tests.golden_dumps.stations import write_dumps

write_dumps()
