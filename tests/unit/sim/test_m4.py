"""Cycles of the Cortex-M4, against its Technical Reference Manual (ARM DDI 0439: tables 3-1, 3-2, 7-1 and 3.3.2)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tinyglow.sim.cycles.m4 import DIVIDE_CYCLES, FLOAT_DIVIDE_CYCLES
from tinyglow.sim.image import Image
from tinyglow.sim.machine import Machine
from tinyglow.targets.boards import Board, load_board

RETURN = 1 + 2  # bx lr
# Assembly, and its cycles without the return. r1 points to sixteen words of RAM, r2 is 0 at the start.
FORMS = [
    ("movs r0, #1", 1),
    ("movw r0, #1234\nmovt r0, #77", 2),
    ("adds r0, r1, r2", 1),
    ("add r0, r1, r2, lsl #3", 1),
    ("subs r0, #1", 1),
    ("mul r0, r2, r3", 1),
    ("mla r0, r2, r3, r0", 1),
    ("mls r0, r2, r3, r0", 1),
    ("smull r0, r3, r2, r2", 1),
    ("smlal r0, r3, r2, r2", 1),
    ("umull r0, r3, r2, r2\numlal r0, r3, r2, r2", 2),
    ("smlad r0, r2, r3, r0\nsmlad r0, r2, r3, r0", 2),  # DSP instructions: table 3-2
    ("smuad r0, r2, r3", 1),
    ("smlabb r0, r2, r3, r0", 1),
    ("smmul r0, r2, r3", 1),
    ("sxtb16 r0, r2\nsxtb16 r3, r2, ror #8", 2),
    ("sxtab16 r0, r2, r3", 1),
    ("pkhbt r0, r2, r3, lsl #16", 1),
    ("ssat r0, #8, r2\nusat r0, #8, r2", 2),
    ("sadd16 r0, r2, r3\nqadd8 r0, r2, r3", 2),
    ("movs r0, #7\nmovs r3, #3\nudiv r0, r0, r3", 2 + DIVIDE_CYCLES),
    ("clz r0, r2\nrbit r0, r2\nrev r0, r2", 3),
    ("ubfx r0, r2, #3, #4\nbfi r0, r2, #3, #4", 2),
    ("ldr r0, [r1]", 2),
    ("ldrsb r0, [r1, r2]", 2),
    # 3.3.2: the examples of pipelined loads and stores.
    ("ldr r0, [r1]\nldr r3, [r1, #4]", 3),
    ("ldr r0, [r1, r2]\nstr r0, [r1, #20]", 3),
    ("ldr r0, [r1, r2]\nstr r3, [r1, r2]", 3),
    ("ldr r0, [r1, r2]\nldr r3, [r1]\nldr r12, [r1, #4]", 4),
    ("str r0, [r1, #4]", 1),
    ("str r0, [r1, r2]", 2),
    ("str r0, [r1]\nldr r0, [r1]", 1 + 2),  # nothing is pipelined after a store
    ("str r1, [r1]\nldr r3, [r1]\nldr r0, [r3]", 1 + 2 + 2),  # the address is what the first load loads
    ("ldrb r0, [r1], #1\nldrb r3, [r1], #1", 2 + 2),  # the second's address is updated by the first
    ("adds r3, r1, #4\nldr r0, [r3]", 1 + 2 + 1),  # a computed address is waited for
    ("adds r3, r1, #4\nnop\nldr r0, [r3]", 1 + 1 + 2),
    ("ldrd r0, r3, [r1]", 3),
    ("strd r2, r3, [r1, #8]", 3),
    ("ldrd r0, r3, [r1]\nldr r0, [r1]", 3 + 2),  # not pipelined with what follows
    ("ldmia r1, {r0, r2, r3}", 4),
    ("stmia r1!, {r0, r2, r3, r12}", 5),
    ("push {r0-r3}\npop {r0-r3}", 5 + 5),
    ("b 1f\nnop\n1:", 2),
    ("b 1f\n.balign 4\nnop\n1: add.w r0, r0, r0", 2 + 1 + 1),  # a 32-bit target across two words
    ("cmp r2, #0\nbeq 1f\nnop\n1:", 1 + 2),
    ("cmp r2, #0\nbne 1f\nnop\n1:", 1 + 1 + 1),
    ("cbz r2, 1f\nnop\n1:", 2),
    ("cbnz r2, 1f\nnop\n1:", 1 + 1),
    ("push {r3, lr}\nbl callee\nnop\npop.w {r3, lr}", 3 + 2 + RETURN + 1 + 3),
    ("push {lr}\nbl popper\nldr lr, [sp], #4", 2 + 2 + (3 + 1 + 3 + 3) + 2),  # POP to PC: 1 + N + P
    ("tbb [pc, r2]\n.byte 1, 1\n1:", 3 + 3),
    ("cmp r2, #0\nite eq\nmoveq r0, #1\nmovne r0, #2", 1 + 1 + 1 + 1),
    ("mrs r0, primask", 2),
    ("dsb\nisb", 1 + 4),
    # 5 rounds: the last branch is not taken.
    ("movs r0, #5\nnop\n1: subs r0, #1\nbne 1b", None),
    # Floating point, table 7-1.
    ("vadd.f32 s0, s1, s2\nvmul.f32 s3, s1, s2", 2),
    ("vadd.f32 s0, s1, s2\nvadd.f32 s0, s0, s2", 2 + 1),  # the second needs the first
    ("vfma.f32 s0, s1, s2", 3),
    ("vmla.f32 s0, s1, s2", 3),
    ("vdiv.f32 s0, s1, s2", FLOAT_DIVIDE_CYCLES),
    ("vsqrt.f32 s0, s1", FLOAT_DIVIDE_CYCLES),
    ("vcvt.s32.f32 s0, s1", 1),
    ("vcmp.f32 s0, s1\nvmrs apsr_nzcv, fpscr", None),
    ("vmov s0, r2\nvmov r0, s0", None),
    ("vmov.f32 s0, #1.0", 1),
    ("vldr s0, [r1]", 2),
    ("vldr d0, [r1]", 3),
    ("vstr s0, [r1]", 2),
    ("vldmia r1, {s0-s3}", 5),
    ("vpush {d0-d1}\nvpop {d0-d1}", 5 + 5),
]
_COUNTED = {  # forms whose sum needs words
    "movs r0, #5\nnop\n1: subs r0, #1\nbne 1b": 1 + 1 + 5 * 1 + 4 * 2 + 1,
    "vcmp.f32 s0, s1\nvmrs apsr_nzcv, fpscr": 1 + 1 + 1,
    "vmov s0, r2\nvmov r0, s0": 1 + 1,
}
BOARDS = ("cortex-m4", "cortex-m33")


@pytest.fixture(scope="module", params=BOARDS)
def board(request: pytest.FixtureRequest) -> Board:
    """A generic board of each core that is counted by these rules."""
    return load_board(str(request.param))


@pytest.fixture(scope="module")
def machine(assemble: Callable[..., Image], board: Board) -> Machine:
    """Every form as a function of its own, ``form_0`` and so on, at an even number of words."""
    text = "function callee\nbx lr\nfunction popper\npush {r4, lr}\nnop\npop {r4, pc}\n"
    for number, (body, _) in enumerate(FORMS):
        text += f".balign 4\nfunction form_{number}\n{body}\nbx lr\n"
    return Machine(assemble(board, ".fpu fpv4-sp-d16\n" + text + ".bss\n.space 64\n"), board).boot()


@pytest.mark.parametrize("number", range(len(FORMS)), ids=[body.replace("\n", "; ") for body, _ in FORMS])
def test_cycles_are_the_manuals(machine: Machine, board: Board, number: int) -> None:
    """Each form takes the cycles of the manual's tables, in the reading that the model documents."""
    body, cycles = FORMS[number]
    stats = machine.call(f"form_{number}", 0, board.data.start, 0, 1)
    assert stats.cycles == (_COUNTED[body] if cycles is None else cycles) + RETURN


def test_an_m4_never_issues_two_instructions_in_a_cycle(machine: Machine, board: Board) -> None:
    """No form takes fewer cycles than it has instructions."""
    for number in range(len(FORMS)):
        stats = machine.call(f"form_{number}", 0, board.data.start, 0, 1)
        assert stats.cycles >= stats.instructions


def test_long_runs_cost_the_same_across_the_emulators_pages(assemble: Callable[..., Image], board: Board) -> None:
    """Loads stay pipelined where the emulator splits a run: 2,000 loads take 2,001 cycles."""
    image = assemble(board, "function long\n.rept 2000\nldr.w r0, [r1]\n.endr\nbx lr\n.bss\n.space 64\n")
    stats = Machine(image, board).boot().call("long", 0, board.data.start)
    assert (stats.cycles, stats.instructions) == (2001 + RETURN, 2001)
