"""Mean over windows; NHWC. AveragePool and GlobalAveragePool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Importer, Lowering, Op, OtherNumerics, SourceNode, UnsupportedError
from tinyglow.ir.types import QuantParams, Shape, TensorType
from tinyglow.kernels.pooling.avg_pool import (
    AVG_POOL,
    AVG_POOL_FLOAT,
    MOST_FLOAT_TAPS,
    AvgPoolFloatParams,
    AvgPoolParams,
    float_sums,
    lower_avg_pool_int16,
    mean_requant,
)
from tinyglow.kernels.pooling.geometry import geometry
from tinyglow.kernels.window import Window, merge_batch, require_image
from tinyglow.numerics import glow
from tinyglow.numerics.names import ONNX, TFLITE
from tinyglow.operators import litert, onnx_integers
from tinyglow.operators.pad import Pad
from tinyglow.operators.pooling import add_pool, add_tflite_pool, pool_window
from tinyglow.operators.window import window_from_onnx

_RAISED = 128  # uint8 less int8


def _lower_as_litert(node: Node, lowering: Lowering) -> None:
    op: Any = node.op
    litert.lower_avg_pool(node, lowering, op.window, op.count_include_pads, isinstance(op, Uint8Pool))


def _lower_as_onnx(node: Node, lowering: Lowering) -> None:
    op: Any = node.op
    types = [lowering.type_of(name) for name in (node.inputs[0], node.outputs[0])]
    if op.is_image_mean(types[0].shape, [type_.quant for type_ in types if type_.quant]):
        onnx_integers.lower_image_mean(node, lowering)
    else:
        raised = op.raised if isinstance(op, QLinearPool) else 0
        onnx_integers.lower_window_mean(node, lowering, op.window, op.count_include_pads, raised)


class AvgPool(Op):
    """Input: image [n, h, w, c]. Padding counts as zeros (count_include_pads), or does not count at all."""

    window: Window
    count_include_pads: bool = False

    onnx_types: ClassVar[OnnxForms] = {
        "AveragePool": OnnxForm(
            22, ("auto_pad", "ceil_mode", "count_include_pad", "dilations", "kernel_shape", "pads", "strides")
        ),
        "GlobalAveragePool": OnnxForm(22),
    }
    tflite_types: ClassVar[TFLiteForms] = {
        "AVERAGE_POOL_2D": TFLiteForm(
            3,
            "Pool2DOptions",
            ("filter_height", "filter_width", "fused_activation_function", "padding", "stride_h", "stride_w"),
        )
    }
    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    int16_numerics: ClassVar[OtherNumerics] = {TFLITE: _lower_as_litert}
    other_numerics: ClassVar[OtherNumerics] = {TFLITE: _lower_as_litert, ONNX: _lower_as_onnx}

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        declared = importer.value(node.inputs[0]).declared
        make: Callable[..., Op] = cls
        if declared is not None and node.op_type == "AveragePool":
            keeps = getattr(importer, "in_qoperator", False)
            make = partial(QLinearPool, raised=declared.raised if keeps else _RAISED)

        def pool(node: SourceNode, size: tuple[int, int]) -> list[Op]:
            if node.op_type == "GlobalAveragePool":
                return [make(Window(size))]
            window, counts = pool_window(node, size), bool(node.integer("count_include_pad", 0))
            if window.dilation != (1, 1):
                raise UnsupportedError(f"dilations {list(window.dilation)}", "[1, 1]")
            given = window_from_onnx(node, window.kernel, size)
            if not counts or window == given:
                return [make(window, counts)]
            # Windows end after the padding. The padding counts, what is after it does not.
            top, left, bottom, right = given.pads
            behind = (0, 0, window.pads[2] - bottom, window.pads[3] - right)
            inside: list[Op] = [Pad((0, top, left, 0), (0, bottom, right, 0))] if any(given.pads) else []
            return [*inside, make(replace(window, pads=behind))]

        add_pool(node, importer, pool)

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        """Padding does not count."""
        declared = importer.value(node.inputs[0]).declared
        add_tflite_pool(node, importer, Uint8Pool if declared is not None and declared.raised else cls)

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        n, height, width, channels = require_image(inputs[0].shape)
        return (inputs[0].reshaped((n, *self.window.output_size(height, width), channels)),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x = inputs[0]
        sums = float_sums(self.window, merge_batch(x))
        area = np.float32(self.window.kernel[0] * self.window.kernel[1])
        if not self.count_include_pads:
            area = np.maximum(self.window.taps_inside(x.shape[2], x.shape[3]), 1).astype(np.float32)
        result = sums / area
        return (result.reshape(*x.shape[:2], *result.shape[1:]),)

    def has_onnx_form(self, shapes: Sequence[Shape], quants: Sequence[QuantParams]) -> bool:
        return True

    def is_image_mean(self, shape: Shape, quants: Sequence[QuantParams]) -> bool:
        """Whether it is the mean of a whole image, which onnxruntime has as one product of a sum."""
        size = shape[1:3]
        is_whole = self.window.kernel == size and not any(self.window.pads)
        return is_whole and onnx_integers.has_mean(quants, size[0] * size[1])

    def lower(self, node: Node, lowering: Lowering) -> None:
        source, result = lowering.type_of(node.inputs[0]), lowering.type_of(node.outputs[0])
        if result.dtype == "int16":
            lower_avg_pool_int16(node, lowering, self.window, self.count_include_pads)
            return
        fields = geometry(self.window, source.shape, result.shape)
        buffers = lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])
        is_float = result.dtype == "float32"
        area = self.window.kernel[0] * self.window.kernel[1]
        # 255: of a window of all -128 with offset 127, or the other way round.
        if area > (MOST_FLOAT_TAPS if is_float else glow.INT32_MAX // 255):
            expected = "as many elements as float32 can count" if is_float else "sums that fit 32 bits"
            raise UnsupportedError(f"a window of {list(self.window.kernel)}", expected)
        if is_float:
            float_params = AvgPoolFloatParams(**fields, count_pads=int(self.count_include_pads))
            lowering.call(AVG_POOL_FLOAT, buffers, float_params)
            return
        assert source.quant and result.quant
        params = AvgPoolParams(
            **fields,
            divide=int(not self.count_include_pads),
            in_offset=source.quant.offset,
            out_offset=result.quant.offset,
            out=mean_requant(source.quant, result.quant, area if self.count_include_pads else 1),
        )
        lowering.call(AVG_POOL, buffers, params)


class QLinearPool(AvgPool):
    """An AveragePool of a quantized ONNX model.

    Attributes:
        raised: How much larger onnxruntime's integers are than int8: 128 where they are uint8. On a PC it makes uint8
            of all int8 between conversions (qdq_s8_to_u8.cc).
    """

    raised: int = 0

    onnx_types: ClassVar[OnnxForms] = {}
    tflite_types: ClassVar[TFLiteForms] = {}
    glow_kind: ClassVar[str] = "AvgPool"


class Uint8Pool(AvgPool):
    """An AVERAGE_POOL_2D of a TFLite model's uint8, whose ties LiteRT rounds up: they are above 0."""

    onnx_types: ClassVar[OnnxForms] = {}
    tflite_types: ClassVar[TFLiteForms] = {}
    glow_kind: ClassVar[str] = "AvgPool"


class ImageMean(AvgPool):
    """The mean over a whole image, which a model has as one over dimensions. LiteRT rounds it otherwise than a pool."""

    onnx_types: ClassVar[OnnxForms] = {}
    tflite_types: ClassVar[TFLiteForms] = {}
    glow_kind: ClassVar[str] = "AvgPool"
    int16_numerics: ClassVar[OtherNumerics] = {TFLITE: litert.lower_mean}
    other_numerics: ClassVar[OtherNumerics] = {TFLITE: litert.lower_mean, ONNX: onnx_integers.lower_image_mean}

    def has_onnx_form(self, shapes: Sequence[Shape], quants: Sequence[QuantParams]) -> bool:
        return self.is_image_mean(shapes[0], quants)
