"""Every way in which an emulated program can go wrong is named, with the place where it happened."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tinyglow.errors import BoardError, InputError, SimulationError, ToolError
from tinyglow.sim.image import Image, load_image
from tinyglow.sim.machine import Machine
from tinyglow.sim.zig_cache import cache_variables
from tinyglow.targets.boards import CPUS, Board
from tinyglow.targets.cores import CORES

Assemble = Callable[..., Image]

_SOURCE = """
function read_nothing
ldr r0, =0x40000000
nop
ldr r0, [r0]
bx lr
.ltorg
function write_nothing
ldr r0, =0x50000000
str r0, [r0]
bx lr
.ltorg
function write_flash
movs r0, #64
strh r0, [r0]
bx lr
function leave_memory
ldr r1, =0x40000001
bx r1
.ltorg
function run_data
ldr r1, ={data} + 1
bx r1
.ltorg
function undefined
nop
udf #1
bx lr
function supervisor
svc #3
bx lr
function breakpoint
bkpt #1
bx lr
function even
ldr r1, =target
bx r1
.ltorg
.balign 4
target:
nop
bx lr
function sleep
wfi
bx lr
function spin
nop
b spin
function crooked
sub sp, #8
bx lr
function clobber
movs r4, #1
mov r9, r4
bx lr
function word_at
ldr r0, [r0]
bx lr
function half_at
strh r0, [r0]
bx lr
function many_at
ldmia r0!, {{r1, r2}}
bx lr
function byte_at
ldrb r0, [r0]
bx lr
function add_up
adds r0, r0, r1
adds r0, r0, r2
adds r0, r0, r3
bx lr
function last_two
ldr r0, [sp]
ldr r1, [sp, #4]
adds r0, r0, r1
bx lr
.bss
.space 64
"""
_EXTRA_M7 = """
.text
.fpu fpv5-sp-d16
function pair_at
ldrd r0, r1, [r0]
bx lr
function float_at
vldr s0, [r0]
bx lr
"""


@pytest.fixture(scope="module")
def image(assemble: Assemble, m0plus: Board) -> Image:
    """All faults in one program."""
    return assemble(m0plus, _SOURCE.format(data=m0plus.data.start))


@pytest.fixture(scope="module")
def image_m7(assemble: Assemble, m7: Board) -> Image:
    """The same for a Cortex-M7."""
    return assemble(m7, _SOURCE.format(data=m7.data.start) + _EXTRA_M7)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("read_nothing", ["bad memory access", "read_nothing+0x4", "reads 4 bytes at 0x40000000", "no memory"]),
        ("write_nothing", ["bad memory access", "write_nothing+0x2", "writes 4 bytes at 0x50000000", "no memory"]),
        ("write_flash", ["bad memory access", "write_flash+0x2", "writes 2 bytes at 0x00000040", "flash"]),
        ("leave_memory", ["exception", "leave_memory (then pc 0x40000000)", "no code"]),
        ("run_data", ["bad memory access", "run_data (then pc 0x1ffff800)", "holds no code"]),
        ("undefined", ["exception", "undefined+0x2", "undefined instruction"]),
        ("supervisor", ["exception", "supervisor", "SVC"]),
        ("breakpoint", ["exception", "breakpoint", "BKPT"]),
        ("even", ["exception", "even address", "not Thumb"]),
        ("sleep", ["sleeps for ever", "sleep", "waits for an interrupt"]),
        ("crooked", ["did not return properly", "the stack pointer is 0x200017f8 after the call; expected 0x20001800"]),
        ("clobber", ["did not return properly", "r4 is 0x00000001 after the call", "r9 is 0x00000001"]),
    ],
)
def test_a_fault_says_what_and_where(image: Image, m0plus: Board, name: str, words: list[str]) -> None:
    """The message names the call, the board, the fault, the address and the function it happened in."""
    machine = Machine(image, m0plus).boot()
    with pytest.raises(SimulationError) as caught:
        machine.call(name, max_instructions=10_000)
    for word in [name, "frdm-ke16z", *words]:
        assert word in str(caught.value)


def test_a_runaway_is_stopped(image: Image, m0plus: Board) -> None:
    """A loop without end is stopped after the allowed number of instructions."""
    with pytest.raises(SimulationError, match=r"runaway\n.* spin.* still running after 10,000 instructions"):
        Machine(image, m0plus).boot().call("spin", max_instructions=10_000)


def test_the_limit_of_instructions_is_the_limit(image: Image, m0plus: Board) -> None:
    """A function of four instructions returns within four, and not within three."""
    machine = Machine(image, m0plus).boot()
    assert machine.call("add_up", 1, 2, 3, 4, max_instructions=4).value == 10
    with pytest.raises(SimulationError, match="runaway"):
        machine.call("add_up", 1, 2, 3, 4, max_instructions=3)


@pytest.mark.parametrize(
    ("name", "offset", "words"),
    [
        ("word_at", 2, "reads 4 bytes at 0x1ffff802"),
        ("half_at", 1, "writes 2 bytes at 0x1ffff801"),
        ("many_at", 6, "reads 4 bytes at 0x1ffff806"),
    ],
)
def test_unaligned_accesses_of_an_m0plus_are_faults_when_checked(
    image: Image, m0plus: Board, name: str, offset: int, words: str
) -> None:
    """On ARMv6-M no access may be unaligned: the strict call says which was; an aligned one passes."""
    machine = Machine(image, m0plus).boot()
    machine.call(name, m0plus.data.start, strict=True)
    with pytest.raises(SimulationError, match=f"unaligned access\n.*{name} .*{words}"):
        machine.call(name, m0plus.data.start + offset, strict=True)
    machine.call("byte_at", m0plus.data.start + offset, strict=True)


@pytest.mark.parametrize("name", ["many_at", "pair_at", "float_at"])
def test_an_m7_takes_single_unaligned_accesses_and_no_others(image_m7: Image, m7: Board, name: str) -> None:
    """LDR and STRH may be unaligned on ARMv7-M; LDM, LDRD and VLDR may not."""
    machine = Machine(image_m7, m7).boot()
    machine.call("word_at", m7.data.start + 1, strict=True)
    machine.call("half_at", m7.data.start + 1, strict=True)
    with pytest.raises(SimulationError, match=f"unaligned access\n.*{name} .*reads"):
        machine.call(name, m7.data.start + 2, strict=True)


def test_a_machine_still_works_after_a_fault(image: Image, m0plus: Board) -> None:
    """A fault in one call leaves stack pointer and counts of the next as they should be."""
    machine = Machine(image, m0plus).boot()
    before = machine.call("add_up", 1, 2, 3, 4)
    for name in ("read_nothing", "crooked", "undefined", "spin"):
        with pytest.raises(SimulationError):
            machine.call(name, max_instructions=1_000)
    assert machine.call("add_up", 1, 2, 3, 4) == before


def test_results_and_arguments_are_c_ints(image: Image, m0plus: Board) -> None:
    """Negative arguments and results pass unharmed, and all arguments arrive, those on the stack too."""
    machine = Machine(image, m0plus).boot()
    assert machine.call("last_two", 1, 2, 3, 4, 100, -7).value == 93
    assert machine.call("last_two", 1, 2, 3, 4, 100, -7, 9).stack_bytes == 0
    assert machine.call("add_up", -5, 2, 0, 0).value == -3
    assert machine.call("add_up", 1, 20, 300, 4000).value == 4321


def test_calls_that_make_no_sense_are_refused(image: Image, m0plus: Board) -> None:
    """An unknown function, main itself and a call before the boot are refused before anything runs."""
    machine = Machine(image, m0plus).boot()
    with pytest.raises(SimulationError, match="no symbol 'nonesuch'"):
        machine.call("nonesuch")
    with pytest.raises(InputError, match="main cannot be called"):
        machine.call("main")
    with pytest.raises(SimulationError, match="add_up on frdm-ke16z: not booted"):
        Machine(image, m0plus).call("add_up", 1, 2, 3, 4)


def test_memory_is_read_and_written_by_address(image: Image, m0plus: Board) -> None:
    """What is written is read back, a variable keeps its value over a call, and outside of the memories is an error."""
    machine = Machine(image, m0plus).boot()
    machine.write(m0plus.data.start, bytes([1, 2, 3, 4]))
    assert machine.read(m0plus.data.start, 4) == bytes([1, 2, 3, 4])
    assert machine.call("word_at", m0plus.data.start).value == 0x04030201
    with pytest.raises(SimulationError, match=r"cannot read memory of frdm-ke16z\n.*0x40000000.*ram 0x1ffff800"):
        machine.read(0x4000_0000, 4)
    with pytest.raises(SimulationError, match="cannot write memory of frdm-ke16z"):
        machine.write(m0plus.data.end - 2, bytes(4))


def test_ram_does_not_start_as_zeros(image: Image, m0plus: Board) -> None:
    """A program that forgets to initialize its variables cannot count on zeros."""
    assert any(Machine(image, m0plus).read(m0plus.data.start, 64))


def test_a_start_that_fails_is_a_fault_of_the_boot(assemble: Assemble, m0plus: Board, m7: Board) -> None:
    """A bad stack pointer, a bad reset vector, a start that leads nowhere and an FPU left off are told apart."""
    image = assemble(m0plus, "")
    small = replace(m0plus, memories=(m0plus.code, replace(m0plus.data, size=4096)))
    with pytest.raises(SimulationError, match=r"boot on frdm-ke16z: no stack\n.*0x20001800"):
        Machine(image, small).boot()
    for reset, words in ((0x40000001, "no code"), (0x40, "reset vector 0x00000040 is even")):
        machine = Machine(image, m0plus)
        machine.write(4, reset.to_bytes(4, "little"))
        with pytest.raises(SimulationError, match=rf"boot on frdm-ke16z: .*\n.*{words}"):
            machine.boot()
    with pytest.raises(SimulationError, match=r"no FPU\n.*CPACR"):
        Machine(assemble(m7, "", enable_fpu=False), m7).boot()


def test_a_core_without_a_cycle_model_is_refused(image: Image, m0plus: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    """A core that nothing can count for is named, with those that have a model."""
    unknown = replace(CPUS["cortex-m4"], name="cortex-m55", title="M55", cycles="")
    for table in (CPUS, CORES):
        monkeypatch.setitem(table, "cortex-m55", unknown)
    with pytest.raises(SimulationError, match=r"no cycle model for M55\n.*cortex-m0plus, cortex-m4"):
        Machine(image, replace(m0plus, cpu="cortex-m55"))


def test_a_program_too_big_for_the_board_is_not_loaded(image: Image, m0plus: Board) -> None:
    """The machine refuses a program that its board could not hold."""
    small = replace(m0plus, memories=(replace(m0plus.code, size=0), m0plus.data))
    with pytest.raises(BoardError, match="does not fit"):
        Machine(image, small)


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("x86_64-linux-gnu", "EM_X86_64, 64 bits, little-endian"),
        ("aarch64-linux-gnu", "EM_AARCH64, 64 bits, little-endian"),
        ("armeb-freestanding-eabi", "EM_ARM, 32 bits, big-endian"),
    ],
)
def test_an_object_of_another_architecture_or_byte_order_is_refused(tmp_path: Path, target: str, found: str) -> None:
    """The message says what the file is and what it should be; so it does for a file that is no ELF at all."""
    source, program = tmp_path / "x.c", tmp_path / "x.o"
    source.write_text("int x(void) { return 1; }\n", encoding="utf-8")
    command = [sys.executable, "-m", "ziglang", "cc", "-target", target, "-c", str(source), "-o", str(program)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **cache_variables(os.environ)})
    with pytest.raises(ToolError, match=f"no firmware for a Cortex-M\n.*{found}; expected EM_ARM, 32 bits, little"):
        load_image(program)
    program.write_bytes(b"\x7fELF" + program.read_bytes()[4:40])
    with pytest.raises(ToolError, match=r"x\.o"):
        load_image(program)
    program.write_bytes(b"MZ not this")
    with pytest.raises(ToolError, match="cannot read firmware"):
        load_image(program)
