"""The program: kernel calls over buffers with addresses. What the C bundle is, word for word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

from tinyglow.ir import show
from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import Kernel, Params, Role
from tinyglow.ir.types import TensorType


class Region(Enum):
    """The three memories of Glow's ABI, the fast one that an application may lend (``glow_tcm_addr``), and data that C
    has as functions: the interpreter alone has them as data."""

    CONSTANT = "constantWeight"
    MUTABLE = "mutableWeight"
    ACTIVATION = "activations"
    TCM = "tcm"
    CODE = "code"


# The memories that every call of a bundle is given.
MEMORIES = (Region.CONSTANT, Region.MUTABLE, Region.ACTIVATION)


@dataclass(frozen=True, eq=False)
class Buffer:
    """A piece of one region. ``offset`` is in bytes from the region's base; -1 until the planner has run."""

    name: str
    type: TensorType
    region: Region
    offset: int = -1
    data: Array | None = None

    @property
    def end(self) -> int:
        return self.offset + self.type.nbytes

    def at(self, offset: int) -> Buffer:
        return replace(self, offset=offset)


@dataclass(frozen=True)
class KernelCall:
    """One call: operands are buffer names in the kernel's order; ``origin`` names the graph node it computes.

    ``scratch`` names the buffer of the kernel's working memory, whose content means nothing before or afterwards.
    """

    kernel: Kernel
    operands: tuple[str, ...]
    params: Params
    origin: str
    scratch: str = ""

    def named(self, role: Role) -> Iterator[tuple[str, str]]:
        """(operand name, buffer name) of the operands with ``role``."""
        for operand, buffer in zip(self.kernel.operands, self.operands, strict=True):
            if operand.role is role:
                yield operand.name, buffer

    @property
    def buffers(self) -> list[str]:
        """All buffers that the call touches."""
        return [*self.operands, *([self.scratch] if self.scratch else [])]

    @property
    def reads(self) -> list[str]:
        return [buffer for _, buffer in self.named(Role.IN)]

    @property
    def writes(self) -> list[str]:
        return [buffer for _, buffer in self.named(Role.OUT)]


@dataclass(frozen=True, eq=False)
class Program:
    """Buffers by name, calls in order, the placeholders' buffers, and each region's size in bytes.

    compact: its C is to be compiled for size.
    """

    name: str
    buffers: dict[str, Buffer]
    calls: tuple[KernelCall, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    source_names: dict[str, str]
    sizes: dict[Region, int]
    alignment: int
    compact: bool = False

    @property
    def placeholders(self) -> tuple[str, ...]:
        return self.inputs + self.outputs

    @property
    def guests(self) -> list[Buffer]:
        """Activations in the mutable memory, where they lie in the place of an input that has been read."""
        placeholders = frozenset(self.placeholders)
        mutable = [buffer for buffer in self.buffers.values() if buffer.region is Region.MUTABLE]
        return [buffer for buffer in mutable if buffer.name not in placeholders]

    def __repr__(self) -> str:
        return show.program_text(self)

    def _repr_html_(self) -> str:
        return show.program_html(self)
