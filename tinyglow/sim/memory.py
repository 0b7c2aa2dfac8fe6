"""How long memories make a core wait: wait states, lines and caches, in the order in which a program uses them.

The cycle models price instructions as if every memory answered at once. This module follows the same run by its
addresses: each block is fetched line by line, and each load and store goes to its memory. The model is simple and the
same for all boards; the board files differ:

* An access to a memory with wait states waits, unless its line is in the memory's cache. Caches replace the line that
  was used longest ago, and are empty when a call starts.
* Code of the line that was fetched last costs nothing. With ``prefetch`` the next line is fetched while the
instructions
  of the last one run, and only the rest is waited for: ``1 + wait states`` cycles, less the core's cycles for a line,
  on average over the block.
* Stores cost what loads cost. Two words of one access are two accesses where there is no cache. The core stands still
  while it waits, even where a Cortex-M7 might continue.

Every access calls Python, so a call that is timed takes several times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tinyglow.targets.boards import Board, Cache, Memory

_SIZE_BITS = 16  # as in trace: a block's key holds address and size


class Lines:
    """A cache: which of a memory's lines are in it. The least recently used of a set makes room."""

    def __init__(self, cache: Cache) -> None:
        self.line = cache.line
        self._ways = cache.ways
        self._sets: list[list[int]] = [[] for _ in range(cache.size // (cache.line * cache.ways))]

    def take(self, number: int) -> bool:
        """Use a line, by address / line size; whether it was there. Now it is."""
        lines = self._sets[number % len(self._sets)]
        if lines and lines[-1] == number:
            return True
        found = number in lines
        if found:
            lines.remove(number)
        elif len(lines) == self._ways:
            del lines[0]
        lines.append(number)
        return found


class _Unit:
    """A memory that makes the core wait."""

    def __init__(self, memory: Memory, caches: dict[str, Lines]) -> None:
        self.name = memory.name
        self.waited = 0  # cycles, for code and data
        self.start, self.end = memory.start, memory.end
        self.waits = memory.wait_states
        self.prefetch = memory.prefetch
        self.code = caches.get(memory.code_cache)
        self.data = caches.get(memory.data_cache)
        self.code_line = self.code.line if self.code else memory.line
        self.data_line = self.data.line if self.data else 4

    def access(self, address: int, size: int) -> int:
        """Cycles that a load or store waits."""
        if self.data is None:
            return self.waits * max(1, size // 4)
        return 0 if self.data.take(address // self.data_line) else self.waits


@dataclass
class BlockWaits:
    """Cycles that one block waited, in all its runs: for its own code, and for data."""

    key: int
    lines: range
    next_line: int  # what a prefetched line still costs
    unit: _Unit | None
    fetch: int = 0
    data: int = 0


class Waits:
    """Follows one call. cycles: of a block, by its key, without waits. failed: is told of errors in here."""

    def __init__(self, board: Board, cycles: Callable[[int], int], failed: Callable[[BaseException], None]) -> None:
        caches = {cache.name: Lines(cache) for cache in board.caches}
        self._units = [_Unit(memory, caches) for memory in board.memories if memory.wait_states]
        self._cycles = cycles
        self._failed = failed
        self._blocks: dict[int, BlockWaits] = {}
        self._here = BlockWaits(0, range(0), 0, None)
        self._line = -1

    def on_block(self, _emulator: object, address: int, size: int) -> None:
        """Fetch a block's code."""
        try:
            key = address << _SIZE_BITS | size
            block = self._blocks.get(key)
            if block is None:
                block = self._blocks[key] = self._plan(key, address, size)
            self._here = block
            if block.unit is not None:
                waited = self._fetch(block, block.unit)
                block.fetch += waited
                block.unit.waited += waited
        except BaseException as error:
            self._failed(error)

    def on_access(self, _emulator: object, _kind: int, address: int, size: int) -> None:
        """Load or store."""
        try:
            for unit in self._units:
                if unit.start <= address < unit.end:
                    waited = unit.access(address, size)
                    self._here.data += waited
                    unit.waited += waited
        except BaseException as error:
            self._failed(error)

    def blocks(self) -> list[BlockWaits]:
        """The blocks that waited."""
        return [block for block in self._blocks.values() if block.fetch or block.data]

    def by_memory(self) -> dict[str, int]:
        """Cycles that each memory made the core wait, of those with wait states."""
        return {unit.name: unit.waited for unit in self._units}

    def _plan(self, key: int, address: int, size: int) -> BlockWaits:
        unit = next((unit for unit in self._units if unit.start <= address < unit.end), None)
        if unit is None:
            return BlockWaits(key, range(0), 0, None)
        lines = range(address // unit.code_line, (address + size - 1) // unit.code_line + 1)
        # Of a line's own cycles the first is that of its fetch.
        hidden = max(1, self._cycles(key) * unit.code_line // size) if unit.prefetch else 1
        return BlockWaits(key, lines, max(0, 1 + unit.waits - hidden), unit)

    def _fetch(self, block: BlockWaits, unit: _Unit) -> int:
        waited, last = 0, self._line
        for line in block.lines:
            if line != last and not (unit.code is not None and unit.code.take(line)):
                waited += block.next_line if line == last + 1 else unit.waits
            last = line
        self._line = last
        return waited
