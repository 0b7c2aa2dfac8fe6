"""A RISC-V core in unicorn. Functions are called directly: the program's start-up code and its monitor do not run."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tinyglow.errors import Problem, SimulationError
from tinyglow.sim import missing_package
from tinyglow.sim.hooks import add_block_hook, interruptible
from tinyglow.sim.image import Image
from tinyglow.sim.portable.machine import PortableMachine, Returned
from tinyglow.targets.boards import Board

try:
    import unicorn
    from unicorn import riscv_const as riscv
except ImportError as error:
    raise missing_package("unicorn") from error

STACK = ("tg_stack_end", "tg_stack_top")
# The RISC-V Instruction Set Manual, Volume II, table of mcause: exceptions.
_CAUSES = {
    0: "jumps to an address that is not aligned",
    1: "runs code where there is none",
    2: "runs an instruction that the core does not have",
    3: "stops at a breakpoint",
    4: "reads at an address that is not aligned",
    5: "reads where there is no memory",
    6: "writes to an address that is not aligned",
    7: "writes where it must not",
    11: "calls an operating system",
}
_PRESERVED = {getattr(riscv, f"UC_RISCV_REG_S{number}"): f"s{number}" for number in range(12)}


class RiscvMachine(PortableMachine):
    """RV32IMC; see the module."""

    def __init__(self, image: Image, board: Board) -> None:
        """Load the program."""
        super().__init__(image, board, STACK)
        self._unicorn: Any = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
        self._blocks: Counter[tuple[int, int]] = Counter()
        self._exception: int | None = None
        self._bad_access = ""
        for memory in board.memories:
            rights = unicorn.UC_PROT_READ
            rights |= unicorn.UC_PROT_EXEC if memory.name == board.code_memory else unicorn.UC_PROT_WRITE
            self._unicorn.mem_map(memory.start, memory.size, rights)
        for segment in image.segments:
            self._unicorn.mem_write(segment.address, segment.data)
        # All before the first instruction: a block that is already translated does not see a later hook.
        add_block_hook(self._unicorn, self._on_block)
        self._unicorn.hook_add(unicorn.UC_HOOK_INTR, self._on_exception)
        self._unicorn.hook_add(unicorn.UC_HOOK_MEM_INVALID, self._on_bad_access)

    def close(self) -> None:
        """Nothing is left open."""

    def read(self, address: int, size: int) -> bytes:
        """``size`` bytes from ``address``."""
        return bytes(self._unicorn.mem_read(address, size))

    def write(self, address: int, data: bytes) -> None:
        """Put bytes into memory."""
        self._unicorn.mem_write(address, bytes(data))

    def _call(self, symbol: str, max_instructions: int) -> Returned:
        home = self.address_of("main")  # main stands for the caller: nobody calls it
        write, read = self._unicorn.reg_write, self._unicorn.reg_read
        for register in _PRESERVED:
            write(register, _mark(register))
        write(riscv.UC_RISCV_REG_SP, self._stack_top)
        write(riscv.UC_RISCV_REG_RA, home)
        self._blocks.clear()
        self._exception, self._bad_access = None, ""
        found = ""
        try:
            with interruptible(self._unicorn):
                self._unicorn.emu_start(self.address_of(symbol), home, count=0)
        except unicorn.UcError as error:
            found = self._bad_access or str(error)
        pc = int(read(riscv.UC_RISCV_REG_PC))
        if self._exception is not None:
            found = _CAUSES.get(self._exception, f"raises exception {self._exception}")
        instructions = self._instructions()
        if instructions > max_instructions:
            found = f"still running after {max_instructions:,} instructions"
        if found or pc != home:
            raise self._fault(symbol, found or "does not return", pc, int(read(riscv.UC_RISCV_REG_SP)))
        self._require_conventions(symbol)
        return Returned(int(read(riscv.UC_RISCV_REG_A0)) & 0xFFFF_FFFF, instructions, self._stack_top)

    def _require_conventions(self, symbol: str) -> None:
        """A function leaves the stack pointer and s0 to s11 as it found them (RISC-V ABIs Specification, 1.1)."""
        expected = {riscv.UC_RISCV_REG_SP: ("sp", self._stack_top)}
        expected |= {register: (name, _mark(register)) for register, name in _PRESERVED.items()}
        found = {register: int(self._unicorn.reg_read(register)) & 0xFFFF_FFFF for register in expected}
        broken = [
            Problem(symbol, f"{name} is {found[register]:#010x} after the call", f"{value:#010x}")
            for register, (name, value) in expected.items()
            if found[register] != value
        ]
        if broken:
            raise SimulationError(f"{symbol} on {self.board.name} did not return properly", broken)

    def _instructions(self) -> int:
        """Those of all blocks that ran. Compressed ones have 2 bytes: their lowest two bits are not both set (1.5)."""
        total = 0
        for (address, size), count in self._blocks.items():
            code, at, number = self.read(address, size), 0, 0
            while at < size:
                at += 4 if code[at] & 3 == 3 else 2
                number += 1
            total += number * count
        return total

    def _on_block(self, _emulator: object, address: int, size: int) -> None:
        self._blocks[address, size] += 1

    def _on_exception(self, _emulator: Any, number: int, _data: object) -> None:
        self._exception = number
        self._unicorn.emu_stop()

    def _on_bad_access(self, _emulator: Any, access: int, address: int, size: int, _value: int, _data: object) -> bool:
        what = "writes" if access in (unicorn.UC_MEM_WRITE_UNMAPPED, unicorn.UC_MEM_WRITE_PROT) else "reads"
        self._bad_access = f"{what} {size} bytes at {address:#010x}"
        return False


def _mark(register: int) -> int:
    """What a preserved register holds at a call: something no program computes, different for each."""
    return 0xC0DE_0000 | register
