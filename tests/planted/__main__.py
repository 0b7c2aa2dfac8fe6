"""``python -m tests.planted --count 40``: plant mutants in every area, run the tests, and record what they noticed.

A mutant that does not compile, or that is the same code to the compilers, is none; one whose tests do not end in time
is noticed if without it they do. ``--journal`` has a line for each mutant that was tried; what is in it already is not
tried again. ``--update`` makes the committed table of it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tests.planted.areas import AREAS, draw
from tests.planted.mutant import Mutant
from tests.planted.plant import Copy, copied
from tests.planted.record import LEAST, SEED, Tried, scores, write_record
from tests.planted.selection import chosen_tests
from tests.planted.server import PASSED, TIMEOUT
from tests.planted.valid import OTHER, Compiled

_NONE = "none"
_AT_ONCE = 10  # tests that are run as they are, within the time that one mutant has


class Trials:
    """Tries mutants in a copy of the checkout."""

    def __init__(self, copy: Copy, folder: Path) -> None:
        """``folder``: where files may be written."""
        self._copy = copy
        self._compiled = Compiled(folder)
        self._in_time: dict[str, bool] = {}

    def run(self, area: str, mutant: Mutant) -> Tried:
        """What became of a mutant."""
        shown = (mutant.file, mutant.begin, mutant.line, mutant.code, mutant.change, mutant.kind, mutant.new)
        with self._copy.planted(mutant):
            outcome = self._copy.run(chosen_tests(mutant.file), not mutant.file.endswith(".py"))
        if outcome.outcome == TIMEOUT and not self._ends_in_time(mutant.file):
            outcome = replace(outcome, outcome=PASSED)
        # Compilers are asked only where it matters: about what nothing noticed, and what may not compile at all.
        doubtful = outcome.outcome == PASSED or "ToolError" in self._copy.log()
        if doubtful and self._compiled.judge(mutant) != OTHER:
            return Tried(area, *shown, _NONE, "", 0.0)
        return Tried(area, *shown, outcome.outcome, outcome.test.removeprefix("tests/"), outcome.seconds)

    def _ends_in_time(self, file: str) -> bool:
        """Whether the tests for a file end within their time as it is: else to take longer shows nothing."""
        if file not in self._in_time:
            outcome = self._copy.run(chosen_tests(file), not file.endswith(".py"))
            self._in_time[file] = outcome.outcome == PASSED
        return self._in_time[file]

    def require_sound(self, tried: Sequence[Tried]) -> None:
        """SystemExit if a test that noticed a mutant fails without it too."""
        named = {f"tests/{one.test}" for one in tried if one.outcome == "failed" and ".py" in one.test}
        tests = sorted({test.removesuffix(" (import)") for test in named})
        for start in range(0, len(tests), _AT_ONCE):
            if self._copy.run(tests[start : start + _AT_ONCE], True).outcome != "passed":
                raise SystemExit(f"tests fail without any mutant:\n{self._copy.log()[-3000:]}")


def _journal(path: Path) -> dict[tuple[str, str, int, str], Tried]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {tried.key: tried for tried in (Tried(**json.loads(line)) for line in lines)}


def _in_turn(areas: Sequence[str], seed: int) -> Iterator[tuple[str, Mutant]]:
    """Mutants, the areas taking turns: whenever it is stopped, all have about the same number."""
    draws = {area: iter(draw(area, seed)) for area in areas}
    while draws:
        for area in list(draws):
            mutant = next(draws[area], None)
            if mutant is None:
                del draws[area]
            else:
                yield area, mutant


def main(arguments: argparse.Namespace) -> int:
    """Try what the journal does not have; 1 if an area's score is below the least."""
    journal = Path(arguments.journal)
    journal.parent.mkdir(parents=True, exist_ok=True)
    known, wanted = _journal(journal), []
    folder = Path(arguments.folder or tempfile.mkdtemp(prefix="planted-"))
    areas = arguments.areas or list(AREAS)
    counts = dict.fromkeys(areas, 0)
    with copied(folder) as copy, journal.open("a", encoding="utf-8") as file:
        trials = Trials(copy, folder)
        for area, mutant in _in_turn(areas, arguments.seed):
            if min(counts.values()) >= arguments.count:
                break
            if counts[area] >= arguments.count:
                continue
            tried = known.get((area, mutant.file, mutant.begin, mutant.new))
            if tried is None or (arguments.again and tried.survived):
                tried = trials.run(area, mutant)
                file.write(json.dumps(vars(tried)) + "\n")
                file.flush()
                print(f"{tried.outcome:8} {tried.seconds:5} s {tried.file}:{tried.line} {tried.change}", flush=True)
            if tried.outcome != _NONE:
                wanted.append(tried)
                counts[area] += 1
        if arguments.update:
            trials.require_sound(wanted)
    if arguments.update:
        write_record(wanted)
    found = scores(wanted)
    for score in found:
        noticed = f"{score.noticed} of {score.mutants} noticed, {score.equivalent} equivalent"
        print(f"{score.area}: {noticed}: {score.share:.3f}")
    return int(any(score.share < LEAST for score in found))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--areas", nargs="*", choices=sorted(AREAS))
    parser.add_argument("--count", type=int, default=40, help="mutants of each area")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--journal", default="build/planted.jsonl")
    parser.add_argument("--folder", help="where the copy of the checkout is made; default: a new one")
    parser.add_argument("--again", action="store_true", help="try those again that were not noticed")
    parser.add_argument("--update", action="store_true", help="record the result in tests/planted/record.json")
    sys.exit(main(parser.parse_args()))
