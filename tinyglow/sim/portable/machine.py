"""What the emulated cores have in common: memory to read and write, functions to call, and how deep their stack got."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from tinyglow.errors import Problem, SimulationError, StackError
from tinyglow.sim.image import Image
from tinyglow.targets.boards import Board

_PAINT = b"\xc5"
# Next to the stack's end: whatever writes here has no more stack, and maybe has written what lies below.
_GUARD_BYTES = 64


@dataclass(frozen=True)
class CallCounts:
    """Figures of one call.

    Attributes:
        value: What the function returned, as a C int.
        instructions: From the function's first to its return.
        stack_bytes: From the stack pointer at the call to the lowest byte that was changed.
    """

    value: int
    instructions: int
    stack_bytes: int


@dataclass(frozen=True)
class Returned:
    """What the emulator says of a call: value and count, and the stack pointer at the call."""

    value: int
    instructions: int
    stack_pointer: int


class PortableMachine(ABC):
    """A core with a program, which may be called as often as wanted; variables keep their values between calls."""

    def __init__(self, image: Image, board: Board, stack: tuple[str, str], above: int = 0) -> None:
        """stack: the symbols of its end and its top; above: bytes of it that the functions' caller has for itself."""
        self.image = image
        self.board = board
        self._stack_end, self._stack_top = (self.address_of(name) for name in stack)
        self._painted = self._stack_top - above - self._stack_end

    def address_of(self, symbol: str) -> int:
        """The address of a variable or function; SimulationError if there is none."""
        return self.image.symbol(symbol).address

    @abstractmethod
    def read(self, address: int, size: int) -> bytes:
        """``size`` bytes from ``address``."""

    @abstractmethod
    def write(self, address: int, data: bytes) -> None:
        """Put bytes into the core's RAM."""

    @abstractmethod
    def _call(self, symbol: str, max_instructions: int) -> Returned:
        """Call a function without arguments. Raises SimulationError for a fault."""

    @abstractmethod
    def close(self) -> None:
        """End the emulator."""

    def call(self, symbol: str, max_instructions: int) -> CallCounts:
        """Call a function without arguments, and count.

        Raises:
            StackError: It used the stack to its end.
            SimulationError: It faults, or does not return in time.
        """
        self.write(self._stack_end, _PAINT * self._painted)
        returned = self._call(symbol, max_instructions)
        left = self.read(self._stack_end, self._painted)
        unused = len(left) - len(left.lstrip(_PAINT))
        if unused < _GUARD_BYTES:
            raise self._stack_overflow(symbol)
        value = returned.value - (returned.value >> 31 << 32)
        stack = max(0, returned.stack_pointer - (self._stack_end + unused))
        return CallCounts(value, returned.instructions, stack)

    def _stack_overflow(self, symbol: str) -> StackError:
        problem = Problem(symbol, "the stack is used to its end", f"at most {self.board.stack_bytes:,} bytes")
        return StackError(f"{symbol} on {self.board.name}: stack overflow", [problem])

    def _fault(self, symbol: str, found: str, address: int | None, stack_pointer: int | None = None) -> SimulationError:
        """What went wrong; stack_pointer: at that time, if it is known."""
        if stack_pointer is not None and stack_pointer < self._stack_end + _GUARD_BYTES:
            return self._stack_overflow(symbol)
        where = symbol if address is None else f"{self.image.place(address)} (pc {address:#010x})"
        return SimulationError(f"{symbol} on {self.board.name}: exception", [Problem(where, found)])
