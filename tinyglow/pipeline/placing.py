"""``--place``: constants in faster memories, as far as stack, activations and placeholders leave room there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tinyglow.bundle.header import BundleInfo, bundle_info
from tinyglow.errors import BoardError, InputError, Problem
from tinyglow.ir.program import Program
from tinyglow.lowering.near import MOST, use_near
from tinyglow.lowering.plan import plan
from tinyglow.targets.boards import Board, Memory
from tinyglow.targets.memory_map import Places, memory_map

_ALIGNMENT = 64  # of areas beside each other, at most


def _speed(memory: Memory) -> tuple[bool, float]:
    """Order of memories, the fastest first: TCM, then by what a word waits where no cache has it."""
    return memory.kind != "tcm", memory.wait_states * 4 / max(4, memory.line)


def places_of(board: Board, needs: Mapping[str, int], near: Mapping[str, int]) -> Places:
    """The memory of each area where ``near`` bytes of some memories hold constants. Raises BoardError."""
    shrunk = tuple(replace(memory, size=memory.size - near.get(memory.name, 0)) for memory in board.memories)
    places = memory_map(replace(board, memories=shrunk), needs)
    return {area: board.memory(memory.name) for area, memory in places.items()}


def near_sizes(board: Board, info: BundleInfo) -> dict[str, int]:
    """Bytes of near constants by memory, of the memories that the board has; the other constants lie with its code."""
    known = {memory.name for memory in board.memories}
    sizes = {one.memory: -(-one.size // _ALIGNMENT) * _ALIGNMENT for one in info.near if one.memory in known}
    problems = [
        Problem(f"memory {name}", f"the constants for it take {size:,} bytes", f"at most {board.memory(name).size:,}")
        for name, size in sizes.items()
        if size > board.memory(name).size
    ]
    if problems:
        raise BoardError(f"the network does not fit the board {board.name}", problems)
    return sizes


def rooms(program: Program, board: Board) -> dict[str, int]:
    """Bytes that each memory faster than that of the code has left for constants, the fastest first."""
    needs = bundle_info(program).needs()
    places = memory_map(board, needs)
    used: dict[str, int] = {}
    for area, memory in places.items():
        size = board.stack_bytes if area == "stack" else needs[area]
        used[memory.name] = used.get(memory.name, 0) + -(-size // _ALIGNMENT) * _ALIGNMENT
    faster = [memory for memory in board.memories if _speed(memory) < _speed(board.code) and memory.start]
    return {m.name: max(0, m.size - used.get(m.name, 0) - _ALIGNMENT) for m in sorted(faster, key=_speed)}


def place_constants(program: Program, board: Board, wanted: Sequence[str]) -> Program:
    """The program with its most used constants in faster memories of the board, planned anew.

    Args:
        program: A planned program.
        board: The board.
        wanted: "auto" for all memories that are faster than that of the code; or limits, MEMORY or MEMORY=BYTES.

    Returns:
        The program; it computes the same.

    Raises:
        InputError: Nothing can be placed on this board, or a limit is not understood.
        BoardError: The network does not fit the board.
    """
    if board.is_host or not board.core.counts_cycles:
        raise InputError("there is nothing to place", [Problem("--place", f"{board.title} has no memories", "a board")])
    available = rooms(program, board)
    limits: dict[str, int] = {}
    problems = []
    for text in wanted:
        name, _, number = text.partition("=")
        if text == "auto":
            limits |= {key: limits.get(key, room) for key, room in available.items()}
        elif name not in available:
            known = ", ".join(available) or f"none: no memory of {board.name} is faster than {board.code_memory}"
            problems.append(Problem(f"--place {text[:80]}", f"{name[:40]!r} is no faster memory", known))
        elif number and not (number.isascii() and number.isdigit() and len(number) < 12):
            problems.append(Problem(f"--place {text[:80]}", f"{number[:40]!r} is no number of bytes"))
        elif number and int(number) > available[name]:
            room = f"at most {available[name]:,}: the rest is for stack, activations and placeholders"
            problems.append(Problem(f"--place {text}", "is more than there is", room))
        else:
            limits[name] = int(number) if number else available[name]
    if len(limits) > MOST and not problems:
        limits = dict(list(limits.items())[:MOST])
    if problems:
        raise InputError("the constants cannot be placed so", problems)
    return plan(use_near(program, {name: limits[name] for name in available if name in limits}))
