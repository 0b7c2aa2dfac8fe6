"""Relu."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Importer, Lowering, Op, OtherNumerics, SourceNode
from tinyglow.ir.types import TensorType
from tinyglow.kernels.elementwise.relu import RELU_FLOAT, ReluFloatParams
from tinyglow.kernels.elementwise.rescale import lower_rescale
from tinyglow.numerics import tflite_tables
from tinyglow.numerics.names import TFLITE
from tinyglow.operators import litert_int16
from tinyglow.operators.tables import TABLES


class Relu(Op):
    """max(x, 0)."""

    onnx_types: ClassVar[OnnxForms] = {"Relu": OnnxForm(14)}
    tflite_types: ClassVar[TFLiteForms] = {"RELU": TFLiteForm(3)}
    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    elementwise: ClassVar[bool] = True
    absorbs_rescale_before: ClassVar[tuple[int, ...]] = (0,)
    other_numerics: ClassVar[OtherNumerics] = TABLES
    int16_numerics: ClassVar[OtherNumerics] = {TFLITE: partial(litert_int16.lower_rescale_int16, low=0.0)}

    def litert_table(self, source: tuple[float, int], result: tuple[float, int]) -> Array:
        return tflite_tables.bounded(source, result, tflite_tables.bound(0.0, result))

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        value = importer.value(node.inputs[0])
        importer.bind(node.outputs[0], importer.editor.add(node.name, cls(), [value], node.name))

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        cls.from_onnx(node, importer)

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (inputs[0],)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (np.maximum(inputs[0], np.float32(0)),)

    def lower(self, node: Node, lowering: Lowering) -> None:
        result = lowering.type_of(node.outputs[0])
        if result.dtype == "float32":
            buffers = [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])]
            lowering.call(RELU_FLOAT, buffers, ReluFloatParams(result.elements))
            return
        lower_rescale(node, lowering, relu=True)
