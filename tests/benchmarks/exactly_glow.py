"""How exactly tinyglow is Glow, over all recordings of the real compiler: ``exactly_glow.json`` and its tables in docs.

``python -m tests.benchmarks.exactly_glow`` compares with everything in the folder ``shared`` beside the checkout and in
``tests/recordings``, runs a fixed sample on both cores, and writes the figures and ``docs/exactly-glow.md``. With
``--counts`` it leaves the other figures as they are; with ``--cores`` it runs the sample alone, with ``--host`` every
recording in host C, and both go on where an earlier such run was stopped; with ``--page`` it writes the page anew from
the figures.
"""

from __future__ import annotations

import json
import math
import re
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks import glow_passes
from tinyglow.pipeline.crosscheck_tree import OUTCOMES, Recording, Row, by_cause, by_config, crosscheck_all, recordings
from tinyglow.report.recordings import TITLES, some_names
from tinyglow.sim import toolchain
from tinyglow.sim.object_cache import ObjectCache
from tinyglow.targets.boards import HOST, load_board

ROOT = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).with_name("exactly_glow.json")
PAGE = ROOT / "docs" / "exactly-glow.md"
SHARED = ROOT.parent / "shared"
SELECTION = "tests/recordings"
TREES: Mapping[str, str] = {
    "golden": "seven networks",
    "golden_networks": "networks as users have them, and small ones with one theme each",
    "golden_more": "random graphs, single operators, Glow's own TFLite models",
    SELECTION: "the selection that comes with the tests",
}
CORES = ("cortex-m0plus", "cortex-m7")
SAMPLE_SIZE = 60
PARTS = ("counts", "cores", "host")  # of what is measured
_ALL_VECTORS = 1 << 10  # of a recording: more than any has
# Of the sample, besides the recordings for which Glow's bundle was measured on both cores: small networks.
_SMALL = ("ops_zoo", "mnist_nxp")

Table = dict[str, Any]


def load_table() -> Table:
    """The recorded figures."""
    found: Table = json.loads(TABLE.read_text(encoding="utf-8"))
    return found


def _tree(name: str) -> list[Recording]:
    if name == SELECTION:
        return recordings(ROOT / SELECTION)
    return recordings(SHARED / name, SHARED / "models")


def _is_measured(recording: Recording) -> bool:
    """Whether Glow's bundle was run on both cores."""
    facts = json.loads((recording.folder / "facts.json").read_text(encoding="utf-8"))
    return len(facts["targets"]) == len(CORES) and all("cycles" in core for core in facts["targets"].values())


def sample() -> list[tuple[str, Recording]]:
    """(tree, recording) of the fixed sample: the measured networks of users, then configurations of small ones."""
    found = [("golden_networks", one) for one in _tree("golden_networks") if _is_measured(one)]
    small = [one for one in _tree("golden") if one.folder.parent.name in _SMALL and one.config != "float"]
    return [*found, *(("golden", one) for one in small)][:SAMPLE_SIZE]


def _measure_on_cores(table: Table) -> None:
    """Run what of the sample has no figures yet, and write the figures of each; what is refused has none."""
    boards = {load_board(name): None for name in CORES}
    chosen = {f"{tree}/{recording.name}": recording for tree, recording in sample()}
    table["cores"] = {name: figures for name, figures in table["cores"].items() if name in chosen}
    for name, recording in chosen.items():
        if name in table["cores"]:
            continue
        (row,) = crosscheck_all([recording], boards)
        print(f"{name}: {row.outcome}", file=sys.stderr)
        table["cores"][name] = {core: dict(figures) for core, figures in row.cores.items()}
        _write(table)
    table["cores"] = {name: table["cores"][name] for name in chosen}
    _write(table)


def _measure_on_host(table: Table) -> None:
    """Run every recording's vectors in host C, from where an earlier run was stopped, and write the figures."""
    with tempfile.TemporaryDirectory(prefix="tinyglow-objects-") as folder:
        toolchain._run = ObjectCache(Path(folder), toolchain._run)
        for tree in reversed(list(TREES)):  # the smallest networks first
            figures = table["host"].setdefault(tree, {"equal": 0, "of": 0})
            left = [one for one in _tree(tree) if one.config != "float"][figures["of"] :]
            for row in crosscheck_all(left, {HOST: None}, vectors_on_boards=_ALL_VECTORS):
                core = row.cores.get("host", {})
                is_equal = row.outcome == "strict" and core["vectors"] == core["vectors_equal"] == row.vectors
                figures["of"] += 1
                figures["equal"] += is_equal
                if not is_equal:
                    print(f"{tree}/{row.recording}: {row.outcome}, {core}", file=sys.stderr)
                if figures["of"] % 10 == 0:
                    _write(table)
    _write(table)


def _write(table: Table) -> None:
    TABLE.write_text(json.dumps(table, indent=1, sort_keys=False) + "\n", encoding="utf-8")


def _counts(rows: Sequence[Row]) -> Table:
    return {
        "configurations": {config: dict(found) for config, found in by_config(rows).items()},
        "causes": [
            {"outcome": outcome, "cause": cause, "recordings": [row.recording for row in group]}
            for outcome, cause, group in by_cause(rows)
        ],
    }


def _cells(found: Mapping[str, int]) -> str:
    total = sum(found.values())
    equal = found.get("strict", 0)
    return " | ".join(
        [f"{total}", f"{100 * equal / total:.1f} %", *(str(found.get(outcome, 0)) for outcome in OUTCOMES)]
    )


def counts_text() -> str:
    """For each tree and configuration, how many recordings agree how far."""
    head = (
        "| recordings | configuration | number | share | " + " | ".join(TITLES[outcome] for outcome in OUTCOMES) + " |"
    )
    lines = [head, "|---|---|--:|--:|" + "--:|" * len(OUTCOMES)]
    for tree, found_there in load_table()["trees"].items():
        title, configurations = TREES[tree], found_there["configurations"]
        for number, (config, found) in enumerate(configurations.items()):
            lines.append(f"| {title if number == 0 else ''} | {config.replace('_', ' ')} | {_cells(found)} |")
    return "\n".join(lines)


def causes_text() -> str:
    """What the first difference is, where there is one."""
    lines = ["| | first difference | recordings | such as |", "|---|---|--:|---|"]
    for tree, found in load_table()["trees"].items():
        for cause in found["causes"] if tree != SELECTION else ():
            names = some_names([f"`{name}`" for name in cause["recordings"]])
            lines.append(f"| {TITLES[cause['outcome']]} | {cause['cause']} | {len(cause['recordings'])} | {names} |")
    return "\n".join(lines) if len(lines) > 2 else "There is none."


def cores_text() -> str:
    """The sample on both cores: bit-exact or not, cycles and flash beside Glow's."""
    lines = [
        "| recording | M0+ cycles | Glow | flash | Glow | M7 cycles | Glow | flash | Glow |",
        "|---|" + "--:|" * 8,
    ]
    figures = load_table()["cores"]
    for name, cores in figures.items():
        cells = []
        for core in CORES:
            row = cores.get(core)
            if row is None:
                cells += ["", "", "", ""]
                continue
            exact = "" if row["vectors"] == row["vectors_equal"] else " (differs)"
            cells += [
                f"{row['cycles']:,}{exact}",
                *(_number(row[key]) for key in ("glow_cycles", "flash", "glow_flash")),
            ]
        lines.append(f"| {name.partition('/')[2].replace('_', ' ')} | {' | '.join(cells)} |")
    exact = sum(
        bool(cores) and all(row["vectors"] == row["vectors_equal"] for row in cores.values())
        for cores in figures.values()
    )
    return f"{exact} of the {len(figures)} that were run give Glow's answer on both cores.\n\n" + "\n".join(lines)


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


_MOST_LISTED = 10


def ratios_text() -> str:
    """Ours over Glow's of the sample: geometric means, how many are worse, and the worst of them."""
    lines = [
        "| | core | recordings | geometric mean | above 1 | above 1.05 | largest |",
        "|---|---|--:|--:|--:|--:|---|",
    ]
    for ours, theirs, title in (("cycles", "glow_cycles", "cycles"), ("flash", "glow_flash", "flash")):
        for core in CORES:
            found = {
                name.partition("/")[2].replace("_", " "): cores[core][ours] / cores[core][theirs]
                for name, cores in load_table()["cores"].items()
                if cores.get(core, {}).get(theirs)
            }
            mean = math.exp(math.fsum(map(math.log, found.values())) / len(found))
            worst = sorted(((ratio, name) for name, ratio in found.items()), reverse=True)[:_MOST_LISTED]
            listed = ", ".join(f"{name} {ratio:.2f}" for ratio, name in worst if ratio > 1) or "{1} {0:.2f}".format(
                *worst[0]
            )
            above = (sum(ratio > bound for ratio in found.values()) for bound in (1, 1.05))
            cells = [title, core, str(len(found)), f"{mean:.2f}", *map(str, above), listed]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def host_text() -> str:
    """How many recordings host C gives all vectors of."""
    figures = load_table()["host"].values()
    equal, of = (sum(found[key] for found in figures) for key in ("equal", "of"))
    tried = f"{equal} of the {of} recordings that were run so"
    return f"Compiled on the host, the bundles give all recorded vectors of {tried}."


BLOCKS: Mapping[str, Callable[[], str]] = {
    "exactly-counts": counts_text,
    "exactly-causes": causes_text,
    "exactly-host": host_text,
    "exactly-passes": lambda: glow_passes.text(load_table()["passes"]),
    "exactly-cores": cores_text,
    "exactly-ratios": ratios_text,
}


def page(text: str) -> str:
    """The page's text with its generated parts as the figures have them."""
    for name, make in BLOCKS.items():
        new = f"<!-- {name} -->\n{make()}\n<!-- /{name} -->"
        text, count = re.subn(rf"<!-- {name} -->\n.*?<!-- /{name} -->", lambda _, r=new: r, text, flags=re.DOTALL)
        assert count == 1, name
    return text


def main(arguments: list[str]) -> int:
    """Measure, write the figures and the page; 2 where there is nothing to measure with."""
    if "--page" not in arguments:
        if not SHARED.is_dir():
            print(f"{SHARED} is not there", file=sys.stderr)
            return 2
        table = {"cores": {}, "trees": {}, "host": {}} | (load_table() if TABLE.exists() else {})
        asked = [part for part in PARTS if f"--{part}" in arguments]
        if "counts" in (asked or PARTS):
            table["trees"] = {tree: _counts(list(crosscheck_all(_tree(tree)))) for tree in TREES}
            table["passes"] = glow_passes.changing_passes()
            _write(table)
        if not asked:  # all anew
            table |= {"cores": {}, "host": {}}
        if "cores" in (asked or PARTS):
            _measure_on_cores(table)
        if "host" in (asked or PARTS):
            _measure_on_host(table)
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
