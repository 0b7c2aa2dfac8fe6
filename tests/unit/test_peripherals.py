"""UARTs, words kept in flash and QEMU's names in board files; what is wrong with them is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyglow.errors import BoardError
from tinyglow.targets.boards import load_board
from tinyglow.targets.peripherals import FlashConfig, Uart

GOOD = """
qemu = "mps2-an386"
title = "mine"
cpu = "cortex-m4"
clock_hz = 1_000_000
code_memory = "flash"
data_memory = "ram"
stack_bytes = 1_024
float_abi = "soft"
[memory.flash]
start = 0
size = 0x1_0000
kind = "flash"
wait_states = 0
[memory.ram]
start = 0x2000_0000
size = 0x2000
kind = "ram"
wait_states = 0
[uart]
kind = "cmsdk"
address = 0x4000_4000
source = "its manual"
[flash_config]
address = 0x400
words = [0xFFFF_FFFF, 1]
source = "its manual"
"""


def test_they_are_read(tmp_path: Path) -> None:
    """All three; boards without them have none."""
    path = tmp_path / "mine.toml"
    path.write_text(GOOD, encoding="utf-8")
    board = load_board(path)
    assert board.qemu == "mps2-an386"
    assert board.uart == Uart("cmsdk", 0x4000_4000, "its manual")
    assert board.flash_config == FlashConfig(0x400, (0xFFFF_FFFF, 1), "its manual")
    bare = load_board("cortex-m7")
    assert (bare.qemu, bare.uart, bare.flash_config) == ("", None, None)


@pytest.mark.parametrize(
    ("old", "new", "because"),
    [
        ('qemu = "mps2-an386"', 'qemu = "x -monitor stdio"', "a machine of qemu-system-arm"),
        ('qemu = "mps2-an386"', "qemu = 3", "qemu is 3"),
        ('kind = "cmsdk"', 'kind = "tin can"', "kind is 'tin can'; expected one of cmsdk, nrf51"),
        ("address = 0x4000_4000", "address = -4", "address is -4; expected a number of 32 bits"),
        ("address = 0x400\n", "", "key 'address' is missing"),
        ("words = [0xFFFF_FFFF, 1]", "words = [4294967296]", "expected numbers of 32 bits"),
        ("words = [0xFFFF_FFFF, 1]", "words = 1", "words is 1; expected a list"),
        ("[flash_config]", "[flash_config]\ncolour = 1", "unknown key 'colour'"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, because: str) -> None:
    """Values of other types, unknown kinds and keys, numbers that are too large."""
    path = tmp_path / "mine.toml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BoardError) as caught:
        load_board(path)
    assert because in str(caught.value)
