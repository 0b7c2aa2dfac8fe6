"""TFLite's UNIDIRECTIONAL_SEQUENCE_LSTM: an LSTM over a sequence, whose states live from one inference to the next."""

from __future__ import annotations

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
from tinyglow.numerics.names import TFLITE
from tinyglow.operators.lstm_int8 import lower_lstm
from tinyglow.operators.lstm_steps import unrolled
from tinyglow.operators.memories import INTERMEDIATES, WithMemory, results_of
from tinyglow.operators.tflite_node import add_node

_INPUTS = 24
_WEIGHTS, _BIASES, _HIDDEN, _CELL = range(1, 9), range(12, 16), 18, 19
_OPTIONAL = {
    "peephole weights": range(9, 12),
    "a projection": range(16, 18),
    "layer normalization": range(20, 24),
}
_EFFECTIVE_HIDDEN = 4  # which of the intermediates has the parameters of the hidden state


class SequenceLstm(Op):
    """x [rows, steps, depth] (time_major: [steps, rows, depth]), hidden and cell [rows, units], weights and biases.

    Weights [units, depth] and recurrent weights [units, units] of the gates input, forget, cell and output, then their
    biases. ``clip`` bounds the cell where it is above 0. Results: what the hidden state is after each step, and both
    states. Only integers of a file have this operator; in float networks it is others.
    """

    time_major: bool
    clip: float

    tflite_types: ClassVar[TFLiteForms] = {
        "UNIDIRECTIONAL_SEQUENCE_LSTM": TFLiteForm(
            4,
            "UnidirectionalSequenceLSTMOptions",
            ("fused_activation_function", "cell_clip", "time_major", "diagonal_recurrent_tensors"),
            without_effect={
                "proj_clip": "of a projection, which is refused",
                "asymmetric_quantize_inputs": "rounds the float input of int8 weights, which stays float",
            },
        )
    }
    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    mixes_integers: ClassVar[bool] = True
    other_numerics: ClassVar[OtherNumerics] = {TFLITE: lower_lstm}
    int16_numerics: ClassVar[OtherNumerics] = {TFLITE: lower_lstm}

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        if importer.like_glow:
            raise NotInGlowError(f"the operator {node.op_type}", "none that keeps a value")
        if len(node.inputs) != _INPUTS or not isinstance(importer, WithMemory):
            raise UnsupportedError(f"has {len(node.inputs)} inputs", str(_INPUTS))
        for what, places in _OPTIONAL.items():
            if any(node.inputs[place] for place in places):
                raise UnsupportedError(f"has {what}", "a plain LSTM, as TensorFlow Lite Micro has it")
        if not all(node.inputs[place] for place in (*_WEIGHTS, *_BIASES, _HIDDEN, _CELL)):
            raise UnsupportedError("lacks weights of a gate", "four gates, as TensorFlow Lite Micro has them")
        if node.integer("diagonal_recurrent_tensors", 0):
            raise UnsupportedError("recurrent weights that are diagonals", "matrices")
        if node.text("fused_activation_function", "TANH") != "TANH":
            raise UnsupportedError(f"the activation {node.text('fused_activation_function', '')}", "TANH")
        names = [node.inputs[place] for place in (0, _HIDDEN, _CELL, *_WEIGHTS, *_BIASES)]
        values = [importer.value(name) for name in names]
        if any(value.data is None for value in values[3:]):
            raise UnsupportedError("weights that are computed at run time", "constants")
        op = cls(bool(node.integer("time_major", 0)), node.real("cell_clip", 0.0))
        shapes = [value.type.shape for value in values]
        if not op.fits(*shapes):
            raise UnsupportedError(f"shapes {', '.join(str(list(shape)) for shape in shapes)}", "those of an LSTM")
        if importer.declared(node.outputs[0]).quant is not None:
            _check_hidden(node, importer)
            first = add_node(node, importer, op, values)
            result, hidden, cell = results_of(first, importer.editor)
        else:
            result, hidden, cell = unrolled(node, importer.editor, values, op.time_major, op.clip)
        importer.write_memory(node.inputs[_HIDDEN], hidden)
        importer.write_memory(node.inputs[_CELL], cell)
        importer.bind(node.outputs[0], result)

    def fits(self, *shapes: tuple[int, ...]) -> bool:
        """Whether these are shapes of its inputs."""
        x, hidden, cell, *constants = shapes
        if len(x) != 3 or len(hidden) != 2:
            return False
        units, rows = hidden[1], x[1] if self.time_major else x[0]
        own = [(units, x[2])] * 4 + [(units, units)] * 4 + [(units,)] * 4
        return hidden == cell == (rows, units) and constants == own

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        shapes = [type_.shape for type_ in inputs]
        if not self.fits(*shapes):
            raise ShapeError(f"{shapes}", "those of an LSTM")
        return TensorType((*shapes[0][:2], shapes[1][1])), TensorType(shapes[1]), TensorType(shapes[2])

    def multiplications(self, *inputs: TensorType) -> int:
        """``Op.multiplications``."""
        steps = inputs[0].shape[0] * inputs[0].shape[1]
        return steps * sum(type_.elements for type_ in inputs[3:11])

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x, hidden, cell = inputs[:3]
        weights, biases = [item[0] for item in inputs[3:11]], [item[0] for item in inputs[11:]]
        sequence = np.moveaxis(x, 1 if self.time_major else 2, 0)
        results = []
        for value in sequence:
            totals = [value @ weights[gate].T + hidden @ weights[4 + gate].T + biases[gate] for gate in range(4)]
            entering, kept, leaving = (1 / (1 + np.exp(-totals[gate])) for gate in (0, 1, 3))
            cell = kept * cell + entering * np.tanh(totals[2])
            cell = np.clip(cell, -self.clip, self.clip) if self.clip > 0 else cell
            hidden = np.tanh(cell) * leaving
            results.append(hidden)
        whole = np.stack(results, axis=1 if self.time_major else 2)
        return whole.astype(np.float32), hidden.astype(np.float32), cell.astype(np.float32)

    def quantize(self, node: Node, quantizing: Quantizing) -> Value:
        """The integers that the file declares: int8 or int16, with a cell of int16."""
        inputs = [quantizing.quantized(name) for name in node.inputs]
        shape = (*inputs[0].type.shape[:2], inputs[1].type.shape[1])
        first = TensorType(shape, inputs[1].type.dtype, quantizing.params(node.outputs[0]))
        result = quantizing.edit.add(node.name, self, inputs, node.origin, (first, inputs[1].type, inputs[2].type))
        for name, value in zip(node.outputs, results_of(result, quantizing.edit), strict=True):
            quantizing.keep(name, value)
        return result

    def lower(self, node: Node, lowering: Lowering) -> None:
        lower_lstm(node, lowering)


def _check_hidden(node: SourceNode, importer: Importer) -> None:
    """LiteRT takes the hidden state's parameters from an intermediate tensor, TensorFlow Lite Micro from the state."""
    between = node.attributes.get(INTERMEDIATES)
    quants = [importer.declared(node.inputs[_HIDDEN]).quant, importer.declared(node.outputs[0]).quant]
    if isinstance(between, list) and len(between) > _EFFECTIVE_HIDDEN and between[_EFFECTIVE_HIDDEN]:
        quants.append(importer.declared(str(between[_EFFECTIVE_HIDDEN])).quant)
    if len(set(quants)) > 1:
        raise UnsupportedError("a hidden state and a result with different scales", "one scale and zero point")
