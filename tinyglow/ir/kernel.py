"""Kernels: C functions of the runtime with their numpy twins, and the structs that parametrize them.

A kernel's C prototype is ``void symbol(const <symbol>_params *p, <operands>)``; both the struct and the prototype are
generated from what is declared here (see ``tinyglow.bundle.kernel_header``), so that Python and C cannot drift apart.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.numbers import Numbers
from tinyglow.ir.record import Record
from tinyglow.ir.types import INTEGERS
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues.glow import GLOW
from tinyglow.numerics.glow import Requant
from tinyglow.targets.cores import Feature

I8 = Annotated[int, "int8_t"]
I16 = Annotated[int, "int16_t"]
I32 = Annotated[int, "int32_t"]
U8 = Annotated[int, "uint8_t"]
U16 = Annotated[int, "uint16_t"]
U32 = Annotated[int, "uint32_t"]
F32 = Annotated[float, "float"]

Scaling = Literal["plain", "folded", "high"]

# How often a kernel does each of the things that take it time, by their names.
Work = Mapping[str, float]

CTYPES = {**{name: f"{name}_t" for name in INTEGERS}, "float32": "float", "bool": "uint8_t"}
# Of buffers.
BUFFER_CTYPES = CTYPES
# The same as elements of a bundle's memories, which are arrays of bytes (``tg_core.h``).
MEMORY_CTYPES = {"int8": "int8_t", "uint8": "uint8_t", "bool": "uint8_t", "float32": "tg_f32"}
MEMORY_CTYPES |= {f"{sign}int{bits}": f"tg_{sign or 'i'}{bits}" for sign in ("", "u") for bits in (16, 32, 64)}
REQUANT_CTYPE = "tg_requant"
_LIMITS = {
    **{f"int{bits}_t": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32)},
    **{f"uint{bits}_t": (0, 2**bits - 1) for bits in (8, 16, 32)},
}


class ParamError(ValueError):
    """A parameter that does not fit the C type of its field, as a dimension above 65535."""


class Params(Record):
    """Base of a kernel's parameters: frozen dataclasses whose fields are annotated I8 ... F32 or Requant."""

    def __post_init__(self) -> None:
        for name, ctype in c_fields(type(self)):
            value = getattr(self, name)
            low, high = _LIMITS.get(ctype, (None, None))
            if low is not None and not low <= value <= high:
                raise ParamError(f"{name} = {value} does not fit {ctype}")


_FIELDS: dict[type[Params], list[tuple[str, str]]] = {}  # annotations take long to look at, and each call is checked


def c_fields(params: type[Params]) -> list[tuple[str, str]]:
    """(field name, C type) of each field of a Params class, in order."""
    if params not in _FIELDS:
        _FIELDS[params] = _read_fields(params)
    return _FIELDS[params]


def _read_fields(params: type[Params]) -> list[tuple[str, str]]:
    hints = get_type_hints(params, include_extras=True)
    fields = []
    for field in dataclasses.fields(params):
        hint = hints[field.name]
        if hint is Requant:
            fields.append((field.name, REQUANT_CTYPE))
        elif get_origin(hint) is Annotated:
            fields.append((field.name, str(get_args(hint)[1])))
        else:
            raise TypeError(f"{params.__name__}.{field.name}: {hint} has no C type")
    return fields


class Role(Enum):
    """What a kernel does with an operand."""

    IN = "in"
    OUT = "out"
    CODE = "code"


class Generated(Record):
    """The body of a function ``void name(const uint32_t *x, int32_t *sums)``, written by the compiler.

    Attributes:
        armv6m: Its instructions, by the ARM procedure call standard.
        portable: C statements that compute the same.
    """

    armv6m: tuple[str, ...]
    portable: tuple[str, ...]


class Operand(Record):
    """One argument: its name and dtype in C and Python, and whether it is read or written, or is code.

    may_alias: name of an input that this output may share its address with (the kernel reads each element of it before
    it writes the one at the same place, and never later).

    generate(params, data): for code, the function that C gets in place of the data that numpy gets.
    """

    name: str
    dtype: str
    role: Role
    may_alias: str = ""
    generate: Callable[[Any, Array], Generated] | None = None


def In(name: str, dtype: str) -> Operand:
    """An operand that is read."""
    return Operand(name, dtype, Role.IN)


def Out(name: str, dtype: str, may_alias: str = "") -> Operand:
    """An operand that is written, whole."""
    return Operand(name, dtype, Role.OUT, may_alias)


def Code(name: str, dtype: str, generate: Callable[[Any, Array], Generated]) -> Operand:
    """Constant data that are a function in C: a pointer to what ``generate`` makes of them."""
    return Operand(name, dtype, Role.CODE, generate=generate)


class Kernel(Record):
    """A C function of the runtime.

    Attributes:
        symbol: Its name in C.
        c_file: Its file, from ``runtime_c/src``.
        text: The text of that file, where the compiler writes it: then the runtime has no such file.
        params: The class of its parameters.
        operands: Its arguments after the parameters.
        reference: ``reference(params, *operands)`` is its definition in numpy. Operands are arrays [batch, elements] in
            the order of ``operands``; constants have batch 1. Outputs are filled in place, exactly as C fills its
            buffers.
        divides: Whether the definition itself takes a few samples at a time, as many as a cache holds.
        summary: What it computes, for the list of kernels.
        scratch: Bytes of working memory that C needs with these parameters, a multiple of 4. C gets the address as its
            last argument.
        sparing: The parameters with which it computes the same in somewhat less working memory and more time. None:
            there are none.
        overlap: How the output may overlap the first operand, an input: it may start at most so many bytes after the
            input's start (if negative, at least so many before), because what it overwrites then has been read for the
            last time. None: not at all.
        aliases: Whether ``may_alias`` holds with these parameters (default: yes).
        code_bytes: About how many bytes its code takes on ARMv6-M, compiled for size (zig), with what it needs of the
            compiler's library. 0: it is not a kernel to save flash with.
        needs: Features without which a core would compute it by portable C, slower than by kernels that need nothing.
        plain_bytes: Of a kernel that decodes its constants: how many bytes they would take uncoded, with these
            parameters. None: they are not coded.
        sum_bits: Width of the sums that it adds up.
        superseded_by: Features with which other kernels are faster, so that its own fast loop is not compiled for the
            core.
        work: ``work(params, constants)`` gives the counts that its time grows with. ``constants``: data of the operands
            in order, None of what changes at run time. ``targets.costs`` has the cycles of each count on a core. None:
            the elements of each operand count.
        epilogues: Whether its loop takes any epilogue: ``with_epilogue`` makes the kernel of each. Then ``reference``
            takes one too, as ``epilogue``.
        epilogue: The one that it has.
        loop: The kernel whose C file its own is made of (``with_epilogue``, ``with_settings``). None: it has a file.
        settings: Macros of that file, each with what it is in its own.
        in_armv6m: Whether its loop is in the instructions of ARMv6-M, and has ends for narrow epilogues.
        scaling: How it computes Glow's requantization. "plain": by the formula, which may wrap as Glow's does.
            "folded": with the output's offset added before the last shift. "high": by the upper word of a product of 64
            bits. The last two are right only where nothing wraps.
        other_ends: Of a loop that has no cycles of its own with other epilogues than Glow's: the first letters of
            epilogues' names, of which the first fit counts, and how many cycles an output then takes more, on cores
            without products of 64 bits.
        turns_by_data: How often a loop that touches no memory may turn where that depends on data. 0: there is none.
        sums_of: The least and the largest sum that it adds up with these parameters, where it has no constant weights.
        numbers_of: The ranges of its other intermediates with these parameters, where no constants count.
        table_numbers_of: The same of a kernel whose tables or weights count: by its parameters, and the data of its
            operands in order, None of what changes at run time.
    """

    symbol: str
    c_file: str
    params: type[Params]
    operands: tuple[Operand, ...]
    reference: Callable[..., None]
    summary: str = ""
    text: str = ""
    scratch: Callable[[Any], int] | None = None
    sparing: Callable[[Any], Params | None] | None = None
    overlap: Callable[[Any], int | None] | None = None
    aliases: Callable[[Any], bool] | None = None
    code_bytes: int = 0
    needs: frozenset[Feature] = frozenset()
    superseded_by: frozenset[Feature] = frozenset()
    plain_bytes: Callable[[Any], int] | None = None
    sum_bits: int = 32
    work: Callable[[Any, Sequence[Array | None]], Work] | None = None
    epilogues: bool = False
    epilogue: Epilogue = GLOW
    loop: Kernel | None = None
    settings: tuple[tuple[str, str], ...] = ()
    in_armv6m: bool = False
    scaling: Scaling = "plain"
    other_ends: tuple[tuple[str, int], ...] = ()
    turns_by_data: int = 0
    sums_of: Callable[[Any], tuple[int, int]] | None = None
    numbers_of: Callable[[Any], Numbers] | None = None
    table_numbers_of: Callable[[Any, Sequence[Array | None]], Numbers] | None = None
    divides: bool = False

    @property
    def params_ctype(self) -> str:
        """Name of the C struct of its parameters."""
        return f"{self.symbol}_params"

    def run(self, params: Params, operands: list[Array]) -> None:
        """Run the numpy definition; integer overflow wraps silently, as declared in ``numerics``."""
        with np.errstate(over="ignore"):
            if self.epilogues:
                self.reference(params, *operands, epilogue=self.epilogue)
            else:
                self.reference(params, *operands)

    def numbers(self, params: Params, constants: Sequence[Array | None]) -> Numbers | None:
        """The ranges of its intermediates but a layer's sums; None if it states none.

        Args:
            params: Its parameters.
            constants: Data of its operands, in their order; None of what changes at run time.
        """
        if self.table_numbers_of is not None:
            return self.table_numbers_of(params, constants)
        return None if self.numbers_of is None else self.numbers_of(params)

    @property
    def with_glow(self) -> Kernel:
        """The same loop with Glow's epilogue: what ``with_epilogue`` made this kernel of, or itself."""
        return self if self.epilogue is GLOW or self.loop is None else self.loop

    @property
    def origin(self) -> Kernel:
        """The kernel whose C file its own is made of, or itself."""
        return self.loop.origin if self.loop else self

    def with_epilogue(self, epilogue: Epilogue) -> Kernel:
        """This kernel's loop with another epilogue than Glow's.

        Its C file is written when it is needed (``bundle.kernel_source``).

        Args:
            epilogue: The epilogue.

        Returns:
            The kernel; this one for Glow's.

        Raises:
            ValueError: The loop takes no epilogue but its own.
        """
        if epilogue is self.epilogue:
            return self
        if not self.epilogues or self.epilogue is not GLOW:
            raise ValueError(f"{self.symbol} takes no epilogue but {self.epilogue.name}")
        stem, _, dtype = self.symbol.rpartition("_")
        summary = f"{self.summary}; requantized by {epilogue.summary}"
        return self._made(f"{stem}_{epilogue.name}_{dtype}", summary=summary, epilogue=epilogue, settings=())

    def with_settings(self, symbol: str, settings: Mapping[str, str], **changes: Any) -> Kernel:
        """A kernel whose C file differs from this one's by the values of macros.

        Args:
            symbol: Its name in C.
            settings: What each macro is, which this kernel's file defines in a line ``#define NAME value``.
            changes: Other attributes in which it differs.

        Returns:
            The kernel.
        """
        return self._made(symbol, settings=tuple(settings.items()), **changes)

    def per_channel(self, symbol: str, params: type[Params], reference: Callable[..., None], **changes: Any) -> Kernel:
        """This convolution's loop with a scale for each output channel: ``TG_PER_CHANNEL`` in its C file is 1.

        Args:
            symbol: Its name in C.
            params: The class of its parameters.
            reference: Its definition in numpy, which takes an epilogue.
            changes: Other attributes in which it differs.

        Returns:
            The kernel, whose loop takes any epilogue.
        """
        changes = {"summary": f"{self.summary}; a scale for each output channel", **changes}
        fixed = {"params": params, "reference": reference, "divides": False, "epilogues": True}
        return self.with_settings(symbol, {"TG_PER_CHANNEL": "1"}, **fixed, **changes)

    def _made(self, symbol: str, **changes: Any) -> Kernel:
        """The kernel that is made of this one's C file."""
        c_file = f"{self.c_file.rpartition('/')[0]}/{symbol}.c"
        return dataclasses.replace(self, symbol=symbol, c_file=c_file, loop=self, **changes)


def work_of(kernel: Kernel, params: Params, constants: Sequence[Array | None], sizes: Sequence[int]) -> Work:
    """The counts that the time of a call grows with.

    Args:
        kernel: The kernel.
        params: Its parameters.
        constants: Data of its operands, in their order; None of what changes at run time.
        sizes: Elements of its operands.

    Returns:
        What ``Kernel.work`` says; where it says nothing, the elements of each operand.
    """
    if kernel.work is not None:
        return kernel.work(params, constants)
    return {operand.name: float(size) for operand, size in zip(kernel.operands, sizes, strict=True)}
