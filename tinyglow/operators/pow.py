"""Powers, which Glow leaves in float."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Importer, Lowering, SourceNode, UnsupportedError
from tinyglow.kernels.elementwise.broadcast import BroadcastParams, loop_fields, lower_float
from tinyglow.kernels.elementwise.div import lower_reciprocal
from tinyglow.kernels.elementwise.map import MapParams
from tinyglow.kernels.elementwise.mul import MUL_FLOAT
from tinyglow.kernels.elementwise.pow import POW
from tinyglow.kernels.elementwise.sqrt import SQRT
from tinyglow.numerics import float32
from tinyglow.operators.binary import Binary


def _square(node: Node, lowering: Lowering) -> None:
    loops = loop_fields([(lowering.type_of(node.outputs[0]).elements, 1)])
    base = lowering.buffer(node.inputs[0])
    lowering.call(MUL_FLOAT, [base, base, lowering.buffer(node.outputs[0])], BroadcastParams(**loops))


def _square_root(node: Node, lowering: Lowering) -> None:
    buffers = [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])]
    lowering.call(SQRT, buffers, MapParams(lowering.type_of(node.outputs[0]).elements))


# Exponents for which there is something faster that is also rounded once.
_SPECIAL = {2.0: _square, 0.5: _square_root, -1.0: lower_reciprocal}


class Pow(Binary):
    """x ** y. Where y is 0.5 it is the square root, whose results differ for -0 (-0) and minus infinity (NaN)."""

    onnx_types: ClassVar[OnnxForms] = {"Pow": OnnxForm(15)}
    tflite_types: ClassVar[TFLiteForms] = {"POW": TFLiteForm(1)}
    quantizable: ClassVar[bool] = False

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        """The exponent's type may differ from the base's: a constant of integers becomes one of floats, as the base."""
        x, y = (importer.value(name) for name in node.inputs)
        if x.type.dtype == "float32" and y.type.dtype == "int64" and y.data is not None:
            y = importer.editor.constant(y.name, y.data.astype(np.float32))
        importer.bind(node.outputs[0], cls()._combined(x, y, node, importer, node.name))

    def combine(self, x: Array, y: Array) -> Array:
        x, y = np.broadcast_arrays(x, y)
        if x.dtype.kind != "i":
            return float32.power(x, y)
        if (y < 0).any():
            raise UnsupportedError("a negative power of integers")
        return np.power(x, y)

    def lower(self, node: Node, lowering: Lowering) -> None:
        base, result = (lowering.type_of(name) for name in (node.inputs[0], node.outputs[0]))
        if result.dtype != "float32":
            raise UnsupportedError(f"powers of {result.dtype} at run time", "float32")
        exponent = _single(node.inputs[1], lowering)
        special = _SPECIAL.get(exponent) if exponent is not None and base.shape == result.shape else None
        if special is None:
            lower_float(node, lowering, POW)
        else:
            special(node, lowering)


def _single(value: str, lowering: Lowering) -> float | None:
    """The number that all elements of a constant are; None if they differ, or are computed at run time."""
    try:
        data = lowering.data_of(value)
    except UnsupportedError:
        return None
    return float(data.flat[0]) if data.size and (data == data.flat[0]).all() else None
