"""ReduceMean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node, Value
from tinyglow.ir.op import Importer, Lowering, OtherNumerics, SourceNode
from tinyglow.kernels.window import Window
from tinyglow.numerics.names import TFLITE
from tinyglow.operators import litert
from tinyglow.operators.avg_pool import AvgPool, ImageMean
from tinyglow.operators.reduce import Reduce
from tinyglow.operators.reduce_sum import lower_sum
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.tflite_node import add_node
from tinyglow.operators.transpose import Transpose
from tinyglow.operators.window import NCHW_TO_NHWC, NHWC_TO_NCHW


def _lower_as_litert(node: Node, lowering: Lowering) -> None:
    op: Any = node.op
    litert.lower_mean(node, lowering, op.axes)


class ReduceMean(Reduce):
    """Mean over ``axes``.

    Over the image of [n, c, h, w] it is an AvgPool, as in Glow (GraphOptimizer.cpp, OptimizeReduceMean). Of any other
    Glow makes a sum and a Div, whose int8 form loses almost everything; this one divides as it requantizes the sum.
    """

    onnx_types: ClassVar[OnnxForms] = {"ReduceMean": OnnxForm(18, ("axes", "keepdims", "noop_with_empty_axes"))}
    tflite_types: ClassVar[TFLiteForms] = {"MEAN": TFLiteForm(3, "ReducerOptions", ("keep_dims",))}
    glow_kind: ClassVar[str] = "BatchedReduceMean"
    other_numerics: ClassVar[OtherNumerics] = {TFLITE: _lower_as_litert}
    int16_numerics: ClassVar[OtherNumerics] = {TFLITE: _lower_as_litert}

    def added(self, name: str, value: Value, importer: Importer) -> Value:
        """See the class."""
        shape, edit = value.type.shape, importer.editor
        if len(shape) != 4 or self.axes != (2, 3) or importer.like_glow:
            return super().added(name, value, importer)
        edit.namer.unique(name)  # the BatchedReduceMean that Glow replaces
        nhwc = edit.add(f"{name}.transposeNCHW2NHWC", Transpose(NCHW_TO_NHWC), [value], name)
        pool = AvgPool(Window((shape[2], shape[3])), count_include_pads=True)
        mean = edit.add(f"{name}.avgPool", pool, [nhwc], name)
        back = edit.add(f"{name}.transposeNHWC2NCHW", Transpose(NHWC_TO_NCHW), [mean], name)
        return edit.add(f"{name}.reshape", Reshape(shape[:2]), [back], name)

    def added_to_nhwc(self, node: SourceNode, value: Value, importer: Importer) -> Value:
        """Over the image of [n, h, w, c] it is an AvgPool (Glow, TFLiteModelLoader.cpp, loadReduce)."""
        shape = value.type.shape
        if len(shape) != 4 or self.axes != (1, 2):
            return super().added_to_nhwc(node, value, importer)
        return add_node(node, importer, ImageMean(Window((shape[1], shape[2]))), [value])

    def added_as_glow(
        self, node: SourceNode, value: Value, axes: Sequence[int], keeps: bool, importer: Importer
    ) -> Value:
        """Over the image, with its dimensions in this order, an AvgPool."""
        shape = value.type.shape
        if len(shape) != 4 or list(axes) != [1, 2]:
            return super().added_as_glow(node, value, axes, keeps, importer)
        mean = self.added_to_nhwc(node, value, importer)
        if keeps:
            return mean
        return add_node(node, importer, Reshape((shape[0], shape[3])), [mean], f"{node.name}.Squeeze.reshape")

    def reduce(self, x: Array, axes: tuple[int, ...]) -> Array:
        return x.mean(axis=axes, dtype=x.dtype)

    def lower(self, node: Node, lowering: Lowering) -> None:
        shape = lowering.type_of(node.inputs[0]).shape
        lower_sum(node, lowering, self.axes, math.prod(shape[axis] for axis in self.axes))
