"""Which memory of a board holds which area of a network: the fastest with room, the most used areas first."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from tinyglow.errors import BoardError, Problem
from tinyglow.targets.boards import Board, Memory

# In the order in which they choose. The stack comes with the variables; tcm: activations in memory that is lent.
AREAS = ("stack", "tcm", "activations", "mutable", "weights")
_WORDS = {"stack": "stack", "tcm": "hot buffers", "mutable": "placeholders"}
_ALIGNMENT = 64  # of the areas, at most: an area may leave a gap so wide before the next

Places = Mapping[str, Memory]


def data_memories(board: Board) -> list[Memory]:
    """The memories that variables may lie in, the fastest first, among equals the board's own choice.

    Without those at address 0, the ITCM of a Cortex-M7: a pointer to the first variable there would be a null pointer.
    """
    chosen = [memory for memory in board.memories if memory.kind != "flash" and memory.start]
    return sorted(chosen, key=lambda m: (m.kind != "tcm", m.wait_states, m.name != board.data_memory, m.start))


def in_data_memory(board: Board) -> dict[str, Memory]:
    """Everything in the board's data memory, for programs whose needs are not known."""
    return dict.fromkeys(AREAS, board.data) | ({"tcm": board.tcm} if board.tcm else {})


def memory_map(board: Board, needs: Mapping[str, int]) -> dict[str, Memory]:
    """The memory of each area that ``needs`` bytes; ``board.stack_bytes`` are those of the stack.

    The stack stays in the board's data memory if that leaves a place for the rest; each other area goes into the
    fastest memory that it can, those with the most traffic first. Raises BoardError with what is needed and what there
    is if no placement of whole areas fits.
    """
    wanted = {"stack": board.stack_bytes, **{area: needs[area] for area in AREAS[1:] if needs.get(area)}}
    for alignment in (_ALIGNMENT, 1):
        for memories in itertools.product(*(_candidates(board, area) for area in wanted)):
            places = dict(zip(wanted, memories, strict=True))
            if _fits(places, wanted, alignment):
                return places
    raise BoardError(f"the network does not fit the board {board.name}", list(_problems(board, wanted)))


def _candidates(board: Board, area: str) -> Sequence[Memory]:
    fastest = data_memories(board)
    if area == "tcm" and board.tcm is not None:
        return [board.tcm]
    if area == "stack":
        return sorted(fastest, key=lambda memory: memory.name != board.data_memory)
    return fastest


def _fits(places: Places, needs: Mapping[str, int], alignment: int) -> bool:
    used: dict[str, int] = {}
    for area, memory in places.items():
        used[memory.name] = used.get(memory.name, 0) + -(-needs[area] // alignment) * alignment
    return all(used[memory.name] <= memory.size for memory in places.values())


def _problems(board: Board, needs: Mapping[str, int]) -> Iterator[Problem]:
    tcm, memories = board.tcm, data_memories(board)
    if tcm is not None and needs.get("tcm", 0) > tcm.size:
        found = f"the hot buffers take {needs['tcm']:,} bytes"
        yield Problem(f"memory {tcm.name}", found, f"at most {tcm.size:,}")
        return
    if len(memories) == 1:
        names = ["activations", "placeholders", *(["weights"] if "weights" in needs else [])]
        found = f"{', '.join(names)} and stack take {sum(needs.values()):,} bytes"
        yield Problem(f"memory {memories[0].name}", found, f"at most {memories[0].size:,}")
        return
    parts = [f"{_WORDS.get(area, area)} {size:,}" for area, size in needs.items()]
    room = ", ".join(f"{memory.name} has {memory.size:,}" for memory in memories)
    yield Problem("RAM", f"{', '.join(parts)} bytes", f"a memory for each: {room}")


def regions(board: Board, places: Places, near: Sequence[tuple[int, Memory]] = ()) -> list[Memory]:
    """The memories that hold any area, that of the stack first, or near constants (``near_memories``)."""
    found = {memory.name: memory for memory in (places["stack"], *places.values(), *(memory for _, memory in near))}
    return list(found.values())


def near_memories(board: Board, names: Sequence[str]) -> list[tuple[int, Memory]]:
    """The arrays of near constants, counted from 1, with their memories; ``names``: of the memories, array by array.

    Arrays for memories that the board has not are left out: they lie with the code.
    """
    known = {memory.name: memory for memory in board.memories}
    return [(number, known[name]) for number, name in enumerate(names, 1) if name in known]


def elsewhere(places: Places) -> dict[str, list[str]]:
    """For each memory but the stack's and those that are lent: which areas it holds, by its name."""
    found: dict[str, list[str]] = {}
    for area, memory in places.items():
        if area not in ("stack", "tcm") and memory.name != places["stack"].name:
            found.setdefault(memory.name, []).append(area)
    return found
