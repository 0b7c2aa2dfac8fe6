"""Reciprocal."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import Kernel
from tinyglow.ir.op import Lowering
from tinyglow.kernels.elementwise.div import DIV_FLOAT, lower_reciprocal
from tinyglow.numerics.nan import one_nan
from tinyglow.operators.unary import Unary


class Reciprocal(Unary):
    """1 / x, by the kernel that divides."""

    onnx_types: ClassVar[OnnxForms] = {"Reciprocal": OnnxForm(13)}
    glow_kind: ClassVar[str] = "Pow"
    kernel: ClassVar[Kernel] = DIV_FLOAT
    exponent_in_glow: ClassVar[float | None] = -1.0

    def function(self, x: Array) -> Array:
        """1 / x, rounded once."""
        with np.errstate(all="ignore"):
            return one_nan(np.float32(1) / x)

    def lower(self, node: Node, lowering: Lowering) -> None:
        lower_reciprocal(node, lowering)
