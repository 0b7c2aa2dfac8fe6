"""Programs for the emulated boards: assembly with known costs, and a bundle that adds one to its input."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tinyglow.sim.image import Image, load_image
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import Board, load_board

Assemble = Callable[..., Image]
WriteBundle = Callable[..., list[Path]]

_START = """
.syntax unified
.thumb
.section .vectors, "a"
.word {stack}
.word Reset_Handler
.text
.macro function name
.global \\name
.type \\name, %function
.thumb_func
\\name:
.endm
function Reset_Handler
{before_main}
bl main
function main
{main}
99: b 99b
.ltorg
"""
# Nothing is dropped: the functions are called by name.
_SCRIPT = """
SECTIONS
{{
  .text {code:#x} : {{ KEEP(*(.vectors)) KEEP(*(.text .text.*)) }}
  .bss {data:#x} (NOLOAD) : {{ KEEP(*(.bss .bss.*)) }}
  /DISCARD/ : {{ *(.ARM.exidx*) *(.debug_*) }}
}}
"""
_FPU_ON = "ldr r0, =0xE000ED88\nldr r1, [r0]\norr r1, #0xF00000\nstr r1, [r0]\n"

_HEADER = """
#ifndef INC_H
#define INC_H
#include <stdint.h>
#define GLOW_MEM_ALIGN(size) __attribute__((aligned(size)))
#define INC_CONSTANT_MEM_SIZE {constant}
#define INC_MUTABLE_MEM_SIZE {mutable}
#define INC_ACTIVATIONS_MEM_SIZE {activations}
#define INC_MEM_ALIGN 64
int inc(uint8_t *constantWeight, uint8_t *mutableWeight, uint8_t *activations);
#endif
"""
# Adds the first constant to 16 inputs, by way of the activations, and puts the sums after the inputs.
_SOURCE = """
#include "inc.h"
int inc(uint8_t *constantWeight, uint8_t *mutableWeight, uint8_t *activations)
{
    for (int i = 0; i < 16; i++) {
        activations[i] = (uint8_t)(mutableWeight[i] + constantWeight[0]);
    }
    for (int i = 0; i < 16; i++) {
        mutableWeight[64 + i] = activations[i];
    }
    return 0;
}
"""


@pytest.fixture(scope="session")
def m0plus() -> Board:
    """A board with a Cortex-M0+."""
    return load_board("frdm-ke16z")


@pytest.fixture(scope="session")
def m7() -> Board:
    """A board with a Cortex-M7."""
    return load_board("mimxrt1060-evk")


@pytest.fixture(params=["zig", "gcc", "clang"])
def compiler_name(request: pytest.FixtureRequest) -> str:
    """Each compiler for boards that is there; ziglang always is."""
    name = str(request.param)
    if name == "clang" and not shutil.which("clang"):
        pytest.skip("clang is not installed")
    if name != "zig" and not shutil.which("arm-none-eabi-gcc"):
        pytest.skip("arm-none-eabi-gcc is not installed")
    return name


@pytest.fixture(scope="session")
def assemble(tmp_path_factory: pytest.TempPathFactory) -> Assemble:
    """Builds a firmware from assembly; ``function NAME`` starts a function that can be called.

    main: what main does, which machines never run: they stop where it begins.
    """

    def build(board: Board, text: str, *, enable_fpu: bool = True, main: str = "") -> Image:
        folder = tmp_path_factory.mktemp("asm")
        source, script = folder / "program.s", folder / "program.ld"
        before_main = _FPU_ON if board.float_abi == "hard" and enable_fpu else ""
        source.write_text(
            _START.format(stack=board.data.end, before_main=before_main, main=main) + text, encoding="utf-8"
        )
        script.write_text(_SCRIPT.format(code=board.code.start, data=board.data.start), encoding="utf-8")
        compiler = find_compiler("zig", board)
        return load_image(compiler.compile_firmware([source], [], script, board, folder / "program.elf"))

    return build


@pytest.fixture(scope="session")
def write_bundle() -> WriteBundle:
    """Writes a bundle ``inc`` of one C file; ``source`` replaces it, the areas' sizes can be chosen."""

    def write(
        folder: Path, *, constant: int = 64, mutable: int = 128, activations: int = 16, source: str = _SOURCE
    ) -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        header = _HEADER.format(constant=constant, mutable=mutable, activations=activations)
        (folder / "inc.h").write_text(header, encoding="utf-8")
        (folder / "inc.weights.txt").write_text(", ".join(["0x01"] * constant) + "\n", encoding="utf-8")
        (folder / "inc.c").write_text(source, encoding="utf-8")
        return [folder / "inc.c"]

    return write
