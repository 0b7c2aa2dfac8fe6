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

# Cycles of an output more than with Glow's epilogue, on cores without products of 64 bits: of loops that compete, by
# the epilogue's first letters. Measured on layers of MLPerf Tiny's visual wake words and of a quantized MobileNet.
_OTHER_ENDS: Mapping[str, Mapping[str, int]] = {
    "tg_conv2d_channelwise_code_s8": {"tfl": 39, "onnxi": 12},
    "tg_conv2d_channelwise_dual_mac_s8": {"tfl": 13, "onnxi": 18},
}
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


def epilogue_cycles(core: str, symbol: str, epilogue: str, outputs: int) -> int:
    """Predicted cycles more than with Glow's epilogue, for so many outputs; 0 where it was not measured.

    Args:
        core: Name of the core, or "" for none in particular.
        symbol: Of the kernel with Glow's epilogue.
        epilogue: The epilogue's name.
        outputs: Elements of the output.
    """
    if not core or CORES[core].costs not in _WITHOUT_LONG_PRODUCTS:
        return 0
    own = _OTHER_ENDS.get(symbol, {})
    return outputs * next((cycles for start, cycles in own.items() if epilogue.startswith(start)), 0)
