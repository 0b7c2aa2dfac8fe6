"""The bundle's header: Glow's macros and comments, written for a program and read back from a file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tinyglow.bundle.harness import Placement
from tinyglow.bundle.manifest import NETWORKS, read_part
from tinyglow.bundle.options import BundleOptions
from tinyglow.bundle.render import hex_float, render
from tinyglow.bundle.rows import Rows, rows_of
from tinyglow.errors import InputError, Problem, reason
from tinyglow.ir.kernel import BUFFER_CTYPES
from tinyglow.ir.program import Buffer, Program, Region
from tinyglow.ir.record import Record
from tinyglow.ir.types import QuantParams, TensorType

_DTYPES = {"float": "float32", "i8": "int8", "i16": "int16", "i32": "int32"} | {
    "index32": "int32",
    "index64": "int64",
    "bool": "bool",
}
_MOST_PADDING = 40  # of a column of names: every line would grow with the longest
_MACROS = {"CONSTANT_MEM_SIZE": "constant", "MUTABLE_MEM_SIZE": "mutable", "ACTIVATIONS_MEM_SIZE": "activations"}


class Placeholder(Record):
    """An input or output of a bundle.

    Attributes:
        name: Its name in C.
        type: Its type.
        offset: Bytes from the base of mutableWeight.
        is_input: None where the header does not say it, as Glow's own headers do not.
        pixels: What an element stands for in the model file, if it is uint8 there.
    """

    name: str
    type: TensorType
    offset: int
    is_input: bool | None = None
    pixels: QuantParams | None = None

    @property
    def is_shifted(self) -> bool:
        """Whether it is int8 and takes the model's uint8 elements less 128."""
        pixels = self.pixels
        return pixels is not None and self.type.quant == QuantParams(pixels.scale, pixels.offset - 128)


class Near(Record):
    """Constants in an array of their own: bytes, and the board's memory that they are for."""

    memory: str
    size: int


class BundleInfo(Record):
    """What a bundle's header says. Sizes are in bytes.

    Attributes:
        name: Name of the network in C.
        placeholders: Inputs and outputs.
        constant: Size of constantWeight.
        mutable: Size of mutableWeight.
        activations: Size of activations.
        alignment: Of the three.
        tcm: Size of the fast memory that it wants at glow_tcm_addr.
        weights_in_ram: Whether the constants are to be copied to RAM.
        states: Bytes of mutableWeight that live from one inference to the next; if there are any, ``<net>_reset`` gives
            them their first values.
        near: Constants that lie apart from constantWeight.
        rows: How the input may be handed in by rows; None where that cannot be.
    """

    name: str
    placeholders: tuple[Placeholder, ...]
    constant: int
    mutable: int
    activations: int
    alignment: int
    tcm: int = 0
    weights_in_ram: bool = False
    states: int = 0
    near: tuple[Near, ...] = ()
    rows: Rows | None = None

    @property
    def inputs(self) -> list[Placeholder]:
        """The placeholders that the header says are inputs."""
        return [placeholder for placeholder in self.placeholders if placeholder.is_input]

    @property
    def outputs(self) -> list[Placeholder]:
        """The other placeholders."""
        return [placeholder for placeholder in self.placeholders if not placeholder.is_input]

    def needs(self, weights: Placement = "flash") -> dict[str, int]:
        """Bytes of each memory area, by the names of ``tinyglow.targets.memory_map``."""
        areas = {"tcm": self.tcm, "activations": self.activations, "mutable": self.mutable}
        return areas | ({"weights": self.constant} if weights == "ram" or self.weights_in_ram else {})

    def placeholder(self, name: str) -> Placeholder | None:
        """The placeholder of that name; None if there is none."""
        return next((p for p in self.placeholders if p.name == name), None)


def bundle_info(program: Program, options: BundleOptions | None = None) -> BundleInfo:
    """The header's content for a planned program."""
    buffers, inputs = [program.buffers[name] for name in program.placeholders], frozenset(program.inputs)
    return BundleInfo(
        name=program.name,
        placeholders=tuple(
            Placeholder(b.name, b.type, b.offset, b.name in inputs, program.pixels.get(b.name)) for b in buffers
        ),
        constant=program.sizes[Region.CONSTANT],
        mutable=program.sizes[Region.MUTABLE],
        activations=program.sizes[Region.ACTIVATION],
        alignment=program.alignment,
        tcm=program.sizes.get(Region.TCM, 0),
        weights_in_ram=options is not None and options.weights == "ram",
        states=sum(program.buffers[name].type.nbytes for name in program.states),
        near=tuple(Near(memory, program.sizes[region]) for region, memory in program.near.items()),
        rows=rows_of(program),
    )


class Described(Record):
    """What the header's macros say of a placeholder.

    limits: of its integers, if it is quantized to 8 or 16 bits; else None.
    """

    name: str
    ctype: str
    count: int
    nbytes: int
    shape: tuple[int, ...]
    scale: str
    offset: int
    limits: tuple[int, int] | None


_LIMITS = {"int8": (-128, 127), "int16": (-32768, 32767)}
_DESCRIBING = ("TYPE", "COUNT", "BYTES", "RANK", "SHAPE", "SCALE", "OFFSET", "QUANTIZE", "DEQUANTIZE")


def _described(placeholders: Sequence[Placeholder]) -> list[Described]:
    """The placeholders, without those of which a macro would be another placeholder's: ``x`` beside ``x_SCALE``."""
    names = {p.name for p in placeholders}
    found = []
    for p in placeholders:
        if names.isdisjoint(f"{p.name}_{what}" for what in _DESCRIBING):
            quant, type_ = p.type.quant, p.type
            limits = _LIMITS.get(type_.dtype) if quant else None
            scale, offset = (_decimal(quant.scale), quant.offset) if quant else ("", 0)
            ctype = BUFFER_CTYPES[type_.dtype]
            found.append(Described(p.name, ctype, type_.elements, type_.nbytes, type_.shape, scale, offset, limits))
    return found


def _decimal(value: float) -> str:
    """A float32 as a C constant that any C and C++ has: nine digits tell all of them apart (C99, 5.2.4.2.2)."""
    text = f"{value:.9g}"
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"


def write_header(
    info: BundleInfo,
    efficiency: float,
    options: BundleOptions | None = None,
    constants: Sequence[Buffer] = (),
    destroys_input: bool = False,
) -> str:
    """The text of ``<net>.h``.

    Args:
        info: What the header says.
        efficiency: Bytes of activations in use at once, at most, over those allocated.
        options: How the bundle's interface looks.
        constants: Listed if ``options.verbose``. Where the weights lie is in ``info``.
        destroys_input: Whether an inference overwrites its input.

    Returns:
        The text.
    """
    options = options or BundleOptions()
    return render(
        "network.h.j2",
        hex_float=hex_float,
        net=info.name,
        NET=info.name.upper(),
        total=info.constant + info.mutable + info.activations + info.tcm + sum(one.size for one in info.near),
        efficiency=efficiency,
        placeholders=info.placeholders,
        width=min(_MOST_PADDING, max(len(p.name) for p in info.placeholders)),
        constant=info.constant,
        mutable=info.mutable,
        activations=info.activations,
        alignment=info.alignment,
        tcm=info.tcm,
        ram=info.weights_in_ram,
        dynamic=options.api == "dynamic",
        weights_asm=options.weights_asm,
        constants=constants if options.verbose else (),
        destroys_input=destroys_input,
        states=info.states,
        near=info.near,
        rows=info.rows,
        described=_described(info.placeholders),
    )


def _parse_type(text: str, exact: str | None) -> TensorType:
    match = re.fullmatch(r"(\w+)(?:\[S:([0-9.]+) O:(-?\d+)\]\[[^\]]*\])?<([0-9 x:]*)>", text.strip())
    if match is None or match.group(1) not in _DTYPES:
        raise ValueError(f"type {text!r} is not understood")
    dims = tuple(int(dim.split(":")[0]) for dim in match.group(4).split("x") if dim.strip())
    quant = None
    if match.group(2):
        # The printed scale has nine decimals only; our own headers add it in full.
        scale = float.fromhex(exact) if exact else float(match.group(2))
        quant = QuantParams(scale, int(match.group(3)))
    return TensorType(dims, _DTYPES[match.group(1)], quant)


_PLACEHOLDER = (  # a text: commands that read no bundle start without compiling it
    r'^//\s+Name: "(?P<name>\w+)"\n//\s+Type: (?P<type>.*)\n(?://\s+Size: .*\n)*//\s+Offset: (?P<offset>\d+).*\n'
    r"(?://\s+Role: (?P<role>input|output)\n)?(?://\s+Quantization: real = (?P<exact>[-+.0-9a-fxp]+) .*\n)?"
    r"(?://\s+Pixels: real = (?P<scale>[-+.0-9a-fxp]+) \* \(uint8 - (?P<zero>\d{1,3})\))?"
)


def parse_header(text: str, where: str) -> BundleInfo:
    """Read a header of ours or of Glow's static API. Raises InputError naming what is missing in ``where``."""
    problems = []
    entry = re.search(r"^int (\w+)\(\s*uint8_t", text, re.MULTILINE)
    name = entry.group(1) if entry else ""
    macros: Mapping[str, int] = {key: int(value) for key, value in re.findall(r"#define (\w+)\s+(\d+)", text)}
    sizes = {}
    for macro, field in {**_MACROS, "MEM_ALIGN": "alignment"}.items():
        full = f"{name.upper()}_{macro}"
        if full not in macros:
            problems.append(Problem(where, f"does not define {full}"))
        sizes[field] = macros.get(full, 0)
    sizes["tcm"] = macros.get(f"{name.upper()}_TCM_MEM_SIZE", 0)
    sizes["states"] = macros.get(f"{name.upper()}_STATE_MEM_SIZE", 0)
    in_ram = re.search(rf"^#define {name.upper()}_CONSTANT_MEM_TYPE +uint8_t$", text, re.MULTILINE) is not None
    placeholders = []
    # Glow's verbose headers list constants after the placeholders in the same form.
    for match in re.finditer(_PLACEHOLDER, text.split("// Constants:", maxsplit=1)[0], re.MULTILINE):
        try:
            type_ = _parse_type(match["type"], match["exact"])
            is_input = {"input": True, "output": False}.get(match["role"] or "")
            pixels = QuantParams(float.fromhex(match["scale"]), int(match["zero"])) if match["scale"] else None
            placeholders.append(Placeholder(match["name"], type_, int(match["offset"]), is_input, pixels))
        except (ValueError, OverflowError) as error:
            problems.append(Problem(f"{where}, placeholder {match['name']}", str(error)))
    if not entry or not placeholders:
        problems.append(Problem(where, "has no entry function or no placeholders", "a header as Glow writes it"))
    for p in placeholders:
        if p.offset + p.type.nbytes > sizes["mutable"]:
            problems.append(Problem(f"{where}, placeholder {p.name}", "reaches beyond the mutable memory"))
    if problems:
        raise InputError("this is not a bundle's header", problems)
    memories = re.findall(rf"^#define {name.upper()}_NEAR_\d_MEMORY +([a-z][a-z0-9_]*)$", text, re.MULTILINE)
    near = [Near(memory, macros.get(f"{name.upper()}_NEAR_{i}_MEM_SIZE", 0)) for i, memory in enumerate(memories, 1)]
    return BundleInfo(
        name,
        tuple(placeholders),
        constant=sizes["constant"],
        mutable=sizes["mutable"],
        activations=sizes["activations"],
        alignment=sizes["alignment"],
        tcm=sizes["tcm"],
        weights_in_ram=in_ram,
        states=sizes["states"],
        near=tuple(near),
    )


def read_bundle(folder: str | Path) -> BundleInfo:
    """The header of the bundle in ``folder``: that beside ``<net>.weights.bin``. Raises InputError."""
    folder = Path(folder)
    weights = sorted(folder.glob("*.weights.bin"))
    if len(weights) > 1 and (folder / NETWORKS).is_file():
        problem = Problem(str(folder), "holds several networks", "the bundle of one", "compile each by itself too")
        raise InputError("cannot read the bundle", [problem])
    if len(weights) != 1:
        found = f"holds {len(weights)} files *.weights.bin" if folder.is_dir() else "is no folder"
        raise InputError("cannot read the bundle", [Problem(str(folder), found, "a folder 'tinyglow compile' made")])
    header = folder / (weights[0].name.removesuffix(".weights.bin") + ".h")
    try:
        text = read_part(header).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("cannot read the bundle", [Problem(str(header), reason(error))]) from error
    info = parse_header(text, header.name)
    if weights[0].stat().st_size != info.constant:
        found = f"has {weights[0].stat().st_size} bytes"
        problem = Problem(weights[0].name, found, f"{info.constant}, as {header.name} says")
        raise InputError("the header and the weights are of different bundles", [problem])
    return info
