"""The program: kernel calls over buffers with addresses. A C bundle is a program written in C."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from enum import Enum

from tinyglow.ir import show
from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import Kernel, Params, Role
from tinyglow.ir.record import Record
from tinyglow.ir.sums import SumRange
from tinyglow.ir.types import QuantParams, TensorType


class Region(Enum):
    """The memories of a program: the three of Glow's ABI, and five more.

    TCM: fast memory that an application may lend (``glow_tcm_addr``). CODE: weights that are functions in C; only the
    interpreter has them as data. NEAR_1, NEAR_2: constants that are arrays of their own, for memories that are faster
    than that of the others. ROWS: rows of the input that a call is given, in C alone.
    """

    CONSTANT = "constantWeight"
    MUTABLE = "mutableWeight"
    ACTIVATION = "activations"
    TCM = "tcm"
    CODE = "code"
    NEAR_1 = "near_1"
    NEAR_2 = "near_2"
    ROWS = "rows"


# The memories that every call of a bundle is given.
MEMORIES = (Region.CONSTANT, Region.MUTABLE, Region.ACTIVATION)
NEAR = (Region.NEAR_1, Region.NEAR_2)
# Those in which the planner places buffers.
PLANNED = tuple(region for region in Region if region is not Region.ROWS)
CONSTANTS = (Region.CONSTANT, *NEAR)


class Buffer(Record, eq=False):
    """A piece of one region.

    Attributes:
        name: Unique in the program.
        type: Shape, dtype and quantization parameters of what it holds.
        region: The memory it lies in.
        offset: Bytes from the region's base; -1 until the planner has run.
        data: The content of a constant; None for other buffers.
        part_of: Name of the buffer that it is a part of, as some rows of an image; "" if it is none. Its bytes are that
            buffer's, and so is the time in which they are in use.
        begin: Bytes from the first of that buffer.
    """

    name: str
    type: TensorType
    region: Region
    offset: int = -1
    data: Array | None = None
    part_of: str = ""
    begin: int = 0

    @property
    def end(self) -> int:
        """The first byte after it, from its region's base."""
        return self.offset + self.type.nbytes

    def at(self, offset: int) -> Buffer:
        """The same buffer at another offset."""
        return replace(self, offset=offset)


class KernelCall(Record):
    """One call of a kernel.

    Attributes:
        kernel: The kernel.
        operands: Names of buffers, in the kernel's order.
        params: The kernel's parameters.
        origin: The graph node that it computes (a part of).
        scratch: Name of the buffer of the kernel's working memory, whose content means nothing before and after the
            call; "" if it needs none.
        layers: Names of all nodes of the model file whose work it does (a part of).
        sums: What its sums can be, if its kernel has constant weights of integers.
    """

    kernel: Kernel
    operands: tuple[str, ...]
    params: Params
    origin: str
    scratch: str = ""
    layers: tuple[str, ...] = ()
    sums: SumRange | None = field(default=None, compare=False)

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
        """Names of the buffers that it reads."""
        return [buffer for _, buffer in self.named(Role.IN)]

    @property
    def writes(self) -> list[str]:
        """Names of the buffers that it writes."""
        return [buffer for _, buffer in self.named(Role.OUT)]


class Program(Record, eq=False):
    """Kernel calls in order, over buffers with addresses: what the C bundle is, call by call.

    Attributes:
        name: Name of the network in C.
        buffers: All buffers, by name.
        calls: The kernel calls.
        inputs: Names of the inputs' buffers.
        outputs: Names of the outputs' buffers.
        source_names: The name in the model file of each placeholder, by its name here.
        sizes: Bytes of each region.
        alignment: Of every buffer's address, in bytes.
        compact: Whether its C is to be compiled for size.
        pixels: Inputs that are uint8 in the model file (``ir.graph.Graph``).
        probabilities: Outputs whose elements are probabilities.
        states: What lives from one call to the next: names of buffers in mutable memory, each with the elements that
            it holds after a reset.
        near: The board's memory that each region of near constants is meant for.
        chains: Names of the nodes that are computed a few rows at a time, chain by chain (``lowering.line_buffers``).
        rows: Name of the input that may be handed in a few rows at a time; "" if there is none.
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
    pixels: Mapping[str, QuantParams] = field(default_factory=dict)
    probabilities: frozenset[str] = frozenset()
    states: Mapping[str, Array] = field(default_factory=dict)
    near: Mapping[Region, str] = field(default_factory=dict)
    chains: tuple[tuple[str, ...], ...] = ()
    rows: str = ""

    @property
    def placeholders(self) -> tuple[str, ...]:
        """Names of the inputs' and outputs' buffers."""
        return self.inputs + self.outputs

    @property
    def in_input_memory(self) -> list[Buffer]:
        """Activations that lie in the memory of an input, which is idle once it has been read (``lowering.reuse``)."""
        placeholders = {*self.placeholders, *self.states}
        mutable = [buffer for buffer in self.buffers.values() if buffer.region is Region.MUTABLE]
        return [buffer for buffer in mutable if buffer.name not in placeholders and not buffer.part_of]

    def whole(self, name: str) -> str:
        """The buffer whose bytes ``name`` has: what it is a part of, or itself."""
        return self.buffers[name].part_of or name

    @property
    def row_calls(self) -> list[int]:
        """Indices of the calls that take rows of the input ``rows``, in their order."""
        if not self.rows:
            return []
        return [i for i, call in enumerate(self.calls) if any(self.whole(name) == self.rows for name in call.reads)]

    @property
    def rows_bytes(self) -> int:
        """Bytes of the input's rows that a call is given; 0 where the input is there as a whole."""
        return max((self.buffers[self.calls[i].operands[0]].type.nbytes for i in self.row_calls), default=0)

    @property
    def placeholder_bytes(self) -> int:
        """Bytes of mutable memory, without an input that is handed in by rows."""
        return self.sizes[Region.MUTABLE] - (self.buffers[self.rows].type.nbytes if self.rows else 0)

    @property
    def spared_by_rows(self) -> int:
        """Bytes of the input that need no memory while a call is given its rows."""
        return self.buffers[self.rows].type.nbytes - self.rows_bytes if self.rows else 0

    def __repr__(self) -> str:
        return show.program_text(self)

    def _repr_html_(self) -> str:
        return show.program_html(self)
