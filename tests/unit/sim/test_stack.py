"""The peak of the stack is exact, however the program moves the stack pointer, and going below its end is noticed."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator

import pytest

from tinyglow.errors import SimulationError
from tinyglow.sim.decode import Decoder
from tinyglow.sim.image import Image
from tinyglow.sim.machine import Machine
from tinyglow.targets.boards import Board

Assemble = Callable[..., Image]

# Assembly of a body, which returns by itself, and its depth in bytes.
BODIES = [
    ("bx lr", 0),
    ("push {r0-r3, lr}\npop {r0-r3, pc}", 20),
    ("sub sp, #64\nadd sp, #64\nbx lr", 64),  # reserved, never written
    ("push {lr}\nsub sp, #12\nnop\nadd sp, #12\npop {pc}", 16),
    ("push {lr}\nbl leaf\npop {pc}", 4 + 8),  # the callee is deeper
    ("push {r4, lr}\nsub sp, #32\nadd sp, #32\nbl leaf\npop {r4, pc}", 8 + 32),  # the caller is
    ("ldr r1, =-500\nadd sp, r1\nrsbs r1, r1, #0\nadd sp, r1\nbx lr", 500),  # both moves in one block
    ("ldr r1, =-500\nadd sp, r1\npush {r0, r2}\npop {r0, r2}\nrsbs r1, r1, #0\nadd sp, r1\nbx lr", 508),
    ("push {lr}\nldr r1, =-200\nadd sp, r1\nbl leaf\nmovs r1, #200\nadd sp, r1\npop {pc}", 4 + 200 + 8),
    ("mov r2, sp\nmov r1, sp\nsubs r1, #40\nmov sp, r1\nmov sp, r2\nbx lr", 40),
    ("cmp r0, #0\nbeq 1f\nsub sp, #100\nadd sp, #100\n1: bx lr", 0),  # not gone there
    ("movs r0, #10\npush {lr}\nbl recurse\npop {pc}", 4 + 11 * 8),
    ("ldr r1, =-1024\nadd sp, r1\nrsbs r1, r1, #0\nadd sp, r1\nbx lr", 1024),  # all there is
]
_HELPERS = """
function leaf
push {r0, r1}
pop {r0, r1}
bx lr
function recurse
push {r4, lr}
subs r0, #1
bmi 1f
bl recurse
1: pop {r4, pc}
function endless
push {r4, lr}
bl endless
pop {r4, pc}
function one_too_many
ldr r1, =-1028
add sp, r1
rsbs r1, r1, #0
add sp, r1
bx lr
.ltorg
function big_frame
push {r4, lr}
ldr r4, =-2000
add sp, r4
str r4, [sp]
rsbs r4, r4, #0
add sp, r4
pop {r4, pc}
.ltorg
"""
BODIES_M7 = [
    ("push {r4-r11, lr}\npop {r4-r11, pc}", 36),
    ("sub.w sp, sp, #1024\nadd.w sp, sp, #1024\nbx lr", 1024),
    ("str lr, [sp, #-16]!\nldr pc, [sp], #16", 16),
    ("strd r0, r1, [sp, #-24]!\nldrd r0, r1, [sp], #24\nbx lr", 24),
    ("stmdb sp!, {r1-r3}\nldmia sp!, {r1-r3}\nbx lr", 12),
    ("sub sp, #12\nstm.w sp, {r0, r1, r10}\nldm.w sp, {r0, r1, r10}\nadd sp, #12\nbx lr", 12),
    ("vpush {s16-s19}\nvpop {s16-s19}\nbx lr", 16),
    ("vpush {d8-d9}\nvpop {d8-d9}\nbx lr", 16),
    ("cmp r0, #0\nittt eq\nsubeq sp, #48\nmoveq r1, #48\naddeq sp, r1\nbx lr", 48),
    ("cmp r0, #0\nittt ne\nsubne sp, #48\nmovne r1, #48\naddne sp, r1\nbx lr", 0),  # skipped
    ("cmp r0, #0\nite eq\nsubeq sp, #48\nmovne r1, #1\nadd sp, #48\nbx lr", 48),  # the next instruction is skipped
    ("mov r1, #72\nsub.w sp, sp, r1\npush {r0}\npop {r0}\nadd sp, r1\nbx lr", 76),
]


def _functions(bodies: list[tuple[str, int]]) -> str:
    return "".join(f"function body_{number}\n{body}\n.ltorg\n" for number, (body, _) in enumerate(bodies))


@pytest.fixture(scope="module")
def machine(assemble: Assemble, m0plus: Board) -> Machine:
    """All bodies for a Cortex-M0+."""
    return Machine(assemble(m0plus, _functions(BODIES) + _HELPERS), m0plus).boot()


@pytest.fixture(scope="module")
def machine_m7(assemble: Assemble, m7: Board) -> Machine:
    """All bodies for a Cortex-M7."""
    return Machine(assemble(m7, ".fpu fpv5-sp-d16\n" + _functions(BODIES_M7)), m7).boot()


@pytest.mark.parametrize("number", range(len(BODIES)), ids=[body.replace("\n", "; ") for body, _ in BODIES])
def test_the_peak_is_exact(machine: Machine, number: int) -> None:
    """The depth is that of the lowest stack pointer, written to or not."""
    assert machine.call(f"body_{number}").stack_bytes == BODIES[number][1]


@pytest.mark.parametrize("number", range(len(BODIES_M7)), ids=[body.replace("\n", "; ") for body, _ in BODIES_M7])
def test_the_peak_is_exact_with_thumb_2(machine_m7: Machine, number: int) -> None:
    """The same for the forms that only larger cores have, conditional ones included."""
    assert machine_m7.call(f"body_{number}", 0).stack_bytes == BODIES_M7[number][1]


@pytest.mark.parametrize(
    ("name", "need"), [("endless", "1,032 bytes"), ("one_too_many", "1,028 bytes"), ("big_frame", "2,008 bytes")]
)
def test_an_overflow_is_noticed_before_it_does_harm(machine: Machine, m0plus: Board, name: str, need: str) -> None:
    """The message says how much was needed, where, and what the board gives; variables below are untouched."""
    machine.write(m0plus.data.start, bytes(1024))
    expected = rf"{name} on frdm-ke16z: stack overflow\n.* {name}.* at least {need} of stack.* at most 1,024 bytes"
    with pytest.raises(SimulationError, match=expected):
        machine.call(name, max_instructions=100_000)
    assert machine.read(m0plus.data.start, 1024) == bytes(1024)


def _encodings() -> Iterator[bytes]:
    """Instructions that may name the stack pointer, each also after ``it ne``.

    All of 16 bits that work on high registers or the stack, and some of 32 bits with the number 13 in their fields.
    """
    narrow = [bytes(struct.pack("<H", half)) for half in (*range(0x4400, 0x4700), *range(0xB000, 0xC000))]
    draw = random.Random(1)
    wide = []
    for _ in range(3000):
        first = draw.randrange(0xE800, 0x10000) & 0xFFF0 | draw.choice([13, draw.randrange(16)])
        second = draw.randrange(0x10000) & 0xF0FF | draw.choice([13, draw.randrange(16)]) << 8
        wide.append(struct.pack("<HH", first, second))
    for code in (*narrow, *wide):
        yield code
        yield struct.pack("<H", 0xBF18) + code


def test_no_unknown_move_is_overlooked() -> None:
    """What is found by a look at the text is at least what the full decoding finds, for whatever instruction."""
    decoder, found = Decoder(), 0
    for code in _encodings():
        if any(one.stack is None and not one.ends for one in decoder.instructions(code, 0x1000)):
            assert decoder.may_move_stack_unknown(code, 0x1000), code.hex()
            found += 1
    assert found > 100
