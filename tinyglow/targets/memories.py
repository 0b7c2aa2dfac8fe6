"""Memories and caches of boards: where they are, and what an access costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MemoryKind = Literal["flash", "ram", "tcm"]

# The emulator maps whole pages of its smallest page size; a memory may begin and end in fractions of them, where the
# emulator does not notice an access next to it.
PAGE_BYTES = 1024


@dataclass(frozen=True)
class Cache:
    """Lines of memory that a core has at hand.

    Attributes:
        name: Its name on the board.
        size: Bytes.
        line: Bytes of a line.
        ways: Lines that share a place.
        source: Where the figures are written.
    """

    name: str
    size: int
    line: int
    ways: int
    source: str = ""


@dataclass(frozen=True)
class Memory:
    """A range of addresses.

    Attributes:
        name: Its name on the board.
        start: Its first address.
        size: Bytes.
        kind: "flash", "ram" or "tcm".
        wait_states: Cycles more than one that the core waits for an access; behind a cache, for the line that is
            missing.
        line: Bytes that one access delivers, where there is no cache.
        prefetch: Whether the next line of code is fetched while the core runs the last.
        code_cache: Name of the board's cache for code; "" for none.
        data_cache: Name of the board's cache for data; "" for none.
        source: Where the figures are written.
    """

    name: str
    start: int
    size: int
    kind: MemoryKind
    wait_states: int
    line: int = 4
    prefetch: bool = False
    code_cache: str = ""
    data_cache: str = ""
    source: str = ""

    @property
    def end(self) -> int:
        """The first address after the memory."""
        return self.start + self.size

    @property
    def pages(self) -> tuple[int, int]:
        """Start and size of the whole pages that hold it."""
        start = self.start - self.start % PAGE_BYTES
        return start, self.end + -self.end % PAGE_BYTES - start
