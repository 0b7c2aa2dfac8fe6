"""What kernels cost on cores: cycles = sum of (count of each kind of work) * (cycles of one on that core).

A kernel says how much work its parameters are (``Kernel.work``); ``costs.json`` has the cycles, by core, kernel and
kind of work. They are fitted to what the cycle models of ``tinyglow.sim.cycles`` count for some hundred layers:
``python -m tests.benchmarks.costs`` measures and writes them; ``tests/benchmarks/layers.md`` shows them beside the
cycles of six networks. The kernels for vectors have no cycles: theirs are instructions, which ``python -m
tests.benchmarks.helium`` counts in qemu.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tinyglow.targets.cores import CORES

COSTS = Path(__file__).with_name("costs.json")
# Where a target names no core: one of each kind, so that every kernel has a cost.
_ANY = ("cortex-m0plus", "cortex-m7")

_WITHOUT_LONG_PRODUCTS = ("cortex-m0", "cortex-m0plus")


@cache
def load_costs() -> Mapping[str, Mapping[str, Mapping[str, float]]]:
    """Cycles by core, symbol of the kernel, and kind of work."""
    table: Mapping[str, Mapping[str, Mapping[str, float]]] = json.loads(COSTS.read_text(encoding="utf-8"))
    return table


def kernel_cycles(core: str, symbol: str, work: Mapping[str, float]) -> int | None:
    """Predicted cycles of one call of a kernel.

    Args:
        core: Name of the core, or "" for none in particular.
        symbol: The kernel's C name.
        work: How often it does each kind of work; the call itself is counted here.

    Returns:
        Cycles, at least 1; None if the kernel was not measured on that core.
    """
    table = load_costs()
    for name in (core, CORES[core].costs) if core else _ANY:
        prices = table.get(name, {}).get(symbol)
        if prices is not None:
            return max(1, round(prices["call"] + sum(prices.get(kind, 0.0) * count for kind, count in work.items())))
    return None


def has_long_products(core: str) -> bool:
    """Whether a core multiplies two words to 64 bits; of "", no core in particular: yes."""
    return not core or CORES[core].costs not in _WITHOUT_LONG_PRODUCTS
