"""What a network costs on a board: predicted as the sum of its calls, each of which is measured alone, once.

A call's cycles depend on its kernel and on the sizes among its parameters, hardly on data, scales and offsets. So the
calls that are alike in these (``signature``) cost the same, in all networks that a search tries, and each is built and
run on the emulated board only once. Code is counted once for each kernel. The sum leaves out what calls cost each other
(memories' wait states, code shared between kernels); ``measured`` leaves out nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from tinyglow.boards import Board
from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import REQUANT_CTYPE, Role, c_fields
from tinyglow.ir.program import Buffer, KernelCall, Program, Region
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.lowering.plan import plan
from tinyglow.pipeline.execute import Execution, simulate
from tinyglow.pipeline.stations import emit
from tinyglow.tuning.search import Cost

_OFFSETS = ("offset", "act_min", "act_max")  # parts of names of fields that say where values lie, not how many
Run = Callable[[Program, Mapping[str, Array]], Execution]


def run_on(board: Board, compiler: str | None = None) -> Run:
    """A function that emits a program, builds it for the board, and runs it there on one sample of each input."""

    def run(program: Program, inputs: Mapping[str, Array]) -> Execution:
        with tempfile.TemporaryDirectory(prefix="tinyglow-") as folder:
            emit(program, folder)
            return simulate(folder, board, inputs, compiler)

    return run


def signature(program: Program, call: KernelCall) -> tuple[object, ...]:
    """Equal for calls that cost the same."""
    sizes = [
        (name, getattr(call.params, name))
        for name, ctype in c_fields(type(call.params))
        if ctype not in (REQUANT_CTYPE, "float") and not any(part in name for part in _OFFSETS)
    ]
    operands = [(program.buffers[name].region, program.buffers[name].type.nbytes) for name in call.operands]
    return (call.kernel.symbol, tuple(sizes), tuple(operands))


def _alone(program: Program, call: KernelCall) -> tuple[Program, dict[str, Array]]:
    """A program of this one call, and something for it to work on."""
    buffers: dict[str, Buffer] = {}
    inputs: dict[str, Array] = {}
    outputs, names = [], []
    rng = np.random.default_rng(0)
    for index, (operand, name) in enumerate(zip(call.kernel.operands, call.operands, strict=True)):
        buffer = replace(program.buffers[name], name=f"operand{index}", offset=-1)
        if buffer.data is None:
            buffer = replace(buffer, region=Region.MUTABLE)
            if operand.role is Role.IN:
                inputs[buffer.name] = _sample(buffer.type, rng)
            else:
                outputs.append(buffer.name)
        buffers[buffer.name] = buffer
        names.append(buffer.name)
    if not inputs:  # the harness wants one
        buffers["unused"] = Buffer("unused", TensorType((4,), "int8", QuantParams(1.0, 0)), Region.MUTABLE)
        inputs["unused"] = np.zeros((1, 4), np.int8)
    alone = replace(call, operands=tuple(names), origin="")
    if call.scratch:
        buffers["scratch"] = replace(program.buffers[call.scratch], name="scratch", offset=-1)
        alone = replace(alone, scratch="scratch")
    single = replace(
        program,
        name="layer",
        buffers=buffers,
        calls=(alone,),
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        source_names={},
    )
    return plan(single), inputs


def _sample(type_: TensorType, rng: np.random.Generator) -> Array:
    if type_.dtype == "float32":
        return rng.standard_normal((1, *type_.shape)).astype(np.float32)
    limits = np.iinfo(type_.dtype)
    return rng.integers(limits.min, limits.max, (1, *type_.shape), endpoint=True).astype(type_.dtype)


@dataclass
class Costs:
    """Costs of programs that are lowered but not planned."""

    run: Run
    _cycles: dict[tuple[object, ...], int] = field(default_factory=dict)
    _code: dict[str, int] = field(default_factory=dict)

    def _learn(self, program: Program, call: KernelCall) -> int:
        single, inputs = _alone(program, call)
        found = self.run(single, inputs)
        assert found.sizes is not None
        self._code.setdefault(call.kernel.symbol, found.sizes.code + found.sizes.constants)
        return found.most("cycles") or 0

    def predicted(self, program: Program) -> Cost:
        """The sum of the calls' cycles; constants, and the code of each kernel."""
        cycles = 0
        for call in program.calls:
            key = signature(program, call)
            if key not in self._cycles:
                self._cycles[key] = self._learn(program, call)
            cycles += self._cycles[key]
        code = sum(self._code[symbol] for symbol in {call.kernel.symbol for call in program.calls})
        return Cost(cycles, code + plan(program).sizes[Region.CONSTANT])

    def measured(self, program: Program, inputs: Mapping[str, Array]) -> Cost:
        """The whole program on one sample of each input."""
        found = self.run(plan(program), inputs)
        assert found.sizes is not None
        return Cost(found.most("cycles") or 0, found.sizes.flash)
