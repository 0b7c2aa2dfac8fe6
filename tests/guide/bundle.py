"""Chapter 7: the bundle's files byte by byte."""

from __future__ import annotations

import re
import struct
import tempfile
from functools import lru_cache
from pathlib import Path

import tinyglow
from tests.guide.text import code, short, table
from tinyglow.demo.walk import FOLLOWED, INPUT, NAME, walk
from tinyglow.ir.program import Region

_WHAT = {
    f"{NAME}.c": "the network's function: one kernel call after the other",
    f"{NAME}.h": "the interface that firmware includes",
    f"{NAME}.weights.bin": "weights and biases, as they lie in memory",
    f"{NAME}.weights.txt": "the same bytes as text that C can include",
    f"{NAME}.proof.json": "what holds of it for all inputs, for `tinyglow check-proof`",
    "tinyglow.sha256": "digests of all files",
}


@lru_cache(maxsize=1)
def files() -> dict[str, bytes]:
    """The bundle for the Cortex-M0+, by file name."""
    with tempfile.TemporaryDirectory() as folder:
        tinyglow.emit(walk().program, folder)
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def listing() -> str:
    """The files: the six that every bundle has by name, the kernels' in one line. Sizes of C change often."""
    found = files()
    rows = [(f"`{name}`", f"{len(found[name]):,}" if "weights" in name else "", what) for name, what in _WHAT.items()]
    assert any(name.startswith("tg_") and name.endswith(".c") for name in found)
    rows.append(("`tg_*.c`, `tg_*.h`", "", "the kernels that this network calls, and no others"))
    return table(("file", ">bytes", "what it is"), rows)


def constants() -> str:
    """The weights file: what lies where, and its first bytes."""
    program = walk().program
    data = files()[f"{NAME}.weights.bin"]
    buffers = sorted((b for b in program.buffers.values() if b.region is Region.CONSTANT), key=lambda b: b.offset)
    rows = [
        (f"{one.offset} to {one.end - 1}", f"`{short(one.name)}`", one.type.dtype, one.type.elements) for one in buffers
    ]
    dump = "\n".join(f"{start:04x}  {data[start : start + 16].hex(' ')}" for start in range(0, 64, 16))
    first = buffers[0]
    values = struct.unpack_from(f"<{first.type.elements}i", data, first.offset)
    return (
        f"{table(('>bytes', 'constant', 'type', '>elements'), rows)}\n\nThe first bytes of the "
        f"file:\n\n{code(dump)}\n\n"
        f"The first four are `{data[:4].hex(' ')}`: the lowest byte first, that is {values[0]:#x} or {values[0]}. "
        f"The second four are `{data[4:8].hex(' ')}`, with the highest bit set: {values[1]}."
    )


def prepared() -> str:
    """Why the stored bias is not the bias of the chapter before."""
    found = walk()
    program = found.program
    node = next(node for node in found.quantized.nodes if node.op.kind == "Conv2D")
    source, weights, bias = (found.quantized.values[name] for name in node.inputs)
    data = files()[f"{NAME}.weights.bin"]
    stored = struct.unpack_from("<4i", data, program.buffers[bias.name].offset)
    assert bias.data is not None and weights.data is not None and source.type.quant and weights.type.quant
    rows = []
    for channel in range(4):
        w = [int(value) - weights.type.quant.offset for value in weights.data[channel].ravel()]
        moved = -source.type.quant.offset * sum(w)
        rows.append((channel, int(bias.data[channel]), sum(w), int(bias.data[channel]) + moved, stored[channel]))
    assert all(row[3] == row[4] for row in rows), "the kernel prepares its bias in another way: say so in the guide"
    columns = (
        ">channel",
        ">bias",
        ">sum of the weights",
        f">bias - ({source.type.quant.offset}) * sum",
        ">in the file",
    )
    return table(columns, rows)


def _part(text: str, first: str, last: str) -> str:
    begin = text.index(first)
    return text[begin : text.index(last, begin) + len(last)]


def header() -> str:
    """What of the header Glow's has too."""
    text = files()[f"{NAME}.h"].decode()
    parts = [
        _part(text, "// Placeholders:", "Offset: 0 (bytes)"),
        "// ...",
        _part(text, "// Placeholder address offsets", "784").strip(),
    ]
    sizes = re.findall(r"^#define \w+_(?:CONSTANT|MUTABLE|ACTIVATIONS)_MEM_SIZE +\d+$", text, re.MULTILINE)
    align = re.findall(r"^#define \w+_MEM_ALIGN +\d+$", text, re.MULTILINE)
    entry = re.findall(rf"^int {NAME}\(.*\);$", text, re.MULTILINE)
    parts += ["// ...", *sizes, *align, *entry]
    return code("\n".join(parts), "text")


def entry() -> str:
    """The network's function."""
    text = files()[f"{NAME}.c"].decode()
    body = text[text.index(f"int {NAME}(uint8_t") :]
    first = body.index("  /* 2.")
    last = body.index(f"  /* {len(walk().program.calls)}.")
    return code(body[:first] + "  /* ... */\n" + body[last:], "text")


def memories() -> str:
    """The three memories of the interface and who owns them."""
    sizes = walk().program.sizes
    rows = [
        ("`constantWeight`", sizes[Region.CONSTANT], "weights and biases", "flash, or RAM that start-up code fills"),
        ("`mutableWeight`", sizes[Region.MUTABLE], "inputs and outputs", "RAM; the application writes and reads it"),
        (
            "`activations`",
            sizes[Region.ACTIVATION],
            "everything between two layers",
            "RAM; means nothing between calls",
        ),
    ]
    return table(("argument", ">bytes", "what it holds", "where"), rows)


def placed_input() -> str:
    """The followed picture as it lies in mutableWeight."""
    found = walk()
    quant = found.quantized.type_of(found.quantized.inputs[0]).quant
    assert quant is not None
    row, column = 9, 20
    pixel = float(found.images[FOLLOWED][row, column, 0])
    stored = round(pixel / quant.scale + quant.offset)
    at = found.program.buffers[INPUT].offset + 28 * row + column
    return (
        f"The picture's pixel in row {row}, column {column} is {round(pixel * 255)} of 255, which is {pixel:.4f}. The "
        f"application stores {pixel:.4f} / {quant.scale:.8f} + ({quant.offset}) = {stored} at byte 28 * {row} "
        f"+ {column} = "
        f"{at} of `mutableWeight`."
    )
