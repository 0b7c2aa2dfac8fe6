"""Station 9: program -> C bundle, a folder that any C99 compiler builds. The same program gives the same bytes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from tinyglow import resources
from tinyglow.bundle.buffers import comment, label, listed
from tinyglow.bundle.c_names import is_taken
from tinyglow.bundle.header import BundleInfo, bundle_info, write_header
from tinyglow.bundle.kernel_header import kernel_headers
from tinyglow.bundle.kernel_source import kernel_source
from tinyglow.bundle.options import UTILS, BundleOptions
from tinyglow.bundle.render import for_size, hex_float, render, stamped
from tinyglow.bundle.rows import rows_of, steps_of, with_rows_apart
from tinyglow.errors import InputError, Problem
from tinyglow.ir.c_struct import struct_fields
from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import MEMORY_CTYPES, Kernel, Operand, Params, Role
from tinyglow.ir.namer import legal_name
from tinyglow.ir.program import MEMORIES, NEAR, Buffer, KernelCall, Program, Region
from tinyglow.numerics.glow import Requant

_BYTES_PER_LINE = 20  # of weights.txt, as Glow has it


def check_name(name: str) -> str:
    """``name`` itself, if a network may be called so in C; InputError otherwise."""
    if _is_name(name):
        return name
    expected = "a C identifier of at most 63 characters, no keyword, nothing of C's library, Glow or 'tg_...'"
    raise InputError("this is no name for a network", [Problem("--name", repr(name)[:80], expected)])


def _is_name(name: str) -> bool:
    # A leading underscore is for the compiler's library.
    return bool(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", name)) and not is_taken(name)


def default_name(path: Path) -> str:
    """What the network of a model file is called in C where nothing else is said: as the file, if that is possible."""
    name = legal_name(path.stem)[:63]
    return name if _is_name(name) else f"net_{name}"[:63]


def weights_bytes(program: Program, region: Region = Region.CONSTANT) -> bytes:
    """Content of ``<net>.weights.bin``: a region of constants, zero between buffers, little-endian."""
    image = bytearray(program.sizes[region])
    for buffer in program.buffers.values():
        if buffer.region is region and buffer.data is not None:
            data = buffer.data.astype(buffer.data.dtype.newbyteorder("<")).tobytes()
            image[buffer.offset : buffer.offset + len(data)] = data
    return bytes(image)


def _weights_text(data: bytes) -> str:
    lines = [data[i : i + _BYTES_PER_LINE] for i in range(0, len(data), _BYTES_PER_LINE)]
    return "".join("".join(f" 0X{byte:02X}," for byte in line) + "\n" for line in lines)


def _literal(value: object) -> str:
    """A parameter as a C initializer."""
    if isinstance(value, Requant):
        fields = ("multiplier", "offset", "pre", "post")
        return "{" + ", ".join(f".{name} = {getattr(value, name)}" for name in fields) + "}"
    if isinstance(value, float):
        return f"{hex_float(value)}f"  # exact; hexadecimal floats are C99
    return "(-2147483647 - 1)" if value == -(2**31) else str(value)


def _function(net: str, number: int) -> str:
    """The function that call ``number`` of the network takes as an operand."""
    return f"{net}_code_{number}"


def functions(kernel: Kernel, params: Params, operands: Sequence[Array | None], name: str) -> list[dict[str, Any]]:
    """What the template ``code.c.j2`` needs for each operand that is code; ``operands``: data in the kernel's order."""
    return [
        {"name": name, "code": operand.generate(params, data)}
        for operand, data in zip(kernel.operands, operands, strict=True)
        if operand.generate is not None and data is not None
    ]


def _expression(operand: Operand, buffer: Buffer, net: str, number: int) -> str:
    if operand.role is Role.CODE:
        return _function(net, number)
    const = "const " if operand.role is Role.IN else ""
    address = f"({buffer.region.value} + {label(buffer, net)})"
    # Offsets are aligned; the way through void says so to the compiler.
    through = f"({const}void *)" if operand.dtype != "int8" else ""
    return f"({const}{MEMORY_CTYPES[operand.dtype]} *){through}{address}"


def _first_alike(program: Program) -> list[int]:
    """For each call the number of the first that has the same parameters, and the same functions: they share them."""
    found: list[int] = []
    known: dict[tuple[object, ...], int] = {}
    for number, call in enumerate(program.calls, 1):
        code = [name for o, name in zip(call.kernel.operands, call.operands, strict=True) if o.role is Role.CODE]
        # As they are written: 0.0 and -0.0 are equal, and are two numbers.
        written = [_literal(getattr(call.params, name)) for name, _ in struct_fields(call.kernel)]
        found.append(known.setdefault((call.kernel.symbol, *written, *code), number))
    return found


def _call(call: KernelCall, program: Program, number: int, first: int) -> dict[str, Any]:
    """What the template needs of a call. first: the one whose parameters it has."""
    arguments = [
        {"name": operand.name, "expression": _expression(operand, program.buffers[name], program.name, first)}
        for operand, name in zip(call.kernel.operands, call.operands, strict=True)
    ]
    if call.scratch:
        scratch = program.buffers[call.scratch]
        address = f"(tg_i32 *)(void *)({scratch.region.value} + {label(scratch, program.name)})"
        arguments.append({"name": "scratch", "expression": address})
    data, own = [program.buffers[name].data for name in call.operands], first == number
    return {
        "origin": call.origin,
        "layers": comment(call.layers),
        "first": first,
        "functions": functions(call.kernel, call.params, data, _function(program.name, first)) if own else [],
        "symbol": call.kernel.symbol,
        "params_ctype": call.kernel.params_ctype,
        "params": [(name, _literal(getattr(call.params, name))) for name, _ in struct_fields(call.kernel)],
        "operands": arguments,
    }


def _states(program: Program) -> list[dict[str, Any]]:
    """What the reset writes: one byte everywhere in a state, or the bytes of an array."""
    found = []
    for number, (name, first) in enumerate(program.states.items(), 1):
        data = np.ascontiguousarray(first.astype(first.dtype.newbyteorder("<"))).tobytes()
        lines = [data[i : i + _BYTES_PER_LINE] for i in range(0, len(data), _BYTES_PER_LINE)]
        same = len(set(data)) == 1
        value = f"0x{data[0]:02X}u" if same else f"{program.name}_first_{number}[i]"
        found.append(
            {
                "name": name,
                "label": label(program.buffers[name], program.name),
                "count": len(data),
                "value": value,
                "bytes": [] if same else [" ".join(f"0x{byte:02X}," for byte in line) for line in lines],
            }
        )
    return found


def _source(program: Program, traced: bool) -> str:
    rows, steps, program = rows_of(program), steps_of(program), with_rows_apart(program)
    alike = _first_alike(program)
    used = {program.buffers[name].region for call in program.calls for name in call.buffers}
    text = render(
        "network.c.j2",
        net=program.name,
        memories=listed(program),
        calls=[_call(call, program, number, alike[number - 1]) for number, call in enumerate(program.calls, 1)],
        steps=steps,
        rows=rows,
        rows_label=label(program.buffers[rows.input], program.name) if rows else "",
        unused_regions=[region.value for region in MEMORIES if region not in used],
        tcm=Region.TCM in used,
        near=[region.value for region in NEAR if region in used],
        traced=traced,
        states=_states(program),
    )
    return for_size(text) if program.compact else text


def _includes(text: str) -> list[str]:
    return re.findall(r'^#include "(tg_\w+\.h)"', text, re.MULTILINE)


def _runtime_files(kernels: list[Kernel], compact: bool) -> dict[str, str]:
    """The kernels' sources and all headers they include, by file name."""
    files = kernel_headers(kernels)
    texts = list(files.values())
    for kernel in kernels:
        name, text = PurePosixPath(kernel.c_file).name, kernel_source(kernel)
        files[name] = for_size(text) if compact else text
        texts.append(files[name])
    while texts:
        for header in _includes(texts.pop()):
            if header not in files:
                files[header] = (resources.RUNTIME / "include" / header).read_text(encoding="utf-8")
                texts.append(files[header])
    return files


def _extras(info: BundleInfo, options: BundleOptions) -> dict[str, str]:
    """The files that only some interfaces have."""
    context: dict[str, Any] = {"net": info.name, "NET": info.name.upper(), "placeholders": info.placeholders}
    files = {}
    if options.api == "dynamic":
        files[f"{info.name}_config.c"] = render("config.c.j2", **context)
    if options.weights_asm:
        context |= {"ram": info.weights_in_ram, "size": info.constant, "alignment": info.alignment}
        files[f"{info.name}.weights.S"] = render("weights.S.j2", **context)
    if options.utils:
        files |= {name: (resources.RUNTIME / "host" / name).read_text(encoding="utf-8") for name in UTILS}
    return files


def _near(program: Program) -> dict[str, str]:
    """The file with the constants that are arrays of their own, if there are any."""
    arrays = [
        {"name": region.value, "memory": program.near[region], "text": _weights_text(weights_bytes(program, region))}
        for region in NEAR
        if program.sizes.get(region)
    ]
    net = program.name
    return {f"{net}_near.c": render("near.c.j2", net=net, NET=net.upper(), arrays=arrays)} if arrays else {}


def bundle_files(
    program: Program, efficiency: float, traced: bool = False, options: BundleOptions | None = None
) -> dict[str, bytes]:
    """Every file of the bundle by name. ``traced`` adds the step counter that ``verify`` bisects with.

    Raises InputError if the program cannot have the interface that ``options`` describe.
    """
    name = check_name(program.name)
    options = options or BundleOptions()
    options.check(name, program.placeholders)
    info = bundle_info(program, options)
    constants = sorted((b for b in program.buffers.values() if b.region is Region.CONSTANT), key=lambda b: b.offset)
    kernels = {call.kernel.symbol: call.kernel for call in program.calls}
    weights = weights_bytes(program)
    texts = {
        f"{name}.h": write_header(info, efficiency, options, constants, bool(program.in_input_memory)),
        f"{name}.c": _source(program, traced),
        f"{name}.weights.txt": _weights_text(weights),
        **_runtime_files(list(kernels.values()), program.compact),
        **_extras(info, options),
        **_near(program),
    }
    written = {key: stamped(text) if key.endswith((".c", ".h", ".S")) else text for key, text in sorted(texts.items())}
    return {**{key: text.encode("utf-8") for key, text in written.items()}, f"{name}.weights.bin": weights}
