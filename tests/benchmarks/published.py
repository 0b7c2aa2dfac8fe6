"""The best published results of MLPerf Tiny's networks beside ours.

Published: MLPerf Tiny v1.1 to v1.3, closed division, latency (or one over throughput) times clock, on hardware.
"""

from __future__ import annotations

from tests.benchmarks.mlperf_tiny import NETWORKS, key, load_table

CORES = {"cortex-m0plus": "Cortex-M0+", "cortex-m4": "Cortex-M4", "cortex-m33": "Cortex-M33", "cortex-m7": "Cortex-M7"}
# Million cycles of one inference, and whose, in the order of CORES; None where nothing was published.
BEST: dict[str, tuple[tuple[float, str] | None, ...]] = {
    "visual wake words": ((90.5, "HALE"), (10.7, "X-CUBE-AI"), (9.48, "X-CUBE-AI"), (6.7, "X-CUBE-AI")),
    "image classification": ((97.4, "HALE"), (19.8, "X-CUBE-AI"), (16.7, "Plumerai"), (11.4, "X-CUBE-AI")),
    "keyword spotting": ((30.4, "HALE"), (5.2, "X-CUBE-AI"), (4.64, "X-CUBE-AI"), (3.2, "X-CUBE-AI")),
    "anomaly detection": ((2.62, "HALE"), (0.49, "Plumerai"), (0.495, "HALE"), (0.303, "HALE v1.2")),
    "streaming wake word": (None, (2.15, "X-CUBE-AI"), (1.86, "X-CUBE-AI"), (1.19, "X-CUBE-AI")),
}
# The Cortex-M33 is counted with the tables of the Cortex-M4, an upper bound.
_COUNTED_AS = {"cortex-m33": "cortex-m4"}


def table_text() -> str:
    """Ours, and in brackets the best published one and whose it is."""
    rows = load_table()
    lines = [f"| network | {' | '.join(CORES.values())} |", f"|---|{'--:|' * len(CORES)}"]
    for title, best in BEST.items():
        network = next((network for network in NETWORKS if network.title.startswith(title)), None)
        cells = []
        for core, published in zip(CORES, best, strict=True):
            counted = _COUNTED_AS.get(core, core)
            ours = f"{rows[key(network, counted)]['cycles'] / 1e6:.3g}" if network else "not recorded"
            cells.append(f"{ours} ({published[0]:g}, {published[1]})" if published else ours)
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)
