"""Two-dimensional convolution, grouped, dilated, strided, padded; NHWC, filters [out, kh, kw, in / group]."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node, Value
from tinyglow.ir.op import Importer, Lowering, Op, OtherNumerics, Quantizing, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.target import Variant
from tinyglow.ir.types import TensorType
from tinyglow.kernels.activation import NO_ACTIVATION, Activation, float_activation
from tinyglow.kernels.convolution.conv2d import portable_variant
from tinyglow.kernels.convolution.conv2d_f32 import CONV2D_FLOAT, Conv2DFloatParams
from tinyglow.kernels.convolution.conv2d_s16 import lower_conv2d_int16
from tinyglow.kernels.convolution.layer import ConvLayer, conv_layer
from tinyglow.kernels.convolution.variants import VARIANTS
from tinyglow.kernels.window import Window, merge_batch, require_image
from tinyglow.numerics.names import GLOW, ONNX, TFLITE
from tinyglow.operators.exact_layers import convolution_layer, lower_convolution
from tinyglow.operators.fused_activation import bind_activated
from tinyglow.operators.numerics import lower_as_it_is
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.tflite_node import add_node, constant_bias, require_count, window_from_tflite
from tinyglow.operators.transpose import Transpose
from tinyglow.operators.transposed_conv import add_transposed
from tinyglow.operators.window import NCHW_TO_NHWC, NHWC_TO_NCHW, window_from_onnx, with_unit_height

_MOST_PATCHES = 1 << 28  # bytes of windows that are laid out at once, in float


def _lower_otherwise(node: Node, lowering: Lowering) -> None:
    """With another numerics than Glow's."""
    op: Any = node.op
    lower_convolution(node, lowering, op.exact_layer(node, lowering.numerics, lowering.type_of, lowering.data_of))


class Conv2D(Op):
    """Inputs: image [n, h, w, c], filters [out, kh, kw, c / group], bias [out]."""

    window: Window
    group: int = 1
    activation: Activation = NO_ACTIVATION
    pool: int = 0  # 2: the maximum of each 2x2 block, whose last row or column may be left over

    onnx_types: ClassVar[OnnxForms] = {
        "Conv": OnnxForm(22, ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"))
    }
    tflite_types: ClassVar[TFLiteForms] = {
        "CONV_2D": TFLiteForm(
            8,
            "Conv2DOptions",
            ("dilation_h_factor", "dilation_w_factor", "fused_activation_function", "padding", "stride_h", "stride_w"),
            without_effect={"quantized_bias_type": "of int16 layers without a bias"},
        ),
        "DEPTHWISE_CONV_2D": TFLiteForm(
            7,
            "DepthwiseConv2DOptions",
            (
                "depth_multiplier",
                "dilation_h_factor",
                "dilation_w_factor",
                "fused_activation_function",
                "padding",
                "stride_h",
                "stride_w",
            ),
        ),
        "TRANSPOSE_CONV": TFLiteForm(
            5,
            "TransposeConvOptions",
            ("fused_activation_function", "padding", "stride_h", "stride_w"),
            without_effect={"quantized_bias_type": "of int16 layers without a bias"},
        ),
    }
    glow_kind: ClassVar[str] = "Convolution"
    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    absorbs_rescale_before: ClassVar[tuple[int, ...]] = (0,)
    absorbs_rescale_after: ClassVar[bool] = True
    bias_operand: ClassVar[int | None] = 2
    other_numerics: ClassVar[OtherNumerics] = {TFLITE: _lower_otherwise, ONNX: _lower_otherwise}
    int16_numerics: ClassVar[OtherNumerics] = {TFLITE: lower_as_it_is}

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        """NCHW in the model: a transpose goes before and one after, named and numbered as Glow's importer does.

        A 1-D convolution (NCW) is one over an image of height 1.
        """
        image, filters = importer.value(node.inputs[0]), importer.constant(node.inputs[1])
        if filters is None:
            raise UnsupportedError("filters that are computed at run time", "constant filters")
        rank = len(image.type.shape)
        if rank not in (3, 4) or filters.ndim != rank:
            raise UnsupportedError(f"input {list(image.type.shape)}, filters {list(filters.shape)}", "1-D and 2-D")
        edit = importer.editor
        channels, group = image.type.shape[1], node.integer("group", 1)
        if group < 1 or filters.shape[1] * group != channels or filters.shape[0] % group:
            raise UnsupportedError(f"filters {list(filters.shape)}, group {group} on {channels} channels")
        if node.ints("kernel_shape", filters.shape[2:]) != filters.shape[2:]:
            raise UnsupportedError(f"kernel_shape differs from the filters' shape {list(filters.shape)}")
        bias = importer.value(node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2] else None
        if bias is not None and bias.data is None:
            raise UnsupportedError("a bias that is computed at run time", "a constant bias")
        if rank == 3:
            node, filters = with_unit_height(node), filters[:, :, np.newaxis]
            shape = (*image.type.shape[:2], 1, image.type.shape[2])
            image = edit.add(f"{node.name}.expanddims", Reshape(shape), [image], node.name)
        window = window_from_onnx(node, filters.shape[2:], (image.type.shape[2], image.type.shape[3]))
        weights = _moved_filters(node, filters, importer)
        if bias is None:
            bias = edit.constant("conv.bias", np.zeros(filters.shape[0], np.float32))
        nhwc = edit.add(node.name, Transpose(NCHW_TO_NHWC), [image], node.name)
        result = edit.add(node.name, cls(window, group), [nhwc, weights, bias], node.name)
        if rank == 3:
            n, _, width, out_c = result.type.shape
            flat = edit.add(f"{node.name}.reshape", Reshape((n, width, out_c)), [result], node.name)
            importer.bind(node.outputs[0], edit.add(node.name, Transpose((0, 2, 1)), [flat], node.name))
        else:
            importer.bind(node.outputs[0], edit.add(node.name, Transpose(NHWC_TO_NCHW), [result], node.name))

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        """Filters are [out, h, w, in / group], but of a depthwise convolution [1, h, w, out], whose groups are all.

        There each input channel makes as many neighbouring output channels as the multiplier says.
        """
        if node.op_type == "TRANSPOSE_CONV":
            add_transposed(node, importer, cls)
            return
        image, given = importer.value(node.inputs[0]), importer.value(node.inputs[1])
        size, depthwise = require_image(image.type.shape), node.op_type == "DEPTHWISE_CONV_2D"
        shape = given.type.shape
        if given.data is None or len(shape) != 4 or (depthwise and shape[0] != 1):
            expected = "constant filters [1, h, w, out]" if depthwise else "constant filters [out, h, w, in]"
            raise UnsupportedError(f"filters {list(shape)}", expected)
        if depthwise:
            importer.editor.namer.unique(f"{node.name}.Transpose")  # of the filters, folded at once
        perm = (3, 1, 2, 0) if depthwise else (0, 1, 2, 3)
        out_c, kernel_h, kernel_w, in_g = (shape[axis] for axis in perm)
        if size[3] % in_g or out_c % (size[3] // in_g):
            raise UnsupportedError(f"filters {list(shape)} on {size[3]} channels", "filters for whole groups")
        if depthwise and node.integer("depth_multiplier", 0):  # 0 leaves it to the filters' shape
            require_count(node, "depth_multiplier", out_c // size[3], "results for each channel")
        window = window_from_tflite(node, (kernel_h, kernel_w), (size[1], size[2]))
        moved = np.ascontiguousarray(given.data.transpose(perm))
        weights = importer.editor.constant(node.inputs[1], moved) if depthwise else given
        operands = [image, weights, constant_bias(node, importer, out_c)]
        bind_activated(node, importer, add_node(node, importer, cls(window, size[3] // in_g), operands))

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        image, filters, bias = inputs
        n, height, width, channels = require_image(image.shape)
        out_c = filters.shape[0]
        if filters.shape != (out_c, *self.window.kernel, channels // self.group) or bias.shape != (out_c,):
            raise ShapeError(f"filters {list(filters.shape)} and bias {list(bias.shape)} on image {list(image.shape)}")
        size = self.window.output_size(height, width)
        if self.pool:
            size = size[0] // self.pool, size[1] // self.pool
        return (TensorType((n, *size, out_c)),)

    def multiplications(self, *inputs: TensorType) -> int:
        """``Op.multiplications``; of a pooled convolution all that the pool looks at."""
        n, height, width, channels = require_image(inputs[0].shape)
        taps = math.prod(self.window.kernel) * channels // self.group
        return n * math.prod(self.window.output_size(height, width)) * inputs[1].shape[0] * taps

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x, filters, bias = inputs
        image = merge_batch(x)
        out_h, out_w = self.window.output_size(image.shape[1], image.shape[2])
        row_bytes = image.itemsize * len(image) * out_w * math.prod(self.window.kernel) * image.shape[3]
        step = max(1, _MOST_PATCHES // max(1, row_bytes))
        blocks = [range(first, min(first + step, out_h)) for first in range(0, out_h, step)]
        parts = [self._rows(image, rows, filters[0], bias[0]) for rows in blocks]
        result = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        return (result.reshape(*x.shape[:2], *result.shape[1:]),)

    def _rows(self, image: Array, rows: range, filters: Array, bias: Array) -> Array:
        """Some rows of the result [n, rows, out_w, out_c] of run_float."""
        patches = self.window.patches(image, rows)
        filters = filters.reshape(filters.shape[0], -1, filters.shape[3])
        in_g, out_g = filters.shape[2], filters.shape[0] // self.group
        parts = []
        for g in range(self.group):
            columns = patches[..., g * in_g : (g + 1) * in_g].reshape(-1, patches.shape[3] * in_g)
            parts.append(columns @ filters[g * out_g : (g + 1) * out_g].reshape(out_g, -1).T)
        sums = parts[0] if self.group == 1 else np.concatenate(parts, axis=1)
        sums += bias
        result = self.activation.run_float(sums)
        return result.reshape(*patches.shape[:3], -1)

    def sizes(self, image: TensorType, out: TensorType) -> dict[str, Any]:
        """The fields of ConvSizes."""
        n, in_h, in_w, in_c = image.shape
        _, out_h, out_w, out_c = out.shape
        sizes = {"in_h": in_h, "in_w": in_w, "in_c": in_c, "out_h": out_h, "out_w": out_w, "out_c": out_c}
        for name in ("kernel", "dilation"):
            sizes |= dict(zip((f"{name}_h", f"{name}_w"), getattr(self.window, name), strict=True))
        sizes |= dict(zip(("stride_h", "stride_w"), self.window.strides, strict=True))
        sizes |= {"pad_top": self.window.pads[0], "pad_left": self.window.pads[1], "group": self.group, "images": n}
        return sizes

    def quantize(self, node: Node, quantizing: Quantizing) -> Value:
        if not quantizing.channelwise:
            return quantizing.convert(node)
        return quantizing.convert_channelwise(node, ChannelwiseConv2D(self.window, self.group, self.activation))

    def lower(self, node: Node, lowering: Lowering) -> None:
        image = lowering.type_of(node.inputs[0])
        out = lowering.type_of(node.outputs[0])
        sizes = self.sizes(image, out)
        if out.dtype == "int16":
            lower_conv2d_int16(node, lowering, sizes, self.activation)
            return
        if out.dtype == "float32":
            buffers = [lowering.buffer(name) for name in (*node.inputs, node.outputs[0])]
            lowering.call(CONV2D_FLOAT, buffers, Conv2DFloatParams(**sizes, **float_activation(self.activation)))
            return
        layer = self._layer(node, lowering.type_of, lowering.data_of, lowering.target.wraps)
        lowering.choose(self._variants(layer, lowering))

    def _layer(
        self,
        node: Node,
        type_of: Callable[[str], TensorType],
        data_of: Callable[[str], Array],
        wraps: bool = False,
    ) -> ConvLayer:
        types = [type_of(name) for name in (*node.inputs, node.outputs[0])]
        constants = data_of(node.inputs[1]), data_of(node.inputs[2])
        return conv_layer(node, types, constants, self.sizes(types[0], types[3]), self.activation, self.pool, wraps)

    def exact_layer(
        self, node: Node, numerics: str, type_of: Callable[[str], TensorType], data_of: Callable[[str], Array]
    ) -> ConvLayer:
        """What is known of an int8 convolution with another numerics than Glow's. Raises UnsupportedError."""
        sizes = self.sizes(type_of(node.inputs[0]), type_of(node.outputs[0]))
        return convolution_layer(node, numerics, type_of, data_of, sizes, self.activation, self.pool)

    def layer_of(self, node: Node, value: Callable[[str], Value], numerics: str = GLOW) -> ConvLayer:
        """What is known of an int8 convolution. Raises UnsupportedError or ValueError where it has no kernel."""

        def data_of(name: str) -> Array:
            data = value(name).data
            if data is None:
                raise UnsupportedError("weights that are computed at run time")
            return data

        layer_of = self._layer if numerics == GLOW else partial(self.exact_layer, numerics=numerics)
        return layer_of(node, type_of=lambda name: value(name).type, data_of=data_of)

    def is_monotone(self, node: Node, value: Callable[[str], Value], numerics: str = GLOW) -> bool:
        """Whether larger sums never give smaller outputs, so that a maximum may as well be taken of the sums."""
        try:
            return self.layer_of(node, value, numerics).monotone
        except (UnsupportedError, ValueError):
            return False  # lowering will say why

    def _variants(self, layer: ConvLayer, lowering: Lowering) -> Iterator[Variant]:
        """The ways to compute an int8 convolution, the portable one first. Only its sums may wrap."""
        yield portable_variant(layer, lowering)
        others = () if layer.wraps else (family(layer, lowering) for family in VARIANTS)
        yield from (variant for variant in others if variant is not None)


def _moved_filters(node: SourceNode, filters: Array, importer: Importer) -> Value:
    """Filters [out, c, kh, kw] as [out, kh, kw, c]: by the nodes that Glow has for it, or by what it folds them to."""
    given, edit = importer.value(node.inputs[1]), importer.editor
    widened = given.type.shape != filters.shape
    if importer.like_glow:
        if widened:
            given = edit.add(f"{node.name}.expanddims", Reshape(filters.shape), [given], node.name)
        return edit.add(node.name, Transpose(NCHW_TO_NHWC), [given], node.name)
    if widened:
        edit.namer.unique(f"{node.name}.expanddims")
    edit.namer.unique(node.name)
    return edit.constant(node.inputs[1], np.ascontiguousarray(filters.transpose(NCHW_TO_NHWC)))


class ChannelwiseConv2D(Conv2D):
    """A convolution whose filters and bias are quantized for each output channel. Exists in int8 graphs only.

    Glow folds no rescale into it from before: its bias was specialised for the input's scale.
    """

    onnx_types: ClassVar[OnnxForms] = {}
    tflite_types: ClassVar[TFLiteForms] = {}
    glow_kind: ClassVar[str] = "ChannelwiseQuantizedConvolution"
    absorbs_rescale_before: ClassVar[tuple[int, ...]] = ()
