"""Cycles of the Cortex-M0+, against its Technical Reference Manual (ARM DDI 0484C, table 3-1)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tinyglow.sim.image import Image
from tinyglow.sim.machine import Machine
from tinyglow.targets.boards import Board

RETURN = 2  # bx lr
# Assembly, and the cycles of the manual's table. r1 points to eight words of RAM, r2 is 0 at the start.
FORMS = [
    ("movs r0, #1", 1),
    ("movs r0, r1", 1),
    ("mov r12, r1", 1),
    ("adds r0, r1, #3", 1),
    ("adds r0, #200", 1),
    ("adds r0, r1, r2", 1),
    ("add r0, r12", 1),
    ("adcs r0, r1", 1),
    ("add r0, sp, #4", 1),
    ("adr r0, near_word", 1),
    ("sub sp, #8\nadd sp, #8", 2),
    ("subs r0, r1, r2", 1),
    ("sbcs r0, r1", 1),
    ("rsbs r0, r1, #0", 1),
    ("muls r0, r1, r0", 1),
    ("cmp r0, r1", 1),
    ("cmp r0, #7", 1),
    ("cmn r0, r1", 1),
    ("ands r0, r1", 1),
    ("eors r0, r1", 1),
    ("orrs r0, r1", 1),
    ("bics r0, r1", 1),
    ("mvns r0, r1", 1),
    ("tst r0, r1", 1),
    ("lsls r0, r1, #3", 1),
    ("lsls r0, r1", 1),
    ("lsrs r0, r1, #3", 1),
    ("asrs r0, r1, #3", 1),
    ("rors r0, r1", 1),
    ("sxtb r0, r1", 1),
    ("uxth r0, r1", 1),
    ("rev r0, r1", 1),
    ("nop", 1),
    ("ldr r0, [r1, #4]", 2),
    ("ldr r0, [r1, r2]", 2),
    ("ldrb r0, [r1, #1]", 2),
    ("ldrb r0, [r1, r2]", 2),
    ("ldrh r0, [r1, #2]", 2),
    ("ldrsh r0, [r1, r2]", 2),
    ("ldrsb r0, [r1, r2]", 2),
    ("ldr r0, near_word", 2),
    ("sub sp, #8\nldr r0, [sp, #0]\nadd sp, #8", 1 + 2 + 1),
    ("str r0, [r1, #4]", 2),
    ("str r0, [r1, r2]", 2),
    ("strb r0, [r1, #1]", 2),
    ("strh r0, [r1, #2]", 2),
    ("sub sp, #8\nstr r0, [sp, #4]\nadd sp, #8", 1 + 2 + 1),
    ("ldmia r1!, {r0}", 2),
    ("ldmia r1!, {r0, r2, r3}", 4),
    ("ldmia r1, {r0, r1, r2, r3}", 5),
    ("stmia r1!, {r0, r2, r3}", 4),
    ("push {r0}\npop {r0}", 2 + 2),
    ("push {r0-r3, lr}\npop {r0-r3}\npop {r3}\nmov lr, r3", 6 + 5 + 2 + 1),
    ("b 1f\n1:", 2),
    ("b 1f\nnop\n1:", 2),
    ("cmp r2, #0\nbeq 1f\nnop\n1:", 1 + 2),  # taken
    ("cmp r2, #0\nbne 1f\nnop\n1:", 1 + 1 + 1),  # not taken
    ("push {r4, lr}\nbl callee\npop {r4}\npop {r3}\nmov lr, r3", 3 + 3 + 2 + 2 + 2 + 1),
    ("push {r4, lr}\nldr r3, =callee\nblx r3\npop {r4}\npop {r3}\nmov lr, r3", 3 + 2 + 2 + 2 + 2 + 2 + 1),
    ("push {lr}\nbl popper\npop {r3}\nmov lr, r3", 2 + 3 + (3 + 1 + 5) + 2 + 1),
    ("adr r3, 1f\nadds r3, #1\nmov pc, r3\n.balign 4\n1:", 1 + 1 + 2),
    ("movs r3, #0\nadd pc, r3\nnop\n", 1 + 2),  # reads pc as 4 ahead: jumps over the nop
    ("mrs r0, primask", 3),
    ("msr primask, r2", 3),
    ("dmb", 3),
    ("dsb", 3),
    ("isb", 3),
    ("cpsie i", 1),
    # 5 rounds: the last branch is not taken.
    ("movs r0, #5\n1: subs r0, #1\nbne 1b", 1 + 5 * 1 + 4 * 2 + 1),
    # Two nested loops of 3 and 4 rounds.
    (
        "movs r0, #3\n1: movs r3, #4\n2: subs r3, #1\nbne 2b\nsubs r0, #1\nbne 1b",
        1 + 3 * (1 + 4 * 1 + 3 * 2 + 1 + 1) + 2 * 2 + 1,
    ),
    # One way round a loop and another: the three even numbers take the inner branch.
    (
        "movs r0, #6\nmovs r3, #1\n1: tst r0, r3\nbeq 2f\nadds r2, #1\n2: subs r0, #1\nbne 1b",
        2 + 6 * (1 + 1) + 3 * 2 + 3 * (1 + 1) + 5 * 2 + 1,
    ),
    # Memory copied by words.
    ("movs r0, #8\n1: ldr r3, [r1]\nstr r3, [r1]\nsubs r0, #1\nbne 1b", 1 + 8 * (2 + 2 + 1) + 7 * 2 + 1),
]


@pytest.fixture(scope="module")
def image(assemble: Callable[..., Image], m0plus: Board) -> Image:
    """Every form as a function of its own, ``form_0`` and so on."""
    text = "function callee\nbx lr\nfunction popper\npush {r4, lr}\nnop\npop {r4, pc}\n"
    for number, (body, _) in enumerate(FORMS):
        near = body.replace("near_word", f"word_{number}")
        text += f"function form_{number}\n{near}\nbx lr\n.ltorg\n.balign 4\nword_{number}: .word 7\n"
    return assemble(m0plus, text + ".bss\n.space 64\n")


@pytest.fixture(scope="module")
def machine(image: Image, m0plus: Board) -> Machine:
    """Booted once for all calls."""
    return Machine(image, m0plus).boot()


@pytest.mark.parametrize("number", range(len(FORMS)), ids=[body.replace("\n", "; ") for body, _ in FORMS])
def test_cycles_are_the_manuals(machine: Machine, m0plus: Board, number: int) -> None:
    """Each instruction form, loop and call takes the cycles of the manual's table, whatever ran before it."""
    ram = m0plus.data.start
    stats = machine.call(f"form_{number}", 5, ram, 0, 0, strict=True)
    assert stats.cycles == FORMS[number][1] + RETURN
    assert machine.call(f"form_{number}", 5, ram, 0, 0) == stats


def test_instructions_are_counted_one_by_one(machine: Machine, m0plus: Board) -> None:
    """A loop of 5 rounds of 2 instructions, the instruction before it and the return make 12."""
    number = [body for body, _ in FORMS].index("movs r0, #5\n1: subs r0, #1\nbne 1b")
    assert machine.call(f"form_{number}", 0, m0plus.data.start, 0).instructions == 1 + 5 * 2 + 1


def test_cycles_go_to_the_function_that_spends_them(machine: Machine, m0plus: Board) -> None:
    """A callee's cycles are its own; the call and what surrounds it are the caller's; the sum is the whole."""
    number = [body.startswith("push {lr}") for body, _ in FORMS].index(True)
    stats = machine.call(f"form_{number}", 0, m0plus.data.start, 0)
    assert stats.by_function == {f"form_{number}": 2 + 3 + 2 + 1 + RETURN, "popper": 3 + 1 + 5}
    assert sum(stats.by_function.values()) == stats.cycles


def test_a_run_across_the_emulators_pages_costs_the_same(assemble: Callable[..., Image], m0plus: Board) -> None:
    """2,000 instructions in a row, which the emulator splits at its pages, cost one cycle each, and no branch."""
    image = assemble(m0plus, "function long\n.rept 2000\nadds r0, #1\n.endr\nbx lr\n")
    machine = Machine(image, m0plus).boot()
    stats = machine.call("long", 0)
    assert (stats.value, stats.cycles, stats.instructions) == (2000, 2000 + RETURN, 2001)
