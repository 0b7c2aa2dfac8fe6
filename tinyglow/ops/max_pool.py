"""Maximum over windows; NHWC. MaxPool and GlobalMaxPool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import I8, U8, U16, In, Kernel, Out, Params
from tinyglow.ir.op import Importer, Lowering, Op, SourceNode
from tinyglow.ir.target import Variant
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.ops.pooling import PoolGeometry, add_pool, add_tflite_pool, geometry, pool_window, taps_inside
from tinyglow.ops.pools_int16 import lower_max_pool_int16
from tinyglow.ops.window import Window, merge_batch, require_image

SQUARE = Window((2, 2), (2, 2))


@dataclass(frozen=True)
class MaxPoolFloatParams(PoolGeometry):
    """Sizes in elements. A window that has no tap inside the image gives 0."""

    dilation_h: U8 = 1
    dilation_w: U8 = 1

    @property
    def dilation(self) -> tuple[int, int]:
        return self.dilation_h, self.dilation_w


@dataclass(frozen=True)
class MaxPoolParams(MaxPoolFloatParams):
    """Sizes in elements; ``empty`` is the result of a window that has no tap inside the image."""

    empty: I8 = -128


def max_pool_s8(p: MaxPoolParams, x: Array, out: Array) -> None:
    """Definition of tg_max_pool_s8: the largest element of each window's taps inside the image, ``empty`` if none."""
    largest = p.patches(x, -128, p.dilation).max(axis=3)
    out[...] = np.where(p.taps_inside(p.dilation) > 0, largest, np.int8(p.empty)).reshape(out.shape)


def max_pool_f32(p: MaxPoolFloatParams, x: Array, out: Array) -> None:
    """Definition of tg_max_pool_f32: tap by tap, a larger one takes the place, and any NaN does; 0 of no taps."""
    taps = p.patches(x, -np.inf, p.dilation)
    inside = p.patches(np.ones((1, p.in_h * p.in_w * p.channels), np.bool_), False, p.dilation)
    largest, found = taps[:, :, :, 0], inside[:, :, :, 0]
    for tap in range(1, taps.shape[3]):
        candidate, present = taps[:, :, :, tap], inside[:, :, :, tap]
        better = (candidate > largest) | np.isnan(candidate) | ~found
        largest, found = np.where(better & present, candidate, largest), found | present
    out[...] = np.where(found, largest, np.float32(0)).reshape(out.shape)


MAX_POOL = Kernel(
    symbol="tg_max_pool_s8",
    c_file="pooling/tg_max_pool_s8.c",
    params=MaxPoolParams,
    operands=(In("input", "int8"), Out("output", "int8")),
    reference=max_pool_s8,
    summary="maximum over windows",
    code_bytes=290,
)


@dataclass(frozen=True)
class SquarePoolParams(Params):
    """Sizes of the image, in elements."""

    in_h: U16
    in_w: U16
    channels: U16
    images: U16


def max_pool_2x2_s8(p: SquarePoolParams, x: Array, out: Array) -> None:
    """Definition of tg_max_pool_2x2_s8."""
    images = x.reshape(-1, p.in_h, p.in_w, p.channels)[:, : p.in_h // 2 * 2, : p.in_w // 2 * 2]
    squares = images.reshape(len(images), p.in_h // 2, 2, p.in_w // 2, 2, p.channels)
    out[...] = squares.max(axis=(2, 4)).reshape(out.shape)


MAX_POOL_SQUARES = Kernel(
    symbol="tg_max_pool_2x2_s8",
    c_file="pooling/tg_max_pool_2x2_s8.c",
    params=SquarePoolParams,
    operands=(In("input", "int8"), Out("output", "int8")),
    reference=max_pool_2x2_s8,
    summary="maximum over 2x2 squares",
    # An output is written when its square, which never lies before it, has been read for the only time.
    trails=lambda p: 0,
    code_bytes=210,
)

MAX_POOL_FLOAT = Kernel(
    symbol="tg_max_pool_f32",
    c_file="pooling/tg_max_pool_f32.c",
    params=MaxPoolFloatParams,
    operands=(In("input", "float32"), Out("output", "float32")),
    reference=max_pool_f32,
    summary="maximum over windows, in float",
)


def square_pool(shape: tuple[int, ...], quant: QuantParams) -> MaxPoolParams:
    """The parameters for 2x2 squares of an image of that shape [n, h, w, c]."""
    n, height, width, channels = shape
    out = (n, height // 2, width // 2, channels)
    return MaxPoolParams(**geometry(SQUARE, shape, out), empty=quant.offset)


@dataclass(frozen=True)
class MaxPool(Op):
    """Input: image [n, h, w, c]. A window that lies in the padding altogether gives 0.0, as in Glow."""

    window: Window

    onnx_types: ClassVar[OnnxForms] = {
        "MaxPool": OnnxForm(
            22,
            ("auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "strides"),
            without_effect={"storage_order": "numbers the second result's indices, which is refused"},
        ),
        "GlobalMaxPool": OnnxForm(22),
    }
    tflite_types: ClassVar[TFLiteForms] = {
        "MAX_POOL_2D": TFLiteForm(
            3,
            "Pool2DOptions",
            ("filter_height", "filter_width", "fused_activation_function", "padding", "stride_h", "stride_w"),
        )
    }
    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    keeps_params: ClassVar[bool] = True
    rescale_sinks: ClassVar[bool] = True

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        def pool(node: SourceNode, size: tuple[int, int]) -> Op:
            return cls(Window(size) if node.op_type == "GlobalMaxPool" else pool_window(node, size))

        add_pool(node, importer, pool)

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        add_tflite_pool(node, importer, cls)

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        n, height, width, channels = require_image(inputs[0].shape)
        return (inputs[0].reshaped((n, *self.window.output_size(height, width), channels)),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x = inputs[0]
        largest = self.window.patches(merge_batch(x), fill=-np.inf).max(axis=3)
        result = np.where(taps_inside(self.window, (x.shape[2], x.shape[3])) > 0, largest, np.float32(0))
        return (result.reshape(*x.shape[:2], *result.shape[1:]),)

    def lower(self, node: Node, lowering: Lowering) -> None:
        source, result = lowering.type_of(node.inputs[0]), lowering.type_of(node.outputs[0])
        if result.dtype == "int16":
            lower_max_pool_int16(node, lowering, self.window)
            return
        buffers = lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])
        dilation = dict(zip(("dilation_h", "dilation_w"), self.window.dilation, strict=True))
        fields = {**geometry(self.window, source.shape, result.shape), **dilation}
        if result.dtype == "float32":
            lowering.call(MAX_POOL_FLOAT, buffers, MaxPoolFloatParams(**fields))
            return
        assert result.quant
        params = MaxPoolParams(**fields, empty=result.quant.offset)
        # Measured on the Cortex-M0+: an output costs about 40 cycles in the one, 60 and 70 a tap in the other.
        variants = [
            Variant(
                MAX_POOL.symbol,
                result.elements * (60 + 70 * params.kernel_h * params.kernel_w),
                0,
                lambda: lowering.call(MAX_POOL, buffers, params),
                kernels=(MAX_POOL,),
            )
        ]
        if self.window == SQUARE:
            n, height, width, channels = source.shape
            sizes = SquarePoolParams(height, width, channels, n)
            emit = lambda: lowering.call(MAX_POOL_SQUARES, buffers, sizes)  # noqa: E731
            variants.append(
                Variant(MAX_POOL_SQUARES.symbol, result.elements * 40, 0, emit, kernels=(MAX_POOL_SQUARES,))
            )
        lowering.choose(variants)
