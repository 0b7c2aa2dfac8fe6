"""Which activations lie in the input's memory: with the user's leave, it is free once the input has been read.

An inference then destroys its input. The smallest parts gain most: a network's input is often its largest image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tinyglow.ir.program import Program, Region
from tinyglow.lowering.plan import (
    Block,
    activation_blocks,
    align,
    aligned,
    blocks_of,
    lower_bound,
    overlaps_of,
    place,
    roomiest_input,
)


def reuse_inputs(program: Program) -> Program:
    """Move activations into the memory of the largest input, where ``plan`` finds room for them.

    ``program`` has no addresses yet. Of all activations those move whose absence leaves the least for the rest, as far
    as a greedy search finds.
    """
    if not program.inputs:
        return program
    best, least = program, _need(program)
    for candidate in _richer(program):
        need = _need(candidate)
        if need < least:
            best, least = candidate, need
    return best


def _need(program: Program) -> int:
    """Bytes that the rest of the activations cannot do without."""
    blocks, owner = activation_blocks(program)
    return lower_bound(aligned(blocks, program.alignment), overlaps_of(program, blocks, owner))


def _richer(program: Program) -> Iterator[Program]:
    """Programs that each move one activation more, of those in use where most memory is, as long as one fits."""
    while True:
        moved = [_moved(program, block) for block in _at_peak(program)]
        fitting = [candidate for candidate in moved if candidate is not None]
        if not fitting:
            return
        program = min(fitting, key=_need)
        yield program


def _at_peak(program: Program) -> list[Block]:
    """The blocks in use at the first step at which most memory is in use; the largest first."""
    blocks, _ = activation_blocks(program)
    steps = {block.first: [other for other in blocks if other.first <= block.first <= other.last] for block in blocks}
    if not steps:
        return []
    peak = min(steps, key=lambda step: (-sum(block.size for block in steps[step]), step))
    return sorted(steps[peak], key=lambda block: (-block.size, block.name))


def _moved(program: Program, block: Block) -> Program | None:
    """The program with ``block`` in the input's memory; None if there is no room beside those that are there."""
    _, owner = activation_blocks(program)
    names = {block.name, *(name for name, of in owner.items() if of == block.name)}
    buffers = {
        name: replace(buffer, region=Region.MUTABLE) if name in names else buffer
        for name, buffer in program.buffers.items()
    }
    candidate = replace(program, buffers=buffers)
    host = roomiest_input(program)
    blocks, owner = blocks_of(candidate, {host, *(buffer.name for buffer in candidate.in_input_memory)})
    _, size = place(blocks, program.alignment, overlaps_of(candidate, blocks, owner))
    return candidate if size <= align(buffers[host].type.nbytes, program.alignment) else None
