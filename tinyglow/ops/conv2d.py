"""Two-dimensional convolution, grouped, dilated, strided, padded; NHWC, filters [out, kh, kw, in / group]."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node, Value
from tinyglow.ir.kernel import I16, In, Kernel, Out
from tinyglow.ir.op import Importer, Lowering, Op, Quantizing, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.target import Variant
from tinyglow.ir.types import TensorType
from tinyglow.numerics import glow
from tinyglow.ops.activation import NO_ACTIVATION, Activation
from tinyglow.ops.conv2d_3x3_dsp import conv2d_3x3_dsp_variant
from tinyglow.ops.conv2d_channelwise_code import channelwise_code_variant
from tinyglow.ops.conv2d_channelwise_dsp import channelwise_dsp_variant
from tinyglow.ops.conv2d_channelwise_high_dsp import channelwise_high_dsp_variant
from tinyglow.ops.conv2d_channelwise_lanes import channelwise_lanes_variant
from tinyglow.ops.conv2d_code import code_variant
from tinyglow.ops.conv2d_dsp import dsp_variant
from tinyglow.ops.conv2d_float import CONV2D_FLOAT, Conv2DFloatParams, float_activation
from tinyglow.ops.conv2d_lanes import lanes_variant
from tinyglow.ops.conv2d_layer import ConvGeometry, ConvLayer, channel_constants, channel_words, conv_layer
from tinyglow.ops.conv2d_squares_dsp import squares_dsp_variant
from tinyglow.ops.depthwise_3x3 import depthwise_3x3_variant
from tinyglow.ops.depthwise_3x3_channelwise import depthwise_3x3_channelwise_variant
from tinyglow.ops.depthwise_channelwise_dsp import depthwise_channelwise_dsp_variant
from tinyglow.ops.depthwise_dsp import depthwise_variant
from tinyglow.ops.depthwise_strip_dsp import depthwise_strip_variant
from tinyglow.ops.fused_activation import bind_activated
from tinyglow.ops.layers_int16 import lower_conv2d_int16
from tinyglow.ops.max_pool import MAX_POOL, square_pool
from tinyglow.ops.packed_layers import packed_conv_variant
from tinyglow.ops.pointwise_dsp import pointwise_variant
from tinyglow.ops.quantized_layer import layer_constants
from tinyglow.ops.reshape import Reshape
from tinyglow.ops.tflite_node import add_layer, add_node, constant_bias, require_count, window_from_tflite
from tinyglow.ops.transpose import Transpose
from tinyglow.ops.window import (
    NCHW_TO_NHWC,
    NHWC_TO_NCHW,
    Window,
    merge_batch,
    require_image,
    window_from_onnx,
    with_unit_height,
)


@dataclass(frozen=True)
class Conv2DParams(ConvGeometry):
    """One scale for all filters; ``out`` maps sums to the output."""

    filter_offset: I16
    out: glow.Requant


@dataclass(frozen=True)
class ChannelwiseParams(ConvGeometry):
    """A scale for each output channel, in the operand ``channels``."""

    out_offset: I16


def conv2d_s8(p: Conv2DParams, x: Array, filters: Array, bias: Array, out: Array) -> None:
    """Definition of tg_conv2d_s8."""
    sums = p.sums(x, filters, np.full(p.out_c, p.filter_offset, np.int32)) + bias.reshape(p.out_c)
    out[...] = p.activate(glow.requantize(sums, p.out)).reshape(out.shape)


def conv2d_channelwise_s8(
    p: ChannelwiseParams, x: Array, filters: Array, bias: Array, channels: Array, out: Array
) -> None:
    """Definition of tg_conv2d_channelwise_s8: as tg_conv2d_s8, each channel with its own constants."""
    constants, filter_offsets = channel_constants(channels, p.out_offset)
    sums = p.sums(x, filters, filter_offsets) + bias.reshape(p.out_c)
    out[...] = p.activate(glow.requantize_channels(sums, constants)).reshape(out.shape)


CONV2D = Kernel(
    symbol="tg_conv2d_s8",
    c_file="convolution/tg_conv2d_s8.c",
    params=Conv2DParams,
    operands=(In("input", "int8"), In("filter", "int8"), In("bias", "int32"), Out("output", "int8")),
    reference=conv2d_s8,
    summary="2-D convolution, any stride, padding, dilation and group",
    code_bytes=1150,
)

CONV2D_CHANNELWISE = Kernel(
    symbol="tg_conv2d_channelwise_s8",
    c_file="convolution/tg_conv2d_channelwise_s8.c",
    params=ChannelwiseParams,
    operands=(
        In("input", "int8"),
        In("filter", "int8"),
        In("bias", "int32"),
        In("channels", "int32"),
        Out("output", "int8"),
    ),
    reference=conv2d_channelwise_s8,
    summary="2-D convolution with a scale for each output channel",
    code_bytes=1150,
)


@dataclass(frozen=True)
class Conv2D(Op):
    """Inputs: image [n, h, w, c], filters [out, kh, kw, c / group], bias [out]."""

    window: Window
    group: int = 1
    activation: Activation = NO_ACTIVATION
    pool: int = 0  # 2: the maximum of each 2x2 square, whose last row or column may be left over

    onnx_types: ClassVar[OnnxForms] = {
        "Conv": OnnxForm(22, ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"))
    }
    tflite_types: ClassVar[TFLiteForms] = {
        "CONV_2D": TFLiteForm(
            8,
            "Conv2DOptions",
            ("dilation_h_factor", "dilation_w_factor", "fused_activation_function", "padding", "stride_h", "stride_w"),
            without_effect={"quantized_bias_type": "of int16 layers, which are refused"},
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
    }
    glow_kind: ClassVar[str] = "Convolution"
    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    absorbs_rescale_before: ClassVar[tuple[int, ...]] = (0,)
    absorbs_rescale_after: ClassVar[bool] = True
    bias_operand: ClassVar[int | None] = 2

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        """NCHW in the model: a transpose goes before and one behind, named and numbered as Glow's importer does.

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
            image = edit.add(node.name, Reshape(shape), [image], node.name)
            edit.namer.unique(node.name)  # Glow's reshape of the filters
        window = window_from_onnx(node, filters.shape[2:], (image.type.shape[2], image.type.shape[3]))
        edit.namer.unique(node.name)  # Glow's transpose of the filters, folded at once
        if bias is None:
            bias = edit.constant("conv.bias", np.zeros(filters.shape[0], np.float32))
        nhwc = edit.add(node.name, Transpose(NCHW_TO_NHWC), [image], node.name)
        weights = edit.constant(node.inputs[1], np.ascontiguousarray(filters.transpose(NCHW_TO_NHWC)))
        result = edit.add(node.name, cls(window, group), [nhwc, weights, bias], node.name)
        if rank == 3:
            n, _, width, out_c = result.type.shape
            flat = edit.add(node.name, Reshape((n, width, out_c)), [result], node.name)
            importer.bind(node.outputs[0], edit.add(node.name, Transpose((0, 2, 1)), [flat], node.name))
        else:
            importer.bind(node.outputs[0], edit.add(node.name, Transpose(NHWC_TO_NCHW), [result], node.name))

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        """Filters are [out, h, w, in / group], but of a depthwise convolution [1, h, w, out], whose groups are all.

        There each input channel makes as many neighbouring output channels as the multiplier says.
        """
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
        if image.type.quant is not None:
            weights, bias = layer_constants(node, importer, perm)
            kind = ChannelwiseConv2D if weights.type.channel_quant else Conv2D
            bind_activated(
                node, importer, add_layer(node, importer, kind(window, size[3] // in_g), [image, weights, bias])
            )
            return
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

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x, filters, bias = inputs
        patches = self.window.patches(merge_batch(x))
        filters = filters[0].reshape(filters.shape[1], -1, filters.shape[4])
        in_g, out_g = filters.shape[2], filters.shape[0] // self.group
        parts = []
        for g in range(self.group):
            columns = patches[..., g * in_g : (g + 1) * in_g].reshape(-1, patches.shape[3] * in_g)
            parts.append(columns @ filters[g * out_g : (g + 1) * out_g].reshape(out_g, -1).T)
        result = self.activation.run_float(np.concatenate(parts, axis=1) + bias[0])
        return (result.reshape(*x.shape[:2], *patches.shape[1:3], -1),)

    def _sizes(self, image: TensorType, out: TensorType) -> dict[str, Any]:
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
        sizes = self._sizes(image, out)
        if out.dtype == "int16":
            lower_conv2d_int16(node, lowering, sizes, self.activation)
            return
        if out.dtype == "float32":
            buffers = [lowering.buffer(name) for name in (*node.inputs, node.outputs[0])]
            lowering.call(CONV2D_FLOAT, buffers, Conv2DFloatParams(**sizes, **float_activation(self.activation)))
            return
        lowering.choose(self._variants(self._layer(node, lowering.type_of, lowering.data_of), lowering))

    def _layer(self, node: Node, type_of: Callable[[str], TensorType], data_of: Callable[[str], Array]) -> ConvLayer:
        types = [type_of(name) for name in (*node.inputs, node.outputs[0])]
        constants = data_of(node.inputs[1]), data_of(node.inputs[2])
        return conv_layer(node, types, constants, self._sizes(types[0], types[3]), self.activation, self.pool)

    def layer_of(self, node: Node, value: Callable[[str], Value]) -> ConvLayer:
        """What is known of an int8 convolution. Raises UnsupportedError or ValueError where it has no kernel."""

        def data_of(name: str) -> Array:
            data = value(name).data
            if data is None:
                raise UnsupportedError("weights that are computed at run time")
            return data

        return self._layer(node, lambda name: value(name).type, data_of)

    def is_monotone(self, node: Node, value: Callable[[str], Value]) -> bool:
        """Whether larger sums never give smaller outputs, so that a maximum may as well be taken of the sums."""
        try:
            return self.layer_of(node, value).monotone
        except (UnsupportedError, ValueError):
            return False  # lowering will say why

    def _variants(self, layer: ConvLayer, lowering: Lowering) -> list[Variant]:
        """The ways to compute an int8 convolution, the portable one first."""
        others = (family(layer, lowering) for family in _FAMILIES)
        return [_portable(layer, lowering), *(variant for variant in others if variant is not None)]


def _portable(layer: ConvLayer, lowering: Lowering) -> Variant:
    """The kernels that take any geometry; a pool behind it gets a kernel of its own."""
    node, geometry, filters = layer.node, dict(layer.geometry), layer.filters
    if layer.pool:
        geometry |= {"out_h": layer.pool * geometry["out_h"], "out_w": layer.pool * geometry["out_w"]}

    def emit() -> None:
        result = lowering.buffer(node.outputs[0])
        image = result
        if layer.pool:
            shape = tuple(geometry[name] for name in ("images", "out_h", "out_w", "out_c"))
            image = lowering.temporary(TensorType(shape, "int8", layer.out))
        operands = [lowering.buffer(node.inputs[0])]
        operands += [lowering.constant(node.inputs[1], filters), lowering.constant(node.inputs[2], layer.bias)]
        if layer.per_channel:
            words = channel_words(layer.requants, layer.filter_offsets.tolist())
            operands += [lowering.constant(f"{node.inputs[1]}_channels", words), image]
            lowering.call(CONV2D_CHANNELWISE, operands, ChannelwiseParams(**geometry, out_offset=layer.out.offset))
        else:
            params = Conv2DParams(**geometry, filter_offset=int(layer.filter_offsets[0]), out=layer.requants[0])
            lowering.call(CONV2D, [*operands, image], params)
        if layer.pool:
            lowering.call(MAX_POOL, [image, result], square_pool(shape, layer.out))

    pixels = geometry["images"] * geometry["out_h"] * geometry["out_w"]
    # Measured on the Cortex-M0+: about 12 cycles a product and 150 an output.
    cycles = pixels * (12 * filters.size + 150 * geometry["out_c"])
    kernel = CONV2D_CHANNELWISE if layer.per_channel else CONV2D
    kernels = (kernel, MAX_POOL) if layer.pool else (kernel,)
    return Variant(kernel.symbol, cycles, filters.size + 4 * len(filters), emit, kernels=kernels)


_FAMILIES: tuple[Callable[[ConvLayer, Lowering], Variant | None], ...] = (
    lanes_variant,
    depthwise_3x3_variant,
    code_variant,
    dsp_variant,
    channelwise_dsp_variant,
    depthwise_variant,
    squares_dsp_variant,
    conv2d_3x3_dsp_variant,
    depthwise_strip_variant,
    pointwise_variant,
    packed_conv_variant,
    channelwise_lanes_variant,
    depthwise_3x3_channelwise_variant,
    channelwise_code_variant,
    channelwise_high_dsp_variant,
    depthwise_channelwise_dsp_variant,
)


@dataclass(frozen=True)
class ChannelwiseConv2D(Conv2D):
    """A convolution whose filters and bias are quantized for each output channel. Exists in int8 graphs only.

    Glow folds no rescale into it from before: its bias was specialised for the input's scale.
    """

    onnx_types: ClassVar[OnnxForms] = {}
    tflite_types: ClassVar[TFLiteForms] = {}
    glow_kind: ClassVar[str] = "ChannelwiseQuantizedConvolution"
    absorbs_rescale_before: ClassVar[tuple[int, ...]] = ()
