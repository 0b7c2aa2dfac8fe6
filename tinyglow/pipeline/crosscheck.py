"""Comparison with the real Glow: parameters value by value, outputs vector by vector, sizes and cycles side by side."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tinyglow.frontend.read import input_dimensions
from tinyglow.interp import run_graph
from tinyglow.ir.graph import Array, Graph
from tinyglow.ir.program import Program, Region
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.numerics.names import GLOW
from tinyglow.operators.conv2d import Conv2D
from tinyglow.pipeline.execute import simulate
from tinyglow.pipeline.execution import Execution
from tinyglow.pipeline.golden import GlowNode, GlowType, Golden, load_golden
from tinyglow.pipeline.node_counts import differing_kinds
from tinyglow.pipeline.recorded_outputs import OutputComparison, compare_outputs
from tinyglow.pipeline.stations import emit, interpret, load, lower, quantize, target_of
from tinyglow.quant.profile import load_profile
from tinyglow.targets.boards import Board

_SCALE_TOLERANCE = 0.6e-9  # recorded scales have nine decimals
_KINDS = {"int8": "i8", "int32": "i32", "float32": "float", "int64": "index64", "bool": "bool"}
_TARGETS = {"cortex-m0plus": "m0plus", "cortex-m7": "m7"}


@dataclass(frozen=True)
class ValueComparison:
    """One value: what Glow calls it and has it as, and what it is here.

    aligned: whether the nodes between it and an output are of Glow's kinds, so that both sides are the same value.
    """

    glow_name: str
    name: str
    glow: str
    ours: str
    equal: bool
    aligned: bool = True


@dataclass(frozen=True)
class Crosscheck:
    """The outcome.

    Attributes:
        golden: The recording's folder.
        values: Every value of the graph beside Glow's.
        outputs: Every output beside Glow's.
        first_difference: Of parameters, from the inputs on, else of outputs; None if there is none.
        sizes: Bytes of the memories, Glow's and ours.
        cores: What came of running it on cores.
        kinds: (Glow's number, ours) of each kind of node that both have not equally many of.
    """

    golden: str
    values: tuple[ValueComparison, ...]
    outputs: tuple[OutputComparison, ...]
    first_difference: Mapping[str, Any] | None
    sizes: Mapping[str, Mapping[str, int | None]]
    cores: Mapping[str, Mapping[str, Any]]
    kinds: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def vectors(self) -> int:
        """Number of recorded vectors."""
        return len(self.outputs[0].wrong)

    @property
    def vectors_equal(self) -> int:
        """How many of them have the recorded outputs, all of them."""
        return self.vectors - int(np.any([output.wrong for output in self.outputs], axis=0).sum())

    @property
    def mismatches(self) -> int:
        """Elements of outputs that differ."""
        return sum(output.mismatches for output in self.outputs)

    @property
    def parameters_equal(self) -> bool:
        """Whether every value has Glow's type, scale and offset."""
        return all(value.equal for value in self.values)

    @property
    def equal(self) -> bool:
        """Whether nodes, parameters and outputs are Glow's, on every core that was tried."""
        same_graph = self.parameters_equal and not self.kinds
        return same_graph and self.vectors == self.vectors_equal and not self._core_differs()

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
            "differing_kinds": {kind: list(counts) for kind, counts in self.kinds.items()},
            "vectors": self.vectors,
            "vectors_equal": self.vectors_equal,
            "mismatches": self.mismatches,
            "largest_difference": next((output.largest for output in self.outputs if output.mismatches), 0.0),
            "outputs": {
                output.name: {"mismatches": output.mismatches, "largest": output.largest, "unit": output.unit}
                for output in self.outputs
            },
            "first_difference": self.first_difference,
            "sizes": self.sizes,
            "cores": self.cores,
        }


def _same_type(glow: GlowType, ours: TensorType) -> bool:
    if glow.kind != _as_glow(ours).kind or glow.dims != ours.shape:
        return False
    if ours.quant is None or glow.scale is None:
        # Channelwise constants: Glow prints a placeholder scale of 1, the channels' own are in tables.
        return ours.channel_quant is not None or (ours.quant is None) == (glow.scale is None)
    return abs(glow.scale - ours.quant.scale) <= _SCALE_TOLERANCE and glow.offset == ours.quant.offset


def _compare_values(graph: Graph, golden: Golden) -> list[ValueComparison]:
    """Walk both graphs from the outputs to the inputs, operand by operand; the result is from inputs to outputs."""
    producers = {name: node for node in graph.nodes for name in node.outputs}
    found: dict[tuple[str, str], ValueComparison] = {}
    work = deque((output.value, golden.outputs_of.get(output.name, ""), True) for output in graph.outputs)
    while work:
        name, glow_name, aligned = work.popleft()
        if (name, glow_name) in found:
            continue
        theirs, node, type_ = golden.nodes.get(glow_name), producers.get(name), graph.type_of(name)
        kind = _kind_of(node, graph, name)
        same = theirs is not None and _same_node(theirs, node, type_)
        glow_text = f"{_glow_kind(theirs)} {theirs.result}" if theirs else "nothing"
        found[name, glow_name] = ValueComparison(glow_name, name, glow_text, f"{kind} {_as_glow(type_)}", same, aligned)
        if theirs is not None and node is not None:
            # What one side has more of meets nothing on the other.
            width = max(len(node.inputs), len(theirs.inputs))
            padded = [*theirs.inputs, *[""] * (width - len(theirs.inputs))]
            below = aligned and kind == _glow_kind(theirs)
            work += [(mine, other, below) for mine, other in zip(node.inputs, padded, strict=False)]
    steps = {name: step for step, node in enumerate(graph.nodes) for name in (*node.inputs, *node.outputs)}
    steps |= {node.outputs[0]: step for step, node in enumerate(graph.nodes)}
    return [found[key] for key in sorted(found, key=lambda key: steps.get(key[0], -1))]


def _as_glow(type_: TensorType) -> GlowType:
    quant = type_.quant
    params = (quant.scale, quant.offset) if quant else (None, None)
    is_index = type_.dtype == "int32" and quant is None and type_.channel_quant is None
    return GlowType("index32" if is_index else _KINDS[type_.dtype], type_.shape, *params)


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


def first_differing(values: Sequence[ValueComparison]) -> ValueComparison | None:
    """The value nearest to the inputs that differs: of those that stand for each other, if any of these do."""
    differing = [value for value in values if not value.equal]
    return next((value for value in differing if value.aligned), next(iter(differing), None))


def recorded_sizes(model: Path, golden: Golden, given: Mapping[str, int]) -> dict[str, int]:
    """Sizes of symbolic dimensions: as given, else as the recorded placeholders have them."""
    sizes = dict(given)
    for name, dims in input_dimensions(model).items():
        for symbol, size in zip(dims or (), golden.input_dims.get(name, ()), strict=False):
            if isinstance(symbol, str) and symbol:
                sizes.setdefault(symbol, size)
    return sizes


def recorded_profile(golden: Golden) -> Path:
    """The profile of the name that the recording's flags give: in its own folder, else in the one above."""
    folder, name = golden.folder.resolve(), Path(golden.profile).name
    return folder / name if (folder / name).is_file() else folder.parent / name


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
        profile: Ranges (default: the recording's own, as ``recorded_profile`` finds them).
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
    graph = load(model, None, recorded_sizes(Path(model), golden, define or {}), like_glow=True)
    if golden.scheme is None:
        inputs = {name: data.reshape(-1, *golden.input_dims[name]) for name, data in golden.inputs.items()}
        return _outcome(golden, [], run_graph(graph, inputs), None, {})
    recorded = load_profile(profile or recorded_profile(golden))
    quantized = quantize(graph, recorded, golden.scheme, golden.float_io, numerics=GLOW)
    program = lower(quantized)
    cores = {}
    for board, compiler in (boards or {}).items():
        inputs = {name: data[:vectors_on_boards] for name, data in golden.inputs.items()}
        made_for = lower(quantized, target=target_of(board))
        cores[board.name] = _on_board(made_for, board, inputs, golden, compiler)
    outcome = _outcome(golden, _compare_values(quantized, golden), interpret(program, golden.inputs), program, cores)
    return replace(outcome, kinds=differing_kinds(quantized, golden))


def _output_params(program: Program) -> dict[str, QuantParams | None]:
    return {name: program.buffers[name].type.quant for name in program.outputs}


def _on_board(
    program: Program, board: Board, inputs: Mapping[str, Array], golden: Golden, compiler: str | None
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="tinyglow-") as work:
        emit(program, work)
        run: Execution = simulate(work, board, inputs, compiler)
    count = len(next(iter(inputs.values())))
    some = {name: data[:count] for name, data in golden.outputs.items()}
    compared = compare_outputs(some, run.outputs, golden.placeholders, _output_params(program))
    wrong = np.any([output.wrong for output in compared], axis=0)
    recorded = golden.targets.get(_TARGETS.get(board.cpu, ""), {})
    return {
        "vectors": count,
        "vectors_equal": int((~wrong).sum()),
        "cycles": run.most("cycles"),
        "glow_cycles": recorded.get("cycles"),
        "code": None if run.sizes is None else run.sizes.code + run.sizes.constants,
        "glow_object": recorded.get("object_text"),
        "flash": None if run.sizes is None else run.sizes.flash,
        "glow_flash": _glow_flash(golden, recorded),
        "stack": run.most("stack"),
        "glow_stack": recorded.get("stack"),
    }


def _glow_flash(golden: Golden, recorded: Mapping[str, Any]) -> int | None:
    """Bytes of Glow's object and constants; None where the object was not compiled for a core."""
    code = recorded.get("object_text")
    constants = golden.sizes.get("CONSTANT_MEM_SIZE")
    return None if code is None or constants is None else code + recorded.get("object_data", 0) + constants


def _outcome(
    golden: Golden,
    values: list[ValueComparison],
    outputs: Mapping[str, Array],
    program: Program | None,
    cores: Mapping[str, Mapping[str, Any]],
) -> Crosscheck:
    params = {} if program is None else _output_params(program)
    compared = compare_outputs(golden.outputs, outputs, golden.placeholders, params)
    wrong = np.any([output.wrong for output in compared], axis=0)
    first: dict[str, Any] | None = None
    differing = first_differing(values)
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
        outputs=compared,
        first_difference=first,
        sizes=sizes,
        cores=cores,
    )
