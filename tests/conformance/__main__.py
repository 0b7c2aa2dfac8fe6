"""``make conformance``: ONNX's tests, by operator. ``--update`` records the verdicts and writes the page."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.conformance.records import PAGE, RECORDS, Collection, page
from tinyglow.testing.conformance.cases import MODELS, NODE, collect, collect_models
from tinyglow.testing.conformance.host import check
from tinyglow.testing.conformance.run import REFUSED, RIGHT, Verdict, run_all
from tinyglow.testing.conformance.table import markdown, totals


def main(update: bool) -> int:
    """Print the tables; returns 1 if a test is wrong or crashes."""
    verdicts = run_all([*collect(), *collect_models()])
    right = [verdict for verdict in verdicts if verdict.kind == RIGHT]
    with tempfile.TemporaryDirectory() as folder:
        in_c = check(right, Path(folder))
    tables = {}
    for collection in (NODE, *MODELS):
        own = [verdict for verdict in verdicts if verdict.test.collection == collection]
        tables[collection] = Collection(totals(own), sum(_is_same(v, in_c) for v in own), markdown(own, in_c))
        print(f"{collection}\n{tables[collection].table}")
        print(f"{len(own)} tests: {tables[collection].counts}; {tables[collection].same} are the same in C here")
    for name, difference in in_c.items():
        if difference:
            print(f"{name}: {difference}")
    bad = [verdict for verdict in verdicts if verdict.kind not in (RIGHT, REFUSED)]
    for verdict in bad:
        print(f"{verdict.test.name}: {verdict.kind}, {verdict.reason}")
    if update:
        kinds: dict[str, list[str]] = {}
        for verdict in verdicts:
            kinds.setdefault(verdict.kind, []).append(verdict.test.name)
        RECORDS.write_text(json.dumps({kind: sorted(names) for kind, names in sorted(kinds.items())}), encoding="utf-8")
        PAGE.write_text(page(tables), encoding="utf-8", newline="\n")
    return int(bool(bad) or any(in_c.values()))


def _is_same(verdict: Verdict, in_c: Mapping[str, str]) -> bool:
    return in_c.get(verdict.test.name) == ""


if __name__ == "__main__":
    sys.exit(main("--update" in sys.argv[1:]))
