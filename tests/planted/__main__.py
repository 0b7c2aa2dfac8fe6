"""``python -m tests.planted --count 40``: plant mutants in every area, run the tests, and record what they noticed.

A mutant that does not compile, or that is the same code to the compilers, is none; one whose tests do not end in time
is noticed if without it they do. ``--journal`` has a line for each mutant that was tried; what is in it already is not
tried again. ``--again`` draws nothing: it tries those of the journal that nothing noticed, as files and tests are now.
``--update`` makes the committed table of it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tests.planted.areas import AREAS, draw, mutants_of
from tests.planted.mutant import Mutant
from tests.planted.plant import Copy, Outcome, copied
from tests.planted.record import LEAST, SEED, Tried, explanations, scores, write_record
from tests.planted.selection import chosen_tests
from tests.planted.server import FAILED, PASSED, TIMEOUT
from tests.planted.valid import OTHER, Compiled

Key = tuple[str, str, int, str]
_NONE = "none"
_AT_ONCE = 10  # tests that are run as they are, within the time that one mutant has


class Trials:
    """Tries mutants in a copy of the checkout."""

    def __init__(self, copy: Copy, folder: Path) -> None:
        """``folder``: where files may be written."""
        self._copy = copy
        self._compiled = Compiled(folder)
        self._unplanted: dict[str, Outcome] = {}

    def run(self, area: str, mutant: Mutant) -> Tried:
        """What became of a mutant."""
        shown = (mutant.file, mutant.begin, mutant.line, mutant.code, mutant.change, mutant.kind, mutant.new)
        with self._copy.planted(mutant):
            tests, is_c = chosen_tests(mutant.file), not mutant.file.endswith(".py")
            outcome = self._copy.run(tests, is_c)
            log = self._copy.log()
            # Of a loop without end, the first test, which takes seconds, does not end either.
            endless = outcome.outcome == TIMEOUT and self._copy.run(tests[:1], is_c).outcome == TIMEOUT
        if outcome.outcome == TIMEOUT and not endless and self._as_it_is(mutant.file).outcome != PASSED:
            outcome = replace(outcome, outcome=PASSED)  # to take longer shows nothing
        # No test failed, and yet pytest did: the mutant is in its way, or a test that was named is not there.
        unnamed = outcome.outcome == FAILED and outcome.test.startswith("pytest")
        if unnamed and self._as_it_is(mutant.file).outcome == FAILED:
            raise SystemExit(f"the tests for {mutant.file} fail without any mutant:\n{self._copy.log()[-3000:]}")
        # Compilers are asked only where it matters: about what nothing noticed, and what may not compile at all.
        doubtful = outcome.outcome == PASSED or "ToolError" in log
        if doubtful and self._compiled.judge(mutant) != OTHER:
            return Tried(area, *shown, _NONE, "", 0.0)
        return Tried(area, *shown, outcome.outcome, outcome.test.removeprefix("tests/"), outcome.seconds)

    def _as_it_is(self, file: str) -> Outcome:
        """What the tests for a file say without a mutant."""
        if file not in self._unplanted:
            self._unplanted[file] = self._copy.run(chosen_tests(file), not file.endswith(".py"))
        return self._unplanted[file]

    def require_sound(self, tried: Sequence[Tried]) -> None:
        """SystemExit if a test that noticed a mutant fails without it too."""
        named = {f"tests/{one.test}" for one in tried if one.outcome == "failed" and ".py" in one.test}
        tests = sorted({test.removesuffix(" (import)") for test in named})
        for start in range(0, len(tests), _AT_ONCE):
            if self._copy.run(tests[start : start + _AT_ONCE], True).outcome != "passed":
                raise SystemExit(f"tests fail without any mutant:\n{self._copy.log()[-3000:]}")


def _journal(path: Path) -> dict[Key, Tried]:
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


def _drawn(trials: Trials, arguments: argparse.Namespace, known: Mapping[Key, Tried]) -> Iterator[Tried]:
    """Mutants of the draw, until each area has enough; what is known already as it is."""
    areas = arguments.areas or list(AREAS)
    counts = dict.fromkeys(areas, 0)
    for area, mutant in _in_turn(areas, arguments.seed):
        if min(counts.values()) >= arguments.count:
            return
        if counts[area] >= arguments.count:
            continue
        tried = known.get((area, mutant.file, mutant.begin, mutant.new)) or trials.run(area, mutant)
        counts[area] += tried.outcome != _NONE
        yield tried


def _again(trials: Trials, known: Mapping[Key, Tried]) -> Iterator[Tried]:
    """What the journal has; what nothing noticed and no reason excuses is tried again, where its line still stands."""
    why = explanations()
    for tried in known.values():
        if not tried.survived or tried.name in why:
            yield tried
            continue
        places = [
            m for m in mutants_of(tried.file) if (m.code, m.change, m.new) == (tried.code, tried.change, tried.new)
        ]
        if not places:
            print(f"changed since: {tried.file}: {tried.code}", flush=True)
            continue
        now = trials.run(tried.area, min(places, key=lambda mutant: abs(mutant.begin - tried.begin)))
        yield replace(tried, outcome=now.outcome, test=now.test, seconds=now.seconds, again=not now.survived)


def main(arguments: argparse.Namespace) -> int:
    """Try what the journal does not have; 1 if an area's score is below the least."""
    journal = Path(arguments.journal)
    journal.parent.mkdir(parents=True, exist_ok=True)
    known, wanted = _journal(journal), []
    folder = Path(arguments.folder or tempfile.mkdtemp(prefix="planted-"))
    with copied(folder) as copy, journal.open("a", encoding="utf-8") as file:
        trials = Trials(copy, folder)
        for tried in _again(trials, known) if arguments.again else _drawn(trials, arguments, known):
            if known.get(tried.key) != tried:
                file.write(json.dumps(vars(tried)) + "\n")
                file.flush()
                print(f"{tried.outcome:8} {tried.seconds:5} s {tried.file}:{tried.line} {tried.change}", flush=True)
            if tried.outcome != _NONE:
                wanted.append(tried)
        if arguments.update:
            trials.require_sound(wanted)
    if arguments.update:
        write_record(wanted, {area: len(draw(area, arguments.seed)) for area in AREAS})
    found = scores(wanted)
    for score in found:
        noticed = f"{score.noticed} of {score.mutants} noticed, {score.again} of them only now"
        print(f"{score.area}: {noticed}, {score.equivalent} equivalent: {score.share:.3f}")
    return int(any(score.share < LEAST for score in found))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--areas", nargs="*", choices=sorted(AREAS))
    parser.add_argument("--count", type=int, default=40, help="mutants of each area")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--journal", default="build/planted.jsonl")
    parser.add_argument("--folder", help="where the copy of the checkout is made; default: a new one")
    parser.add_argument("--again", action="store_true", help="try what the journal has and nothing noticed")
    parser.add_argument("--update", action="store_true", help="record the result in tests/planted/record.json")
    sys.exit(main(parser.parse_args()))
