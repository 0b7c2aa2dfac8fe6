"""The same reference programs in qemu: instruction by instruction the same count, and the same results."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.unit.sim import test_m0plus, test_m4, test_m7
from tinyglow.sim.image import Image
from tinyglow.sim.machine import Machine
from tinyglow.targets.boards import Board, load_board

QEMU = "qemu-system-arm"
# Before each instruction qemu logs its address, and then the registers.
_ENTRY = re.compile(r"^Trace \d+: \S+ \[[0-9a-f]+/([0-9a-f]+)/.*?^R00=([0-9a-f]{8})", re.MULTILINE | re.DOTALL)
# Semihosting: SYS_EXIT, "application exit" (ARM DUI 0471, 8.15).
_EXIT = "movs r0, #0x18\nldr r1, =0x20026\nbkpt #0xAB\n"


# What programs may look at beside their arguments: flags and r12.
_KNOWN = "cmp r0, r0\nmov r12, r0\n"


@dataclass(frozen=True)
class Case:
    """A core, the machine of qemu that has it, its RAM there, and programs: assembly of functions, and their number."""

    board: str
    machine: str
    ram: int
    text: str
    count: int
    arguments: tuple[int, int, int]  # r0, r2, r3; r1 points to RAM


def _m0plus() -> Case:
    text = "function callee\nbx lr\nfunction popper\npush {r4, lr}\nnop\npop {r4, pc}\n"
    for number, (body, _) in enumerate(test_m0plus.FORMS):
        near = body.replace("near_word", f"word_{number}")
        text += f"function form_{number}\n{_KNOWN}{near}\nbx lr\n.ltorg\n.balign 4\nword_{number}: .word 7\n"
    return Case("cortex-m0plus", "microbit", 16 * 1024, text, len(test_m0plus.FORMS), (5, 0, 0))


def _m4() -> Case:
    text = ".fpu fpv4-sp-d16\nfunction callee\nbx lr\nfunction popper\npush {r4, lr}\nnop\npop {r4, pc}\n"
    for number, (body, _) in enumerate(test_m4.FORMS):
        text += f".balign 4\nfunction form_{number}\n{_KNOWN}{body}\nbx lr\n"
    return Case("cortex-m4", "mps2-an386", 1024 * 1024, text, len(test_m4.FORMS), (0, 0, 1))


def _m7() -> Case:
    text = ".fpu fpv5-sp-d16\n"
    for number, (body, _) in enumerate(test_m7.FORMS):
        text += f"function form_{number}\n{_KNOWN}{body}\n"
    return Case("cortex-m7", "mps2-an500", 1024 * 1024, text, len(test_m7.FORMS), (0, 1, 1))


CASES = {"m0plus": _m0plus, "m4": _m4, "m7": _m7}


def _board(case: Case) -> Board:
    """The core with no more RAM than qemu's machine has."""
    board = load_board(case.board)
    return replace(board, memories=(board.code, replace(board.data, size=case.ram)))


def _main(case: Case, board: Board) -> str:
    """Calls every program, with zeros in the RAM that it may look at: after r1 and below the stack pointer."""
    r0, r2, r3 = case.arguments
    calls = ""
    for number in range(case.count):
        clear = "".join(f"str r2, [r1, #{4 * word}]\n" for word in range(16))
        calls += f"movs r2, #0\nldr r1, ={board.data.end - 64}\n{clear}ldr r1, ={board.data.start}\n{clear}"
        calls += f"movs r0, #{r0}\nmovs r2, #{r2}\nmovs r3, #{r3}\nbl form_{number}\nb 9f\n.ltorg\n9:\n"
    return calls + _EXIT


def _qemu_log(elf: Path, machine: str, log: Path) -> str:
    help_text = subprocess.run([QEMU, "-accel", "tcg,help"], capture_output=True, encoding="utf-8", check=False)
    one = ["-accel", "tcg,one-insn-per-tb=on"] if "one-insn" in help_text.stdout + help_text.stderr else ["-singlestep"]
    command = [QEMU, "-M", machine, "-kernel", str(elf), "-display", "none", "-monitor", "none", "-serial", "none"]
    command += ["-semihosting", "-d", "exec,nochain,cpu", "-D", str(log), *one]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    if done.returncode not in (0, 1) or not log.exists():
        pytest.skip(f"{QEMU} does not run {machine}: {done.stderr.strip()[:200]}")
    return log.read_text(encoding="utf-8")


def _runs(log: str, image: Image, count: int) -> list[tuple[int, int]]:
    """Instructions and result of each program: from its first instruction to the one after the call."""
    path = [(int(address, 16), int(result, 16)) for address, result in _ENTRY.findall(log)]
    main = range(image.symbol("main").address, image.end_of(image.symbol("main")))
    found = []
    for number in range(count):
        start = image.symbol(f"form_{number}").address
        begin = next(index for index, (address, _) in enumerate(path) if address == start)
        end = next(index for index in range(begin, len(path)) if path[index][0] in main)
        found.append((end - begin, path[end][1]))
    return found


@pytest.mark.parametrize("core", CASES)
def test_qemu_runs_the_same_instructions_to_the_same_results(
    core: str, assemble: Callable[..., Image], tmp_path: Path
) -> None:
    """More than 40 instruction forms of each ARMv6-M and ARMv7E-M, and what the M7's model is tested with."""
    if not shutil.which(QEMU):
        pytest.skip(f"{QEMU} is not installed")
    case = CASES[core]()
    board = _board(case)
    image = assemble(board, case.text + ".bss\n.space 64\n", main=_main(case, board))
    log = _qemu_log(image.path, case.machine, tmp_path / "qemu.log")
    runs = _runs(log, image, case.count)
    assert len(runs) >= (25 if core == "m7" else 40)
    machine = Machine(image, board).boot()
    r0, r2, r3 = case.arguments
    for number, (instructions, result) in enumerate(runs):
        machine.write(board.data.start, bytes(64))
        machine.write(board.data.end - 64, bytes(64))
        stats = machine.call(f"form_{number}", r0, board.data.start, r2, r3)
        assert (number, stats.instructions, stats.value & 0xFFFF_FFFF) == (number, instructions, result)
