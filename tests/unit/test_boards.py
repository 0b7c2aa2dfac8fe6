"""Boards: those that come with tinyglow, files of the user's own, and everything that can be wrong with them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tinyglow.targets.boards import CPUS, BoardError, board_names, load_board
from tinyglow.targets.memory_map import data_memories

GOOD = """
title = "A board"
cpu = "cortex-m0plus"
clock_hz = 1_000_000
code_memory = "rom"
data_memory = "ram"
stack_bytes = 512
float_abi = "soft"

[memory.rom]
start = 0x0
size = 0x8000
kind = "flash"
wait_states = 1

[memory.ram]
start = 0x2000_0000
size = 0x1000
kind = "ram"
wait_states = 0

[[facts]]
name = "colour"
value = "green"
source = "its photograph"
"""


def _write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_boards_are_the_bare_cores_those_of_nxp_and_this_machine() -> None:
    """board_names lists what can be loaded by name, and each can."""
    cores = ["cortex-m0", "cortex-m0plus", "cortex-m3", "cortex-m33", "cortex-m4", "cortex-m7"]
    freedom = {"frdm-k32l2b", "frdm-ke02z40m", "frdm-ke04z", "frdm-ke16z", "frdm-kv11z"}
    rt = {f"mimxrt{part}" for part in ("1050-evkb", "1060-evk", "1064-evk", "1160-evk", "1170-evk")}
    machines = {"microbit", "mps2-an385", "mps2-an386", "mps2-an500", "mps2-an505"}
    others = {"evk-mimxrt685", "lpc845-brk", "nucleo-l4r5zi", *BOUGHT}
    assert {*cores, *freedom, *rt, *machines, *others} <= set(board_names())
    assert board_names() == [*sorted(set(board_names()) - {"host"}), "host"]
    assert [load_board(name).name for name in board_names()] == board_names()


# Boards that people have: core, clock in MHz, KB of flash for programs, KB of each memory for data, the fastest first.
BOUGHT = {
    "arduino-nano33ble": ("cortex-m4", 64, 960, {"ram": 256}),
    "arduino-zero": ("cortex-m0plus", 48, 248, {"ram": 32}),
    "b-l475e-iot01a": ("cortex-m4", 80, 1024, {"sram1": 96, "sram2": 32}),
    "b-u585i-iot02a": ("cortex-m33", 160, 2048, {"sram": 768}),
    "frdm-mcxn947": ("cortex-m33", 150, 2048, {"ram": 384, "sramx": 96}),
    "nrf52840-dk": ("cortex-m4", 64, 1024, {"ram": 256}),
    "nucleo-h743zi": ("cortex-m7", 480, 2048, {"dtcm": 128, "axi_sram": 512}),
    "raspberry-pi-pico": ("cortex-m0plus", 125, 2047.75, {"ram": 264}),
    "stm32f4discovery": ("cortex-m4", 168, 1024, {"sram": 128, "ccm": 64}),
    "stm32f746g-disco": ("cortex-m7", 216, 1024, {"dtcm": 64, "sram": 256}),
    "teensy41": ("cortex-m7", 600, 7936, {"dtcm": 128, "ocram": 768}),
}


@pytest.mark.parametrize("name", BOUGHT)
def test_boards_that_people_have(name: str) -> None:
    """Core, clock and memories are those of their data sheets; their flash makes the core wait."""
    board, (cpu, clock, flash, data) = load_board(name), BOUGHT[name]
    assert (board.cpu, board.clock_hz, board.code.size) == (cpu, clock * 1_000_000, flash * 1024)
    assert {memory.name: memory.size // 1024 for memory in data_memories(board)} == data
    assert list(data) == [memory.name for memory in data_memories(board)]
    assert board.code.wait_states and not board.data.wait_states


def test_a_line_of_a_slower_ram_costs_what_its_bus_needs() -> None:
    """Two clocks of the bus for the request, and one for each of its words, in the core's cycles."""
    for name, memory, words, bus in (
        ("mimxrt1050-evkb", "ocram", 4, 150e6),
        ("mimxrt1060-evk", "ocram", 4, 150e6),
        ("mimxrt1064-evk", "ocram", 4, 150e6),
        ("teensy41", "ocram", 4, 150e6),
        ("mimxrt1160-evk", "ocram", 4, 240e6),
        ("mimxrt1170-evk", "ocram", 4, 240e6),
        ("nucleo-h743zi", "axi_sram", 4, 240e6),
    ):
        board = load_board(name)
        assert board.memory(memory).wait_states == round((2 + words) * board.clock_hz / bus), name
        assert board.memory(memory).data_cache == "dcache"


def test_frdm_ke16z_has_the_memories_of_its_chip() -> None:
    """64 KB of flash from 0, 8 KB of RAM across 0x20000000, 48 MHz."""
    board = load_board("frdm-ke16z")
    assert (board.cpu, board.clock_hz, board.float_abi) == ("cortex-m0plus", 48_000_000, "soft")
    assert [(part.name, part.start, part.size) for part in board.memories] == [
        ("flash", 0, 64 * 1024),
        ("ram", 0x1FFF_F800, 8 * 1024),
    ]
    assert (board.code.kind, board.data.kind, board.data.end) == ("flash", "ram", 0x2000_1800)
    assert board.seconds(48_000) == pytest.approx(1e-3)


def test_mimxrt1060_evk_has_the_memories_of_its_chip() -> None:
    """TCMs at 0 and 0x20000000, OCRAM above them, 8 MB of QSPI flash, 600 MHz, hard float."""
    board = load_board("mimxrt1060-evk")
    assert (board.cpu, board.clock_hz, board.float_abi) == ("cortex-m7", 600_000_000, "hard")
    assert {part.name: (part.start, part.size, part.kind) for part in board.memories} == {
        "itcm": (0, 128 * 1024, "tcm"),
        "dtcm": (0x2000_0000, 128 * 1024, "tcm"),
        "ocram": (0x2020_0000, 768 * 1024, "ram"),
        "flash": (0x6000_0000, 8 * 1024 * 1024, "flash"),
    }


def test_every_fact_of_a_board_names_its_source() -> None:
    """No fact without a source; no clock, memory or cache of a real board without one."""
    for name in board_names():
        board = load_board(name)
        for fact in board.facts:
            assert fact.name
            assert fact.value
            assert fact.source
        if name.startswith("cortex-") or board.is_host:
            assert not board.waits
            continue
        assert all(part.source for part in (*board.memories, *board.caches)), name
        assert "clock" in [fact.name for fact in board.facts], name


@pytest.mark.parametrize(
    ("name", "clock", "flash", "ram"),
    [
        ("frdm-ke02z40m", 40, 64, 4),
        ("frdm-ke04z", 40, 8, 1),
        ("frdm-ke16z", 48, 64, 8),
        ("lpc845-brk", 30, 64, 16),
        ("frdm-k32l2b", 48, 256, 32),
        ("frdm-kv11z", 75, 128, 16),
        ("nucleo-l4r5zi", 120, 2048, 192),
    ],
)
def test_the_boards_of_the_application_note_have_its_figures(name: str, clock: int, flash: int, ram: int) -> None:
    """Clock in MHz, flash and RAM in KB, as AN13438 and the data sheets have them."""
    board = load_board(name)
    assert (board.clock_hz, board.code.size, board.data.size) == (clock * 1_000_000, flash * 1024, ram * 1024)
    assert board.waits


def test_a_line_of_external_flash_costs_what_its_bus_needs() -> None:
    """The wait states of FlexSPI boards are clocks of the read sequence times core clock by bus clock."""
    for name, clocks, bus in (
        ("mimxrt1050-evkb", 3 + 12 + 16, 133e6),
        ("mimxrt1060-evk", 8 + 6 + 6 + 64, 120e6),
        ("mimxrt1064-evk", 8 + 6 + 6 + 64, 120e6),
        ("mimxrt1160-evk", 8 + 6 + 9 + 64, 133e6),
        ("mimxrt1170-evk", 8 + 6 + 9 + 64, 133e6),
        ("evk-mimxrt685", 2 + 4 + 20 + 32, 48e6),
    ):
        board = load_board(name)
        assert board.code.wait_states == round(clocks * board.clock_hz / bus)
        assert {cache.line for cache in board.caches} == {32}


def test_a_memory_in_fractions_of_pages_is_mapped_in_whole_ones() -> None:
    """The RAM of the KE04 starts 256 bytes below 0x20000000."""
    ram = load_board("frdm-ke04z").data
    assert (ram.start, ram.size, ram.pages) == (0x1FFF_FF00, 0x400, (0x1FFF_FC00, 0x800))


def test_the_host_has_no_memories_and_no_core() -> None:
    """The pseudo board cannot be asked for what an emulated board has."""
    host = load_board("host")
    assert host.is_host
    assert host.memories == ()
    for ask in (lambda: host.core, lambda: host.code):
        with pytest.raises(BoardError, match="host"):
            ask()


def test_a_board_file_of_ones_own_is_loaded_by_its_path(tmp_path: Path) -> None:
    """A path works like a name, as a text and as a Path; the board is named after the file."""
    path = _write(tmp_path, GOOD)
    board = load_board(path)
    assert board == load_board(str(path))
    assert (board.name, board.title, board.code.wait_states) == ("mine", "A board", 1)
    assert board.facts[0].source == "its photograph"


def test_an_unknown_board_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    """The message lists the names, or says that the file is not there."""
    with pytest.raises(BoardError, match=r"no board 'frdm'\n.*frdm-ke16z, .*mimxrt1060-evk, .*host"):
        load_board("frdm")
    with pytest.raises(BoardError, match="not found; expected a board file"):
        load_board(tmp_path / "none.toml")


def test_a_file_that_is_no_toml_says_where(tmp_path: Path) -> None:
    """The parser's line and column are passed on; so are bytes that are no text."""
    with pytest.raises(BoardError, match=r"cannot read board file .*mine.toml\n.*mine.toml: .*; expected a TOML file"):
        load_board(_write(tmp_path, 'title = "x"\ncpu cortex\n'))
    path = tmp_path / "mine.toml"
    path.write_bytes(b"title = '\xff'\n")
    with pytest.raises(BoardError, match="cannot read board file"):
        load_board(path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('cpu = "cortex-m0plus"', 'cpu = "cortex-m99"', "unknown cpu 'cortex-m99'; expected one of cortex-m0plus"),
        ('cpu = "cortex-m0plus"', "", "key 'cpu' is missing"),
        ('cpu = "cortex-m0plus"', 'cpu = "cortex-m55"', "(no cycles are counted for cores with Helium (MVE)"),
        ("clock_hz = 1_000_000", "clock_hz = 0", "clock_hz is 0"),
        ("clock_hz = 1_000_000", 'clock_hz = "fast"', "clock_hz is 'fast'; expected a whole number"),
        ("clock_hz = 1_000_000", "clock_hz = true", "clock_hz is True"),
        ("stack_bytes = 512", "stack_bytes = 513", "stack_bytes is 513; expected a multiple of 8"),
        ("stack_bytes = 512", "stack_bytes = 8192", "stack_bytes is 8192; expected a multiple of 8, 8 to 4096"),
        ("stack_bytes = 512", "stack_bytes = 512\nstak = 1", "unknown key 'stak'"),
        ('float_abi = "soft"', 'float_abi = "hard"', "float_abi hard on cortex-m0plus"),
        ('float_abi = "soft"', 'float_abi = "softfp"', "float_abi 'softfp'; expected soft or hard"),
        ('code_memory = "rom"', 'code_memory = "flash"', "code_memory is 'flash'; expected one of rom, ram"),
        ('data_memory = "ram"', 'data_memory = "rom"', "data_memory rom is flash"),
        ('data_memory = "ram"', 'data_memory = "rom"', "code_memory and data_memory are the same"),
        ("start = 0x2000_0000", "start = 0x4000", "memory rom: overlaps ram: ends at 0x00008000"),
        ("start = 0x2000_0000", "start = 0x2000_0004", "memory ram: unaligned: start 0x20000004"),
        ("start = 0x2000_0000", "start = -4", "start is -4"),
        ("start = 0x2000_0000", "start = 0xDFFF_FC00", "memory ram: ends at 0xe0000c00"),
        ("size = 0x1000", "size = 0x8000_0000", "the memories hold 2,147,516,416 bytes; expected at most"),
        ("size = 0x1000", "size = 0", "memory ram: unaligned: start 0x20000000, size 0x0"),
        ("size = 0x1000", "", "memory ram: key 'size' is missing"),
        ("size = 0x8000", "size = 0x8000\nprefetch = 1", "memory rom: prefetch is 1; expected true or false"),
        ("size = 0x8000", "size = 0x8000\nline = 5", "memory rom: line is 5; expected a power of two"),
        ("size = 0x8000", "size = 0x8000\nline = '4'", "memory rom: line is '4'; expected a whole number"),
        ("size = 0x8000", 'size = 0x8000\ncode_cache = "art"', "code_cache is 'art'; expected one of none"),
        ("wait_states = 1", "wait_states = 100_001", "memory rom: wait_states is 100001; expected at most 100,000"),
        ("[memory.rom]", "[cache]\nart = 3\n[memory.rom]", "cache.art is 3; expected a table [cache.art]"),
        ("[memory.rom]", "[cache.art]\nsize = 64\nline = 4\n[memory.rom]", "cache art: key 'ways' is missing"),
        (
            "[memory.rom]",
            "[cache.art]\nsize = 66\nline = 4\nways = 4\n[memory.rom]",
            "cache art: size 66, line 4, ways 4; expected size a multiple",
        ),
        ('kind = "ram"', 'kind = "dram"', "kind 'dram'; expected flash, ram or tcm"),
        ("[memory.ram]", "[memory.RAM]", "name 'RAM'; expected lower-case"),
        ('source = "its photograph"', "", "fact 1: key 'source' is missing"),
        ("[[facts]]", "[facts]", "facts are not tables"),
    ],
)
def test_each_mistake_has_its_message(tmp_path: Path, old: str, new: str, words: str) -> None:
    """One change to a good file, and the message says what is wrong with it."""
    assert old in GOOD
    with pytest.raises(BoardError) as caught:
        load_board(_write(tmp_path, GOOD.replace(old, new, 1)))
    assert "board mine is invalid" in str(caught.value)
    assert words in str(caught.value)


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    """Three mistakes of one kind of check are three problems of one error; so are missing tables."""
    text = GOOD.replace("cortex-m0plus", "z80").replace('"soft"', '"firm"').replace("0x2000_0000", "0x2000")
    with pytest.raises(BoardError) as caught:
        load_board(_write(tmp_path, text))
    assert len(caught.value.problems) == 3
    with pytest.raises(BoardError) as caught:
        load_board(_write(tmp_path, "memory = 3\n"))
    assert len(caught.value.problems) == 8  # 5 texts, 2 numbers, the memories
    with pytest.raises(BoardError, match=r"memory\.rom is 7"):
        load_board(_write(tmp_path, "[memory]\nrom = 7\n"))


def test_the_facts_of_a_core_agree_with_each_other() -> None:
    """Every core has flags for both families of compilers; those with an FPU have flags for it."""
    assert {"cortex-m0plus", "cortex-m4", "cortex-m7", "cortex-m33"} <= set(CPUS)
    for cpu in CPUS.values():
        assert cpu.gcc[:2] == (f"-mcpu={cpu.name}", "-mthumb")
        assert bool(cpu.gcc_fpu) == cpu.fpu
        assert cpu.fpu <= cpu.unaligned  # ARMv6-M has neither, the Cortex-M3 no FPU


def test_reading_boards_needs_no_simulator() -> None:
    """Boards import neither the emulator nor the template engine."""
    heavy = ("unicorn", "jinja2", "onnx")
    code = f"import sys, tinyglow.targets.boards; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.strip() == "[]"
