"""Reciprocal, and TFLite's RSQRT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import Kernel
from tinyglow.ir.op import Importer, Lowering, SourceNode
from tinyglow.kernels.elementwise.div import DIV_FLOAT, lower_reciprocal
from tinyglow.numerics.nan import one_nan
from tinyglow.operators.sqrt import Sqrt
from tinyglow.operators.unary import Unary


@dataclass(frozen=True)
class Reciprocal(Unary):
    """1 / x, by the kernel that divides."""

    onnx_types: ClassVar[OnnxForms] = {"Reciprocal": OnnxForm(13)}
    tflite_types: ClassVar[TFLiteForms] = {"RSQRT": TFLiteForm(3)}
    glow_kind: ClassVar[str] = "Pow"
    kernel: ClassVar[Kernel] = DIV_FLOAT
    exponent_in_glow: ClassVar[float | None] = -1.0

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        """RSQRT: of the square root."""
        root = importer.editor.add(f"{node.name}.Sqrt", Sqrt(), [importer.value(node.inputs[0])], node.name)
        importer.bind(node.outputs[0], importer.editor.add(node.name, cls(), [root], node.name))

    def function(self, x: Array) -> Array:
        """1 / x, rounded once."""
        with np.errstate(all="ignore"):
            return one_nan(np.float32(1) / x)

    def lower(self, node: Node, lowering: Lowering) -> None:
        lower_reciprocal(node, lowering)
