"""What memories make a core wait: lines, caches, prefetch, and that core cycles stay what they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tinyglow.sim.image import Image
from tinyglow.sim.machine import Machine
from tinyglow.sim.memory import Lines
from tinyglow.targets.boards import Board, Cache, load_board

Assemble = Callable[..., Image]

# Each at the start of a block of 64 bytes, so that lines can be counted. r0 points to sixteen words of RAM.
_SOURCE = """
.balign 64
function straight
.rept 15
adds r1, #1
.endr
bx lr
.balign 64
function slow
.rept 3
muls r1, r2, r1
ldr r3, [r0]
.endr
adds r1, #1
bx lr
.balign 64
function constants
adr r0, words
ldr r1, [r0]
ldr r2, [r0, #4]
ldrb r3, [r0, #5]
bx lr
.balign 64
words: .word 1, 2
.balign 64
function ram
ldr r1, [r0]
str r1, [r0, #4]
bx lr
.balign 64
function around
movs r1, #10
1: subs r1, #1
bne 1b
bx lr
.bss
.space 64
"""


@pytest.fixture(scope="module")
def image(assemble: Assemble, m0plus: Board) -> Image:
    """All functions in one program."""
    return assemble(m0plus, _SOURCE)


def _board(m0plus: Board, *, waits: int, line: int = 4, prefetch: bool = False, cache: Cache | None = None) -> Board:
    name = cache.name if cache else ""
    flash = replace(m0plus.code, wait_states=waits, line=line, prefetch=prefetch, code_cache=name, data_cache=name)
    return replace(m0plus, memories=(flash, m0plus.data), caches=(cache,) if cache else ())


def _waits(image: Image, board: Board, function: str) -> int:
    machine = Machine(image, board).boot()
    timed = machine.call(function, board.data.start, timed=True)
    plain = machine.call(function, board.data.start)
    assert (timed.cycles, timed.instructions) == (plain.cycles, plain.instructions)
    assert plain.waits == 0
    assert timed.waits == sum(timed.waits_by_function.values())
    assert set(timed.waits_by_function) <= {function}
    return timed.waits


def test_straight_code_waits_once_a_line(image: Image, m0plus: Board) -> None:
    """16 instructions are 8 lines of 4 bytes, 4 of 8 and 2 of 16: each costs the wait states."""
    for line, lines in ((4, 8), (8, 4), (16, 2)):
        assert _waits(image, _board(m0plus, waits=3, line=line), "straight") == 3 * lines


def test_prefetch_hides_what_runs_meanwhile(image: Image, m0plus: Board) -> None:
    """Two instructions a line take 2 cycles: of an access of 1 + 2 cycles 1 is left for each of the 7 next lines."""
    assert _waits(image, _board(m0plus, waits=1, prefetch=True), "straight") == 1
    assert _waits(image, _board(m0plus, waits=2, prefetch=True), "straight") == 2 + 7 * 1
    # Of 8 instructions three take 2 cycles and the return 2: 12 cycles for 4 lines hide all of an access of 1 + 2.
    assert _waits(image, _board(m0plus, waits=2, prefetch=True), "slow") == 2


def test_a_load_from_flash_waits_and_one_from_ram_does_not(image: Image, m0plus: Board) -> None:
    """Three loads of constants wait besides the three lines of code; loads and stores of RAM do not."""
    assert _waits(image, _board(m0plus, waits=2), "constants") == 2 * (3 + 3)
    assert _waits(image, _board(m0plus, waits=2), "ram") == 2 * 2


def test_memories_without_wait_states_cost_nothing(image: Image, m0plus: Board) -> None:
    """On a board of zero wait states a timed call is a plain call."""
    assert _waits(image, _board(m0plus, waits=0), "constants") == 0
    assert not load_board("cortex-m0plus").waits


def test_a_loop_stays_in_a_cache_and_leaves_a_single_line(image: Image, m0plus: Board) -> None:
    """With a cache the loop's two lines are read once; without, at every round that goes from one to the other."""
    cache = Cache("small", size=64, line=4, ways=4)
    assert _waits(image, _board(m0plus, waits=1, cache=cache), "around") == 1 * 2
    assert _waits(image, _board(m0plus, waits=1), "around") == 1 * (2 + 9 * 2)


def test_a_cache_is_empty_at_each_call(image: Image, m0plus: Board) -> None:
    """Two timed calls cost the same."""
    board = _board(m0plus, waits=1, cache=Cache("small", size=64, line=4, ways=4))
    machine = Machine(image, board).boot()
    first, second = (machine.call("constants", board.data.start, timed=True) for _ in range(2))
    assert first == second
    # Three lines of code, two of constants: the third load finds its line.
    assert first.waits == 3 + 2


def test_the_least_recently_used_line_makes_room() -> None:
    """In one set of two ways the line that was used last stays; other sets are not touched."""
    lines = Lines(Cache("two", size=16, line=4, ways=2))  # two sets
    assert [lines.take(number) for number in (0, 2, 0, 4, 0, 2)] == [False, False, True, False, True, False]
    assert lines.take(1) is False
    assert [lines.take(number) for number in (1, 0, 2)] == [True, True, True]
