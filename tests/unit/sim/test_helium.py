"""Whether qemu computes what the vector extension (Helium) is asked for; tests/parity runs the kernels there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

_GCC, _QEMU = "arm-none-eabi-gcc", "qemu-system-arm"
_FLAGS = ("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard", "-O2", "-ffreestanding", "-nostdlib")
# Memories of the board: code at 0x10000000, data at 0x30000000 (Arm AN547, memory map).
_SCRIPT = """\
ENTRY(Reset_Handler)
SECTIONS
{
  . = 0x10000000;
  .text : { KEEP(*(.vectors)) *(.text .text.*) *(.rodata .rodata.*) }
  . = 0x30000000;
  .bss : { *(.data .data.* .bss .bss.*) }
  tg_stack_top = 0x30008000;
  /DISCARD/ : { *(.ARM.exidx*) }
}
"""


@pytest.mark.slow
def test_sums_of_products_are_exact_in_qemu(tmp_path: Path) -> None:
    """VMLADAVA under VCTP's mask: every sum of products equals that of plain C, at all lengths and alignments."""
    for program in (_GCC, _QEMU):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}")
    (tmp_path / "link.ld").write_text(_SCRIPT, encoding="utf-8")
    source, built = Path(__file__).with_name("helium.c"), tmp_path / "helium.elf"
    command = [_GCC, *_FLAGS, str(source), "-T", str(tmp_path / "link.ld"), "-o", str(built)]
    subprocess.run(command, check=True, capture_output=True)
    assembly = subprocess.run(
        [_GCC, *_FLAGS, "-S", str(source), "-o", "-"], check=True, capture_output=True, encoding="utf-8"
    )
    assert re.search(r"\bvmladavat?\.s8\b", assembly.stdout) and re.search(r"\bvctp\.8\b", assembly.stdout)
    machine = ["-M", "mps3-an547", "-nographic", "-semihosting-config", "enable=on,target=native"]
    done = subprocess.run(
        [_QEMU, *machine, "-kernel", str(built)], check=True, capture_output=True, encoding="utf-8", timeout=300
    )
    found = re.search(r"differ ([0-9a-f]{8}) of ([0-9a-f]{8})", done.stdout + done.stderr)
    assert found is not None and int(found[1], 16) == 0 and int(found[2], 16) == 38_400
