"""Counting by blocks gives what stepping through a program instruction by instruction gives."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
import unicorn
from unicorn import arm_const as arm

from tinyglow.bundle.harness import write_harness
from tinyglow.sim.cycles.m0plus import instruction_cycles
from tinyglow.sim.decode import Decoder, Kind
from tinyglow.sim.image import Image, load_image
from tinyglow.sim.machine import Machine
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import Board, load_board

WriteBundle = Callable[..., list[Path]]

# Loops, calls, a switch, recursion, a function pointer, 64-bit and floating-point arithmetic of the compiler's library.
SOURCE = """
#include "inc.h"
static uint32_t depth(uint32_t n) { return n == 0 ? 1u : n + depth(n - 1u); }
static int pick(int x)
{
    switch (x & 7) {
    case 0: return 17;
    case 1: return x * x;
    case 2: return -x;
    case 3: return x >> 1;
    case 4: return x ^ 0x55;
    case 5: return x % 7;
    case 6: return x / 3;
    default: return 2;
    }
}
static int twice(int x) { return 2 * x; }
static int (*volatile chosen)(int) = twice;
static volatile float scale = 0.37f;
int inc(uint8_t *c, uint8_t *m, uint8_t *a)
{
    int64_t sum = c[0];
    for (int i = 0; i < 40; i++) {
        a[i & 15] = (uint8_t)(m[i & 15] + i);
        sum += (int64_t)pick(a[i & 15]) * (sum & 0xFFFF) + chosen(i);
        sum ^= (int64_t)((float)i * scale);
    }
    return (int)(sum / 3) + (int)depth(9);
}
"""


def _stepped(image: Image, board: Board, function: str) -> tuple[int, int, list[int]]:
    """Result, peak stack and the addresses of all instructions, from an emulator that stops at every one."""
    emulator = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
    emulator.ctl_set_cpu_model(getattr(arm, f"UC_CPU_ARM_CORTEX_{board.core.emulator}"))
    for memory in board.memories:
        start = memory.start & ~0xFFF
        emulator.mem_map(start, (memory.end - start + 0xFFF) & ~0xFFF)
    emulator.mem_map(0xE000_E000, 4096)
    for segment in image.segments:
        emulator.mem_write(segment.address, segment.data)
    lowest = board.data.end
    path: list[int] = []

    def on_instruction(machine: unicorn.Uc, address: int, _size: int, _data: object) -> None:
        nonlocal lowest
        lowest = min(lowest, machine.reg_read(arm.UC_ARM_REG_SP))
        path.append(address)

    main = image.symbol("main").address
    emulator.reg_write(arm.UC_ARM_REG_SP, board.data.end)
    emulator.emu_start(image.symbol("Reset_Handler").address | 1, main)
    top = lowest = emulator.reg_read(arm.UC_ARM_REG_SP)
    emulator.hook_add(unicorn.UC_HOOK_CODE, on_instruction)
    emulator.reg_write(arm.UC_ARM_REG_LR, main | 1)
    emulator.ctl_flush_tb()
    emulator.emu_start(image.symbol(function).address | 1, main)
    return emulator.reg_read(arm.UC_ARM_REG_R0), top - lowest, [*path, main]


def _priced(image: Image, path: list[int]) -> tuple[int, int]:
    """Instructions and cycles of a path: of single instructions by the M0+ manual.

    A conditional branch was taken if the path goes elsewhere. The emulator does not stop at instructions that an IT
    block skips: they lie where the path leaps although no branch was there.
    """
    decoder = Decoder()
    code = {
        instruction.address: instruction
        for start, end in image.code_ranges
        for segment in image.segments
        if segment.address <= start < segment.address + len(segment.data)
        for instruction in decoder.instructions(segment.data[start - segment.address : end - segment.address], start)
    }
    count = cycles = 0
    for address, behind in itertools.pairwise(path):
        instruction = code[address]
        after = address + instruction.size
        count += 1
        cycles += instruction_cycles(instruction)
        cycles += instruction.kind is Kind.BRANCH_IF and behind != after
        while not instruction.ends and after != behind:
            count += 1
            after += code[after].size
    return count, cycles


@pytest.mark.parametrize("board_name", ["frdm-ke16z", "mimxrt1060-evk"])
def test_blocks_and_single_steps_agree(
    tmp_path: Path, write_bundle: WriteBundle, compiler_name: str, board_name: str
) -> None:
    """Result, instructions and peak stack agree on both cores, and cycles on the M0+, which prices instructions."""
    board = load_board(board_name)
    sources = write_bundle(tmp_path, source=SOURCE)
    harness = write_harness(tmp_path / "harness", "inc", board)
    image = load_image(
        find_compiler(compiler_name, board).compile_firmware(
            [*harness.sources, *sources], [tmp_path], harness.linker_script, board, tmp_path / "out.elf"
        )
    )
    stats = Machine(image, board).boot().call(harness.infer, strict=True)
    result, stack, path = _stepped(image, board, harness.infer)
    assert stats.value & 0xFFFF_FFFF == result
    assert stats.stack_bytes == stack
    instructions, cycles = _priced(image, path)
    assert stats.instructions == instructions
    if board.cpu == "cortex-m0plus":
        assert stats.cycles == cycles
    else:
        assert stats.instructions / 2 <= stats.cycles <= 2 * stats.instructions
    assert sum(stats.by_function.values()) == stats.cycles
    assert {"inc", "tg_infer"} <= stats.by_function.keys()
    assert len(stats.by_function) > 3
