"""What the kernels for vectors (Helium) cost: instructions on a Cortex-M55 in qemu, fitted to some hundred layers.

``python -m tests.benchmarks.helium`` measures, and writes them into the table of ``targets.costs``. All other kernels
have the costs of the core that the Cortex-M55 shares them with, in cycles.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from tests.benchmarks.costs import fit, layer_cases
from tinyglow.registry import KERNELS
from tinyglow.targets.cores import MVE
from tinyglow.targets.costs import COSTS
from tinyglow.targets.portable import portable_board
from tinyglow.testing.emulated import build_portable_core

CORE = "cortex-m55"


def measured() -> dict[str, dict[str, float]]:
    """Instructions of each kind of work, by kernel."""
    kernels = [kernel for kernel in KERNELS.values() if kernel.needs & MVE]
    found = {}
    with tempfile.TemporaryDirectory(prefix="tinyglow-") as folder:
        core = build_portable_core(Path(folder), portable_board(CORE), kernels)
        samples = defaultdict(list)
        for case, work in layer_cases(CORE, "_mve_"):
            samples[case.kernel.symbol].append((work, core.run(case)))
        core.close()
    for symbol, measurements in samples.items():
        found[symbol], error = fit(measurements)
        print(f"{symbol}, {len(measurements)} layers: at most {100 * error:.0f} % off: {found[symbol]}")
    return found


def main() -> int:
    """Measure, and write the table."""
    table = json.loads(COSTS.read_text(encoding="utf-8"))
    table[CORE] = dict(sorted(measured().items()))
    COSTS.write_text(json.dumps(dict(sorted(table.items())), indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
