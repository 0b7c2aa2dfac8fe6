"""Whole firmwares: semihosting, timers and their interrupts, ends; what goes wild is stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tinyglow.errors import SimulationError
from tinyglow.sim.firmware import MAX_OUTPUT, Boot, Firmware
from tinyglow.sim.image import load_image
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import Board, load_board

Run = Callable[..., Boot]

_SCRIPT = """
SECTIONS
{{
  .text {code:#x} : {{ KEEP(*(.vectors)) *(.text .text.*) *(.rodata .rodata.*) }}
  .bss {data:#x} (NOLOAD) : {{ *(.bss .bss.*) }}
  /DISCARD/ : {{ *(.ARM.exidx*) *(.debug_*) }}
}}
"""
_START = """
#include <stdint.h>
int main(void);
void Reset_Handler(void);
void SysTick_Handler(void);
__attribute__((section(".vectors"), used)) const struct {{ uint32_t stack; void (*handlers[15])(void); }} vectors = {{
    {stack}u, {{ Reset_Handler, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, SysTick_Handler }} }};
static volatile uint32_t ticks;
static void ask(uint32_t what, uint32_t with) {{
    register uint32_t r0 __asm__("r0") = what;
    register uint32_t r1 __asm__("r1") = with;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
}}
#define REG(address) (*(volatile uint32_t *)(address))
#define PRINT(text) ask(4, (uint32_t)(uintptr_t)(text))
#define EXIT() ask(0x18, 0x20026)
void SysTick_Handler(void) {{ ticks++; }}
void Reset_Handler(void) {{ ticks = 0; (void)main(); for (;;) {{ }} }}
int main(void) {{ {body} return 0; }}
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Boots a firmware whose main holds the given statements."""

    def go(body: str, board: Board | str = "cortex-m0plus", bound: int = 100_000_000, **options: object) -> Boot:
        chosen = load_board(board) if isinstance(board, str) else board
        source, script = tmp_path / "program.c", tmp_path / "program.ld"
        source.write_text(_START.format(stack=chosen.data.end, body=body), encoding="utf-8")
        script.write_text(_SCRIPT.format(code=chosen.code.start, data=chosen.data.start), encoding="utf-8")
        compiler = find_compiler("zig", chosen)
        elf = compiler.compile_firmware([source], [], script, chosen, tmp_path / "program.elf")
        return Firmware(load_image(elf), chosen, **options).run(bound)

    return go


def test_texts_characters_and_status_come_by_semihosting(run: Run) -> None:
    """SYS_WRITE0, SYS_WRITEC; SYS_EXIT and SYS_EXIT_EXTENDED with and without success; echoed as they come."""
    said: list[str] = []
    result = run('char c = 33; PRINT("one\\n"); ask(3, (uint32_t)(uintptr_t)&c); EXIT();', echo=said.append)
    assert (result.output, result.status, said) == ("one\n!", 0, ["one\n", "!"])
    assert run("ask(0x18, 0x20023);").status == 1
    assert run("uint32_t block[2] = {0x20026, 0}; ask(0x20, (uint32_t)(uintptr_t)block);").status == 0
    assert run("uint32_t block[2] = {0x20026, 3}; ask(0x20, (uint32_t)(uintptr_t)block);").status == 1


def test_systick_interrupts_and_counts_beyond_its_24_bits(run: Run) -> None:
    """A loop of more than 2^24 cycles: the wrap is counted by the handler, and the sum is what the simulator counts."""
    body = """
    REG(0xE000E014) = 0xFFFFFF; REG(0xE000E018) = 0; REG(0xE000E010) = 7;
    for (volatile uint32_t i = 0; i < 1900000; i++) { }
    uint32_t before, value;
    do { before = ticks; value = REG(0xE000E018); } while (before != ticks);
    static volatile uint32_t total; total = before * 0x1000000u + 0xFFFFFFu - value;
    for (int shift = 28; shift >= 0; shift -= 4) {
        char c = "0123456789abcdef"[total >> shift & 15];
        ask(3, (uint32_t)(uintptr_t)&c);
    }
    EXIT();"""
    result = run(body)
    total = int(result.output, 16)
    assert total > 1 << 24
    assert 0 < result.cycles - total < 2_000


def test_dwt_counts_cycles_when_it_is_switched_on(run: Run) -> None:
    """CYCCNT stands still before, runs afterwards, and can be set."""
    body = """
    uint32_t still = REG(0xE0001004); for (volatile int i = 0; i < 10; i++) { } still -= REG(0xE0001004);
    REG(0xE000EDFC) |= 1u << 24; REG(0xE0001000) |= 1; REG(0xE0001004) = 1000;
    for (volatile int i = 0; i < 10; i++) { }
    uint32_t now = REG(0xE0001004);
    PRINT(still == 0 ? "still " : "moves "); PRINT(now > 1010 && now < 1500 ? "runs" : "no"); EXIT();"""
    assert run(body, "cortex-m7").output == "still runs"


def test_sleeping_wakes_with_systick_and_ends_without(run: Run) -> None:
    """WFI passes the time to the next interrupt; with interrupts masked or none to come, the firmware has ended."""
    wakes = """
    REG(0xE000E014) = 999; REG(0xE000E018) = 0; REG(0xE000E010) = 7;
    while (ticks < 5) { __asm__ volatile("wfi"); }
    EXIT();"""
    result = run(wakes)
    assert result.status == 0 and 5_000 <= result.cycles < 7_000 and result.instructions < 500
    assert run('PRINT("bye"); for (;;) { __asm__ volatile("cpsid i; wfi"); }').status is None
    assert run('PRINT("bye"); for (;;) { __asm__ volatile("wfi"); }').output == "bye"


@pytest.mark.parametrize(
    ("body", "because"),
    [
        ("for (;;) { }", "still running after 100,000 instructions"),
        ("REG(0x90000000) = 1;", "0x90000000"),
        ("ask(1, 0);", "asks for semihosting operation 0x1"),
        ("PRINT(0x90000000);", "outside of all memories"),
        ('__asm__ volatile("bkpt 1");', "breakpoint"),
        ('__asm__ volatile("udf #0");', "undefined instruction"),
        ("volatile char big[100000]; for (int i = 0; i < 100000; i += 99) { big[i] = 1; }", "stack overflow"),
    ],
)
def test_what_goes_wild_is_stopped(run: Run, body: str, because: str) -> None:
    """Endless loops, wild accesses, unknown requests, faults and overflows are named."""
    with pytest.raises(SimulationError) as caught:
        run(body, bound=100_000)
    assert because in str(caught.value)


def test_a_firmware_without_symbols_boots(run: Run, tmp_path: Path) -> None:
    """Stripped of all names it prints the same; a fault is told by its address."""
    assert run('PRINT("here"); EXIT();').output == "here"
    board = load_board("cortex-m0plus")
    image = replace(load_image(tmp_path / "program.elf"), symbols=())
    assert Firmware(image, board).run(10_000).output == "here"
    with pytest.raises(SimulationError, match="0x90000000"):
        run("REG(0x90000000) = 1;")
    with pytest.raises(SimulationError, match=r"pc 0x000000"):
        Firmware(replace(load_image(tmp_path / "program.elf"), symbols=()), board).run(10_000)


def test_output_without_end_is_stopped(run: Run) -> None:
    """At 1 MB."""
    body = "static char text[4096]; for (int i = 0; i < 4095; i++) { text[i] = 46; } text[4095] = 0;"
    body += "for (;;) { PRINT(text); }"
    with pytest.raises(SimulationError, match=f"prints more than {MAX_OUTPUT:,} bytes"):
        run(body)
