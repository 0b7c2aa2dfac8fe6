"""Writes the dumps of all stations and layers anew: ``python -m tests.golden_dumps``."""

from tests.golden_dumps.calls import write_calls
from tests.golden_dumps.stations import write_dumps

write_dumps()
write_calls()
