"""What ``crosscheck --all`` found over a tree of recordings, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tinyglow.pipeline.crosscheck_tree import OUTCOMES, Row, by_cause, by_config
from tinyglow.report.console import stdout
from tinyglow.report.tables import table

TITLES: Mapping[str, str] = {
    "strict": "strictly equal",
    "outputs": "outputs equal",
    "differs": "outputs differ",
    "refused": "refused",
}
_MOST_NAMES = 3


def print_rows(rows: Sequence[Row]) -> None:
    """Counts by configuration, then the causes of all that is not strictly equal."""
    console = stdout()
    counts = [
        (config, sum(found.values()), *(found[outcome] for outcome in OUTCOMES))
        for config, found in by_config(rows).items()
    ]
    console.print(table(("", ">recordings", *(f">{TITLES[outcome]}" for outcome in OUTCOMES)), counts))
    causes = [
        (TITLES[outcome], cause, len(group), some_names([row.recording for row in group]))
        for outcome, cause, group in by_cause(rows)
    ]
    if causes:
        console.print(table(("", "first difference", ">recordings", "such as"), causes))
    for row in rows:
        for name, core in row.cores.items():
            equal = f"{core['vectors_equal']} of {core['vectors']} vectors identical"
            print(f"{row.recording} on {name}: {equal}, {core['cycles']} cycles, Glow {core['glow_cycles']}")


def some_names(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{', '.join(names[:_MOST_NAMES])}{more}"
