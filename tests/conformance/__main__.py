"""``make conformance``: ONNX's node tests, by operator. ``--update`` records the verdicts and writes the page."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tests.conformance.records import PAGE, RECORDS, page
from tinyglow.testing.conformance.cases import collect
from tinyglow.testing.conformance.host import check
from tinyglow.testing.conformance.run import RIGHT, run_all
from tinyglow.testing.conformance.table import markdown, totals


def main(update: bool) -> int:
    """Print the table; returns 1 if a test is wrong or crashes."""
    verdicts = run_all(collect())
    right = [verdict for verdict in verdicts if verdict.kind == RIGHT]
    with tempfile.TemporaryDirectory() as folder:
        in_c = check(right, Path(folder))
    counts = totals(verdicts)
    same = sum(difference == "" for difference in in_c.values())
    table = markdown(verdicts, in_c)
    print(table)
    print(f"{len(verdicts)} tests: {counts}; {same} of {len(in_c)} are the same in C on this machine")
    for name, difference in in_c.items():
        if difference:
            print(f"{name}: {difference}")
    for verdict in verdicts:
        if verdict.kind not in ("right", "refused"):
            print(f"{verdict.test.name}: {verdict.kind}, {verdict.reason}")
    if update:
        kinds: dict[str, list[str]] = {}
        for verdict in verdicts:
            kinds.setdefault(verdict.kind, []).append(verdict.test.name)
        RECORDS.write_text(json.dumps({kind: sorted(names) for kind, names in sorted(kinds.items())}), encoding="utf-8")
        PAGE.write_text(page(counts, same, table), encoding="utf-8", newline="\n")
    return int(any(verdict.kind not in ("right", "refused") for verdict in verdicts) or same != len(in_c))


if __name__ == "__main__":
    sys.exit(main("--update" in sys.argv[1:]))
