"""A whole firmware, from reset to its end: what it prints, and the core's own timers under it.

Beyond memories the board has what a firmware needs to print and to time itself: semihosting, the UART of its board
file, SysTick with its interrupt, and DWT's cycle counter. The timers count by the core's cycle model;
what memories make the core wait is not in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tinyglow.errors import SimulationError
from tinyglow.sim import missing_package
from tinyglow.sim.hooks import interruptible
from tinyglow.sim.image import Image, stack_memory
from tinyglow.sim.machine import Machine
from tinyglow.sim.timers import PRIVATE_BLOCKS, Timers
from tinyglow.targets.boards import Board
from tinyglow.targets.peripherals import Uart

try:
    import unicorn
    from unicorn import arm_const as arm
except ImportError as error:
    raise missing_package("unicorn") from error

MAX_OUTPUT = 1 << 20  # bytes
MAX_INSTRUCTIONS = 2_000_000_000
# SysTick has 24 bits: between two looks at it, it must not wrap twice. No model averages 8 cycles an instruction.
_SLICE = 2_000_000
_BREAKPOINT = 7  # EXCP_BKPT of QEMU's ARM core
_SEMIHOSTING = b"\xab\xbe"  # bkpt 0xAB
# Semihosting for AArch32 and AArch64 (Arm, 2.0), chapter 6: operations and the reasons of SYS_EXIT.
_SYS_WRITEC, _SYS_WRITE0, _SYS_EXIT, _SYS_EXIT_EXTENDED = 0x03, 0x04, 0x18, 0x20
_APPLICATION_EXIT = 0x20026
_LONGEST_TEXT = 65_536
_NOWHERE = 0xFFFF_FFF0
_UART_BYTES = 4096
_SAVED = 32  # bytes that an exception pushes (Armv7-M ARM, B1.5.6)


@dataclass(frozen=True)
class Boot:
    """What a firmware did.

    Attributes:
        output: What it printed.
        status: 0 if it ended well, another number if not, None if it went to sleep for ever.
        cycles: Of the core.
        instructions: That it ran.
    """

    output: str
    status: int | None
    cycles: int
    instructions: int


class Firmware(Machine):
    """A board with a firmware, from its reset vector on; see the module."""

    def __init__(self, image: Image, board: Board, echo: Callable[[str], None] | None = None) -> None:
        """Load it. ``echo`` is called with every text, as the firmware prints it. Raises as :class:`Machine`."""
        self._text = bytearray()
        self._echo = echo
        self._pending: tuple[int, int] | None = None
        self._ended: int | None = None
        self._tick_handler = 0
        self._slept = 0
        super().__init__(image, board)

    def run(self, max_instructions: int = MAX_INSTRUCTIONS) -> Boot:
        """From reset until it exits, or sleeps for ever.

        Raises SimulationError for faults, for a stack that overflows, for more output than 1 MB and at the bound.
        """
        vectors = self.board.code.start
        stack, reset = self._word(vectors), self._word(vectors + 4)
        self._tick_handler = self._word(vectors + 4 * 15)
        self._require_vectors(stack, reset)
        self._stack_limit = stack - self.board.stack_bytes
        self._unicorn.reg_write(arm.UC_ARM_REG_SP, stack)
        self._doing = "boot"
        self._fault = None
        self._trace.start(self._stack_limit)
        at, asleep = reset, False
        while self._ended is None and not asleep:
            left = max_instructions - self._trace.instructions
            if left <= 0:
                raise self._error(
                    "runaway", self._whereabouts(), f"still running after {max_instructions:,} instructions"
                )
            at, asleep = self._slice(at, min(left, _SLICE))
        output = self._text.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
        return Boot(output, self._ended, self._cycles(), self._trace.instructions)

    def _home(self) -> int:
        """In the vector table: no program runs that. The emulator only stops where it has never been before."""
        return self.board.code.start + 4

    def _require_vectors(self, stack: int, reset: int) -> None:
        data = stack_memory(self.image, self.board)
        if not data.start + self.board.stack_bytes <= stack <= data.end or stack % 8:
            found = f"the vector table starts with the stack pointer {stack:#010x}"
            raise self._error("no stack", self.image.path.name, found, f"the end of memory {data.name}")
        if not reset & 1:
            raise self._error(
                "no start", self.image.path.name, f"the reset vector {reset:#010x} is even", "an odd address"
            )

    def _slice(self, begin: int, count: int) -> tuple[int, bool]:
        """Run some instructions; where to go on, and whether it sleeps with nothing left to wake it."""
        self._emulate(begin, count, _NOWHERE)
        at = int(self._unicorn.reg_read(arm.UC_ARM_REG_PC))
        if self._pending is not None:
            self._answer(*self._pending)
            self._pending = None
            at += 2  # after the breakpoint
        ticks = self._timers.interrupts and not self._unicorn.reg_read(arm.UC_ARM_REG_PRIMASK) & 1
        waits = self._waits_at(at)
        if waits and ticks:
            self._slept += self._timers.until_next(self._cycles())
        while ticks and self._timers.due(self._cycles()):
            self._tick()
        return at | 1, waits and not ticks

    def _emulate(self, begin: int, count: int, until: int) -> None:
        try:
            with interruptible(self._unicorn):
                self._unicorn.emu_start(begin | 1, until, count=count)
        except unicorn.UcError as error:
            self._fault = self._fault or self._explain(error)
        if self._fault is not None:
            raise self._fault

    def _waits_at(self, at: int) -> bool:
        """Whether the instruction before ``at`` was WFI: it ends the emulation."""
        try:
            return self.read(at - 2, 2) == b"\x30\xbf"
        except SimulationError:
            return False

    def _tick(self) -> None:
        """The SysTick exception: its handler runs as a function between two instructions of the program."""
        saved = self._unicorn.context_save()
        stack = (self._stack_pointer() - _SAVED) & ~7
        self._unicorn.reg_write(arm.UC_ARM_REG_SP, stack)
        self._unicorn.reg_write(arm.UC_ARM_REG_LR, self._ready | 1)
        self._emulate(self._tick_handler, _SLICE, self._ready)
        if self._unicorn.reg_read(arm.UC_ARM_REG_PC) != self._ready:
            raise self._error("runaway", self._whereabouts(), "the SysTick handler does not return")
        self._unicorn.context_restore(saved)

    def _cycles(self) -> int:
        """Cycles since reset, to the end of the current block, with those it slept."""
        return self._trace.cycles + self._slept

    def _answer(self, operation: int, argument: int) -> None:
        """One semihosting call."""
        if operation == _SYS_WRITEC:
            self._print(self.read(argument, 1))
        elif operation == _SYS_WRITE0:
            self._print(self._text_at(argument))
        elif operation == _SYS_EXIT:
            self._ended = 0 if argument == _APPLICATION_EXIT else 1
        elif operation == _SYS_EXIT_EXTENDED:
            self._ended = 0 if self._word(argument) == _APPLICATION_EXIT and not self._word(argument + 4) else 1
        else:
            found = f"asks for semihosting operation {operation:#x}"
            raise self._error("semihosting", self._whereabouts(), found, "SYS_WRITEC, SYS_WRITE0, SYS_EXIT")
        self._unicorn.reg_write(arm.UC_ARM_REG_R0, 0)

    def _text_at(self, address: int) -> bytes:
        text = bytearray()
        while len(text) < _LONGEST_TEXT:
            byte = self.read(address + len(text), 1)
            if byte == b"\0":
                return bytes(text)
            text += byte
        raise self._error("semihosting", self._whereabouts(), f"prints a text without end at {address:#010x}")

    def _print(self, data: bytes) -> None:
        self._text += data
        if len(self._text) > MAX_OUTPUT:
            self._stop("too much output", f"prints more than {MAX_OUTPUT:,} bytes")
            if self._pending is not None and self._fault is not None:
                raise self._fault
        if self._echo is not None:
            self._echo(data.decode("utf-8", "backslashreplace").replace("\r", ""))

    def _on_exception(self, _unicorn: Any, number: int, _data: object) -> None:
        pc = int(self._unicorn.reg_read(arm.UC_ARM_REG_PC))
        if number == _BREAKPOINT and self.read(pc, 2) == _SEMIHOSTING:
            registers = (arm.UC_ARM_REG_R0, arm.UC_ARM_REG_R1)
            self._pending = (self._unicorn.reg_read(registers[0]), self._unicorn.reg_read(registers[1]))
            self._unicorn.emu_stop()
            return
        super()._on_exception(_unicorn, number, _data)

    def _load(self) -> None:
        super()._load()
        self._timers = Timers(self._cycles, self._unicorn.emu_stop)
        scs, dwt = PRIVATE_BLOCKS
        self._unicorn.mem_unmap(scs, 4096)
        for block in (scs, dwt):
            self._unicorn.mmio_map(block, 4096, self._timers.read, block, self._timers.write, block)
        if self.board.uart is not None:
            self._map_uart(self.board.uart)

    def _map_uart(self, uart: Uart) -> None:
        # Where a character goes, and what says that there is room for the next one.
        data, ready, value = {"cmsdk": (0x0, 0x4, 0), "nrf51": (0x51C, 0x11C, 1)}[uart.kind]

        def read(_emulator: Any, offset: int, _size: int, _data: object) -> int:
            return value if offset == ready else 0

        def write(_emulator: Any, offset: int, _size: int, written: int, _data: object) -> None:
            if offset == data:
                self._print(bytes([written & 0xFF]))

        self._unicorn.mmio_map(uart.address & ~(_UART_BYTES - 1), _UART_BYTES, read, None, write, None)
