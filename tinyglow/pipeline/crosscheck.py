"""Comparison with the real Glow: parameters value by value, outputs vector by vector, sizes and cycles side by side."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinyglow.errors import InputError, Problem
from tinyglow.frontend.read import input_dimensions
from tinyglow.interp import run_graph
from tinyglow.ir.graph import Array, Graph
from tinyglow.ir.program import Program, Region
from tinyglow.ir.types import TensorType
from tinyglow.operators.conv2d import Conv2D
from tinyglow.pipeline.execute import simulate
from tinyglow.pipeline.execution import Execution
from tinyglow.pipeline.golden import GlowNode, GlowType, Golden, load_golden
from tinyglow.pipeline.stations import emit, interpret, load, lower, quantize, target_of
from tinyglow.quant.profile import load_profile
from tinyglow.targets.boards import Board

FLOAT_TOLERANCE = 1e-5  # relative, for float networks
_SCALE_TOLERANCE = 0.6e-9  # recorded scales have nine decimals
_KINDS = {"int8": "i8", "int32": "i32", "float32": "float", "int64": "index64"}
_TARGETS = {"cortex-m0plus": "m0plus", "cortex-m7": "m7"}


@dataclass(frozen=True)
class ValueComparison:
    """One value: what Glow calls it and has it as, and what it is here."""

    glow_name: str
    name: str
    glow: str
    ours: str
    equal: bool


@dataclass(frozen=True)
class Crosscheck:
    """The outcome. first_difference: of parameters, from the inputs on, else of outputs; None if there is none."""

    golden: str
    values: tuple[ValueComparison, ...]
    vectors: int
    vectors_equal: int
    mismatches: int
    largest_difference: float
    first_difference: Mapping[str, Any] | None
    sizes: Mapping[str, Mapping[str, int | None]]
    cores: Mapping[str, Mapping[str, Any]]

    @property
    def parameters_equal(self) -> bool:
        """Whether every value has Glow's type, scale and offset."""
        return all(value.equal for value in self.values)

    @property
    def equal(self) -> bool:
        """Whether parameters and outputs are Glow's, on every core that was tried."""
        return self.parameters_equal and self.vectors == self.vectors_equal and not self._core_differs()

    def _core_differs(self) -> bool:
        return any(core["vectors"] != core["vectors_equal"] for core in self.cores.values())

    def as_json(self) -> dict[str, Any]:
        """Everything as plain data."""
        differing = [asdict(value) for value in self.values if not value.equal]
        return {
            "golden": self.golden,
            "equal": self.equal,
            "parameters_equal": self.parameters_equal,
            "values": len(self.values),
            "differing_values": differing,
            "vectors": self.vectors,
            "vectors_equal": self.vectors_equal,
            "mismatches": self.mismatches,
            "largest_difference": self.largest_difference,
            "first_difference": self.first_difference,
            "sizes": self.sizes,
            "cores": self.cores,
        }


def _same_type(glow: GlowType, ours: TensorType) -> bool:
    if glow.kind != _KINDS[ours.dtype] or glow.dims != ours.shape:
        return False
    if ours.quant is None or glow.scale is None:
        # Channelwise constants: Glow prints a placeholder scale of 1, the channels' own are in tables.
        return ours.channel_quant is not None or (ours.quant is None) == (glow.scale is None)
    return abs(glow.scale - ours.quant.scale) <= _SCALE_TOLERANCE and glow.offset == ours.quant.offset


def _compare_values(graph: Graph, golden: Golden) -> list[ValueComparison]:
    """Walk both graphs from the outputs to the inputs, operand by operand; the result is from inputs to outputs."""
    producers = {name: node for node in graph.nodes for name in node.outputs}
    found: dict[tuple[str, str], ValueComparison] = {}
    order: list[tuple[str, str]] = []
    work = [(output.value, golden.outputs_of.get(output.name, "")) for output in graph.outputs]
    while work:
        name, glow_name = work.pop()
        if (name, glow_name) in found:
            continue
        theirs, node, type_ = golden.nodes.get(glow_name), producers.get(name), graph.type_of(name)
        ours_text = f"{_kind_of(node, graph, name)} {_as_glow(type_)}"
        same = theirs is not None and _same_node(theirs, node, type_)
        glow_text = f"{_glow_kind(theirs)} {theirs.result}" if theirs else "nothing"
        found[name, glow_name] = ValueComparison(glow_name, name, glow_text, ours_text, same)
        order.append((name, glow_name))
        if theirs is not None and node is not None:
            # What one side has more of meets nothing on the other.
            width = max(len(node.inputs), len(theirs.inputs))
            padded = [*theirs.inputs, *[""] * (width - len(theirs.inputs))]
            work += list(zip(node.inputs, padded, strict=False))
    steps = {name: step for step, node in enumerate(graph.nodes) for name in (*node.inputs, *node.outputs)}
    steps |= {node.outputs[0]: step for step, node in enumerate(graph.nodes)}
    return [found[key] for key in sorted(order, key=lambda key: steps.get(key[0], -1))]


def _as_glow(type_: TensorType) -> GlowType:
    quant = type_.quant
    params = (quant.scale, quant.offset) if quant else (None, None)
    return GlowType(_KINDS[type_.dtype], type_.shape, *params)


def _glow_kind(node: GlowNode) -> str:
    return node.kind if node.activation == "NONE" else f"{node.kind}+{node.activation}"


def _kind_of(node: Any, graph: Graph, name: str) -> str:
    if node is None:
        return "Constant" if graph.values[name].data is not None else "Placeholder"
    activation = node.op.activation.kind if isinstance(node.op, Conv2D) else "NONE"
    return node.op.kind_in_glow if activation == "NONE" else f"{node.op.kind_in_glow}+{activation}"


def _same_node(theirs: GlowNode, node: Any, type_: TensorType) -> bool:
    same = theirs.result is not None and _same_type(theirs.result, type_)
    if node is None:
        return same and theirs.kind in ("Constant", "Placeholder")
    activation = node.op.activation.kind if isinstance(node.op, Conv2D) else "NONE"
    return same and (theirs.kind, theirs.activation) == (node.op.kind_in_glow, activation)


def _shape_of(arrays: Mapping[str, Array], name: str) -> str:
    return str(list(arrays[name].shape)) if name in arrays else f"one of {', '.join(arrays)}"


def _compare_outputs(expected: Mapping[str, Array], actual: Mapping[str, Array]) -> tuple[Array, float, int]:
    """(differing vectors as a mask, largest difference, differing elements); floats are compared relatively."""
    problems = [
        Problem(f"output {name}", f"{theirs.dtype} {list(theirs.shape)} is recorded", str(_shape_of(actual, name)))
        for name, theirs in expected.items()
        if name not in actual or actual[name].size != theirs.size
    ]
    if problems:
        raise InputError("the recording is of another network", problems)
    wrong: Array = np.zeros(len(next(iter(expected.values()))), bool)
    largest, mismatches = 0.0, 0
    for name, theirs in expected.items():
        flat = theirs.reshape(len(theirs), -1).astype(np.float64)
        difference = np.abs(actual[name].reshape(len(theirs), -1).astype(np.float64) - flat)
        if theirs.dtype.kind == "f":
            difference = difference / np.abs(flat).max(axis=1, keepdims=True).clip(1e-30)
            different = ~(difference <= FLOAT_TOLERANCE)
        else:
            different = difference != 0
        wrong |= different.any(axis=1)
        mismatches += int(different.sum())
        largest = max(largest, float(difference.max(initial=0)))
    return wrong, largest, mismatches


def _define(model: Path, golden: Golden, given: Mapping[str, int]) -> dict[str, int]:
    """Sizes of symbolic dimensions: as given, else as the recorded placeholders have them."""
    sizes = dict(given)
    for name, dims in input_dimensions(model).items():
        for symbol, size in zip(dims, golden.input_dims.get(name, ()), strict=False):
            if isinstance(symbol, str) and symbol:
                sizes.setdefault(symbol, size)
    return sizes


def crosscheck(
    folder: str | Path,
    model: str | Path,
    profile: str | Path | None = None,
    define: Mapping[str, int] | None = None,
    boards: Mapping[Board, str | None] | None = None,
    vectors_on_boards: int = 1,
) -> Crosscheck:
    """Quantize a model as a recording of the real Glow says, and compare everything that was recorded.

    Args:
        folder: The recording.
        model: The ONNX or TFLite file.
        profile: Ranges (default: those that the recording names, in its parent folder).
        define: Sizes for symbolic dimensions.
        boards: Where to run it too, each with a compiler's name or None.
        vectors_on_boards: How many vectors to run there.

    Returns:
        All comparisons.

    Raises:
        InputError: The folder holds no recording.
        ModelError: With everything in the model that is not supported.
    """
    golden = load_golden(folder)
    graph = load(model, None, _define(Path(model), golden, define or {}), like_glow=True)
    if golden.scheme is None:
        inputs = {name: data.reshape(-1, *golden.input_dims[name]) for name, data in golden.inputs.items()}
        return _outcome(golden, [], run_graph(graph, inputs), None, {})
    recorded = load_profile(profile or Path(folder).resolve().parent / Path(golden.profile).name)
    quantized = quantize(graph, recorded, golden.scheme, golden.float_io)
    program = lower(quantized)
    cores = {}
    for board, compiler in (boards or {}).items():
        inputs = {name: data[:vectors_on_boards] for name, data in golden.inputs.items()}
        made_for = lower(quantized, target=target_of(board))
        cores[board.name] = _on_board(made_for, board, inputs, golden, compiler)
    return _outcome(golden, _compare_values(quantized, golden), interpret(program, golden.inputs), program, cores)


def _on_board(
    program: Program, board: Board, inputs: Mapping[str, Array], golden: Golden, compiler: str | None
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="tinyglow-") as work:
        emit(program, work)
        run: Execution = simulate(work, board, inputs, compiler)
    count = len(next(iter(inputs.values())))
    wrong, _, _ = _compare_outputs({name: data[:count] for name, data in golden.outputs.items()}, run.outputs)
    recorded = golden.targets.get(_TARGETS.get(board.cpu, ""), {})
    return {
        "vectors": count,
        "vectors_equal": int((~wrong).sum()),
        "cycles": run.most("cycles"),
        "glow_cycles": recorded.get("cycles"),
        "code": None if run.sizes is None else run.sizes.code + run.sizes.constants,
        "glow_object": recorded.get("object_text"),
        "stack": run.most("stack"),
        "glow_stack": recorded.get("stack"),
    }


def _outcome(
    golden: Golden,
    values: list[ValueComparison],
    outputs: Mapping[str, Array],
    program: Program | None,
    cores: Mapping[str, Mapping[str, Any]],
) -> Crosscheck:
    wrong, largest, mismatches = _compare_outputs(golden.outputs, outputs)
    first: dict[str, Any] | None = None
    differing = next((value for value in values if not value.equal), None)
    if differing is not None:
        first = {"what": "parameters", **asdict(differing)}
    elif wrong.any():
        first = {"what": "output", "vector": int(np.flatnonzero(wrong)[0])}
    regions = {"constant": Region.CONSTANT, "mutable": Region.MUTABLE, "activations": Region.ACTIVATION}
    sizes = {
        name: {
            "glow": golden.sizes.get(f"{name.upper()}_MEM_SIZE"),
            "ours": None if program is None else program.sizes[region],
        }
        for name, region in regions.items()
    }
    return Crosscheck(
        golden=str(golden.folder),
        values=tuple(values),
        vectors=len(wrong),
        vectors_equal=int((~wrong).sum()),
        mismatches=mismatches,
        largest_difference=largest,
        first_difference=first,
        sizes=sizes,
        cores=cores,
    )
