"""QuantizeLinear and DequantizeLinear: no operators of the graph, but what an ONNX file declares of its values.

A value and the integers that QuantizeLinear makes of it are one value here, and so is what DequantizeLinear makes of
these. uint8 becomes int8, with zero points less 128.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tinyglow.frontend.declared import declared_as, declared_constant
from tinyglow.frontend.onnx_tensors import type_name
from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.forms import OnnxForm
from tinyglow.ir.graph import Array, Declared, Value
from tinyglow.ir.op import SourceNode, UnsupportedError
from tinyglow.ir.types import ChannelParams, QuantParams, TensorType

_ATTRIBUTES = ("axis", "block_size", "output_dtype")
_WITHOUT_EFFECT = {
    "saturate": "of float8, which is refused",
    "precision": "of the division by the scale, which is float32 here",
}
FORMS = {
    "QuantizeLinear": OnnxForm(28, _ATTRIBUTES, _WITHOUT_EFFECT),
    "DequantizeLinear": OnnxForm(28, _ATTRIBUTES),
}

# For each type of ONNX: the type here, and what is taken off elements and zero points.
_TYPES = {
    "INT8": ("int8", 0),
    "UINT8": ("int8", 128),
    "INT4": ("int8", 0),
    "UINT4": ("int8", 0),
    "INT16": ("int16", 0),
    "INT32": ("int32", 0),
}
_ACTIVATIONS = ("INT8", "UINT8")
# What only moves elements may be done to integers: to those of inputs, and also to what QuantizeLinear makes.
MOVING = {"Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Split", "Gather", "Expand"}
OF_INTEGERS = MOVING | {"Tile", "Concat", "MaxPool", "DepthToSpace", "SpaceToDepth", "Pad"}
_LEAST_SCALE, _LARGEST_SCALE = 2.0**-60, 2.0**30  # with these, no product or ratio of them leaves float32


@dataclass
class Integers:
    """A tensor of integers in the file: constants, and what QuantizeLinear makes.

    Attributes:
        dtype: As ONNX calls it.
        data: Of a constant, int64.
        value: The value that stands for what is computed; it has the declared parameters, or gets them when the file
            first dequantizes it.
    """

    dtype: str
    data: Array | None = None
    value: Value | None = None


class QuantizedTensors:
    """The tensors of integers of one file, by name."""

    def __init__(self, editor: GraphEditor) -> None:
        self.editor = editor
        self.known: dict[str, Integers] = {}

    def quantize(self, node: SourceNode, x: Value, scale: Array | None) -> Value:
        """Let the node's result be the integers of ``x``. Returns the value that stands for both."""
        zero = self._zero_point(node)
        dtype = self._result_type(node, zero)
        if dtype not in _ACTIVATIONS and (x.data is None or dtype not in _TYPES):
            hint = "give the float model, and compile it with --precision int16" if dtype.endswith("INT16") else ""
            raise UnsupportedError(f"quantizes to {dtype}", "INT8 or UINT8", hint)
        type_ = self._type(node, dtype, scale, zero, x.type.shape)
        if x.data is not None:
            data = _quantized(x.data, type_)
            self.known[node.outputs[0]] = Integers(dtype, data + _TYPES[dtype][1])
            real, declared = declared_constant(data.astype(type_.dtype), type_)
            return self.editor.constant(node.outputs[0], real, declared=declared)
        if type_.quant is None:
            raise UnsupportedError(f"{len(scale.ravel()) if scale is not None else 0} scales of an activation", "one")
        declared = Declared(type_.dtype, type_.quant, raised=_TYPES[dtype][1])
        value = declared_as(x, declared, self.editor, node.outputs[0], is_bound=True)
        self.known[node.outputs[0]] = Integers(dtype, None, value)
        return value

    def dequantize(self, node: SourceNode, scale: Array | None) -> Value:
        """The value that stands for what the node makes of integers. Raises UnsupportedError."""
        name = node.inputs[0]
        source = self.known.get(name)
        if source is None:
            raise UnsupportedError(f"dequantizes {name!r}", "a constant, an input, or what QuantizeLinear makes")
        zero = self._zero_point(node)
        if source.dtype not in _TYPES or (zero is not None and zero.dtype != source.dtype):
            raise UnsupportedError(f"dequantizes {source.dtype}", f"{', '.join(_TYPES)}, as the zero point is")
        if source.data is not None:
            return self._dequantized_constant(node, source, scale, zero)
        value = source.value
        assert value is not None
        type_ = self._type(node, source.dtype, scale, zero, value.type.shape)
        value = self.editor.values[value.name]
        if value.declared is None:  # an input of the network
            if type_.quant is None or value.name not in self.editor.inputs:
                raise UnsupportedError(f"dequantizes {name!r}", "an input itself, with one scale")
            if source.dtype == "UINT8":
                self.editor.pixels[value.name] = QuantParams(type_.quant.scale, type_.quant.offset + 128)
            declared = Declared(type_.dtype, type_.quant, raised=_TYPES[source.dtype][1])
            return self.editor.declare(value.name, declared)
        if type_.quant != value.declared.quant:
            raise UnsupportedError(f"dequantizes {name!r} with other parameters than it was quantized with", "the same")
        return value

    def _dequantized_constant(
        self, node: SourceNode, source: Integers, scale: Array | None, zero: Integers | None
    ) -> Value:
        assert source.data is not None
        if node.integer("block_size", 0):
            return self._dequantized_blocks(node, source, scale, zero)
        dtype, less = _TYPES[source.dtype]
        type_ = self._type(node, source.dtype, scale, zero, source.data.shape)
        real, declared = declared_constant((source.data - less).astype(dtype), type_)
        return self.editor.constant(node.outputs[0], real, declared=declared)

    def _dequantized_blocks(
        self, node: SourceNode, source: Integers, scale: Array | None, zero: Integers | None
    ) -> Value:
        """Scales for blocks along a dimension: no int8 layer has them, so what stands for them is float."""
        data, block = source.data, node.integer("block_size", 0)
        axis = node.integer("axis", 1)
        assert data is not None
        if scale is None or scale.ndim != data.ndim or not -data.ndim <= axis < data.ndim or block < 1:
            raise UnsupportedError(f"blocks of {block} along dimension {axis}", "a scale for each block")
        scales, zeros = (
            np.take(np.repeat(array, block, axis), range(data.shape[axis]), axis)
            for array in (scale, np.zeros(scale.shape) if zero is None or zero.data is None else zero.data)
        )
        if scales.shape != data.shape or zeros.shape != data.shape:
            raise UnsupportedError(f"scales of shape {list(scale.shape)} for {list(data.shape)}", "one for each block")
        real = ((data - zeros) * scales.astype(np.float32)).astype(np.float32)
        return self.editor.constant(node.outputs[0], real)

    def border(self, node: SourceNode, padded: Value, given: Array | None) -> Array:
        """The real number that the integer of a Pad's borders stands for: float32 [].

        padded: What stands for the integers. given: the border's integer, if it is constant.
        """
        declared = self.editor.values[padded.name].declared
        if declared is None or declared.quant is None or given is None or given.size != 1:
            raise UnsupportedError("pads integers without parameters", "what QuantizeLinear makes, a constant value")
        less = 128 if self.known[node.inputs[0]].dtype == "UINT8" else 0
        return np.array((float(given.ravel()[0]) - less - declared.quant.offset) * declared.quant.scale, np.float32)

    def move(self, node: SourceNode, values: Mapping[str, Value]) -> None:
        """Let what a node makes of integers, by moving them alone, be integers of the same type.

        values: By the file's names. Raises UnsupportedError if it does something else to computed ones.
        """
        sources = [self.known[name] for name in node.inputs if name in self.known]
        computed = [source for source in sources if source.value is not None]
        if not computed:
            self._move_constants(node, values)
            return
        if node.op_type not in OF_INTEGERS or len({source.dtype for source in computed}) > 1:
            found = f"computes on the {computed[0].dtype} value {node.inputs[0]!r}"
            raise UnsupportedError(found, "a DequantizeLinear before it")
        for output in node.outputs:
            value = self.editor.values[values[output].name]
            before = computed[0].value
            declared = None if before is None else self.editor.values[before.name].declared
            if declared is not None and value.declared is None:
                value = self.editor.declare(value.name, declared)
            self.known[output] = Integers(computed[0].dtype, None, value)

    def _move_constants(self, node: SourceNode, values: Mapping[str, Value]) -> None:
        operands = node.inputs if node.op_type == "Concat" else node.inputs[:1]
        dtypes = sorted({self.known[name].dtype if name in self.known else "" for name in operands})
        if node.op_type not in MOVING | {"Concat", "Tile"} or len(dtypes) != 1 or not dtypes[0]:
            return
        for output in node.outputs:
            data = values[output].data if output in values else None
            if data is not None and data.dtype.kind == "i":
                self.known[output] = Integers(dtypes[0], data.astype(np.int64))

    @staticmethod
    def _result_type(node: SourceNode, zero: Integers | None) -> str:
        """The type that a QuantizeLinear makes: that of its zero point, or of its attribute."""
        number = node.integer("output_dtype", 0)
        asked = type_name(number) if number else ""
        if zero and asked not in ("", zero.dtype):
            raise UnsupportedError(f"output_dtype {asked} with a zero point of {zero.dtype}", "one type")
        return zero.dtype if zero else asked or "UINT8"

    def _zero_point(self, node: SourceNode) -> Integers | None:
        if len(node.inputs) < 3 or not node.inputs[2]:
            return None
        zero = self.known.get(node.inputs[2])
        if zero is None or zero.data is None:
            raise UnsupportedError("a zero point that is no constant of integers", "a constant")
        return zero

    def _type(
        self, node: SourceNode, dtype: str, scale: Array | None, zero: Integers | None, shape: tuple[int, ...]
    ) -> TensorType:
        """The integer type that the operands of a node say. Raises UnsupportedError."""
        if scale is None:
            hint = "give the float model, or quantize it statically"
            raise UnsupportedError("a scale that is computed at run time", "a constant", hint)
        if scale.ndim > 1 or node.integer("block_size", 0):
            raise UnsupportedError(f"scales of shape {list(scale.shape)}", "one, or one for each index of a dimension")
        ours, less = _TYPES[dtype]
        scales = [float(item) for item in scale.ravel()]
        zeros = [0] * len(scales) if zero is None or zero.data is None else [int(item) for item in zero.data.ravel()]
        offsets = [item - less for item in zeros]
        least, most = (-128, 127) if ours == "int8" else (0, 0)
        if len(zeros) != len(scales) or not all(least <= offset <= most for offset in offsets):
            found = f"zero points {zeros[:4]} of {dtype} for {len(scales)} scales"
            raise UnsupportedError(found, "one for each, in the type's range, 0 for INT16 and INT32")
        if not all(_LEAST_SCALE <= item <= _LARGEST_SCALE for item in scales):
            raise UnsupportedError(f"the scale {min(scales):g}", "scales of ordinary size")
        if len(scales) == 1:
            return TensorType(shape, ours, QuantParams(scales[0], offsets[0]))
        axis = _axis(node, shape)
        if shape[axis] != len(scales):
            found = f"{len(scales)} scales along dimension {axis} of {list(shape)}"
            raise UnsupportedError(found, "one for each index")
        return TensorType(shape, ours, channel_quant=ChannelParams(tuple(scales), tuple(offsets), axis))


def _axis(node: SourceNode, shape: tuple[int, ...]) -> int:
    axis = node.integer("axis", 1) if len(shape) > 1 else 0
    if not -len(shape) <= axis < len(shape):
        raise UnsupportedError(f"axis {axis} of shape {list(shape)}", f"{-len(shape)} to {len(shape) - 1}")
    return axis % len(shape)


def _quantized(data: Array, type_: TensorType) -> Array:
    """ONNX's QuantizeLinear of a constant: round(x / scale) + zero point, ties to even, saturated; int64."""
    ones = TensorType(type_.shape, type_.dtype, type_.quant, type_.channel_quant)
    if ones.quant is not None:
        scale, offset = np.float32(ones.quant.scale), np.int64(ones.quant.offset)
        steps = np.rint(data.astype(np.float32) / scale).astype(np.int64) + offset
    else:
        channels = ones.channel_quant
        assert channels is not None
        along = tuple(-1 if axis == channels.axis else 1 for axis in range(data.ndim))
        scales = np.array(channels.scales, np.float32).reshape(along)
        steps = np.rint(data.astype(np.float32) / scales).astype(np.int64)
        steps += np.array(channels.offsets, np.int64).reshape(along)
    limits = np.iinfo(type_.dtype)
    return np.clip(steps, limits.min, limits.max)
