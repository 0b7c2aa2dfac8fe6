"""What line buffers save and cost: ``python -m tests.benchmarks.line_buffers [NETWORK ...]`` measures and records it.

So it is with inputs that are handed in by rows.

Networks of MLPerf Tiny are measured where their files are (``../shared``); else their recorded rows stay.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import tinyglow
from tests.benchmarks import mlperf_tiny
from tests.benchmarks.exactly_glow import SHARED
from tests.benchmarks.measure import SCHEMES, Row, cost, quantized
from tests.benchmarks.picture import TITLES
from tinyglow.bundle.rows import rows_of
from tinyglow.ir.graph import Graph
from tinyglow.pipeline.budget import lower_within
from tinyglow.pipeline.stations import target_of
from tinyglow.targets.boards import load_board

RECORD = Path(__file__).with_name("line_buffers.json")
CORE = "cortex-m4"
OWN = ("lenet_mnist", "cifar10", "mobilenet_block")
MLPERF = {
    "MLPerf Tiny, ResNet-8": "pretrainedResnet_quant.tflite",
    "MLPerf Tiny, visual wake words": "vww_96_int8.tflite",
}
_COLUMNS = ("ram", "flash", "cycles")
# Of inputs that are handed in by rows, the limits of RAM.
PUSHED = {"MLPerf Tiny, ResNet-8": 24_000, "MLPerf Tiny, visual wake words": 20_480}
_CORES = ("cortex-m0plus", CORE, "cortex-m7")


def graph_of(name: str) -> Graph | None:
    """The quantized network; None where its file is not there."""
    if name in OWN:
        return quantized(name, SCHEMES["asymmetric"])
    folder = SHARED / "models/mlperf_tiny"
    network = next(one for one in mlperf_tiny.NETWORKS if one.file == MLPERF[name])
    return mlperf_tiny.quantized(folder, network) if (folder / network.file).is_file() else None


def measure(graph: Graph) -> dict[str, Any]:
    """The network without line buffers, and with them."""
    board = load_board(CORE)
    target = target_of(board)
    programs = {
        "plain": tinyglow.lower(graph, target=target),
        "by_rows": tinyglow.lower(graph, target=replace(target, line_buffers=True)),
    }
    return {
        name: {key: row[key] for key in _COLUMNS}
        for name, row in ((name, cost(program, board)) for name, program in programs.items())
    }


def measure_pushed(graph: Graph, limit: int) -> dict[str, Row]:
    """The network whose input is handed in by rows, by core. RAM has the rows of one call, and no more of the input."""
    found = {}
    for core in _CORES:
        board = load_board(core)
        program = lower_within(graph, board, replace(target_of(board), push_rows=True), max_ram=limit)
        row, rows = cost(program, board), rows_of(program)
        assert rows is not None
        more = {"ram": row["ram"] - program.spared_by_rows, "rows": rows.count, "pushes": rows.pushes}
        found[core] = {**{key: row[key] for key in _COLUMNS}, **more}
    return found


def load_record() -> dict[str, dict[str, Any]]:
    """The recorded rows, by network."""
    record: dict[str, dict[str, Any]] = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else {}
    return record


def table() -> str:
    """The table of the documentation."""
    head = " | ".join(f"{name} | with line buffers" for name in ("RAM", "flash", "cycles"))
    lines = [f"| network | {head} |", "|---|" + "--:|" * 2 * len(_COLUMNS)]
    for name, rows in load_record().items():
        cells = [_pair(rows["plain"][key], rows["by_rows"][key]) for key in _COLUMNS]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def pushed_table() -> str:
    """The table of the documentation of inputs that are handed in by rows."""
    lines = ["| network | core | RAM | flash | cycles | rows a call |", "|---|---|--:|--:|--:|--:|"]
    for name, record in load_record().items():
        for core, row in record.get("pushed", {}).items():
            cells = " | ".join(f"{row[key]:,}" for key in (*_COLUMNS, "rows"))
            lines.append(f"| {name} | {TITLES[core]} | {cells} |")
    return "\n".join(lines)


def _pair(before: int, after: int) -> str:
    return f"{before:,} | {after:,} ({100 * (after / before - 1):+.0f} %)"


def main() -> None:
    """Measure, and write the record."""
    record = load_record()
    for name in sys.argv[1:] or (*OWN, *MLPERF):
        graph = graph_of(name)
        if graph is not None:
            record[name] = measure(graph)
            if name in PUSHED:
                record[name]["pushed"] = measure_pushed(graph, PUSHED[name])
            print(name, record[name], flush=True)
        order = [one for one in (*OWN, *MLPERF) if one in record]
        text = json.dumps({one: record[one] for one in order}, indent=1)
        RECORD.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
