"""The oracle over many random networks.

usage: python -m tests.property.oracle --graphs 20000 --seed 0 --jobs 2 [--journal FILE] [--reproducers FOLDER]

Exit status 1 if it found anything. --journal: finished ranges and findings are kept there; a run that was stopped goes
on where it was.
"""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from collections.abc import Iterator
from multiprocessing import Pool
from pathlib import Path

from tinyglow.testing.oracle import Finding, check_seed
from tinyglow.testing.oracle.shrink import write_reproducer

RANGE = 50


def findings(seeds: range) -> list[tuple[int, Finding]]:
    """What the oracle finds for each of ``seeds`` that it finds something for; a crash is a finding too."""
    found = []
    for seed in seeds:
        try:
            finding = check_seed(seed)
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            text = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
            finding = Finding("crash", text)
        if finding:
            found.append((seed, finding))
    return found


def _work(begin_end: tuple[int, int]) -> tuple[int, int, list[tuple[int, Finding]]]:
    return *begin_end, findings(range(*begin_end))


def _done(journal: Path | None) -> Iterator[dict[str, object]]:
    if journal and journal.is_file():
        yield from (json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines())


def main(arguments: list[str] | None = None) -> int:
    """Run the command; its exit status."""
    parser = argparse.ArgumentParser(description="Compile random networks pass by pass beside what they mean.")
    parser.add_argument("--graphs", type=int, default=20_000, help="how many networks (default: 20000)")
    parser.add_argument("--seed", type=int, default=0, help="the first one's number (default: 0)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--journal", type=Path, help="a file of finished ranges, to go on from")
    parser.add_argument("--reproducers", type=Path, help="a folder for small models of what is found")
    options = parser.parse_args(arguments)
    end, total = options.seed + options.graphs, 0
    finished = {(line["begin"], line["end"]) for line in _done(options.journal)}
    total = sum(len(line["findings"]) for line in _done(options.journal))  # type: ignore[arg-type]
    ranges = [(begin, min(begin + RANGE, end)) for begin in range(options.seed, end, RANGE)]
    todo = [begin_end for begin_end in ranges if begin_end not in finished]
    with Pool(options.jobs) as pool:
        for begin, stop, found in pool.imap_unordered(_work, todo):
            for seed, finding in found:
                print(f"seed {seed}: {finding}", flush=True)
                if options.reproducers and finding.station != "crash":
                    write_reproducer(seed, finding, options.reproducers)
            total += len(found)
            if options.journal:
                entry = {"begin": begin, "end": stop, "findings": [[seed, str(item)] for seed, item in found]}
                with options.journal.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(entry) + "\n")
            if begin % 1000 == 0:
                print(f"... {begin} done", file=sys.stderr, flush=True)
    print(f"{options.graphs} networks from number {options.seed} on: {total} findings")
    return int(total > 0)


if __name__ == "__main__":
    sys.exit(main())
