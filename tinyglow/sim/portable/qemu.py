"""A core in qemu: the program's monitor obeys commands that come in on qemu's input, and answers on its output.

A command is three words: operation, address, size; an answer is five (``templates/sim/portable/monitor.c``).

qemu counts instructions itself. RISC-V has a register of them. Xtensa has CCOUNT, which in qemu is a clock: with
``-icount shift=6`` each instruction takes 64 ns, and the clock has 40 MHz on this core, so that an instruction is 2.56
ticks. On the Cortex-M55 it is the system counter of mps3-an547, of 32 MHz, 2.048 ticks an
instruction. The difference of two readings is off by less than one tick: rounded, it gives the number exactly.
"""

from __future__ import annotations

import os
import select
import shutil
import struct
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from tinyglow.errors import Problem, SimulationError, ToolError, reason
from tinyglow.sim.image import Image
from tinyglow.sim.portable.machine import PortableMachine, Returned
from tinyglow.targets.boards import Board

STACK = ("tg_stack_end", "tg_stack_top")
TIMEOUT_SECONDS = 600
_READ, _WRITE, _CALL, _END = 1, 2, 3, 4
_DONE = 0
_COMMAND, _REPLY = struct.Struct("<3I"), struct.Struct("<5I")
# The monitor's own variables; below them it keeps 2048 bytes free (TG_APART), so that functions begin below these.
_MONITOR_STACK = 1024
_PIECE = 1 << 15  # bytes written at once, while the monitor does nothing but read them


@dataclass(frozen=True)
class Emulator:
    """How qemu is started, what it is called, and how many instructions a tick of the program's counter is."""

    program: str
    package: str
    arguments: tuple[str, ...]
    ticks: Fraction
    causes: Mapping[int, str]


_QUIET = ("-display", "none", "-monitor", "none", "-no-reboot")
EMULATORS: Mapping[str, Emulator] = {
    "riscv32": Emulator(
        "qemu-system-riscv32",
        "qemu-system-misc",
        ("-M", "virt", "-m", "64M", "-bios", "none", *_QUIET, "-icount", "shift=0", "-serial", "none", "-semihosting"),
        Fraction(1),
        {2: "runs an instruction that the core does not have", 5: "reads where there is no memory"},
    ),
    "xtensa": Emulator(
        "qemu-system-xtensa",
        "qemu-system-misc",
        ("-M", "sim", "-cpu", "lx106", "-m", "64M", *_QUIET, "-serial", "none", "-semihosting", "-icount", "shift=6"),
        Fraction(256, 100),
        # Xtensa Instruction Set Architecture Reference Manual, table of EXCCAUSE.
        {
            0: "runs an instruction that the core does not have",
            9: "reads or writes at an address that is not aligned",
        },
    ),
    "cortex-m55": Emulator(
        "qemu-system-arm",
        "qemu-system-arm",
        ("-M", "mps3-an547", *_QUIET, "-serial", "none", "-icount", "shift=6", "-semihosting"),
        Fraction(2048, 1000),
        # Bits of CFSR (Armv8-M Architecture Reference Manual, D1.2).
        {
            8: "runs code where there is none",
            9: "reads or writes where there is no memory",
            16: "runs an instruction that the core does not have",
            20: "uses the stack beyond its end",
            24: "reads or writes at an address that is not aligned",
        },
    ),
}


class QemuMachine(PortableMachine):
    """A core of :data:`EMULATORS`; see the module."""

    def __init__(self, image: Image, board: Board) -> None:
        """Start qemu with the program. Raises ToolError if it is not installed."""
        super().__init__(image, board, STACK, _MONITOR_STACK)
        self._emulator = EMULATORS[board.cpu]
        program = shutil.which(self._emulator.program)
        if program is None:
            problem = Problem(self._emulator.program, "not found", hint=f"apt install {self._emulator.package}")
            raise ToolError(f"no emulator of {board.core.title}", [problem])
        command = [program, *self._emulator.arguments, "-kernel", str(image.path)]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
            )
        except OSError as error:
            raise ToolError(f"cannot start {program}", [Problem(program, reason(error))]) from error
        self._overhead = 0
        try:
            # The return of the function that does nothing is one instruction of its own.
            self._overhead = self._call("tg_nothing", 0).instructions - 1
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End qemu."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.kill()
        self._process.wait()

    def read(self, address: int, size: int) -> bytes:
        """``size`` bytes from ``address``."""
        self._send("read", _COMMAND.pack(_READ, address, size))
        self._answer("read")
        return self._receive("read", size)

    def write(self, address: int, data: bytes) -> None:
        """Put bytes into RAM."""
        for start in range(0, len(data), _PIECE):
            piece = bytes(data[start : start + _PIECE])
            self._send("write", _COMMAND.pack(_WRITE, address + start, len(piece)) + piece)
            self._answer("write")

    def _call(self, symbol: str, max_instructions: int) -> Returned:
        self._send(symbol, _COMMAND.pack(_CALL, self.address_of(symbol), 0))
        value, before, after, stack = self._answer(symbol)
        ticks = (after - before) % (1 << 32)
        return Returned(value, round(ticks / self._emulator.ticks) - self._overhead, stack)

    def _send(self, doing: str, data: bytes) -> None:
        assert self._process.stdin is not None
        try:
            view = memoryview(data)
            while view:
                view = view[self._process.stdin.write(view) :]
        except OSError as error:
            raise self._ended(doing) from error

    def _answer(self, doing: str) -> tuple[int, int, int, int]:
        status, value, before, after, stack = _REPLY.unpack(self._receive(doing, _REPLY.size))
        if status != _DONE:
            found = self._emulator.causes.get(value, f"raises exception {value}")
            raise self._fault(doing, found, before, stack)
        return value, before, after, stack

    def _receive(self, doing: str, size: int) -> bytes:
        assert self._process.stdout is not None
        data, end = bytearray(), time.monotonic() + TIMEOUT_SECONDS
        while len(data) < size:
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise self._fault(doing, f"still running after {TIMEOUT_SECONDS} s", None)
            piece = os.read(self._process.stdout.fileno(), size - len(data))
            if not piece:
                raise self._ended(doing)
            data += piece
        return bytes(data)

    def _ended(self, doing: str) -> SimulationError:
        return self._fault(doing, f"{self._emulator.program} ended", None)
