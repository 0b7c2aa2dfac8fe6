"""Headers of bundles that others made: Glow's static and dynamic interface, of any release, edited or not.

Layout of comments and macros: Glow, lib/LLVMIRCodeGen/BundleSaver.cpp; of types: lib/Base/Type.cpp.
:mod:`tinyglow.bundle.header` reads what tinyglow writes. This module takes less for granted, and compiles nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Literal

from tinyglow.errors import InputError, Problem
from tinyglow.ir.record import Record
from tinyglow.ir.types import QuantParams

MAX_HEADER_BYTES = 1 << 24
MAX_MEMORY = 1 << 28  # bytes of one memory area
MAX_ALIGNMENT = 4096

# Glow's names of element types, numpy's, and whether scale and offset belong to it.
DTYPES = {
    "float": "float32",
    "float16": "float16",
    "i8": "int8",
    "ui8": "uint8",
    "i16": "int16",
    "i32": "int32",
    "i64": "int64",
    "index32": "int32",
    "index64": "int64",
    "bool": "bool",
    "float64": "float64",
}
_BYTES = {
    "float32": 4,
    "float16": 2,
    "float64": 8,
    "int8": 1,
    "uint8": 1,
    "int16": 2,
    "int32": 4,
    "int64": 8,
    "bool": 1,
}


class Tensor(Record):
    """A placeholder or a constant of a bundle.

    Attributes:
        name: Its name in the header.
        text: Its type as the header has it.
        dtype: numpy's name of the element type.
        shape: Its dimensions.
        quant: Scale and offset; None if it is float.
        offset: Bytes from the beginning of its area.
        is_input: None where the header does not say it, as Glow's own headers do not.
    """

    name: str
    text: str
    dtype: str
    shape: tuple[int, ...]
    quant: QuantParams | None
    offset: int
    is_input: bool | None = None

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Its size in bytes."""
        return self.elements * _BYTES[self.dtype]


class AreaSizes(Record):
    """Bytes of constantWeight, mutableWeight and activations, and how all three are aligned."""

    constant: int
    mutable: int
    activations: int
    alignment: int
    tcm: int = 0  # of fast memory at glow_tcm_addr, where tinyglow's own bundles want it


class ForeignHeader(Record):
    """What a header says. ``sizes`` is None with the dynamic interface: there the object holds them."""

    where: str
    api: Literal["static", "dynamic"]
    entries: tuple[str, ...]
    model: str
    tool: str
    placeholders: tuple[Tensor, ...]
    constants: tuple[Tensor, ...]
    sizes: AreaSizes | None
    returns_int: bool = True  # early releases of Glow return nothing

    @property
    def config(self) -> str:
        """The name of the dynamic interface's BundleConfig."""
        return f"{self.model}_config"


_TENSOR = re.compile(
    r'^//[ \t]+Name: "(?P<name>[^"\n]{1,1000})"[ \t]*\n//[ \t]+Type: (?P<type>[^\n]{1,1000})\n'
    r"(?://[ \t]+Size: \d+ \(elements\)[^\n]*\n)?(?://[ \t]+Size: (?P<bytes>\d+) \(bytes\)[^\n]*\n)?"
    r"//[ \t]+Offset: (?P<offset>\d+)[^\n]*\n(?://[ \t]+Role: (?P<role>input|output)[^\n]*\n)?"
    r"(?://[ \t]+Quantization: real = (?P<exact>[-+.0-9a-fxp]{1,60}) [^\n]*\n)?",
    re.MULTILINE,
)
_TYPE = re.compile(r"(\w+)(?:\[S:([-+.0-9e]{1,60}) O:(-?\d{1,12})\](?:\[[^\]]*\])?)?<([0-9 x:]*)>")
_ENTRY = re.compile(
    r"^[ \t]*(?:extern[ \t]+)?(?:int|int32_t|void)\s{1,10}(\w{1,200})\s{0,10}\("
    r"\s{0,20}uint8_t\s{0,10}\*\s{0,10}\w{1,60}\s{0,10},\s{0,20}uint8_t\s{0,10}\*\s{0,10}\w{1,60}\s{0,10},\s{0,20}uint8_t\s{0,10}\*\s{0,10}\w{1,60}\s{0,10}\)",
    re.MULTILINE,
)
_CONFIG = re.compile(
    r"^[ \t]*extern\s{1,10}(?:(?:const|struct)\s{1,10}){0,3}BundleConfig\s{1,10}(\w{1,200})_config\b",
    re.MULTILINE,
)
_MACRO = re.compile(
    r"^[ \t]*#[ \t]*define[ \t]+(\w{1,1000})[ \t]+\(?(0[xX][0-9a-fA-F]{1,16}|\d{1,20})[uUlL]{0,3}\)?", re.MULTILINE
)


def parse_foreign_header(text: str, where: str) -> ForeignHeader:
    """Read a bundle's header. ``where``: its name in errors.

    Raises InputError with every problem: no entry function, no placeholders, sizes missing, absurd or contradicting.
    """
    text = text.replace("\r\n", "\n")
    entries = tuple(dict.fromkeys(_ENTRY.findall(text)))
    if not entries:
        found, expected = "declares no entry function", "int <net>(uint8_t *, uint8_t *, uint8_t *), as Glow writes it"
        raise InputError("this is not a bundle's header", [Problem(where, found, expected)])
    dynamic = _CONFIG.search(text)
    name = re.search(r'^// Model name: "(\w{1,200})"', text, re.MULTILINE)
    model = dynamic.group(1) if dynamic else name.group(1) if name else entries[0]
    problems: list[Problem] = []
    macros = {key: int(value, 0 if value[:2] in ("0x", "0X") else 10) for key, value in _MACRO.findall(text)}
    sizes = None if dynamic else _static_sizes(macros, model, entries, where, problems)
    # A verbose header lists the constants after the placeholders, in the same form.
    parts = text.split("// Constants:", maxsplit=1)
    placeholders = tuple(_tensors(parts[0], where, problems))
    constants = tuple(_tensors(parts[1], where, problems)) if len(parts) > 1 else ()
    if not placeholders and not problems:
        problems.append(Problem(where, "describes no placeholders", 'comments "// Name:", "// Type:", "// Offset:"'))
    if sizes:
        problems += beyond(where, placeholders, sizes.mutable) or _moved(where, placeholders, macros, model)
    if problems:
        raise InputError("this is not a bundle's header", problems)
    tool = re.search(r"^// Glow Tools version: ([^\n]{1,200})", text, re.MULTILINE)
    api: Literal["static", "dynamic"] = "dynamic" if dynamic else "static"
    returns_int = re.search(rf"^[ \t]*(?:extern[ \t]+)?void\s{{1,10}}{entries[0]}\b", text, re.MULTILINE) is None
    version = tool.group(1) if tool else ""
    return ForeignHeader(where, api, entries, model, version, placeholders, constants, sizes, returns_int)


def _static_sizes(
    macros: dict[str, int], model: str, entries: tuple[str, ...], where: str, problems: list[Problem]
) -> AreaSizes | None:
    """The macros <NET>_..._MEM_SIZE; with several entries they bear the model's name."""
    prefix = next((name for name in (model, *entries) if f"{name.upper()}_MUTABLE_MEM_SIZE" in macros), model).upper()
    keys = [f"{prefix}_{key}" for key in ("CONSTANT_MEM_SIZE", "MUTABLE_MEM_SIZE", "ACTIVATIONS_MEM_SIZE", "MEM_ALIGN")]
    lacking = [Problem(where, f"does not define {key}") for key in keys if key not in macros]
    if lacking:
        problems += lacking
        return None
    constant, mutable, activations, alignment = (macros[key] for key in keys)
    sizes = AreaSizes(constant, mutable, activations, alignment, macros.get(f"{prefix}_TCM_MEM_SIZE", 0))
    problems += absurd(where, sizes)
    return sizes


def absurd(where: str, sizes: AreaSizes) -> list[Problem]:
    """What is wrong with sizes that a header or an object names."""
    areas = {"constant": sizes.constant, "mutable": sizes.mutable, "activations": sizes.activations, "fast": sizes.tcm}
    found = [
        Problem(where, f"wants {size:,} bytes of {name} memory", f"at most {MAX_MEMORY:,}")
        for name, size in areas.items()
        if size > MAX_MEMORY
    ]
    align = sizes.alignment
    if not 0 < align <= MAX_ALIGNMENT or align & (align - 1):
        found.append(Problem(where, f"wants an alignment of {align}", f"a power of two, at most {MAX_ALIGNMENT}"))
    return found


def _tensors(text: str, where: str, problems: list[Problem]) -> Iterator[Tensor]:
    for match in _TENSOR.finditer(text):
        try:
            tensor = _tensor(match)
        except (ValueError, OverflowError) as error:
            problems.append(Problem(f"{where}, {match['name'][:80]}", str(error)))
            continue
        if match["bytes"] and int(match["bytes"]) != tensor.nbytes:
            found = f"has {match['bytes']} bytes, its type {tensor.text} {tensor.nbytes}"
            problems.append(Problem(f"{where}, {tensor.name}", found))
        yield tensor


def _tensor(match: re.Match[str]) -> Tensor:
    text = match["type"].strip()
    parts = _TYPE.fullmatch(text)
    if parts is None or parts.group(1) not in DTYPES:
        raise ValueError(f"type {text[:120]!r} is not understood")
    # A dimension may be followed by ":" and the alignment of its rows.
    shape = tuple(int(dim.split(":")[0]) for dim in parts.group(4).split("x") if dim.strip())
    quant = None
    if parts.group(2):
        # Printed with nine decimals; headers of tinyglow add the scale in full.
        scale = float.fromhex(match["exact"]) if match["exact"] else float(parts.group(2))
        quant = QuantParams(scale, int(parts.group(3)))
    role = {"input": True, "output": False}.get(match["role"] or "")
    tensor = Tensor(match["name"], text, DTYPES[parts.group(1)], shape, quant, int(match["offset"]), role)
    if tensor.nbytes > MAX_MEMORY:
        raise ValueError(f"is of {tensor.nbytes:,} bytes, more than {MAX_MEMORY:,}")
    return tensor


def beyond(where: str, placeholders: tuple[Tensor, ...], mutable: int) -> list[Problem]:
    """Placeholders that do not lie in mutableWeight."""
    return [
        Problem(
            f"{where}, {p.name}", f"reaches beyond the mutable memory, to byte {p.offset + p.nbytes:,}", f"{mutable:,}"
        )
        for p in placeholders
        if p.offset + p.nbytes > mutable
    ]


def _moved(where: str, placeholders: tuple[Tensor, ...], macros: dict[str, int], model: str) -> list[Problem]:
    return [
        Problem(f"{where}, {p.name}", f"lies at {p.offset} by its comment", f"{value}, as its macro says")
        for p in placeholders
        if (value := macros.get(f"{model.upper()}_{p.name}", p.offset)) != p.offset
    ]


def looks_like_header(text: str) -> bool:
    """Whether a file declares a bundle's entry function."""
    return _ENTRY.search(text) is not None
