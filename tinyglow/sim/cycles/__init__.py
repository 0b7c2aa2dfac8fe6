"""Cycle models: what a straight run of instructions costs a core, and what leaving it by a branch adds.

The machine counts how often each block ran after each other block; a model prices such a step once and for all.

All models assume memories without wait states. To add them: ``body`` knows where a block lies (``Block.address``), and
so which memory its instructions come from; what data accesses wait for depends on their addresses, which counts of
blocks do not hold.

A module of this folder that has ``MODEL`` is one; a core names its module (``Cpu.cycles``).
"""

from __future__ import annotations

import importlib
import pkgutil

from tinyglow.errors import Problem, SimulationError
from tinyglow.sim.cycles.block import Block, CycleModel
from tinyglow.targets.boards import CPUS, Cpu

__all__ = ["Block", "CycleModel", "cycle_model"]


def cycle_model(cpu: Cpu) -> CycleModel:
    """The cycle model of a core.

    Raises:
        SimulationError: There is none yet.
    """
    if cpu.cycles not in [module.name for module in pkgutil.iter_modules(__path__)]:
        known = ", ".join(core.name for core in CPUS.values() if core.cycles)
        raise SimulationError(f"no cycle model for {cpu.title}", [Problem(cpu.name, "cycles unknown", known)])
    model: type[CycleModel] = importlib.import_module(f"{__name__}.{cpu.cycles}").MODEL
    return model()
