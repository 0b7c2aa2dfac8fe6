"""What a network costs on a board: predicted as the sum of its calls, each of which is measured alone, once.

A call's cycles depend on its kernel and on the sizes among its parameters, little on data, scales and offsets. So the
calls that are alike in these (``signature``) cost the same, in all networks that a search tries, and each is built and
run on the emulated board only once, on what it is given for a real sample. Code is counted once for each kernel. The
sum leaves out what calls cost each other (wait states, code that kernels share); ``measured`` leaves out nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tinyglow.interp import start
from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import REQUANT_CTYPE, Role, c_fields
from tinyglow.ir.program import Buffer, KernelCall, Program, Region
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.lowering.plan import plan
from tinyglow.pipeline.execute import simulate
from tinyglow.pipeline.execution import Execution
from tinyglow.pipeline.stations import check_fit, emit
from tinyglow.targets.boards import Board
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
    """Equal for calls that cost the same. Floats in software take longer for some numbers than for others."""
    in_float = any(operand.dtype == "float32" for operand in call.kernel.operands)
    fields = [
        (name, getattr(call.params, name))
        for name, ctype in c_fields(type(call.params))
        if in_float or (ctype != REQUANT_CTYPE and not any(part in name for part in _OFFSETS))
    ]
    operands = [(program.buffers[name].region, program.buffers[name].type.nbytes) for name in call.operands]
    return (call.kernel.symbol, tuple(fields), tuple(operands))


def alone(program: Program, call: KernelCall, operands: Mapping[str, Array]) -> tuple[Program, dict[str, Array]]:
    """A program of this one call, and its inputs: ``operands`` has what each buffer [1, elements] holds."""
    buffers: dict[str, Buffer] = {}
    inputs: dict[str, Array] = {}
    outputs, names = [], []
    for index, (operand, name) in enumerate(zip(call.kernel.operands, call.operands, strict=True)):
        buffer = replace(program.buffers[name], name=f"operand{index}", offset=-1)
        if buffer.data is None:
            buffer = replace(buffer, region=Region.MUTABLE)
            if operand.role is Role.IN:
                inputs[buffer.name] = operands[name].reshape(1, *buffer.type.shape)
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


@dataclass
class Costs:
    """Costs on ``board`` of programs that are lowered but not planned, for ``sample`` (inputs [1, *shape])."""

    board: Board
    run: Run
    sample: Mapping[str, Array]
    _cycles: dict[tuple[object, ...], int] = field(default_factory=dict)
    _code: dict[str, int] = field(default_factory=dict)

    def predicted(self, program: Program) -> Cost:
        """The sum of all calls; constants, and the code of each kernel. Raises BoardError if it does not fit."""
        keys = [signature(program, call) for call in program.calls]
        planned = plan(program)
        check_fit(planned, self.board)
        if not self._cycles.keys() >= set(keys):
            self._learn(planned, keys)
        code = sum(self._code[symbol] for symbol in {call.kernel.symbol for call in program.calls})
        return Cost(sum(self._cycles[key] for key in keys), code + planned.sizes[Region.CONSTANT])

    def _learn(self, program: Program, keys: Sequence[tuple[object, ...]]) -> None:
        """Run the program in numpy, and on the board each call that is not known yet."""
        state = start(program, self.sample)
        for call, key in zip(program.calls, keys, strict=True):
            if key not in self._cycles:
                operands = {name: state.view(program.buffers[name]).copy() for name in call.reads}
                found = self.run(*alone(program, call, operands))
                assert found.sizes is not None
                self._cycles[key] = found.most("cycles") or 0
                self._code.setdefault(call.kernel.symbol, found.sizes.code + found.sizes.constants)
            state.run(call)

    def measured(self, program: Program) -> Cost:
        """The whole program. Raises BoardError if it does not fit."""
        found = self.run(plan(program), self.sample)
        assert found.sizes is not None
        return Cost(found.most("cycles") or 0, found.sizes.flash)
