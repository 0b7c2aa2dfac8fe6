"""Cycles, flash, RAM and stack on emulated cores, against the committed table.

``--update`` writes the table, with ``layers.md`` and ``bounds.json`` beside it. Anything more than 2 % worse fails.
``make bench`` runs it.
"""

from __future__ import annotations

import argparse
import json
import sys

from tests.benchmarks import bounds
from tests.benchmarks.layers import write_layers
from tests.benchmarks.measure import Table, measure
from tests.benchmarks.table import TABLE, load_table, regressions

SHOWN = ("cycles", "flash", "ram", "stack")


def _print(table: Table) -> None:
    for name, figures in table.items():
        print(f"{name:52}" + "".join(f"{figures[figure]:>12,} {figure}" for figure in SHOWN))


def main() -> int:
    """Exit status 1 if anything got worse."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--update", action="store_true", help="record the figures of today")
    update = parser.parse_args().update
    measured, by_kind = measure(), bounds.measure()
    _print(measured)
    if update:
        TABLE.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
        bounds.write_record(by_kind)
        write_layers()
        return 0
    found = [*regressions(load_table(), measured), *bounds.regressions(bounds.load_record(), by_kind)]
    print("\n".join(found) or "nothing is more than 2 % worse than recorded")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
