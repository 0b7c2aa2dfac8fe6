"""``docs/accuracy.md``: the generated tables of it, from ``accuracy.json``."""

from __future__ import annotations

import re
import statistics
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from tests.benchmarks.accuracy import BELOW_GLOW, GROUPS, TOLERANCE, load_table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "accuracy.md"
Row = Mapping[str, float]


def _of(group: str) -> dict[str, Row]:
    """The rows of a group, by name."""
    return {key.partition("/")[2]: row for key, row in load_table().items() if key.startswith(f"{group}/")}


def networks() -> str:
    """The seven networks."""
    rows = [f"| {name} | {row['tinyglow']:.1f} | {row['glow']:.1f} |" for name, row in _of("golden").items()]
    return "\n".join(["| network | tinyglow | Glow |", "|---|--:|--:|", *rows])


def mlperf() -> str:
    """MLPerf Tiny's networks."""
    lines = [
        "| network | inputs | int8 file | same top-1 | from the float file | same top-1 |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for title, row in _of("mlperf_tiny").items():
        cells = [_number(row.get("file")), _share(row.get("file_top1"))]
        cells += [_number(row.get("tinyglow")), _share(row.get("top1"))]
        lines.append(f"| {title} | {row['inputs']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.0f} %"


# What the short networks of golden_more are, by how their names begin.
_KINDS = {
    "first": "one operator at the input",
    "img": "short chains over images",
    "last3": "one operator at the output",
    "mid": "one operator between two layers",
    "mid3": "one operator between two convolutions",
    "reduced": "random graphs, made small",
    "s": "other small graphs",
    "vec": "short chains over vectors",
}


def theme_of(name: str) -> str:
    """What a network has in common with others of its group: its name without seeds, numbers and case."""
    first = name.partition("_")[0]
    return _KINDS[first] if first in _KINDS else "_".join(part for part in name.split("_") if not part.isdigit())


def themes(group: str) -> str:
    """A group's networks by theme: the median of each, and the one that is farthest below Glow's, or least above."""
    by_theme: dict[str, dict[str, Row]] = defaultdict(dict)
    for name, row in _of(group).items():
        by_theme[theme_of(name)][name] = row
    lines = [
        "| networks | | tinyglow, median | Glow, median | worst beside Glow: tinyglow, Glow |",
        "|---|--:|--:|--:|---|",
    ]
    for theme, rows in sorted(by_theme.items()):
        worst = min(rows, key=lambda name: rows[name]["tinyglow"] - rows[name]["glow"])
        ours, glows = (statistics.median(row[key] for row in rows.values()) for key in ("tinyglow", "glow"))
        pair = f"{rows[worst]['tinyglow']:.1f}, {rows[worst]['glow']:.1f}"
        where = f"{pair} ({worst})" if len(rows) > 1 else pair
        lines.append(f"| {theme} | {len(rows)} | {ours:.1f} | {glows:.1f} | {where} |")
    return "\n".join(lines)


def below() -> str:
    """Every network that is more than 1 dB below Glow's, with the reason."""
    rows = {key: row for key, row in load_table().items() if row.get("tinyglow", 0) < row.get("glow", 0) - TOLERANCE}
    if not rows:
        return "None."
    lines = ["| network | tinyglow | Glow | why |", "|---|--:|--:|---|"]
    for key, row in rows.items():
        lines.append(f"| {key} | {row['tinyglow']:.1f} | {row['glow']:.1f} | {BELOW_GLOW.get(key, '')} |")
    return "\n".join(lines)


def margins() -> str:
    """What margins gain and lose, over the networks of each group."""
    lines = ["| networks | | gain, median | gain > 1 dB | loss > 1 dB | most gained | most lost |"]
    lines.append("|---|--:|--:|--:|--:|--:|--:|")
    for group, title in GROUPS.items():
        gains = [row["margins"] - row["tinyglow"] for row in _of(group).values()]
        more, less = sum(gain > 1 for gain in gains), sum(gain < -1 for gain in gains)
        middle = statistics.median(gains)
        ends = f"{max(gains):.1f} | {-min(gains):.1f}"
        lines.append(f"| {title} | {len(gains)} | {middle:+.1f} | {more} | {less} | {ends} |")
    return "\n".join(lines)


BLOCKS = {
    "margins": margins,
    "networks": networks,
    "mlperf": mlperf,
    "golden_networks": lambda: themes("golden_networks"),
    "golden_more": lambda: themes("golden_more"),
    "below": below,
}


def page() -> str:
    """The whole page with its tables as they are today."""
    text = PAGE.read_text(encoding="utf-8")
    for name, make in BLOCKS.items():
        new = f"<!-- {name} -->\n{make()}\n<!-- /{name} -->"
        text = re.sub(rf"<!-- {name} -->\n.*?<!-- /{name} -->", lambda _, new=new: new, text, flags=re.DOTALL)
    return text


def write_page() -> None:
    """Bring the page up to date."""
    PAGE.write_text(page(), encoding="utf-8")
