"""Layers of one or two operators whose kernel calls are committed; sizes differ along each axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from tests.unit.operators.single import model

Array = npt.NDArray[Any]
Step = tuple[str, Sequence[npt.ArrayLike], Mapping[str, Any]]


@dataclass(frozen=True)
class Layer:
    """Operators, one after the other.

    Attributes:
        shapes: Of the inputs ``x0`` and so on; all are read by the first operator.
        steps: The operators: ONNX name, constants, attributes. Each reads what the last gave and then constants; or,
            if names are among these, all of them in their order.
        ways: Which numerics it is looked at with, see ``calls.WAYS``.
        targets: Which targets, see ``calls.TARGETS``.
    """

    shapes: Sequence[Sequence[int]]
    steps: Sequence[Step]
    ways: Sequence[str] = ("glow", "tflite", "onnx", "int16", "float")
    targets: Sequence[str] = ("any",)

    def model(self) -> onnx.ModelProto:
        """The layer as a model of the version whose attributes it has."""
        inputs = {f"x{i}": shape for i, shape in enumerate(self.shapes)}
        nodes, constants, last = [], {}, list(inputs)
        for i, (kind, data, attributes) in enumerate(self.steps):
            names = [item if isinstance(item, str) else f"c{i}_{j}" for j, item in enumerate(data)]
            constants |= {name: item for name, item in zip(names, data, strict=True) if not isinstance(item, str)}
            reads = names if any(isinstance(item, str) for item in data) else [*last, *names]
            nodes.append(helper.make_node(kind, reads, [f"y{i}"], name=f"node{i}", **attributes))
            last = [f"y{i}"]
        integers = last if self.steps[-1][0] in ("ArgMax", "ArgMin") else []
        return model(nodes, inputs, last, constants, integers=integers)


def weights(*shape: int, step: int = 37) -> Array:
    """Multiples of 1 / 64 between -1 and 1: what is computed of them is exact, and the same everywhere."""
    count = int(np.prod(shape))
    return (((np.arange(count) * step + 11) % 127 - 60) / 64).astype(np.float32).reshape(shape)


PLAIN, EACH = ("glow", "tflite"), ("channelwise", "onnx")
AFTER: dict[str, list[Step]] = {
    "": [],
    "Relu": [("Relu", [], {})],
    "Clip": [("Clip", [-0.25, 1.0], {})],
    "LeakyRelu": [("LeakyRelu", [], {"alpha": 0.25})],
    "MaxPool": [("MaxPool", [], {"kernel_shape": [2, 2], "strides": [2, 2]})],
}


def _conv(
    kernel: tuple[int, int],
    channels: tuple[int, int, int],
    size: tuple[int, int],
    after: str = "",
    ways: Sequence[str] = PLAIN,
    images: int = 1,
    targets: Sequence[str] = ("any", "code"),
    times: int = 1,
    **attributes: Sequence[int],
) -> Layer:
    """A convolution; channels: inputs, outputs, groups; times: how large the weights are."""
    inputs, outputs, group = channels
    data = [times * weights(outputs, inputs // group, *kernel), weights(outputs, step=5)]
    return Layer(
        [(images, inputs, *size)], [("Conv", data, {"group": group, **attributes}), *AFTER[after]], ways, targets
    )


def _dense(rows: int, depth: int, units: int, after: str = "") -> Layer:
    return Layer(
        [(rows, depth)],
        [("Gemm", [weights(depth, units), weights(units, step=5)], {}), *AFTER[after]],
        targets=("any", "packed"),
    )


def _one(kind: str, *shapes: Sequence[int], data: Sequence[npt.ArrayLike] = (), **attributes: Any) -> Layer:
    return Layer(shapes, [(kind, data, attributes)])


_IMAGE, _LARGE = (1, 3, 7, 6), (1, 3, 10, 9)
_UNARY = ("Relu", "Sigmoid", "Tanh", "Exp", "Log", "Abs", "Neg", "Sqrt", "Reciprocal", "Floor", "Ceil", "Round", "Erf")
_UNARY += ("Elu", "Softplus", "Sin", "Sign")
_WITHOUT_ONNX = ("glow", "tflite", "int16", "float")
_BINARY = ("Add", "Mul", "Div", "Max", "Min", "Pow")

LAYERS: dict[str, Layer] = {
    "3x3 of three channels": _conv((3, 3), (3, 5, 1), (9, 8), "LeakyRelu", (*PLAIN, *EACH), pads=[1, 1, 1, 1]),
    "3x2 strided": _conv((3, 2), (4, 6, 1), (9, 8), "Relu", (*PLAIN, *EACH), pads=[1, 0, 2, 1], strides=[1, 2]),
    "3x3 of one channel, pooled": _conv(
        (3, 3), (1, 4, 1), (9, 10), "MaxPool", (*PLAIN, *EACH), 1, ("m4", "code"), 4, pads=[1, 1, 1, 1]
    ),
    "3x3 of four channels, pooled": _conv(
        (3, 3), (4, 6, 1), (10, 8), "MaxPool", (*PLAIN, *EACH), 1, ("m4", "code"), 4, pads=[1, 1, 1, 1]
    ),
    "3x3 of eight channels": _conv((3, 3), (8, 7, 1), (6, 9), "Clip", pads=[1, 1, 1, 1]),
    "3x3 of two images": _conv((3, 3), (4, 3, 1), (6, 9), "", EACH, images=2, pads=[0, 1, 2, 0]),
    "5x4 of one channel": _conv((5, 4), (1, 6, 1), (9, 8), strides=[2, 1]),
    "2x2": _conv((2, 2), (2, 3, 1), (5, 4), "Relu", targets=("any", "packed")),
    "3x3, packed": _conv((3, 3), (4, 6, 1), (5, 4), targets=("packed",), pads=[1, 1, 1, 1]),
    "2x3 of one channel": _conv((2, 3), (1, 5, 1), (5, 6), "Relu", (*PLAIN, *EACH), pads=[0, 1, 1, 1]),
    "dilated": _conv((3, 2), (4, 6, 1), (9, 8), pads=[2, 1, 2, 1], dilations=[2, 3]),
    "dilated by three": _conv((3, 3), (2, 3, 1), (7, 9), "", EACH, pads=[3, 4, 3, 4], dilations=[3, 4]),
    "grouped": _conv((3, 3), (4, 6, 2), (7, 6), "Relu", pads=[1, 1, 1, 1]),
    "pointwise": _conv((1, 1), (8, 7, 1), (5, 7), "Relu", (*PLAIN, *EACH)),
    "pointwise of six channels": _conv((1, 1), (6, 8, 1), (5, 7), "", EACH),
    "pointwise of three channels": _conv((1, 1), (3, 4, 1), (5, 3)),
    "pointwise, strided": _conv((1, 1), (8, 4, 1), (7, 5), "", EACH, strides=[2, 1]),
    "pointwise to four channels": _conv((1, 1), (12, 4, 1), (3, 5), "LeakyRelu"),
    "pointwise of five channels, large": _conv((1, 1), (5, 8, 1), (5, 7), "Relu", times=4),
    "pointwise of eight channels, large": _conv((1, 1), (8, 4, 1), (3, 5), "Clip", EACH, times=4),
    "pointwise of four channels, large": _conv((1, 1), (4, 4, 1), (1, 1), "", ("glow",), times=4),
    "depthwise": _conv((3, 3), (8, 8, 8), (9, 7), "Relu", (*PLAIN, *EACH), pads=[1, 1, 1, 1]),
    "depthwise of six channels": _conv((3, 3), (6, 6, 6), (7, 9), "", EACH, pads=[1, 0, 1, 2]),
    "depthwise, strided": _conv((3, 3), (4, 4, 4), (9, 8), "Clip", (*PLAIN, *EACH), pads=[0, 0, 1, 1], strides=[2, 2]),
    "depthwise 5x4": _conv((5, 4), (4, 4, 4), (9, 8), "Relu", (*PLAIN, *EACH), pads=[2, 1, 2, 2]),
    "depthwise 3x3 of one row": _conv((3, 3), (4, 4, 4), (1, 8), "", EACH, pads=[1, 1, 1, 1]),
    "depthwise, large": _conv((3, 3), (4, 4, 4), (5, 7), "Relu", times=4, pads=[1, 1, 1, 1]),
    "depthwise times two": _conv((3, 3), (3, 6, 3), (6, 7), pads=[1, 1, 1, 1]),
    "depthwise, dilated": _conv((3, 3), (4, 4, 4), (9, 8), "", EACH, pads=[2, 2, 2, 2], dilations=[2, 2]),
    "3x3 of sixteen channels": _conv(
        (3, 3), (16, 5, 1), (7, 9), "Relu", ("glow", "channelwise"), 1, ("transformed",), pads=[1, 1, 1, 1]
    ),
    "3x3 of sixteen channels, pooled": _conv(
        (3, 3), (16, 5, 1), (6, 9), "MaxPool", ("glow",), 2, ("transformed",), pads=[1, 0, 1, 1]
    ),
    "3x3 of int16 and float": _conv(
        (3, 2), (4, 6, 2), (9, 8), "Relu", ("int16", "float"), 1, ("any",), pads=[1, 0, 2, 1], strides=[1, 2]
    ),
    "dense": _dense(1, 16, 8, "Relu"),
    "dense of seven units": _dense(1, 10, 7),
    "dense of rows": _dense(3, 9, 4, "Clip"),
    "dense of many units": _dense(2, 24, 19, "LeakyRelu"),
    "dense, deep": _dense(1, 1200, 5),
    "product": _one("MatMul", (2, 3, 5), (2, 5, 4)),
    "max pool": _one("MaxPool", (2, 3, 8, 7), kernel_shape=[3, 2], strides=[1, 2], pads=[1, 0, 2, 1]),
    "max pool 2x2": _one("MaxPool", (1, 4, 8, 7), kernel_shape=[2, 2], strides=[2, 2]),
    "average pool": _one("AveragePool", (2, 3, 8, 7), kernel_shape=[3, 2], strides=[1, 2], pads=[1, 0, 2, 1]),
    "average of all": _one("GlobalAveragePool", (1, 5, 3, 4)),
    **{kind: _one(kind, _IMAGE) for kind in _UNARY},
    **{kind: _one(kind, _IMAGE, _IMAGE) for kind in _BINARY},
    "Sub": Layer([_IMAGE, _IMAGE], [("Sub", [], {})], _WITHOUT_ONNX),
    **{f"{kind} of channels": _one(kind, _IMAGE, data=[weights(3, 1, 1)]) for kind in ("Mul", "Div", "Max", "Pow")},
    **{f"{kind} of rows": _one(kind, _IMAGE, (1, 1, 7, 1)) for kind in ("Mul", "Min")},
    "Div from rows": _one("Div", (1, 1, 7, 1), _IMAGE),
    "Sub from rows": Layer([(1, 1, 7, 1), _IMAGE], [("Sub", [], {})], _WITHOUT_ONNX),
    "Sub from channels": Layer([_IMAGE], [("Sub", [weights(3, 1, 1), "x0"], {})], _WITHOUT_ONNX),
    **{f"{kind} from channels": _one(kind, _IMAGE, data=[weights(3, 1, 1), "x0"]) for kind in ("Div", "Max")},
    **{f"{kind} of many by one": _one(kind, _LARGE, data=["x0", 0.375]) for kind in ("Mul", "Div")},
    **{f"{kind} with itself": _one(kind, _LARGE, data=["x0", "x0"]) for kind in ("Add", "Mul")},
    "Mul of a constant by rows": _one("Mul", (1, 1, 7, 1), data=[weights(1, 3, 7, 6)]),
    "Max in five loops": _one("Max", (2, 3, 4, 3, 5), data=[weights(2, 1, 4, 1, 5)]),
    "Min in turns": _one("Min", (2, 3, 4, 3, 5), (1, 3, 1, 3, 1)),
    "clip": _one("Clip", _IMAGE, data=[-0.5, 0.75]),
    "leaky": _one("LeakyRelu", _IMAGE, alpha=0.125),
    "prelu": _one("PRelu", _IMAGE, data=[weights(3, 1, 1)]),
    "softmax": _one("Softmax", (2, 3, 5), axis=-1),
    "softmax of channels": _one("Softmax", _IMAGE, axis=1),
    "transpose": _one("Transpose", (2, 3, 4, 5), perm=[3, 1, 0, 2]),
    "transpose of pixels": _one("Transpose", (2, 3, 4, 5), perm=[0, 2, 3, 1]),
    "reshape": _one("Reshape", _IMAGE, data=[[2, -1]]),
    "concat": _one("Concat", (1, 2, 3, 4), (1, 5, 3, 4), axis=1),
    "slice": _one("Slice", (1, 6, 7, 8), data=[[1, 0, 2], [5, 7, 8], [1, 2, 3], [2, 3, 1]]),
    "pad": _one("Pad", (1, 3, 4, 5), data=[[0, 0, 1, 2, 0, 1, 0, 3], 0.5]),
    "pad, reflected": _one("Pad", (1, 3, 4, 5), data=[[0, 0, 1, 2, 0, 0, 2, 3]], mode="reflect"),
    "gather": _one("Gather", (1, 5, 3, 4), data=[[4, 0, 2]], axis=1),
    "tile": _one("Tile", (1, 2, 3, 4), data=[[1, 3, 1, 2]]),
    "mean": _one("ReduceMean", (2, 3, 4, 5), axes=[1, 3], keepdims=0),
    "sum": _one("ReduceSum", (2, 3, 4, 5), data=[[2]]),
    "max": _one("ReduceMax", (2, 3, 4, 5), axes=[1, 2]),
    "arg max": _one("ArgMax", (2, 3, 4, 5), axis=2),
    "nearest": _one("Resize", (1, 3, 4, 5), data=[[], [1.0, 1.0, 2.0, 3.0]], mode="nearest"),
    "linear": _one("Resize", (1, 3, 4, 5), data=[[], [1.0, 1.0, 2.0, 1.6]], mode="linear"),
    "depth to space": _one("DepthToSpace", (1, 8, 3, 2), blocksize=2),
    "space to depth": _one("SpaceToDepth", (1, 3, 4, 6), blocksize=2),
}

# Computed band by band.
BANDS = Layer(
    [(1, 4, 9, 6)],
    [
        ("Conv", [weights(8, 4, 3, 3), weights(8, step=5)], {"pads": [1, 1, 1, 1]}),
        ("Conv", [weights(8, 1, 3, 3), weights(8, step=5)], {"group": 8, "strides": [2, 1], "pads": [1, 0, 1, 1]}),
        ("MaxPool", [], {"kernel_shape": [2, 2]}),
    ],
    targets=("any", "m4", "code"),
)
