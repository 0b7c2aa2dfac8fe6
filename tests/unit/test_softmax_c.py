"""Parts of Softmax in C (softmax/tg_softmax_s8.c) against integers of any size."""

from __future__ import annotations

import ctypes
import random
from pathlib import Path

import pytest

from tinyglow import resources
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import HOST

WRAPPERS = """
uint32_t high(uint32_t a, uint32_t b);
uint32_t high(uint32_t a, uint32_t b) { return tg_softmax_s8_multiply_high(a, b); }
uint32_t rounded(uint32_t x, uint32_t shift);
uint32_t rounded(uint32_t x, uint32_t shift) { return tg_softmax_s8_shift_rounded(x, shift); }
"""


def _rounded(x: int, shift: int) -> int:
    """Glow's 32-bit 1 << (shift + 15) is negative at 16, and not defined from 17 on."""
    if shift == 16:
        return (x - (1 << 15)) >> 16
    return (x + ((1 << shift) >> 1)) >> shift if shift < 16 else x >> shift


@pytest.mark.slow  # compiles C
def test_products_and_shifts_are_those_of_integers(tmp_path: Path) -> None:
    """At the ends of their ranges and at random."""
    source = tmp_path / "all.c"
    source.write_text(f'#include "softmax/tg_softmax_s8.c"\n{WRAPPERS}', encoding="utf-8")
    folders = [resources.RUNTIME / "include", resources.RUNTIME / "src"]
    made = find_compiler(None, HOST).compile_shared([source], tmp_path / "all.so", include_dirs=folders)
    library, draw = ctypes.CDLL(str(made)), random.Random(3)
    ends = [0, 1, 2, 3, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x1FFFF]
    for a in [*ends, *(draw.randrange(1 << 17) for _ in range(40))]:
        for b in [*ends, 0x7FFFFFFF, 0x80000000, *(draw.randrange(1 << 31) for _ in range(40))]:
            assert ctypes.c_uint32(library.high(a, b)).value == a * b >> 16, (a, b)
    for x in [*ends, 0x7FFFFFFF, *(draw.randrange(1 << 31) for _ in range(40))]:
        for shift in range(34):
            due = _rounded(x, shift) & 0xFFFFFFFF
            assert ctypes.c_uint32(library.rounded(x, shift)).value == due, (x, shift)
