"""The committed figures: what got worse, and how they look in the README beside the real Glow's."""

from __future__ import annotations

import json
from pathlib import Path

from tests.benchmarks.measure import MODELS, Row, Run, Table

TABLE = Path(__file__).with_name("table.json")
# Recorded from the real Glow: cycles in the same model, flash: object and constants, RAM: all its memories.
GLOW = Path(__file__).with_name("glow.json")
FIGURES = ("cycles", "flash", "ram", "stack")
TOLERANCE = 1.02


def load_table() -> Table:
    """The recorded rows."""
    table: Table = json.loads(TABLE.read_text(encoding="utf-8"))
    return table


def regressions(recorded: Table, measured: Table) -> list[str]:
    """What is missing, new, or more than 2 % worse than recorded, one line each."""
    found = [f"{name}: recorded, but not measured" for name in recorded if name not in measured]
    for name, figures in measured.items():
        if name not in recorded:
            found.append(f"{name}: measured, but not recorded")
            continue
        for figure in FIGURES:
            old, new = recorded[name][figure], figures[figure]
            if new > old * TOLERANCE:
                found.append(f"{name}: {new:,} {figure}, {100 * (new / old - 1):.1f} % more than the recorded {old:,}")
    return found


def _cycles(row: Row) -> str:
    return f"{row['cycles']:,} ({row['cycles'] / row['macs']:.2f})"


def speed_table() -> str:
    """Cycles of one inference of each network on each core, as Markdown."""
    table, glow = load_table(), json.loads(GLOW.read_text(encoding="utf-8"))
    lines = [
        "| network | MACs | Cortex-M0+ | Glow | Cortex-M4 | Cortex-M33 | Cortex-M7 | Glow |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for model in MODELS:
        rows = [table[Run(model, core).key] for core in ("cortex-m0plus", "cortex-m4", "cortex-m33", "cortex-m7")]
        m0, m4, m33, m7 = map(_cycles, rows)
        theirs = [f"{glow[model][core]['cycles']:,}" for core in ("m0plus", "m7")]
        cells = [model, f"{rows[0]['macs']:,}", m0, theirs[0], m4, m33, m7, theirs[1]]
        lines.append(f"| {' | '.join(cells)} |")
        transformed = [
            table.get(Run(model, core, transformed=True).key) for core in ("cortex-m4", "cortex-m33", "cortex-m7")
        ]
        if all(transformed):
            shown = [_cycles(row) for row in transformed if row]
            row = table.get(Run(model, "cortex-m0plus", transformed=True).key)
            lines.append(
                f"| {model}, `--transformed-weights` | | {f'{_cycles(row)} ' if row else ''}| | {' | '.join(shown)} | |"
            )
    return "\n".join(lines)


def size_table() -> str:
    """Flash, RAM and stack of each network on the Cortex-M0+, as Markdown; flash also by ``--optimize=size``."""
    table, glow = load_table(), json.loads(GLOW.read_text(encoding="utf-8"))
    lines = [
        "| network | flash | Glow | smallest flash | RAM | Glow | stack | Glow |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for model in MODELS:
        ours, theirs = table[Run(model, "cortex-m0plus").key], glow[model]["m0plus"]
        least = table[Run(model, "cortex-m0plus", optimize="size").key]["flash"]
        flash, *rest = ([f"{row[figure]:,}" for row in (ours, theirs)] for figure in ("flash", "ram", "stack"))
        smallest = f"{least:,} ({100 * (least / theirs['flash'] - 1):+.0f} %)"
        cells = [model, *flash, smallest, *(cell for pair in rest for cell in pair)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
