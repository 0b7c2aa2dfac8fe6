"""SVDF: a layer whose units are filters of low rank over the last inputs."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node, Value
from tinyglow.ir.op import (
    Importer,
    Lowering,
    NotInGlowError,
    Op,
    OtherNumerics,
    Quantizing,
    ShapeError,
    SourceNode,
    UnsupportedError,
)
from tinyglow.ir.types import TensorType
from tinyglow.kernels.recurrent.svdf import SVDF, SVDF_OF_INT8, SvdfParams
from tinyglow.numerics.names import HINT, TFLITE
from tinyglow.numerics.tflite import float_ratio, multiplier_of
from tinyglow.operators.add import Add
from tinyglow.operators.broadcast import broadcast_inputs
from tinyglow.operators.concat import Concat
from tinyglow.operators.fully_connected import FullyConnected
from tinyglow.operators.fused_activation import activate
from tinyglow.operators.memories import WithMemory, as_integers, results_of
from tinyglow.operators.mul import Mul
from tinyglow.operators.reduce_sum import ReduceSum
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.slice import Slice
from tinyglow.operators.tflite_node import add_node, constant_bias


def _lower(node: Node, lowering: Lowering) -> None:
    """Emit the call (svdf.cc): ratios of scales are float32."""
    x, state, features, times, _ = (lowering.type_of(name) for name in node.inputs)
    result = lowering.type_of(node.outputs[0])
    quants = [type_.quant for type_ in (x, state, features, times, result)]
    if not all(quants) or (features.quant and features.quant.offset) or (times.quant and times.quant.offset):
        raise UnsupportedError("weights with many scales, or with offsets", "one scale for each tensor", HINT)
    own, past, feature, time, out = (quant for quant in quants if quant is not None)
    try:
        first = multiplier_of(float_ratio(own.scale, past.scale, feature.scale))
        last = multiplier_of(float_ratio(past.scale, out.scale, time.scale))
    except ValueError as error:
        raise UnsupportedError(str(error), "scales of ordinary size", HINT) from error
    rows, units = result.shape
    kernel = SVDF if state.dtype == "int16" else SVDF_OF_INT8
    params = SvdfParams(
        rows=rows,
        depth=x.shape[1],
        units=units,
        rank=features.shape[0] // units,
        memory=times.shape[1],
        in_offset=own.offset,
        state_offset=past.offset,
        out_offset=out.offset,
        shift=first.shift,
        out_shift=last.shift,
        multiplier=first.multiplier,
        out_multiplier=last.multiplier,
    )
    after, output = lowering.buffer(node.outputs[1]), lowering.buffer(node.outputs[0])
    lowering.call(kernel, [*map(lowering.buffer, node.inputs), after, output], params)


class Svdf(Op):
    """x [rows, depth], state [rows, units * rank * memory], features [units * rank, depth], times and bias [units].

    times [units * rank, memory] weigh what each filter's feature was in the last inferences, oldest first; a unit sums
    ``rank`` filters. Results: [rows, units], and the state with the new features.

    Only integers of a file have this operator; in float networks it is others.
    """

    rank: int

    tflite_types: ClassVar[TFLiteForms] = {
        "SVDF": TFLiteForm(
            4,
            "SVDFOptions",
            ("rank", "fused_activation_function"),
            without_effect={"asymmetric_quantize_inputs": "rounds the float input of int8 weights, which stays float"},
        )
    }
    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    mixes_integers: ClassVar[bool] = True
    other_numerics: ClassVar[OtherNumerics] = {TFLITE: _lower}
    int16_numerics: ClassVar[OtherNumerics] = {TFLITE: _lower}

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        if importer.like_glow:
            raise NotInGlowError("the operator SVDF", "none that keeps a value")
        if len(node.inputs) != 5 or not isinstance(importer, WithMemory):
            raise UnsupportedError(f"has {len(node.inputs)} inputs", "5")
        x, features, times, _, state = (importer.value(name) if name else None for name in node.inputs)
        rank = node.integer("rank", 0)
        _check(rank, x, features, times, state)
        assert x and features and times and state
        units = features.type.shape[0] // rank
        bias = constant_bias(replace(node, inputs=(*node.inputs[:2], node.inputs[3])), importer, units)
        if importer.declared(node.outputs[0]).quant is not None:
            _check_activation(node)
            result = add_node(
                node, importer, cls(rank), [x, state, features, times, as_integers(bias, importer.editor)]
            )
            importer.write_memory(node.inputs[4], results_of(result, importer.editor)[1])
            importer.bind(node.outputs[0], result)
            return
        if features.data is None or times.data is None:
            raise UnsupportedError("weights that are computed at run time", "constants")
        result, after = _as_others(node, importer, (x, state, features, times, bias))
        importer.write_memory(node.inputs[4], after)
        importer.bind(node.outputs[0], activate(node, importer, result))

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        x, state, features, _, bias = inputs
        if len(x.shape) != 2 or features.shape[0] != self.rank * bias.shape[0]:
            raise ShapeError(f"{list(x.shape)} and features {list(features.shape)}", "rows, and filters of each unit")
        return (TensorType((x.shape[0], bias.shape[0])), TensorType(state.shape))

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x, state, features, times, bias = inputs
        new = x @ features[0].T
        past = state.reshape(*new.shape, -1)
        past = np.concatenate([past[..., 1:], new[..., np.newaxis]], axis=-1)
        total = (past * times[0]).reshape(*new.shape[:-1], bias.shape[-1], -1).sum(axis=-1) + bias[0]
        return total.astype(np.float32), past.reshape(state.shape).astype(np.float32)

    def multiplications(self, *inputs: TensorType) -> int:
        """``Op.multiplications``."""
        return inputs[0].shape[0] * (inputs[2].elements + inputs[3].elements)

    def quantize(self, node: Node, quantizing: Quantizing) -> Value:
        """The integers that the file declares: int8, with a state of int16 or int8."""
        inputs = [quantizing.quantized(name) for name in node.inputs]
        rows, units = inputs[0].type.shape[0], inputs[4].type.shape[0]
        types = TensorType((rows, units), "int8", quantizing.params(node.outputs[0])), inputs[1].type
        result = quantizing.edit.add(node.name, self, inputs, node.origin, types)
        quantizing.keep(node.outputs[1], results_of(result, quantizing.edit)[1])
        return result

    def lower(self, node: Node, lowering: Lowering) -> None:
        _lower(node, lowering)


def _check(rank: int, x: Value | None, features: Value | None, times: Value | None, state: Value | None) -> None:
    """Raises UnsupportedError for shapes that do not fit."""
    shapes = [value.type.shape if value else () for value in (x, features, times, state)]
    if [len(shape) for shape in shapes] == [2, 2, 2, 2]:
        (rows, depth), (filters, own_depth), (own_filters, memory), held = shapes
        fits = depth == own_depth and filters == own_filters and held == (rows, filters * memory)
        if fits and rank > 0 and filters % rank == 0:
            return
    found = ", ".join(str(list(shape)) for shape in shapes)
    raise UnsupportedError(f"shapes {found} with rank {rank}", "[n, depth], [f, depth], [f, m], [n, f * m]")


def _check_activation(node: SourceNode) -> None:
    """LiteRT's integers know no activation but what int8's own bounds do."""
    name = node.text("fused_activation_function", "NONE")
    if name not in ("NONE", "RELU"):
        raise UnsupportedError(f"the activation {name} in int8", "NONE, RELU")


def _as_others(
    node: SourceNode, importer: Importer, values: tuple[Value, Value, Value, Value, Value]
) -> tuple[Value, Value]:
    """The result before its activation, and the state, of plain operators."""
    x, state, features, times, bias = values
    edit, (filters, memory) = importer.editor, times.type.shape
    rows, units = x.type.shape[0], bias.type.shape[0]

    def add(suffix: str, op: Op, *inputs: Value) -> Value:
        return edit.add(f"{node.name}.{suffix}", op, inputs, node.name)

    weights = edit.moved(f"{node.name}.features", features, lambda data: data.T)
    nothing = edit.constant(f"{node.name}.nothing", np.zeros(filters, np.float32))
    newest = add("newest", Reshape((rows, filters, 1)), add("feature", FullyConnected(), x, weights, nothing))
    before = add("before", Reshape((rows, filters, memory)), state)
    kept = Slice.along(before.type.shape, {2: range(1, memory)}) if memory > 1 else None
    past = add("past", Concat(2), add("kept", kept, before), newest) if kept else newest
    scales = edit.moved(f"{node.name}.times", times, lambda data: data[np.newaxis])
    terms = add("terms", Mul(), *broadcast_inputs(past, scales, edit, f"{node.name}.terms"))
    grouped = add("grouped", Reshape((rows, units, filters // units * memory)), terms)
    total = add("total", ReduceSum((2,)), grouped)
    result = add("sum", Add(), *broadcast_inputs(total, bias, edit, f"{node.name}.sum"))
    return result, add("after", Reshape(state.type.shape), past)
