"""The tables of NXP's application notes beside ours: what they measured on boards, and what we simulate."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.benchmarks.measure import Run
from tests.benchmarks.table import GLOW, load_table
from tinyglow.targets.boards import load_board

# A page whose block of this name is generated too, by ``tinyglow fit``.
_BOARDS = Path(__file__).resolve().parents[2] / "docs/how-to/boards.md"
_NETWORK = "cifar10"
# NXP on its Glow, CIFAR-10 on the i.MX RT685, against Glow as published (EE Times has the factors).
_NXP_FACTORS = {"Cortex-M": 2, "HiFi 4 DSP": 25}


def an13438() -> str:
    """Table 2 of AN13438: the rows of ``fits`` for the boards that it measured, with the factor."""
    text = _BOARDS.read_text(encoding="utf-8")
    found = re.search(r"<!-- fits -->\n(.*?)<!-- /fits -->", text, re.DOTALL)
    assert found, f"{_BOARDS}: no marks for fits"
    lines = [
        "| board | flash (bytes) | RAM (bytes) | simulated, flash / RAM (ms) | AN13438, flash / RAM (ms) | factor |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for row in found[1].splitlines()[2:]:
        board, sizes, times, measured = (cell.strip() for cell in row.strip("|").split("|"))
        if measured:
            flash, ram = sizes.split(", ")
            factor = float(measured.split(", ")[0]) / float(times.split(", ")[0])
            cells = [board, flash, ram, times.replace(", ", " / "), measured.replace(", ", " / "), f"{factor:.1f}"]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def an13331() -> str:
    """Memory and time of the CIFAR-10 network: Glow's bundle in our cycle model, ours, and NXP's published factors."""
    table, glow = load_table(), json.loads(GLOW.read_text(encoding="utf-8"))[_NETWORK]["m7"]
    lines = [
        "| bundle | core | flash (bytes) | RAM (bytes) | cycles | ms | times faster than plain Glow |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]

    def add(name: str, core: str, row: dict[str, int], board: str, factor: str) -> None:
        milliseconds = 1000 * row["cycles"] / load_board(board).clock_hz
        figures = [f"{row[figure]:,}" for figure in ("flash", "ram", "cycles")]
        lines.append(f"| {name} | {core} | {' | '.join(figures)} | {milliseconds:.1f} | {factor} |")

    add("plain Glow", "Cortex-M7, 600 MHz", glow, "mimxrt1060-evk", "1")
    for transformed, title in ((False, "tinyglow"), (True, "tinyglow, `--transformed-weights`")):
        for core, board, shown in (
            ("cortex-m7", "mimxrt1060-evk", "Cortex-M7, 600 MHz"),
            ("cortex-m33", "evk-mimxrt685", "Cortex-M33 of the RT685, 300 MHz"),
        ):
            row = table[Run(_NETWORK, core, transformed=transformed).key]
            same = core == "cortex-m7"
            add(title, shown, row, board, f"{glow['cycles'] / row['cycles']:.1f}" if same else "")
    for core, factor in _NXP_FACTORS.items():
        lines.append(f"| NXP's Glow, as NXP published | {core} | | | | | {factor} |")
    return "\n".join(lines)
