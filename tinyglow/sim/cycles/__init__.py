"""Cycle models: what a straight run of instructions costs a core, and what leaving it by a branch adds.

The machine counts how often each block ran after each other block; a model prices such a step once and for all.

All models assume memories without wait states. To add them: ``body`` knows where a block lies (``Block.address``), and
so which memory its instructions come from; what data accesses wait for depends on their addresses, which counts of
blocks do not hold.
"""

from __future__ import annotations

from tinyglow.errors import Problem, SimulationError
from tinyglow.sim.cycles.block import Block, CycleModel
from tinyglow.sim.cycles.m0 import CortexM0
from tinyglow.sim.cycles.m0plus import CortexM0Plus
from tinyglow.sim.cycles.m3 import CortexM3
from tinyglow.sim.cycles.m4 import CortexM4
from tinyglow.sim.cycles.m7 import CortexM7
from tinyglow.targets.boards import CPUS, Cpu

__all__ = ["Block", "CycleModel", "cycle_model"]


def cycle_model(cpu: Cpu) -> CycleModel:
    """The cycle model of a core; SimulationError if there is none yet."""
    models: dict[str, type[CycleModel]] = {
        "m0": CortexM0,
        "m0plus": CortexM0Plus,
        "m3": CortexM3,
        "m4": CortexM4,
        "m7": CortexM7,
        "m33": CortexM4,  # an upper bound: see the module of the M4
    }
    if cpu.cycles not in models:
        known = ", ".join(core.name for core in CPUS.values() if core.cycles)
        raise SimulationError(f"no cycle model for {cpu.title}", [Problem(cpu.name, "cycles unknown", known)])
    return models[cpu.cycles]()
