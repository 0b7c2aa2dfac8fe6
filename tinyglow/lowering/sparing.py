"""Less working memory where the most memory is in use: kernels that can do with less take it there, for little time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tinyglow.ir.program import Buffer, KernelCall, Program
from tinyglow.lowering.cost import call_cycles
from tinyglow.lowering.plan import activation_blocks, aligned, needs, overlaps_of

# At most such a part of a network's cycles is given for memory.
_NEAR = 0.015


def spare_scratch(program: Program, core: str) -> Program:
    """``program``, which has no addresses yet, with less working memory in the calls that need the most memory in all.

    Only where that lowers the most by a larger part than what the whole network is predicted to take longer on
    ``core``, and takes hardly longer in all.
    """
    if not any(call.kernel.sparing for call in program.calls):
        return program
    least = _cycles(program, core)
    while (candidate := _spared(program)) is not None:
        time, memory = (_cycles(candidate, core), _cycles(program, core)), (_need(candidate), _need(program))
        if time[0] > (1 + _NEAR) * least or time[0] * memory[0] >= time[1] * memory[1]:
            break
        program = candidate
    return program


def _cycles(program: Program, core: str) -> int:
    return sum(call_cycles(program, call, core) or 0 for call in program.calls)


def _need(program: Program) -> int:
    return max(_needs(program).values(), default=0)


def _needs(program: Program) -> Mapping[int, int]:
    blocks, owner = activation_blocks(program)
    return needs(aligned(blocks, program.alignment), overlaps_of(program, blocks, owner))


def _spared(program: Program) -> Program | None:
    """The program with a step less of working memory in each call where the most is in use; None if one cannot."""
    found = _needs(program)
    most = max(found.values(), default=0)
    calls = list(program.calls)
    for step in (step for step, need in found.items() if need == most):
        sparing = _sparing(calls[step])
        if sparing is None:
            return None
        calls[step] = sparing
    sizes: dict[str, int] = {}  # of working memory, which calls may share
    for call in calls:
        if call.scratch and call.kernel.scratch:
            sizes[call.scratch] = max(sizes.get(call.scratch, 0), call.kernel.scratch(call.params))
    buffers = {
        name: _resized(buffer, sizes[name]) if name in sizes else buffer for name, buffer in program.buffers.items()
    }
    return replace(program, calls=tuple(calls), buffers=buffers)


def _sparing(call: KernelCall) -> KernelCall | None:
    kernel = call.kernel
    params = kernel.sparing(call.params) if kernel.sparing and call.scratch else None
    return None if params is None else replace(call, params=params)


def _resized(buffer: Buffer, size: int) -> Buffer:
    return replace(buffer, type=replace(buffer.type, shape=(size,)))
