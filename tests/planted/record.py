"""The committed result of the last whole run: ``record.json``, and the table that the documentation shows of it."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

RECORD = Path(__file__).with_name("record.json")
SURVIVORS = Path(__file__).with_name("survivors.json")
SEED = 77
PASSED = "passed"
LEAST = 0.95  # of the mutants that are not equivalent are to be noticed
ENOUGH = 40  # mutants of an area; of fewer no score is given


@dataclass(frozen=True)
class Tried:
    """One mutant that was tried.

    Attributes:
        area: Of its file.
        file: Where it was planted.
        begin: At which character.
        line: In which line.
        code: The line's text.
        change: What was exchanged.
        kind: Of the change.
        new: The new text.
        outcome: "failed" or "timeout" if the tests noticed it, else "passed".
        test: The first test that failed.
        seconds: Of processor time that the tests took.
        again: Whether it was noticed only by tests that were written because nothing had noticed it.
    """

    area: str
    file: str
    begin: int
    line: int
    code: str
    change: str
    kind: str
    new: str
    outcome: str
    test: str
    seconds: float
    again: bool = False

    @property
    def key(self) -> tuple[str, str, int, str]:
        """What tells it from others."""
        return self.area, self.file, self.begin, self.new

    @property
    def survived(self) -> bool:
        """Whether no test noticed it."""
        return self.outcome == PASSED

    @property
    def name(self) -> str:
        """What its explanation is filed under."""
        return f"{self.file}: {self.code}: {self.change}"


def write_record(tried: Sequence[Tried], possible: Mapping[str, int]) -> None:
    """Record a run. possible: how many mutants each area has."""
    lines = ",\n".join(json.dumps(asdict(one)) for one in sorted(tried, key=lambda one: one.key))
    text = f'{{"possible": {json.dumps(possible)}, "tried": [\n{lines}\n]}}\n'
    RECORD.write_text(text, encoding="utf-8")


def read_record() -> list[Tried]:
    """The recorded run."""
    return [Tried(**one) for one in json.loads(RECORD.read_text(encoding="utf-8"))["tried"]]


def _possible() -> dict[str, int]:
    return dict(json.loads(RECORD.read_text(encoding="utf-8"))["possible"])


def explanations() -> dict[str, str]:
    """Why survivors are equivalent to what they were made of, by ``Tried.name``."""
    return dict(json.loads(SURVIVORS.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Score:
    """Of an area: how many mutants, how many noticed, how many of these only by new tests, how many equivalent."""

    area: str
    mutants: int
    noticed: int
    again: int
    equivalent: int

    @property
    def share(self) -> float:
        """Noticed of those that are not equivalent."""
        return self.noticed / max(1, self.mutants - self.equivalent)

    @property
    def at_once(self) -> tuple[int, int]:
        """How many were noticed before any test was written for this draw, and of how many."""
        return self.noticed - self.again, self.mutants - self.equivalent


def interval(hits: int, count: int) -> tuple[float, float]:
    """Wilson's interval of 95 % for a share of which a sample has ``hits`` of ``count``."""
    z, n = 1.96, max(1, count)
    share = hits / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def scores(tried: Sequence[Tried]) -> list[Score]:
    """The areas' scores."""
    why = explanations()
    found = []
    for area in dict.fromkeys(one.area for one in tried):
        mine = [one for one in tried if one.area == area]
        equivalent = sum(one.survived and one.name in why for one in mine)
        noticed = [one for one in mine if not one.survived]
        found.append(Score(area, len(mine), len(noticed), sum(one.again for one in noticed), equivalent))
    return found


def table() -> str:
    """Scores and survivors, for the documentation."""
    tried, why, possible = read_record(), explanations(), _possible()
    rows = [
        "| area | possible | tried | equivalent | noticed at once | noticed now | score |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    found = scores(tried)
    for score in found:
        share = f"{100 * score.share:.1f} %" if score.mutants >= ENOUGH else "too few"
        counts = (possible[score.area], score.mutants, score.equivalent, score.noticed - score.again, score.noticed)
        rows.append(f"| {score.area} | {' | '.join(str(count) for count in counts)} | {share} |")
    hits, of = (sum(score.at_once[i] for score in found) for i in (0, 1))
    low, high = interval(hits, of)
    share = f"{hits} of {of} that are not equivalent, {100 * hits / max(1, of):.1f} %"
    rows += [
        "",
        f"Noticed at once: {share}; with 95 % confidence {100 * low:.1f} to {100 * high:.1f} % of all possible ones.",
    ]
    now = sum(score.noticed for score in found)
    rows += [f"Noticed now, of the same draw: {now} of {of}, {100 * now / max(1, of):.1f} %."]
    kinds = Counter(one.kind for one in tried)
    missed = Counter(one.kind for one in tried if one.survived)
    rows += ["", "| kind of change | mutants | not noticed |", "|---|--:|--:|"]
    rows += [f"| {kind} | {count} | {missed[kind]} |" for kind, count in sorted(kinds.items())]
    survivors = [one for one in tried if one.survived]
    rows += ["", "| not noticed | change | why |", "|---|---|---|"] if survivors else ["", "All were noticed."]
    for one in survivors:
        code = one.code.replace("|", "\\|")
        change = one.change.replace("|", "\\|")
        rows.append(f"| `{one.file}`: `{code}` | {change} | {why.get(one.name, 'no test: an open gap')} |")
    return "\n".join(rows)
