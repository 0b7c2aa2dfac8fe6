"""Cycles of the Cortex-M0 (ARM DDI 0432C, table 3-1), and of the Cortex-M3's multiplications (DDI 0337I, table 3-1)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tinyglow.sim.image import Image
from tinyglow.sim.machine import Machine
from tinyglow.targets.boards import load_board

# Assembly and its cycles without those of the return. r1 points to RAM, r2 is 0 at the start.
M0_RETURN = 3  # bx lr
M0_FORMS = [
    ("movs r0, #1", 1),
    ("muls r0, r1, r0", 1),
    ("ldr r0, [r1, #4]", 2),
    ("strb r0, [r1, #1]", 2),
    ("ldmia r1!, {r0, r2, r3}", 4),
    ("push {r0}\npop {r0}", 2 + 2),
    ("b 1f\nnop\n1:", 3),
    ("cmp r2, #0\nbeq 1f\nnop\n1:", 1 + 3),  # taken
    ("cmp r2, #0\nbne 1f\nnop\n1:", 1 + 1 + 1),  # not taken
    ("push {r4, lr}\nbl callee\npop {r4}\npop {r3}\nmov lr, r3", 3 + 4 + 3 + 2 + 2 + 1),
    ("push {r4, lr}\nldr r3, =callee\nblx r3\npop {r4}\npop {r3}\nmov lr, r3", 3 + 2 + 3 + 3 + 2 + 2 + 1),
    ("push {lr}\nbl popper\npop {r3}\nmov lr, r3", 2 + 4 + (3 + 1 + 6) + 2 + 1),
    ("adr r3, 1f\nadds r3, #1\nmov pc, r3\n.balign 4\n1:", 1 + 1 + 3),
    ("mrs r0, primask", 4),
    ("dsb", 4),
    ("movs r0, #5\n1: subs r0, #1\nbne 1b", 1 + 5 * 1 + 4 * 3 + 1),
]
M3_FORMS = [
    ("mul r0, r1, r2", 1),
    ("mla r0, r1, r2, r3", 2),
    ("mls r0, r1, r2, r3", 2),
    ("umull r0, r3, r1, r2", 4),
    ("smlal r0, r3, r1, r2", 6),
    ("ldr r0, [r1, #4]", 2),
    ("ldr r0, [r1, #4]\nldr r3, [r1]", 2 + 1),
]


def _costs(assemble: Callable[..., Image], name: str, forms: list[tuple[str, int]]) -> list[int]:
    """Cycles of each form as a function of its own, and of an empty one at the end."""
    board = load_board(name)
    text = "function callee\nbx lr\nfunction popper\npush {r4, lr}\nnop\npop {r4, pc}\n"
    for number, body in enumerate([*(body for body, _ in forms), "nop"]):
        text += f".balign 4\nfunction form_{number}\n{body}\nbx lr\n.ltorg\n"
    machine = Machine(assemble(board, text + ".bss\n.space 64\n"), board).boot()
    return [machine.call(f"form_{n}", 5, board.data.start, 0, 0).cycles for n in range(len(forms) + 1)]


def test_cycles_of_the_m0_are_the_manuals(assemble: Callable[..., Image]) -> None:
    """Each form takes the cycles of the table: a branch three, a call four, a return by POP four and its words."""
    found = _costs(assemble, "microbit", M0_FORMS)
    assert found == [*(cycles + M0_RETURN for _, cycles in M0_FORMS), 1 + M0_RETURN]


def test_multiplications_of_the_m3_take_longer_than_the_m4s(assemble: Callable[..., Image]) -> None:
    """Two cycles with an addition, four and six for long ones; all else is as on the M4."""
    *found, empty = _costs(assemble, "mps2-an385", M3_FORMS)
    assert [cycles - (empty - 1) for cycles in found] == [cycles for _, cycles in M3_FORMS]


@pytest.mark.parametrize("name", ["microbit", "mps2-an385"])
def test_the_cores_run_a_bundle(name: str) -> None:
    """They have a cycle model and an emulator; ARMv6-M and ARMv7-M without DSP have no FPU."""
    board = load_board(name)
    assert board.core.cycles and board.core.emulator and not board.core.fpu
