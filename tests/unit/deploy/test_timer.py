"""The timer of a firmware goes forward only, also where SysTick has wrapped and its interrupt is still to come."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

import pytest

from tests.unit.deploy.test_deploy import project
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import HOST

_TURN = 1 << 24  # cycles


@pytest.mark.slow  # compiles C
def test_a_wrap_that_is_not_counted_yet_takes_no_time_back(tmp_path: Path) -> None:
    """SysTick's registers are variables here: it wraps, is read before its interrupt and after it."""
    text = (project(tmp_path, "frdm-ke16z") / "src/timer.c").read_text(encoding="utf-8")
    text = re.sub(r"\(volatile uint32_t \*\)0xE000E01([048])u", r"(registers + 0x\1 / 4)", text)
    assert text.count("(registers + ") == 3 and "0xE000E" not in text
    text = text.replace("static volatile uint32_t wraps;", "uint32_t registers[3];\nstatic volatile uint32_t wraps;")
    text = text.replace('#include "timer.h"', '#include "timer.h"\nextern uint32_t registers[3];')
    source = tmp_path / "project/src/host_timer.c"
    source.write_text(text, encoding="utf-8")
    library = ctypes.CDLL(str(find_compiler(None, HOST).compile_shared([source], tmp_path / "timer.so")))
    library.timer_cycles.restype = ctypes.c_uint64
    value = (ctypes.c_uint32 * 3).in_dll(library, "registers")

    def at(left: int) -> int:
        value[2] = left
        return int(library.timer_cycles())

    assert at(_TURN - 1) == 0 and at(10) == _TURN - 11
    assert at(_TURN - 5) == _TURN + 4  # wrapped; nobody has counted it
    assert at(_TURN - 50) == _TURN + 49
    library.SysTick_Handler()
    assert at(_TURN - 60) == _TURN + 59
    assert at(0) == 2 * _TURN - 1
