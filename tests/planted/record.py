"""The committed result of the last whole run: ``record.json``, and the table that the documentation shows of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

RECORD = Path(__file__).with_name("record.json")
SURVIVORS = Path(__file__).with_name("survivors.json")
SEED = 1
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


def write_record(tried: Sequence[Tried]) -> None:
    """Record a run."""
    lines = ",\n".join(json.dumps(asdict(one)) for one in sorted(tried, key=lambda one: one.key))
    RECORD.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def read_record() -> list[Tried]:
    """The recorded run."""
    return [Tried(**one) for one in json.loads(RECORD.read_text(encoding="utf-8"))]


def explanations() -> dict[str, str]:
    """Why survivors are equivalent to what they were made of, by ``Tried.name``."""
    return dict(json.loads(SURVIVORS.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Score:
    """Of an area: how many mutants, how many noticed, how many equivalent."""

    area: str
    mutants: int
    noticed: int
    equivalent: int

    @property
    def share(self) -> float:
        """Noticed of those that are not equivalent."""
        return self.noticed / max(1, self.mutants - self.equivalent)


def scores(tried: Sequence[Tried]) -> list[Score]:
    """The areas' scores."""
    why = explanations()
    found = []
    for area in dict.fromkeys(one.area for one in tried):
        mine = [one for one in tried if one.area == area]
        equivalent = sum(one.survived and one.name in why for one in mine)
        found.append(Score(area, len(mine), sum(not one.survived for one in mine), equivalent))
    return found


def table() -> str:
    """Scores and survivors, for the documentation."""
    tried, why = read_record(), explanations()
    rows = ["| area | mutants | noticed | equivalent | score |", "|---|--:|--:|--:|--:|"]
    for score in scores(tried):
        share = f"{100 * score.share:.1f} %" if score.mutants >= ENOUGH else "too few"
        rows.append(f"| {score.area} | {score.mutants} | {score.noticed} | {score.equivalent} | {share} |")
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
