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
    calls, buffers = list(program.calls), dict(program.buffers)
    for step in (step for step, need in found.items() if need == most):
        sparing = _sparing(calls[step])
        if sparing is None:
            return None
        calls[step] = sparing
        buffers[sparing.scratch] = _resized(buffers[sparing.scratch], sparing)
    return replace(program, calls=tuple(calls), buffers=buffers)


def _sparing(call: KernelCall) -> KernelCall | None:
    kernel = call.kernel
    params = kernel.sparing(call.params) if kernel.sparing and call.scratch else None
    return None if params is None else replace(call, params=params)


def _resized(buffer: Buffer, call: KernelCall) -> Buffer:
    assert call.kernel.scratch is not None
    return replace(buffer, type=replace(buffer.type, shape=(call.kernel.scratch(call.params),)))
