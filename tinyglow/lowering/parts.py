"""Where the last part of a result may lie over what its call reads for the last time, a part of another buffer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tinyglow.ir.program import Program


class Lasting(Protocol):
    """A block of memory, with the last step at which it is in use."""

    @property
    def name(self) -> str:
        """The block's name."""

    @property
    def last(self) -> int:
        """The step."""


def overlaps_of_parts(
    program: Program, known: Mapping[str, Lasting], owner: Mapping[str, str]
) -> dict[tuple[str, str], int]:
    """As ``plan.overlaps_of``, of calls that write a part.

    The bytes of a result before that part are in use earlier: they lie before the whole buffer that is read. The other
    ones are written by that call for the first time.

    Args:
        program: The program.
        known: The blocks, by name.
        owner: The blocks of buffers that share one.

    Returns:
        For pairs of blocks, the result's and the input's, how far from the input's start the result's may be at most.
    """
    used: dict[str, int] = {}  # by buffer, bytes up to the last one that a call touched so far
    found: dict[tuple[str, str], int] = {}
    for step, call in enumerate(program.calls):
        buffers = {name: program.buffers[name] for name in call.buffers}
        wholes = [program.whole(name) for name in call.operands]
        if call.kernel.overlap and len(call.writes) == 1 and buffers[call.writes[0]].part_of:
            part, read = buffers[call.writes[0]], buffers[call.operands[0]]
            target, source = part.part_of, wholes[0]
            distance, block = call.kernel.overlap(call.params), known.get(source)
            alone = wholes.count(source) == wholes.count(target) == 1 and source not in owner and target not in owner
            last = block is not None and block.last == step and target in known
            if alone and last and distance is not None and used.get(target, 0) <= part.begin:
                found[target, source] = min(read.begin + distance, 0) - part.begin
        for buffer in buffers.values():
            whole = buffer.part_of or buffer.name
            used[whole] = max(used.get(whole, 0), buffer.begin + buffer.type.nbytes)
    return found
