"""The dual-issue estimate of the Cortex-M7: what pairs, what waits, and that blocks add up."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tinyglow.sim.cycles.m7 import DIVIDE_CYCLES, SPECIAL_CYCLES, CortexM7
from tinyglow.sim.image import Image
from tinyglow.sim.machine import Machine
from tinyglow.targets.boards import Board

Assemble = Callable[..., Image]

# Assembly and its cycles. Every function starts with an empty pipeline; BX LR pairs with a single last instruction.
FORMS = [
    ("bx lr", 1),
    ("nop\nbx lr", 1),
    ("adds r0, #1\nadds r2, #1\nbx lr", 2),
    ("adds r0, #1\nadds r2, #1\nadds r3, #1\nadds r1, #1\nbx lr", 3),
    ("adds r0, #1\nadds r0, #1\nadds r0, #1\nbx lr", 3),  # each needs the one before
    ("adds r0, #1\nmov r2, r0\nadds r3, #1\nbx lr", 3),  # in order: nothing overtakes the second
    ("ldr r0, [r1]\nldr r2, [r1, #4]\nbx lr", 2),  # two loads pair
    ("str r0, [r1]\nstr r2, [r1, #4]\nbx lr", 2),  # two stores do not, the second pairs with the branch
    ("ldr r0, [r1]\nstr r2, [r1, #4]\nbx lr", 2),
    ("muls r0, r2, r0\nmuls r3, r2, r3\nbx lr", 2),
    ("ldr r0, [r1]\nadds r0, #1\nbx lr", 3),  # a cycle between load and use
    ("ldr r0, [r1]\nnop\nnop\nadds r0, #1\nbx lr", 3),  # which others fill
    ("mul r0, r2, r2\nadds r0, #1\nbx lr", 3),
    ("mla r0, r2, r3, r0\nmla r0, r2, r3, r0\nmla r0, r2, r3, r0\nbx lr", 3),  # accumulators pass every cycle
    ("mul r2, r0, r0\nmul r3, r2, r2\nbx lr", 3),  # factors do not
    ("smlal r0, r3, r2, r2\nsmlal r0, r3, r2, r2\nbx lr", 2),
    ("push {r0-r3}\npop {r0-r3}\nbx lr", 2 + 2 + 1),
    ("push {r0-r2}\npop {r0-r2}\nbx lr", 2 + 2 + 1),
    ("ldrd r2, r3, [r1]\nbx lr", 2),
    ("movs r0, #7\nmovs r2, #3\nudiv r0, r0, r2\nbx lr", 1 + DIVIDE_CYCLES + 1),
    ("dsb\nbx lr", SPECIAL_CYCLES + 1),
    ("cmp r0, #0\nbne 1f\nnop\n1: bx lr", 2),  # compare and branch pair; what follows a branch not taken pairs on
    ("cmp r0, r0\nbeq 1f\nnop\n1: bx lr", 2),  # taken: the target opens a cycle
    ("cmp r0, #0\nit eq\nmoveq r0, #5\nbx lr", 2),
    # 4 rounds of one pair each: predicted branches cost nothing else.
    ("movs r0, #4\n1: subs r0, #1\nbne 1b\nbx lr", 1 + 4 + 1),
    # A load's latency is waited for across the rounds of a loop too: 2 cycles a round.
    ("movs r0, #4\nmov r2, r1\n1: add r3, r2\nldr r2, [r1]\nsubs r0, #1\nbne 1b\nbx lr", 1 + 2 * 4 + 1),
]


@pytest.fixture(scope="module")
def image(assemble: Assemble, m7: Board) -> Image:
    """Every form as a function of its own."""
    text = "".join(f"function form_{number}\n{body}\n" for number, (body, _) in enumerate(FORMS))
    long = "function split\n.rept 1500\nadds r0, #1\nadds r2, #1\n.endr\nbx lr\n"
    # The emulator's pages have 1 KB: the load is the last of one, the branch the first of the next.
    waits = "ldr r2, [r1]\nb 1f\nnop\n1: adds r2, #1\nbx lr\n"
    long += f".p2align 10\n.rept 511\nnop\n.endr\nfunction waits_apart\n{waits}.p2align 10\nfunction waits\n{waits}"
    floats = (
        "function floats\nvadd.f32 s0, s0, s1\nvadd.f32 s2, s2, s3\nvadd.f32 s0, s0, s1\nvadd.f32 s0, s0, s1\nbx lr\n"
    )
    return assemble(m7, ".fpu fpv5-sp-d16\n" + text + long + floats + ".bss\n.space 64\n")


@pytest.fixture(scope="module")
def machine(image: Image, m7: Board) -> Machine:
    """Booted once for all calls."""
    return Machine(image, m7).boot()


@pytest.mark.parametrize("number", range(len(FORMS)), ids=[body.replace("\n", "; ") for body, _ in FORMS])
def test_pairs_and_waits(machine: Machine, m7: Board, number: int) -> None:
    """Each form takes the cycles that the rules of the model give it."""
    assert machine.call(f"form_{number}", 0, m7.data.start, 1, 1).cycles == FORMS[number][1]


def test_pairs_form_across_the_emulators_pages(machine: Machine) -> None:
    """3,000 independent instructions in a row take 1,500 cycles, wherever the emulator splits them, and a return."""
    assert machine.call("split", 0, 0, 0).cycles == 1501


def test_results_are_waited_for_across_the_emulators_pages(machine: Machine, m7: Board) -> None:
    """A load whose result the second block after it uses: the same cycles wherever the emulator ends the first one."""
    assert machine.call("waits", 0, m7.data.start).cycles == machine.call("waits_apart", 0, m7.data.start).cycles == 3


def test_floating_point_operations_issue_one_a_cycle_and_take_three(machine: Machine) -> None:
    """Two independent additions, then two that need the one before: cycles 0, 1, 3 and 6; the return pairs."""
    assert machine.call("floats").cycles == 7


def test_an_m7_is_faster_than_one_instruction_a_cycle_and_no_faster_than_two(machine: Machine, m7: Board) -> None:
    """No form beats two instructions a cycle."""
    for number in range(len(FORMS)):
        stats = machine.call(f"form_{number}", 0, m7.data.start, 1, 1)
        assert stats.instructions <= 2 * stats.cycles


def test_a_taken_branch_costs_nothing_by_itself() -> None:
    """The model documents that; the rest of the cycle is lost to the target, which its body knows."""
    block = type("Anything", (), {"instructions": ()})()
    assert CortexM7().taken(block) == 0
