"""Which constants become arrays of their own, for faster memories: those that are read most for a byte."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tinyglow.ir.program import CONSTANTS, NEAR, Program, Region
from tinyglow.lowering.plan import align
from tinyglow.lowering.traffic import buffer_traffic

MOST = len(NEAR)


def use_near(program: Program, rooms: Mapping[str, int]) -> Program:
    """``program``, to be planned anew, with the constants that are read most in other memories as far as they fit.

    A constant goes whole into the first memory with room for it, those with the most bytes read for a byte of theirs
    first: the greedy order of a knapsack, which is within the largest constant's share of the best.

    Args:
        program: The program.
        rooms: Bytes that each memory has for constants, the fastest first; at most two memories.

    Returns:
        The program. Memories that get nothing are not in its ``near``.
    """
    traffic = buffer_traffic(program)
    constants = [buffer for buffer in program.buffers.values() if buffer.region in CONSTANTS and buffer.type.nbytes]
    left = dict(zip(NEAR, rooms.values(), strict=False))
    regions: dict[str, Region] = {}
    for buffer in sorted(constants, key=lambda b: (-traffic[b.name] / b.type.nbytes, -traffic[b.name], b.name)):
        size = align(buffer.type.nbytes, program.alignment)
        region = next((region for region, room in left.items() if size <= room and traffic[buffer.name]), None)
        regions[buffer.name] = region or Region.CONSTANT
        if region is not None:
            left[region] -= size
    used = [region for region in NEAR if region in regions.values()]
    memories = dict(zip(NEAR, rooms, strict=False))
    # The first region is used before the second.
    numbers = dict(zip(used, NEAR, strict=False)) | {Region.CONSTANT: Region.CONSTANT}
    buffers = {
        name: replace(buffer, region=numbers[regions[name]]) if name in regions else buffer
        for name, buffer in program.buffers.items()
    }
    return replace(program, buffers=buffers, near={numbers[region]: memories[region] for region in used})
