"""What came of running a bundle: answers, cycles, sizes, and how it was run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

from tinyglow.bundle.harness import Placement
from tinyglow.bundle.header import BundleInfo
from tinyglow.ir.graph import Array
from tinyglow.ir.record import Record
from tinyglow.targets.boards import Board


class Sizes(Record):
    """What a bundle takes on a board, in bytes.

    Attributes:
        code: Of the bundle and of compiler helpers, without main.
        constants: Of the code: parameters.
        weights: The weights.
        mutable: The placeholders.
        activations: The activations.
        variables: data and bss of the bundle.
        weights_in_ram: The weights' copy, where start-up code makes one.
        tcm: Activations in fast memory.
    """

    code: int
    constants: int
    weights: int
    mutable: int
    activations: int
    variables: int
    weights_in_ram: int = 0
    tcm: int = 0

    @property
    def flash(self) -> int:
        """Bytes of flash in all."""
        return self.code + self.constants + self.weights

    @property
    def ram(self) -> int:
        """Bytes of RAM in all, without the stack."""
        return self.mutable + self.activations + self.variables + self.weights_in_ram + self.tcm


class Options(Record):
    """How a bundle is run on an emulated board.

    Attributes:
        weights: Where they lie; in RAM also where the bundle wants it.
        timed: Whether to count what the board's memories make the core wait, on the first vector.
        trusted: Whether the bundle is built as it is, whoever wrote it.
    """

    weights: Placement = "flash"
    timed: bool = False
    trusted: bool = False


DEFAULTS = Options()


def as_built(options: Options, info: BundleInfo) -> Options:
    """The options, with the weights in RAM if the bundle was built for that."""
    return replace(options, weights="ram") if info.weights_in_ram else options


class VectorCost(Record):
    """One inference on an emulated core; stack in bytes; cycles None where there is no cycle model of it."""

    cycles: int | None
    instructions: int
    stack: int


class Execution(Record):
    """What a bundle answered and what it cost.

    Attributes:
        board: Where it ran.
        compiler: Name and version of the C compiler.
        outputs: Arrays [samples, *shape] by placeholder name, in the placeholders' dtypes.
        costs: Of each sample; empty on the host.
        sizes: None on the host.
        waits: Cycles that the board's memories made the core wait on the first vector, besides those of ``costs``; None
            if that was not asked for.
        weights: Whether they lay in flash or in RAM.
        places: The memory of each area in RAM, by name (``memory_map.AREAS``).
        waits_by_memory: ``waits`` by memory.
    """

    board: Board
    compiler: str
    outputs: Mapping[str, Array]
    costs: tuple[VectorCost, ...]
    sizes: Sizes | None
    waits: int | None = None
    weights: Placement = "flash"
    places: Mapping[str, str] = field(default_factory=dict)
    waits_by_memory: Mapping[str, int] = field(default_factory=dict)

    def most(self, field: str) -> int | None:
        """The largest ``cycles``, ``instructions`` or ``stack`` of any vector; None if that was not counted."""
        return max((found for cost in self.costs if (found := getattr(cost, field)) is not None), default=None)

    @property
    def milliseconds(self) -> float | None:
        """Time of the slowest vector at the board's clock, with memories that answer at once."""
        cycles = self.most("cycles")
        return None if cycles is None else 1000 * self.board.seconds(cycles)

    @property
    def board_milliseconds(self) -> float | None:
        """The same with what the board's memories make the core wait."""
        cycles = self.most("cycles")
        return None if cycles is None or self.waits is None else 1000 * self.board.seconds(cycles + self.waits)


def as_json(execution: Execution) -> dict[str, Any]:
    """The figures of an execution as plain data: per vector and in all. Sizes in bytes, times in milliseconds."""
    sizes = execution.sizes
    result: dict[str, Any] = {
        "board": execution.board.name,
        "cpu": execution.board.cpu,
        "clock_hz": execution.board.clock_hz or None,
        "compiler": execution.compiler,
        "vectors": [
            {"cycles": cost and cost.cycles, "instructions": cost and cost.instructions, "stack": cost and cost.stack}
            for cost in execution.costs or (None,) * len(next(iter(execution.outputs.values())))
        ],
        "cycles": execution.most("cycles"),
        "instructions": execution.most("instructions"),
        "stack": execution.most("stack"),
        "milliseconds": execution.milliseconds,
        "flash": None if sizes is None else sizes.flash,
        "ram": None if sizes is None else sizes.ram,
    }
    if execution.waits is not None:
        result |= {"waits": execution.waits, "board_milliseconds": execution.board_milliseconds}
        result["waits_by_memory"] = dict(execution.waits_by_memory)
    if sizes is not None:
        result["weights"] = execution.weights
        result["places"] = dict(execution.places)
        result["sizes"] = {name: getattr(sizes, name) for name in sizes.__dataclass_fields__}
    return result
