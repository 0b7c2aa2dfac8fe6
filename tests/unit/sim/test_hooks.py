"""The emulator's hooks: fast, stoppable, and the same figures where its package looks different inside."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable

import pytest

from tinyglow.sim import hooks
from tinyglow.sim.image import Image
from tinyglow.sim.machine import Machine
from tinyglow.targets.boards import Board

Assemble = Callable[..., Image]
_SKIPS = "2.1.4"  # the version of unicorn that is known to skip what follows

_SOURCE = """
function busy
movs r2, #0
1: ldr r3, [r1]
adds r2, #1
subs r0, #1
bne 1b
bx lr
function forever
b forever
.bss
.space 64
"""


@pytest.fixture(scope="module")
def image(assemble: Assemble, m0plus: Board) -> Image:
    """A loop with an end, and one without."""
    return assemble(m0plus, _SOURCE)


def test_figures_are_the_same_without_the_short_way(
    image: Image, m0plus: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hooks through the emulator's own package count what hooks past it count, timed and checked calls too."""
    start = m0plus.data.start
    figures = []
    for library in (hooks._library, None):
        monkeypatch.setattr(hooks, "_library", library)
        machine = Machine(image, m0plus).boot()
        figures.append([machine.call("busy", 100, start, **how) for how in ({}, {"strict": True}, {"timed": True})])
    assert figures[0] == figures[1]
    assert figures[0][0].instructions == 1 + 4 * 100 + 1
    assert figures[0][2].waits > 0


def test_ctrl_c_stops_an_endless_program(image: Image, m0plus: Board) -> None:
    """KeyboardInterrupt comes out, soon, and the machine still works."""
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals are for the main thread")
    machine = Machine(image, m0plus).boot()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def ring() -> None:
        time.sleep(0.3)  # threading.Timer never rings where the clock is set by a preloaded library
        signal.raise_signal(signal.SIGINT)

    try:
        with pytest.raises(KeyboardInterrupt):
            threading.Thread(target=ring, daemon=True).start()  # in here: on a busy machine it may ring before the call
            machine.call("forever")
    finally:
        signal.signal(signal.SIGINT, before)
    assert machine.call("busy", 5, m0plus.data.start).instructions == 1 + 4 * 5 + 1


def test_an_error_in_a_hook_is_raised_behind_the_call(
    image: Image, m0plus: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that goes wrong while counting is lost."""
    machine = Machine(image, m0plus).boot()

    def broken(key: int) -> None:
        raise RuntimeError(f"cannot decode {key:#x}")

    monkeypatch.setattr(machine._code, "meet", broken)
    with pytest.raises(RuntimeError, match="cannot decode"):
        machine.call("busy", 5, m0plus.data.start)


_IN_IT_BLOCK = """
function skips
movs r3, #0
cmp r0, #0
it ne
ldrne r2, [r1]
cmp r0, r0
b 1f
1: movs r3, #7
mov r0, r3
bx lr
"""


def test_a_watched_load_ends_its_it_block(assemble: Assemble, m7: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows a conditional load is not skipped when accesses are watched; unicorn 2.1.4 alone would skip it."""
    image, start = assemble(m7, _IN_IT_BLOCK), m7.data.start
    machine = Machine(image, m7).boot()
    for how in ({}, {"strict": True}, {"timed": True}):
        assert machine.call("skips", 1, start, **how).value == 7
    if pytest.importorskip("unicorn").__version__ == _SKIPS:
        monkeypatch.setattr(hooks, "_IT_BITS", 0)
        assert Machine(image, m7).boot().call("skips", 1, start, timed=True).value == 0
