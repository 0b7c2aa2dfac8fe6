"""``python -m tests.mutations --count 20000 --journal FILE``: damaged models through all readers, in child processes.

The journal has a line for each model; what is in it already is not read again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections import Counter
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

from tests.mutations.corpus import corpus
from tests.mutations.run import Outcome, case, run

_AT_ONCE = 100  # models of one child process: its memory is measured


def _child(seeds: list[int], journal: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, journal.open("a", encoding="utf-8") as file:
        for seed in seeds:
            file.write(json.dumps({"begins": seed}) + "\n")
            file.flush()
            file.write(json.dumps(asdict(run(seed, Path(folder)))) + "\n")
            file.flush()


def _recorded(journal: Path) -> dict[int, Outcome | None]:
    """The outcomes by seed; None of a model at which the process ended."""
    found: dict[int, Outcome | None] = {}
    for line in journal.read_text(encoding="utf-8").splitlines() if journal.exists() else ():
        entry = json.loads(line)
        if "begins" in entry:
            found.setdefault(entry["begins"], None)
        else:
            found[entry["seed"]] = Outcome(**entry)
    return found


def main(arguments: argparse.Namespace) -> int:
    """Run what the journal does not have; 1 if any model is at fault."""
    journal, wanted = Path(arguments.journal), range(arguments.first, arguments.first + arguments.count)
    context = get_context("fork" if os.name == "posix" else "spawn")
    corpus()  # before the children
    while todo := sorted(set(wanted).difference(_recorded(journal)))[:_AT_ONCE]:
        child = context.Process(target=_child, args=(todo, journal))
        child.start()
        child.join()
    outcomes = {seed: outcome for seed, outcome in _recorded(journal).items() if seed in wanted}
    kinds = Counter(
        (case(seed)[0].format, "crash") if outcome is None else (outcome.format, outcome.kind)
        for seed, outcome in outcomes.items()
    )
    for (format_, kind), count in sorted(kinds.items(), key=lambda item: (item[0][0], -item[1])):
        print(f"{format_}: {count} {kind}")
    faults = [seed for seed, outcome in outcomes.items() if outcome is None or outcome.is_fault]
    print(f"{len(outcomes)} models, {len(faults)} at fault: {faults[:20]}")
    return int(bool(faults))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--journal", default="build/mutations.jsonl")
    sys.exit(main(parser.parse_args()))
