"""The kernel calls that layers become, in every way that the compiler has for them, as text; and what kernels declare.

A layer's text has a line for each variant (its bytes of constants, of code, of working memory) and one for each call:
fields of the parameters that are neither 0 nor as in the call before, check sums of the constants, and what the kernel
says of itself with these parameters.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from zlib import crc32

import numpy as np

import tinyglow
from tests.golden_dumps.layers import BANDS, LAYERS
from tests.golden_dumps.models import MODELS
from tinyglow.errors import ModelError
from tinyglow.ir.graph import Array, Graph
from tinyglow.ir.kernel import Kernel, Params, Role, work_of
from tinyglow.ir.program import Buffer, KernelCall, Program
from tinyglow.ir.target import ANY, Optimize, Target, Variant, WeightsAsCode
from tinyglow.lowering.graph_to_program import lower
from tinyglow.lowering.line_buffers.rows import layer_of
from tinyglow.lowering.line_buffers.schedule import Chain
from tinyglow.passes.fuse import fuse
from tinyglow.quant.profile import Profile, Range
from tinyglow.quant.scheme import Scheme
from tinyglow.registry import KERNELS, WITH_EPILOGUES

FILES = Path(__file__).parent
_HEAD = "## "  # before the name of each layer
# How a layer's numbers are represented: its scheme, and whose rounding they have.
WAYS: Mapping[str, tuple[Scheme, str] | None] = {
    "glow": (Scheme(), "glow"),
    "channelwise": (Scheme(channelwise=True), "glow"),
    "tflite": (Scheme(channelwise=True), "tflite"),
    "tflm": (Scheme(), "tflm"),
    "onnx": (Scheme(), "onnx"),
    "int16": (Scheme(precision="int16"), "glow"),
    "float": None,
}
# Together they have every variant that there is.
TARGETS: Mapping[str, Target] = {
    "any": ANY,
    "m4": Target("cortex-m4"),
    "code": Target("cortex-m0plus", weights_as_code=WeightsAsCode.ALWAYS),
    "packed": Target("cortex-m0plus", Optimize.SIZE),
    "transformed": Target("cortex-m7", transformed_weights=True),
}


def _loaded(model: bytes, suffix: str) -> Graph:
    with tempfile.TemporaryDirectory(prefix="tinyglow-") as folder:
        path = Path(folder) / f"net.{suffix}"
        path.write_bytes(model)
        return tinyglow.load(path, "net")


def _quantized(graph: Graph, way: str) -> Graph:
    """Ranges are given, not recorded: floats that were computed differ between machines in their last bits."""
    chosen = WAYS[way]
    if chosen is None:
        return graph
    scheme, numerics = chosen
    if graph.is_quantized:
        return tinyglow.quantize(graph, numerics=numerics)
    halves = {name: np.full((1, *graph.type_of(name).shape), 0.5, np.float32) for name in graph.inputs}
    ranges = dict(tinyglow.profile(graph, halves).ranges)
    constants = {name for name, value in graph.values.items() if value.data is not None}
    for number, name in enumerate(sorted(ranges)):
        if name.rpartition(":")[0] not in constants:
            ranges[name] = Range(number % 3 * -0.75, 1.5 + number % 5 / 8)
    return tinyglow.quantize(graph, Profile(ranges), scheme, numerics=numerics)


def _fields(params: Params, before: dict[str, str]) -> str:
    """Those that are not 0, and not as in the call before."""
    values = {field.name: _shown(getattr(params, field.name)) for field in dataclasses.fields(params)}
    shown = [f"{name}={text}" for name, text in values.items() if text != before.get(name, "0")]
    before |= values
    return " ".join(shown)


def _shown(value: object) -> str:
    if dataclasses.is_dataclass(value):
        return "/".join(_shown(getattr(value, field.name)) for field in dataclasses.fields(value))
    if isinstance(value, tuple | list):
        return "/".join(_shown(item) for item in value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _sum(data: Array) -> str:
    return f"{crc32(np.ascontiguousarray(data).tobytes()):x}"


def _call(call: KernelCall, program: Program, before: dict[str, str]) -> str:
    """All that a call says of itself, but its cycles: they are measured."""
    kernel, params = call.kernel, call.params
    buffers = [program.buffers[name] for name in call.operands]
    parts = {"": _fields(params, before), "constants": " ".join(_constant(b) for b in buffers if b.data is not None)}
    for name in ("scratch", "overlap", "aliases", "plain_bytes", "sums_of"):
        function = getattr(kernel, name)
        parts[name] = _shown(function(params)) if function else ""
    if kernel.work:
        work = work_of(kernel, params, [b.data for b in buffers], [b.type.elements for b in buffers])
        parts["work"] = " ".join(f"{name}={value:g}" for name, value in work.items() if value)
    numbers = kernel.numbers(params, [b.data for b in buffers]) or {}
    parts["numbers"] = " ".join(f"{name}={_shown(number)}" for name, number in numbers.items())
    if call.sums:
        ends = f"{call.sums.low.min(initial=0)}..{call.sums.high.max(initial=0)}"
        limits = [f"{name}={most}/{allowed}" for name, (most, allowed) in call.sums.limits.items()]
        scales = f"{crc32(_shown(call.sums.scales).encode()):x}"
        parts["sums"] = " ".join([ends, _sum(call.sums.low), _sum(call.sums.high), scales, *limits])
    parts["gives"] = _results(call, program)
    return "; ".join([kernel.symbol, *(f"{name} {text}".strip() for name, text in parts.items() if text)])


def _results(call: KernelCall, program: Program) -> str:
    """Check sums of what the numpy definition computes, which has the same bits everywhere."""
    arrays = [_elements(program.buffers[name]) for name in call.operands]
    operands = [array.view(operand.dtype) for operand, array in zip(call.kernel.operands, arrays, strict=True)]
    call.kernel.run(call.params, operands)
    results = [array for operand, array in zip(call.kernel.operands, operands, strict=True) if operand.role is Role.OUT]
    # Which of the many NaN a function gives differs between machines.
    return " ".join(_sum(np.where(np.isnan(array), 0, array).astype(array.dtype)) for array in results)


def _elements(buffer: Buffer) -> Array:
    """[1, elements] of a buffer: constants, or a pattern."""
    if buffer.data is not None:
        return buffer.data.reshape(1, -1)
    pattern = (np.arange(buffer.type.elements) * 53 + 17) % 251 - 125
    if buffer.type.dtype == "bool":
        return (pattern % 3 > 0)[np.newaxis]
    scale = {"int16": 251, "float32": 1 / 64}.get(buffer.type.dtype, 1)
    return (pattern * scale).astype(buffer.type.dtype)[np.newaxis]


def _constant(buffer: Buffer) -> str:
    assert buffer.data is not None
    return f"{buffer.type.dtype}{list(buffer.type.shape)}:{_sum(buffer.data)}"


def _emit_all(variants: Sequence[Variant], found: list[str]) -> Variant:
    """Make the calls of every variant, one after the other; the last is for who asked."""
    for variant in variants:
        found.append(f"{variant.name} {variant.constants} {variant.code} {variant.scratch}")
    for variant in variants[:-1]:
        variant.emit()
    return variants[-1]


def _lines(graph: Graph, target: Target, before: dict[str, str]) -> list[str]:
    found: list[str] = []
    try:
        program = lower(fuse(graph, target), target, partial(_emit_all, found=found))
    except ModelError as error:
        return [f"refused: {error.problems[0].found}"]
    return found + [_call(call, program, before) for call in program.calls]


def _text(source: Graph, ways: Sequence[str], targets: Sequence[str]) -> str:
    """What becomes of a graph in all ways; what was said already is left out."""
    lines, known, before = [], set[str](), dict[str, str]()
    for way in ways:
        lines.append(f"[{way}]")
        graph = _quantized(source, way)
        for target in targets:
            found = _lines(graph, TARGETS[target], before)
            lines += [line for line in found if line not in known]
            known.update(found)
    return "\n".join(lines) + "\n"


def layer_text(name: str) -> str:
    """What becomes of a layer of the table."""
    layer = LAYERS[name]
    return _text(_loaded(layer.model().SerializeToString(), "onnx"), layer.ways, layer.targets)


def model_text(name: str) -> str:
    """What becomes of a model of the table."""
    model = MODELS[name]
    return _text(_loaded(model.data(), model.suffix), model.ways, ("any",))


def _bands() -> Iterator[str]:
    """Layers whose rows are computed by turns: the buffers, those that are parts of others too, and the calls."""
    graph = _quantized(_loaded(BANDS.model().SerializeToString(), "onnx"), "glow")
    for name in BANDS.targets:
        fused = fuse(graph, TARGETS[name])
        constants = {value.name for value in fused.values.values() if value.data is not None}
        found = [layer_of(node, 1, fused.type_of, constants.__contains__) for node in fused.nodes]
        chain = Chain(tuple(layer for layer in found if layer is not None), axis=1, band=1, most=2)
        program = lower(fused, TARGETS[name], chains=[chain])
        yield f"[{name}]"
        for buffer in program.buffers.values():
            yield f"{buffer.name}: {buffer.type} {buffer.region.value} {buffer.part_of} {buffer.begin}".rstrip()
        for call in program.calls:
            yield f"{' '.join(call.buffers)} ({' '.join(call.layers)}): {_call(call, program, {})}"


def band_text() -> str:
    """What becomes of layers that are computed band by band."""
    return "\n".join(_bands()) + "\n"


def kernel_line(kernel: Kernel) -> str:
    """What a kernel declares whatever its parameters are."""
    operands = [
        f"{operand.name}:{operand.role.value}:{operand.dtype}" + f"={operand.may_alias}" * bool(operand.may_alias)
        for operand in kernel.operands
    ]
    features = ["+".join(sorted(feature.name for feature in found)) for found in (kernel.needs, kernel.superseded_by)]
    flags = [name for name in ("epilogues", "in_armv6m") if getattr(kernel, name)]
    numbers = f"{kernel.code_bytes} bytes, {kernel.sum_bits} bits, {kernel.turns_by_data} turns, {kernel.scaling}"
    own = f"{kernel.epilogue.name} {kernel.settings}"
    return f"{kernel.symbol}: {' '.join(operands)}; {numbers}; needs {features[0]} not {features[1]}; {flags}; {own}"


def kernel_lines() -> str:
    """All kernels."""
    return "".join(f"{kernel_line(kernel)}\n" for _, kernel in sorted({**KERNELS, **WITH_EPILOGUES}.items()))


def write_calls() -> None:
    """Write the files anew."""
    texts = {"kernels": kernel_lines(), "bands": band_text()}
    for file, table, text in (("layers", LAYERS, layer_text), ("models", MODELS, model_text)):
        texts[file] = "".join(f"{_HEAD}{name}\n{text(name)}" for name in table)
    for file, whole in texts.items():
        (FILES / f"{file}.txt").write_text(whole, encoding="utf-8", newline="\n")


@cache
def committed(file: str) -> dict[str, str]:
    """The committed text of each layer or model, by its name."""
    parts = (FILES / f"{file}.txt").read_text(encoding="utf-8").split(_HEAD)
    return {name: text for name, _, text in (part.partition("\n") for part in parts[1:])}
