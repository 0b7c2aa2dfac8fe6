"""docs/cycles.svg: how many times fewer cycles than Glow's bundles and TensorFlow Lite Micro take.

``python -m tests.benchmarks.picture`` draws it (needs the extra ``docs``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import mlperf_tiny, table
from tests.benchmarks.measure import MODELS, Run

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "cycles.svg"
# Okabe and Ito's colours, which people with any colour vision can tell apart.
COLOURS = {"cortex-m0plus": "#56B4E9", "cortex-m4": "#E69F00", "cortex-m7": "#0072B2"}
TITLES = {"cortex-m0plus": "Cortex-M0+", "cortex-m4": "Cortex-M4", "cortex-m7": "Cortex-M7"}


@dataclass(frozen=True)
class Panel:
    """One half of the picture. ratios: for each core, a factor for each network."""

    title: str
    networks: Sequence[str]
    ratios: dict[str, list[float]]


def panels() -> tuple[Panel, Panel]:
    """The figures, from the recorded tables."""
    ours, glow = table.load_table(), json.loads(table.GLOW.read_text(encoding="utf-8"))
    beside_glow = {
        core: [glow[model][short]["cycles"] / ours[Run(model, core).key]["cycles"] for model in MODELS]
        for core, short in (("cortex-m0plus", "m0plus"), ("cortex-m7", "m7"))
    }
    rows = mlperf_tiny.load_table()
    both = [(network, network.cycles) for network in mlperf_tiny.NETWORKS if network.cycles]
    beside_tflm = {
        core: [theirs[index] / rows[mlperf_tiny.key(network, core)]["cycles"] for network, theirs in both]
        for index, core in enumerate(mlperf_tiny.CORES)
    }
    names = [network.title.partition(",")[0] for network, _ in both]
    return (
        Panel("Glow's bundles", list(MODELS), beside_glow),
        Panel("TensorFlow Lite Micro with CMSIS-NN", names, beside_tflm),
    )


def labels(panel: Panel) -> list[str]:
    """The numbers at the ends of the bars."""
    return [f"{ratio:.1f}" for ratios in panel.ratios.values() for ratio in ratios]


def draw(path: Path) -> None:
    """Write the picture: the same bytes each time with the same matplotlib."""
    import matplotlib

    matplotlib.use("svg")
    # Letters stay letters, so that the file is small and a test can read it; ids do not depend on the time.
    matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "tinyglow", "font.family": "sans-serif"}
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(10, 3.6), layout="constrained", facecolor="white")
    for axis, panel in zip(axes, panels(), strict=True):
        height = 0.8 / len(panel.ratios)
        for index, (core, ratios) in enumerate(panel.ratios.items()):
            places = [number + (index - (len(panel.ratios) - 1) / 2) * height for number in range(len(ratios))]
            bars = axis.barh(places, ratios, height, color=COLOURS[core], label=TITLES[core])
            axis.bar_label(bars, [f"{ratio:.1f}" for ratio in ratios], padding=2, fontsize=8)
        axis.set_yticks(range(len(panel.networks)), panel.networks)
        axis.invert_yaxis()
        axis.set_xlim(0, 1.12 * max(max(ratios) for ratios in panel.ratios.values()))
        axis.axvline(1, color="#444444", linewidth=0.8)
        axis.set_title(panel.title, fontsize=10, loc="left")
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False, fontsize=8, loc="lower right")
    figure.suptitle("Cycles of one int8 inference, as multiples of tinyglow's (simulated)", fontsize=11)
    figure.savefig(path, metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    draw(PICTURE)
