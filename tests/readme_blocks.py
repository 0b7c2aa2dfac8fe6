"""The generated parts of the README and the documentation.

``python -m tests.readme_blocks`` writes them; tests/test_readme.py compares.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import tinyglow
from tests.benchmarks import app_notes, bounds, compilers, line_buffers, mlperf_tiny, numerics, other_cores, published
from tests.benchmarks.table import size_table, speed_table
from tests.c_quality import misra
from tests.guide import blocks as guide
from tests.planted import record as planted
from tests.tflite import images, micro_operators, sweep
from tinyglow.checker.unstated import UNSTATED, reason_of
from tinyglow.demo import digits
from tinyglow.demo.tour import run_demo
from tinyglow.numerics.names import TFLITE, TFLM
from tinyglow.operators.generic.declare import GENERAL
from tinyglow.pipeline.execution import Options
from tinyglow.pipeline.fit import fit, real_boards
from tinyglow.pipeline.placing import place_constants
from tinyglow.pipeline.stations import target_of
from tinyglow.quant.profile import load_profile
from tinyglow.registry import KERNELS, ONNX_OPS, TFLITE_OPS
from tinyglow.targets.boards import load_board
from tinyglow.testing.kit import problem as kit

README = Path(__file__).resolve().parents[1] / "README.md"
DOCS = README.parent / "docs"


def operators() -> str:
    """The operators that are read."""
    names = ", ".join(f"`{name}`" for name in sorted({*ONNX_OPS, *GENERAL, "Constant", "If", "Loop", "Scan"}))
    others = ", ".join(f"`{name}`" for name in sorted(TFLITE_OPS))
    return f"From ONNX: {names}.\n\nFrom TFLite: {others}.\n\n{micro_operators.table()}"


def kernels() -> str:
    """The kernels that run them."""
    found = sorted(KERNELS.values(), key=lambda kernel: kernel.symbol)
    rows = "\n".join(f"| `{kernel.symbol}` | {kernel.summary} | `{kernel.origin.c_file}` |" for kernel in found)
    return f"| kernel | what it computes | its text |\n|---|---|---|\n{rows}"


def demo() -> str:
    """What ``tinyglow demo`` prints, from the drawn digits on."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        run_demo(None, "zig")
    lines = [line.rstrip() for line in text.getvalue().splitlines()]
    begin = next(i for i, line in enumerate(lines) if line.startswith("drawn:"))
    shown = [line for line in lines[begin:] if line]
    return "```\n" + "\n".join(shown) + "\n```"


# NXP's AN13438, table 2: milliseconds of one inference on hardware, weights in flash and in RAM.
PUBLISHED = {
    "mimxrt1060-evk": (0.63, 0.55),
    "frdm-ke16z": (13.5, 12.9),
    "frdm-ke02z40m": (16.7, None),
    "lpc845-brk": (36.7, 35.6),
    "frdm-k32l2b": (13.3, 12.9),
    "frdm-kv11z": (8.5, 8.3),
}


# Every board takes two runs: NXP's, and two others of which there are published figures.
SHOWN = {
    *("evk-mimxrt685", "frdm-k32l2b", "frdm-ke02z40m", "frdm-ke04z", "frdm-ke16z", "frdm-kv11z", "lpc845-brk"),
    *("microbit", "mimxrt1050-evkb", "mimxrt1060-evk", "mimxrt1064-evk", "mimxrt1160-evk", "mimxrt1170-evk"),
    "nucleo-l4r5zi",
}


def fits() -> str:
    """What ``tinyglow fit`` finds for NXP's network on some boards, beside what NXP measured with Glow's bundle."""
    folder = README.parent
    graph = tinyglow.load(folder / "examples/mnist/mnist_nxp.onnx", "mnist", {"N": 1})
    profile = tinyglow.load_profile(folder / "tests/golden/mnist_nxp/profile.yaml")
    inputs = {graph.source_names.get(graph.inputs[0], graph.inputs[0]): digits.demo_set()[0][:1]}
    boards = [board for board in real_boards() if board.name in SHOWN]
    found = fit(tinyglow.quantize(graph, profile), boards, inputs, "zig")
    head = "| board | flash, RAM (bytes) | simulated: weights in flash, in RAM (ms) | AN13438, measured (ms) |"
    rows = [head, "|---|---|---|---|"]
    for board, in_flash, in_ram in zip(boards, found[::2], found[1::2], strict=True):
        core = f"{board.name}, {board.core.title} at {board.clock_hz / 1e6:g} MHz"
        times = [
            f"{one.milliseconds:.2f}" if one.milliseconds is not None else "does not fit" for one in (in_flash, in_ram)
        ]
        published = [f"{time:g}" for time in PUBLISHED.get(board.name, ()) if time is not None]
        taken = f"{in_flash.flash:,}, {in_flash.ram:,}"
        rows.append(f"| {core} | {taken} | {', '.join(dict.fromkeys(times))} | {', '.join(published)} |")
    return "\n".join(rows)


def place() -> str:
    """What NXP's network waits for on a board with its constants in place, and without."""
    board = load_board("mimxrt1060-evk")
    graph = tinyglow.load(README.parent / "examples/mnist/mnist_nxp.onnx", "mnist", {"N": 1})
    profile = tinyglow.load_profile(README.parent / "tests/golden/mnist_nxp/profile.yaml")
    program = tinyglow.lower(tinyglow.quantize(graph, profile), target=target_of(board))
    inputs = {graph.source_names.get(graph.inputs[0], graph.inputs[0]): digits.demo_set()[0][:1]}
    waits = [
        tinyglow.simulate(one, board, inputs, "zig", options=Options(timed=True)).waits
        for one in (program, place_constants(program, board, ["auto"]))
    ]
    where = f"NXP's MNIST network on the {board.title}, simulated"
    return f"{where}: {waits[1]:,} cycles with `--place auto`, {waits[0]:,} without."


def variants() -> str:
    """The kernels that could compute each layer of NXP's network on a Cortex-M4."""
    graph = tinyglow.load(README.parent / "examples/mnist/mnist_nxp.onnx", "mnist", {"N": 1})
    profile = tinyglow.load_profile(README.parent / "tests/golden/mnist_nxp/profile.yaml")
    table = tinyglow.variants(tinyglow.quantize(graph, profile), tinyglow.load_board("nucleo-l4r5zi"))
    return f"```text\n{table!r}\n```"


_TYPES = {"_s4": "weights of 4 bits", "_s16": "int16", "_u8": "uint8"}  # by what names of operators end in


def kit_operators() -> str:
    """The operators that kernels are tested for, with the prototype for TensorFlow Lite Micro's numerics."""
    known = kit.operators()
    rows = []
    for name, one in known.items():
        if name.endswith(tuple(_TYPES)):
            continue
        also = [f"`{name}{ending}`" for ending in _TYPES if f"{name}{ending}" in known]
        cells = [f"`{name}`", one.summary, _arguments(one.inputs_of(TFLM)), _arguments(one.numbers_of(TFLM))]
        rows.append(f"| {' | '.join([*cells, ', '.join(one.numerics), ', '.join(also)])} |")
    numerics = {ending: next(one.numerics for name, one in known.items() if name.endswith(ending)) for ending in _TYPES}
    types = "; ".join(f"`{ending}` is {kind}, with {', '.join(numerics[ending])}" for ending, kind in _TYPES.items())
    head = f"With `tflm`; `prototype(operator, numerics)` has the others, too. All are int8; {types}."
    titles = "| operator | what it computes | inputs | numbers | numerics | also |"
    return "\n".join([f"{head}\n", titles, "|---|---|---|---|---|---|", *rows])


def _arguments(dtypes: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in dtypes)


def proof() -> str:
    """The proof of the shipped network's bundle, with the first and the last entries of its lists."""
    graph = tinyglow.load(README.parent / "examples/mnist/mnist_nxp.onnx", "mnist", {"N": 1})
    quantized = tinyglow.quantize(graph, load_profile(README.parent / "tests/golden/mnist_nxp/profile.yaml"))
    with tempfile.TemporaryDirectory() as work:
        tinyglow.emit(tinyglow.lower(quantized, target=target_of(load_board("cortex-m7"))), work)
        document = json.loads((Path(work) / "mnist.proof.json").read_text(encoding="ascii"))
    lines = ["{"]
    for key, value in document.items():
        if key == "files":
            lines.append(' "files": {...},')
        elif isinstance(value, list):
            shown = [f"  {json.dumps(entry)}" for entry in (value[0], value[-1])]
            lines += [f' "{key}": [', f"{shown[0]},", "  ...", shown[1], " ],"]
        else:
            lines.append(f' "{key}": {json.dumps(value)},')
    return "```\n" + "\n".join(lines).rstrip(",") + "\n}\n```"


def unstated() -> str:
    """The kernels of which a proof states no numbers, with the reasons."""
    rows = []
    for pattern, reason in UNSTATED:
        names = [symbol for symbol in KERNELS if re.fullmatch(pattern, symbol) and reason_of(symbol) == reason]
        rows.append(f"| {', '.join(f'`{name}`' for name in sorted(names)) or 'those of integer tensors'} | {reason} |")
    return "\n".join(["| kernels | why |", "|---|---|", *rows])


# What is generated, in which file.
BLOCKS: dict[str, tuple[Path, Callable[[], str]]] = {
    "demo": (README, demo),
    "speed": (README, speed_table),
    "mlperf": (README, mlperf_tiny.table_text),
    "sizes": (DOCS / "how-to/size-and-speed.md", size_table),
    "line-buffers": (DOCS / "how-to/size-and-speed.md", line_buffers.table),
    "bounds": (DOCS / "bounds.md", bounds.table),
    "push-rows": (DOCS / "how-to/size-and-speed.md", line_buffers.pushed_table),
    "place": (DOCS / "how-to/boards.md", place),
    "fits": (DOCS / "how-to/boards.md", fits),
    "numerics-tflite": (DOCS / "numerics.md", partial(numerics.mlperf_text, TFLITE)),
    "numerics-tflm": (DOCS / "numerics.md", partial(numerics.mlperf_text, TFLM)),
    "numerics-onnx": (DOCS / "numerics.md", numerics.onnx_text),
    "helium": (DOCS / "how-to/other-cores.md", other_cores.helium_text),
    "other-cores": (DOCS / "how-to/other-cores.md", other_cores.table_text),
    "operators": (DOCS / "reference/operators.md", operators),
    "proof": (DOCS / "how-to/proof.md", proof),
    "unstated": (DOCS / "how-to/proof.md", unstated),
    "variants": (DOCS / "how-to/notebook.md", variants),
    "kit_operators": (DOCS / "how-to/test-kernels.md", kit_operators),
    "kernels": (DOCS / "reference/kernels.md", kernels),
    "compilers": (DOCS / "kernels.md", compilers.table_text),
    "gcc": (README, compilers.sentence),
    "records": (DOCS / "kernels.md", published.table_text),
    "an13438": (DOCS / "notes/an13438.md", app_notes.an13438),
    "an13331": (DOCS / "notes/an13331.md", app_notes.an13331),
    "misra": (DOCS / "evidence.md", misra.table),
    "litert-sweep": (DOCS / "how-to/tflite.md", sweep.table_text),
    "litert-images": (DOCS / "how-to/tflite.md", images.sentence),
    "planted": (DOCS / "evidence.md", planted.table),
    **guide.BLOCKS,
}
# Of these the figures are those of ziglang's code.
COMPILED = frozenset({"demo", "fits", "place"}) | guide.COMPILED


def block(name: str, text: str) -> str:
    """What a file has between the marks of ``name``."""
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, re.DOTALL)
    assert found, f"no marks for {name}"
    return found.group(1).rstrip("\n")


def main() -> int:
    """Rewrite all blocks."""
    for name, (path, make) in BLOCKS.items():
        text = path.read_text(encoding="utf-8")
        replacement = f"<!-- {name} -->\n{make()}\n<!-- /{name} -->"
        text = re.sub(rf"<!-- {name} -->\n.*?<!-- /{name} -->", lambda _, r=replacement: r, text, flags=re.DOTALL)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
