"""Operators of Caffe2 as nodes of ONNX, one function for each form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import TensorProto

from tinyglow.frontend.caffe2_file import Arguments, Element
from tinyglow.frontend.translation import LAST, ForeignNode
from tinyglow.ir.op import UnsupportedError

_TO_NHWC, _TO_NCHW = [0, 2, 3, 1], [0, 3, 1, 2]
_LEGACY_CAFFE = 3  # of argument legacy_pad: sizes are rounded up as in Caffe
_TO_ONNX: Mapping[int, int] = {
    Element.FLOAT: TensorProto.FLOAT,
    Element.INT32: TensorProto.INT32,
    Element.BOOL: TensorProto.BOOL,
    Element.UINT8: TensorProto.UINT8,
    Element.INT8: TensorProto.INT8,
    Element.INT64: TensorProto.INT64,
    Element.FLOAT16: TensorProto.FLOAT16,
    Element.DOUBLE: TensorProto.DOUBLE,
}


@dataclass
class Operator(ForeignNode):
    """One operator on its way.

    Attributes:
        kind: Its type.
        arguments: Its arguments.
        like_glow: Whether to read it as Glow does.
    """

    kind: str
    arguments: Arguments
    like_glow: bool

    def write(self) -> str:
        """The tensor of the first output; the others are dropped."""
        if not self.outputs:
            raise UnsupportedError("has no outputs", "one")
        for extra in self.outputs[1:]:
            self.made.drop(extra, f"a further result of {self.kind}")
        return self.made.write(self.outputs[0])

    def add(self, op_type: str, inputs: Sequence[str], **attributes: Any) -> None:
        """The node that makes the result."""
        self.made.add(op_type, inputs, [self.write()], self.name, **attributes)

    def in_nchw(self, op_type: str, inputs: Sequence[str], **attributes: Any) -> None:
        """The node on images whose channels come first, whatever argument order says."""
        order = self.arguments.text("order", "NCHW")
        if order not in ("NCHW", "NHWC"):
            raise UnsupportedError(f"argument order is {order!r}", "NCHW or NHWC")
        if order == "NCHW":
            self.add(op_type, inputs, **attributes)
            return
        first = self.then("Transpose", inputs[:1], perm=_TO_NCHW)
        result = self.then(op_type, [first, *inputs[1:]], **attributes)
        self.add("Transpose", [result], perm=_TO_NHWC)

    def sizes(self, stem: str, default: int | None) -> list[int] | None:
        """Sizes of a window by the arguments that may say it: one number, one for each direction, or a list."""
        if self.arguments.has(stem):
            return [self.arguments.integer(stem)] * 2
        if self.arguments.has(f"{stem}_h") and self.arguments.has(f"{stem}_w"):
            return [self.arguments.integer(f"{stem}_h"), self.arguments.integer(f"{stem}_w")]
        return self.arguments.integers(f"{stem}s") or (None if default is None else [default] * 2)

    def pads(self) -> list[int]:
        """Rows and columns around an image: top, left, bottom, right."""
        if self.arguments.has("pad"):
            return [self.arguments.integer("pad")] * 4
        if self.arguments.has("pad_t"):
            return [self.arguments.integer(f"pad_{side}") for side in "tlbr"]
        return self.arguments.integers("pads") or [0] * 4

    def window(self, dilates: bool = True) -> dict[str, Any]:
        """The attributes of a window, with the borders that legacy_pad names."""
        if mode := self.arguments.integer("legacy_pad"):
            found = f"argument legacy_pad is {mode}" + (", Caffe's" if mode == _LEGACY_CAFFE else "")
            raise UnsupportedError(found, "0, and the borders in pads")
        kernel, strides, pads = self.sizes("kernel", None), self.sizes("stride", 1), self.pads()
        if kernel is None:
            raise UnsupportedError("has no argument kernel", "the size of the window")
        window = {"kernel_shape": kernel, "strides": _fitting(strides, kernel), "pads": _fitting(pads, kernel * 2)}
        dilations = self.sizes("dilation", 1)
        if dilates:
            return {**window, "dilations": _fitting(dilations, kernel)}
        if dilations and max(dilations) > 1:
            raise UnsupportedError(f"dilations {dilations}", "none")
        return window


def _fitting(sizes: Sequence[int] | None, like: Sequence[int]) -> list[int]:
    """Sizes as many as another list has: defaults are of two directions."""
    given = list(sizes or ())
    return given[:1] * len(like) if len(set(given)) == 1 else given


def _plain(op_type: str, **defaults: float) -> Callable[[Operator], None]:
    """The operator of another name, with arguments that are numbers."""

    def translate(node: Operator) -> None:
        attributes = {name: node.arguments.real(name, default) for name, default in defaults.items()}
        node.add(op_type, node.read_all(), **attributes)

    return translate


def _convolution(node: Operator) -> None:
    attributes = {**node.window(), "group": node.arguments.integer("group", 1)}
    if node.kind != "ConvRelu":
        node.in_nchw("Conv", node.read_all(), **attributes)
        return
    order = node.arguments.text("order", "NCHW")
    if order != "NCHW":
        raise UnsupportedError(f"argument order is {order!r}", "NCHW")
    node.add("Relu", [node.then("Conv", node.read_all(), **attributes)])


def _transposed(node: Operator) -> None:
    adjust = node.sizes("adj", None)
    attributes = {**node.window(), "group": node.arguments.integer("group", 1)}
    node.in_nchw("ConvTranspose", node.read_all(), output_padding=adjust, **attributes)


def _pool(node: Operator) -> None:
    is_max = node.kind == "MaxPool"
    if node.arguments.integer("global_pooling"):
        for name in ("kernel", "stride", "pad"):
            node.arguments.integer(name)
        node.arguments.integer("count_include_pad")
        node.in_nchw("GlobalMaxPool" if is_max else "GlobalAveragePool", [node.read(0)])
        return
    counts = node.arguments.integer("count_include_pad", int(node.like_glow and not is_max))
    more = {} if is_max else {"count_include_pad": counts}
    node.in_nchw(node.kind, [node.read(0)], **node.window(dilates=False), **more)


def _batch_norm(node: Operator) -> None:
    epsilon = node.arguments.real("epsilon", 1e-5)
    node.in_nchw("BatchNormalization", node.read_all()[:5], epsilon=epsilon, is_test=1)


def _instance_norm(node: Operator) -> None:
    node.in_nchw("InstanceNormalization", node.read_all(), epsilon=node.arguments.real("epsilon", 1e-5))


def _fully_connected(node: Operator) -> None:
    axis, axis_w = node.arguments.integer("axis", 1), node.arguments.integer("axis_w", 1)
    x, weights, bias = (*node.read_all(), "", "", "")[:3]
    if not bias or axis < 0:
        raise UnsupportedError(f"{len(node.inputs)} inputs, axis {axis}", "an input, weights and a bias, axis >= 0")
    data = node.made.data(weights, "weights")
    if not 0 < axis_w < data.ndim:
        raise UnsupportedError(f"axis_w {axis_w} for weights of shape {list(data.shape)}")
    if data.ndim > 2:
        data = data.reshape(int(np.prod(data.shape[:axis_w])), -1)
        weights = node.made.constant(node.made.unused(f"{weights}_matrix"), data)
    if axis > 1:  # along the last dimension, each row by itself
        matrix = node.made.constant(node.made.unused(f"{weights}_t"), data.T if node.kind == "FC" else data)
        node.add("Add", [node.then("MatMul", [x, matrix]), bias], broadcast=1)
        return
    x = node.then("Flatten", [x], axis=axis)
    node.add("Gemm", [x, weights, bias], transB=int(node.kind == "FC"), broadcast=1)


def _softmax(node: Operator) -> None:
    node.add(node.kind, [node.read(0)], axis=node.arguments.integer("axis", 1))


def _concat(node: Operator) -> None:
    order = node.arguments.text("order", "NCHW")
    axis = node.arguments.integer("axis", 3 if order == "NHWC" else 1)
    inputs = node.read_all()
    if node.arguments.integer("add_axis"):
        inputs = [node.then("Unsqueeze", [name], axes=[axis]) for name in inputs]
    node.add("Concat", inputs, axis=axis)


def _arithmetic(node: Operator) -> None:
    """Operands broadcast; with argument axis the second one's dimensions begin there."""
    inputs = node.read_all()
    if node.kind == "Pow" and node.arguments.has("exponent"):
        exponent = np.float32(node.arguments.real("exponent"))
        inputs = [*inputs[:1], node.made.numbers(f"{node.name}_exponent", exponent, np.float32)]
    node.arguments.integer("broadcast")
    axis = node.arguments.integer("axis", -1) if node.arguments.has("axis") else -1
    node.add(node.kind, inputs, broadcast=1, axis=None if axis == -1 else axis)


def _square(node: Operator) -> None:
    x = node.read(0)
    node.add("Mul", [x, x])


def _swish(node: Operator) -> None:
    x = node.read(0)
    node.add("Mul", [x, node.then("Sigmoid", [x])])


def _scaled(node: Operator) -> None:
    factor = node.made.numbers(f"{node.name}_scale", np.float32(node.arguments.real("scale", 1.0)), np.float32)
    node.add("Mul", [node.read(0), factor], broadcast=1)


def _elementwise_linear(node: Operator) -> None:
    axis = node.arguments.integer("axis", 1)
    x, weights, bias = (node.read(index) for index in range(3))
    product = node.then("Mul", [x, weights], broadcast=1, axis=axis)
    node.add("Add", [product, bias], broadcast=1, axis=axis)


def _reshape(node: Operator) -> None:
    shape = node.arguments.integers("shape")
    wanted = node.read(1) if shape is None else node.made.numbers(f"{node.name}_shape", shape)
    node.add("Reshape", [node.read(0), wanted])


def _flatten(node: Operator) -> None:
    if node.kind == "FlattenToVec":
        node.add("Reshape", [node.read(0), node.made.numbers(f"{node.name}_shape", [-1])])
    else:
        node.add("Flatten", [node.read(0)], axis=node.arguments.integer("axis", 1))


def _transpose(node: Operator) -> None:
    perm = {"NCHW2NHWC": _TO_NHWC, "NHWC2NCHW": _TO_NCHW}.get(node.kind) or node.arguments.integers("axes")
    node.add("Transpose", [node.read(0)], perm=perm)


def _same(node: Operator) -> None:
    node.add("Identity", [node.read(0)])


def _squeeze(node: Operator) -> None:
    op_type = "Squeeze" if node.kind == "Squeeze" else "Unsqueeze"
    node.add(op_type, [node.read(0)], axes=node.arguments.integers("dims") or [])


def _slice(node: Operator) -> None:
    """Negative bounds count from the size and one: -1 is the end."""
    starts, ends = node.arguments.integers("starts"), node.arguments.integers("ends")
    if starts is None or ends is None or len(node.inputs) > 1:
        raise UnsupportedError("bounds that are computed", "arguments starts and ends")

    def bound(number: int) -> int:
        return number if number >= 0 else (number + 1 or LAST)

    node.add("Slice", [node.read(0)], starts=list(map(bound, starts)), ends=list(map(bound, ends)))


def _split(node: Operator) -> None:
    order = node.arguments.text("order", "NCHW")
    axis, sizes = node.arguments.integer("axis", 3 if order == "NHWC" else 1), node.arguments.integers("split")
    if len(node.inputs) > 1 or node.arguments.integer("add_axis"):
        raise UnsupportedError("a Split with computed sizes or add_axis", "argument split")
    x = node.read(0)
    node.made.add("Split", [x], [node.made.write(name) for name in node.outputs], node.name, axis=axis, split=sizes)


def _matmul(node: Operator) -> None:
    """Operands of which one may be transposed: matrices, or constants of any rank."""
    a, b = node.read(0), node.read(1)
    if node.arguments.integer("axis_a", 1) != 1 or node.arguments.integer("axis_b", 1) != 1:
        raise UnsupportedError("axes at which operands become matrices", "1")
    node.arguments.integer("broadcast")
    batched = node.kind == "BatchMatMul"
    for name in ("trans_a", "trans_b"):
        if not node.arguments.integer(name):
            continue
        operand = a if name == "trans_a" else b
        if batched and operand not in node.made.constants:
            raise UnsupportedError(f"{name} of a batch of matrices that is computed", "a constant, or a Transpose")
        rank = node.made.constants[operand].ndim if batched else 2
        perm = [*range(rank - 2), rank - 1, rank - 2]
        moved = node.then("Transpose", [operand], perm=perm)
        a, b = (moved, b) if name == "trans_a" else (a, moved)
    node.add("MatMul", [a, b])


def _lrn(node: Operator) -> None:
    size = node.arguments.integer("size")
    numbers = {name: node.arguments.real(name, default) for name, default in (("alpha", 0.0), ("beta", 0.0))}
    node.in_nchw("LRN", [node.read(0)], size=size, bias=node.arguments.real("bias", 1.0), **numbers)


def _channel_shuffle(node: Operator) -> None:
    """Channel c of group g becomes channel g of group c: with the channels last, whatever the other sizes are."""
    groups = node.arguments.integer("group", 1)
    node.arguments.integer("kernel")
    if groups < 1 or node.arguments.text("order", "NCHW") != "NCHW":
        raise UnsupportedError(f"{groups} groups, or order NHWC", "at least one group, NCHW")
    x = node.read(0)
    rows = node.then("Reshape", [x, node.made.numbers(f"{node.name}_rows", [0, 0, -1])])
    rows = node.then("Transpose", [rows], perm=[0, 2, 1])
    parts = node.then("Reshape", [rows, node.made.numbers(f"{node.name}_parts", [0, 0, groups, -1])])
    parts = node.then("Transpose", [parts], perm=[0, 1, 3, 2])
    rows = node.then("Reshape", [parts, node.made.numbers(f"{node.name}_back", [0, 0, -1])])
    rows = node.then("Transpose", [rows], perm=[0, 2, 1])
    node.add("Reshape", [rows, node.then("Shape", [x])])


def _resize(node: Operator) -> None:
    height, width = node.arguments.real("height_scale", 1.0), node.arguments.real("width_scale", 1.0)
    node.in_nchw("Upsample", [node.read(0)], height_scale=height, width_scale=width, mode="nearest")


def _cast(node: Operator) -> None:
    number = node.arguments.integer("to", Element.FLOAT)
    if number not in _TO_ONNX:
        raise UnsupportedError(f"a Cast to type number {number}", "a type of numbers")
    node.add("Cast", [node.read(0)], to=_TO_ONNX[number])


def _reduce(node: Operator) -> None:
    axes, keep = node.arguments.integers("axes"), node.arguments.integer("keepdims", 1)
    node.add(node.kind, [node.read(0)], axes=axes, keepdims=keep)


def _reduce_back(node: Operator) -> None:
    """The last dimensions."""
    count = node.arguments.integer("num_reduce_dim", 1)
    axes = list(range(-max(0, count), 0))
    node.add(node.kind.replace("Back", ""), [node.read(0)], axes=axes, keepdims=0)


def _arg_max(node: Operator) -> None:
    axis, keep = node.arguments.integer("axis", -1), node.arguments.integer("keepdims", 1)
    node.add(node.kind, [node.read(0)], axis=axis, keepdims=keep)


_SAME_NAME = (
    *("Relu", "Sigmoid", "Tanh", "Exp", "Log", "Abs", "Ceil", "Floor", "Sqrt", "Reciprocal", "Softplus", "Softsign"),
    *("PRelu", "Sum", "Max", "Min", "Mean", "Neg"),
)
_COPIES = (
    *("Alias", "Copy", "CopyCPUToMKL", "CopyMKLToCPU", "CopyCPUToGPU", "CopyGPUToCPU", "Dropout", "EnsureCPUOutput"),
    *("EnsureDense", "Identity", "ScaleGradient", "StopGradient", "HalfToFloat"),
)
OPERATORS: dict[str, Callable[[Operator], None]] = {
    **{name: _plain(name) for name in _SAME_NAME},
    **dict.fromkeys(_COPIES, _same),
    **dict.fromkeys(("Conv", "ConvRelu"), _convolution),
    **dict.fromkeys(("MaxPool", "AveragePool"), _pool),
    **dict.fromkeys(("FC", "FCTransposed"), _fully_connected),
    **dict.fromkeys(("Softmax", "LogSoftmax"), _softmax),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Pow"), _arithmetic),
    **dict.fromkeys(("Flatten", "FlattenToVec"), _flatten),
    **dict.fromkeys(("Transpose", "NCHW2NHWC", "NHWC2NCHW"), _transpose),
    **dict.fromkeys(("Squeeze", "ExpandDims"), _squeeze),
    **dict.fromkeys(("MatMul", "BatchMatMul"), _matmul),
    **dict.fromkeys(("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin"), _reduce),
    **dict.fromkeys(("ReduceBackSum", "ReduceBackMean"), _reduce_back),
    **dict.fromkeys(("ArgMax", "ArgMin"), _arg_max),
    "Negative": _plain("Neg"),
    "LeakyRelu": _plain("LeakyRelu", alpha=0.01),
    "Elu": _plain("Elu", alpha=1.0),
    "HardSigmoid": _plain("HardSigmoid", alpha=0.2, beta=0.5),
    "Clip": _plain("Clip", min=float(np.finfo(np.float32).min), max=float(np.finfo(np.float32).max)),
    "ConvTranspose": _transposed,
    "SpatialBN": _batch_norm,
    "InstanceNorm": _instance_norm,
    "Concat": _concat,
    "Sqr": _square,
    "Swish": _swish,
    "Scale": _scaled,
    "ElementwiseLinear": _elementwise_linear,
    "Reshape": _reshape,
    "Slice": _slice,
    "Split": _split,
    "LRN": _lrn,
    "ChannelShuffle": _channel_shuffle,
    "ResizeNearest": _resize,
    "Cast": _cast,
}
