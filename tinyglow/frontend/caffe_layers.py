"""Layers of Caffe as nodes of ONNX, one function for each form. Defaults are those of its caffe.proto."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyglow.frontend.translation import LAST, ForeignNode
from tinyglow.ir.graph import Array
from tinyglow.ir.op import UnsupportedError

_PROD, _SUM, _MAX = 0, 1, 2  # of Eltwise
_POOL_MAX, _POOL_AVERAGE = 0, 1
_FLOOR = 1  # of PoolingParameter.round_mode
_WITHIN_CHANNEL = 1
_REDUCTIONS = {1: "ReduceSum", 2: "ReduceL1", 3: "ReduceSumSquare", 4: "ReduceMean"}


@dataclass
class Layer(ForeignNode):
    """One layer on its way.

    Attributes:
        layer: Its message.
        blobs: Its weights.
        ranks: The number of dimensions of each blob.
    """

    layer: Any
    blobs: Sequence[Array]
    ranks: dict[str, int]

    @property
    def rank(self) -> int:
        """Of its first input."""
        return self.ranks.get(self.inputs[0], 4) if self.inputs else 4

    def add(self, op_type: str, inputs: Sequence[str], rank: int | None = None, **attributes: Any) -> None:
        """The node that makes the result; rank: of the result, where it is not the input's."""
        if len(self.outputs) != 1:
            raise UnsupportedError(f"has {len(self.outputs)} outputs", "one")
        rank = self.rank if rank is None else rank
        result = self.made.write(self.outputs[0])
        self.ranks[self.outputs[0]] = rank
        self.made.add(op_type, inputs, [result], self.name, **attributes)

    def constant(self, what: str, data: Array) -> str:
        """A constant of the layer."""
        return self.made.numbers(f"{self.name}_{what}", data, np.float32)

    def weights(self, count: int) -> Sequence[Array]:
        """The layer's blobs. Raises UnsupportedError if there are not so many."""
        if len(self.blobs) != count:
            hint = "give the .caffemodel of this network" if not self.blobs else ""
            raise UnsupportedError(f"has {len(self.blobs)} blobs of weights", f"{count}", hint)
        return self.blobs

    def axis(self, given: int) -> int:
        """An axis from 0 on."""
        axis = given + self.rank if given < 0 else given
        if not 0 <= axis <= self.rank:
            raise UnsupportedError(f"axis {given} of {self.rank} dimensions")
        return axis

    def spread(self, data: Array, axis: int) -> Array:
        """A constant whose dimensions are those of the input from ``axis`` on."""
        missing = self.rank - axis - data.ndim
        if missing < 0:
            raise UnsupportedError(f"weights of shape {list(data.shape)} from axis {axis} on")
        return data.reshape(data.shape + (1,) * missing)


def _given(message: Any, field: str, default: Any) -> Any:
    """A field's value, where it is not given the default."""
    return getattr(message, field) if message.HasField(field) else default


def _pair(message: Any, field: str, stem: str, default: int | None) -> list[int]:
    """Sizes for rows and columns: one number for both, a list, or one each."""
    if message.HasField(f"{stem}_h") or message.HasField(f"{stem}_w"):
        return [int(_given(message, f"{stem}_{side}", default or 0)) for side in "hw"]
    given = getattr(message, field)
    if isinstance(given, int):
        given = [given] if message.HasField(field) else []
    sizes = [int(size) for size in given]
    if not sizes and default is None:
        raise UnsupportedError(f"has no {field}", "the size of the window")
    if len(sizes) > 2:
        raise UnsupportedError(f"{field} {sizes}", "of images")
    return (sizes or [default or 0]) * (2 if len(sizes) < 2 else 1)


def _convolution(layer: Layer) -> None:
    parameter = layer.layer.convolution_param
    if _given(parameter, "axis", 1) != 1:
        raise UnsupportedError(f"axis {parameter.axis}", "1")
    has_bias = _given(parameter, "bias_term", True)
    filters, *bias = layer.weights(1 + has_bias)
    pads = _pair(parameter, "pad", "pad", 0)
    dilations = [int(size) for size in parameter.dilation] or [1]
    attributes: dict[str, Any] = {
        "kernel_shape": _pair(parameter, "kernel_size", "kernel", None),
        "strides": _pair(parameter, "stride", "stride", 1),
        "pads": pads * 2,
        "dilations": dilations * (2 if len(dilations) < 2 else 1),
        "group": int(_given(parameter, "group", 1)),
    }
    operands = [layer.constant("filters", filters), *(layer.constant("bias", data.ravel()) for data in bias)]
    op_type = "Conv" if layer.layer.type == "Convolution" else "ConvTranspose"
    layer.add(op_type, [layer.read(), *operands], **attributes)


def _pooling(layer: Layer) -> None:
    """Sizes are rounded up; a last window that begins in the border is left out. Averages count the border."""
    parameter = layer.layer.pooling_param
    method = _given(parameter, "pool", _POOL_MAX)
    if method not in (_POOL_MAX, _POOL_AVERAGE):
        raise UnsupportedError("stochastic pooling", "MAX or AVE")
    kind = "MaxPool" if method == _POOL_MAX else "AveragePool"
    if _given(parameter, "global_pooling", False):
        layer.add(f"Global{kind}", [layer.read()])
        return
    more = {} if method == _POOL_MAX else {"count_include_pad": 1}
    layer.add(
        kind,
        [layer.read()],
        kernel_shape=_pair(parameter, "kernel_size", "kernel", None),
        strides=_pair(parameter, "stride", "stride", 1),
        pads=_pair(parameter, "pad", "pad", 0) * 2,
        ceil_mode=int(_given(parameter, "round_mode", 0) != _FLOOR),
        **more,
    )


def _inner_product(layer: Layer) -> None:
    parameter = layer.layer.inner_product_param
    weights, *bias = layer.weights(1 + _given(parameter, "bias_term", True))
    axis = layer.axis(_given(parameter, "axis", 1))
    if axis != 1:
        raise UnsupportedError(f"axis {axis}", "1")
    matrix = weights.reshape(-1, weights.shape[-1]) if weights.ndim > 2 else weights
    operands = [layer.constant("weights", matrix), *(layer.constant("bias", data.ravel()) for data in bias)]
    flat = layer.then("Flatten", [layer.read()], axis=axis) if layer.rank > 2 else layer.read()
    layer.add("Gemm", [flat, *operands], rank=2, transB=int(not _given(parameter, "transpose", False)))


def _plain(op_type: str) -> Callable[[Layer], None]:
    def translate(layer: Layer) -> None:
        layer.add(op_type, layer.read_all())

    return translate


def _relu(layer: Layer) -> None:
    slope = _given(layer.layer.relu_param, "negative_slope", 0.0)
    if slope:
        layer.add("LeakyRelu", [layer.read()], alpha=slope)
    else:
        layer.add("Relu", [layer.read()])


def _prelu(layer: Layer) -> None:
    (slopes,) = layer.weights(1)
    data = slopes.ravel() if slopes.size == 1 else layer.spread(slopes.ravel(), 1)
    layer.add("PRelu", [layer.read(), layer.constant("slopes", data)])


def _elu(layer: Layer) -> None:
    layer.add("Elu", [layer.read()], alpha=_given(layer.layer.elu_param, "alpha", 1.0))


def _swish(layer: Layer) -> None:
    beta, x = _given(layer.layer.swish_param, "beta", 1.0), layer.read()
    inner = x if beta == 1 else layer.then("Mul", [x, layer.constant("beta", np.array(beta))])
    layer.add("Mul", [x, layer.then("Sigmoid", [inner])])


def _clip(layer: Layer) -> None:
    bounds = [layer.constant(name, np.array(getattr(layer.layer.clip_param, name))) for name in ("min", "max")]
    layer.add("Clip", [layer.read(), *bounds])


def _affine(layer: Layer, parameter: Any) -> str:
    """The input times a scale plus a shift."""
    x, scale, shift = layer.read(), _given(parameter, "scale", 1.0), _given(parameter, "shift", 0.0)
    if scale != 1:
        x = layer.then("Mul", [x, layer.constant("scale", np.array(scale))])
    return layer.then("Add", [x, layer.constant("shift", np.array(shift))]) if shift else x


def _power(layer: Layer) -> None:
    parameter = layer.layer.power_param
    power, x = _given(parameter, "power", 1.0), _affine(layer, parameter)
    if power == 1:
        layer.add("Identity", [x])
    else:
        layer.add("Pow", [x, layer.constant("power", np.array(power))])


def _exponential(layer: Layer) -> None:
    parameter = layer.layer.exp_param
    base, x = _given(parameter, "base", -1.0), _affine(layer, parameter)
    if base > 0:
        x = layer.then("Mul", [x, layer.constant("log_base", np.array(math.log(base)))])
    layer.add("Exp", [x])


def _logarithm(layer: Layer) -> None:
    parameter = layer.layer.log_param
    base, x = _given(parameter, "base", -1.0), layer.then("Log", [_affine(layer, parameter)])
    factor = 1 / math.log(base) if base > 0 and base != 1 else 1.0
    layer.add("Mul", [x, layer.constant("log_base", np.array(factor))])


def _softmax(layer: Layer) -> None:
    """Along one axis: ONNX of this set joins the dimensions after it, so that it comes last."""
    axis = layer.axis(_given(layer.layer.softmax_param, "axis", 1))
    last = layer.rank - 1
    if axis == last:
        layer.add("Softmax", [layer.read()], axis=axis)
        return
    perm = [*(number for number in range(layer.rank) if number != axis), axis]
    moved = layer.then("Softmax", [layer.then("Transpose", [layer.read()], perm=perm)], axis=last)
    layer.add("Transpose", [moved], perm=[perm.index(number) for number in range(layer.rank)])


def _lrn(layer: Layer) -> None:
    parameter = layer.layer.lrn_param
    if _given(parameter, "norm_region", 0) == _WITHIN_CHANNEL:
        raise UnsupportedError("normalization within channels", "across channels")
    size, alpha = int(_given(parameter, "local_size", 5)), _given(parameter, "alpha", 1.0)
    beta, k = _given(parameter, "beta", 0.75), _given(parameter, "k", 1.0)
    layer.add("LRN", [layer.read()], size=size, alpha=alpha, beta=beta, bias=k)


def _concat(layer: Layer) -> None:
    parameter = layer.layer.concat_param
    axis = _given(parameter, "axis", _given(parameter, "concat_dim", 1))
    layer.add("Concat", layer.read_all(), axis=layer.axis(axis))


def _slice(layer: Layer) -> None:
    parameter = layer.layer.slice_param
    axis = layer.axis(_given(parameter, "axis", _given(parameter, "slice_dim", 1)))
    points, x = [int(point) for point in parameter.slice_point], layer.read()
    if points and len(points) != len(layer.outputs) - 1:
        raise UnsupportedError(f"{len(points)} slice points for {len(layer.outputs)} outputs")
    rank = layer.rank
    results = [layer.made.write(name) for name in layer.outputs]
    layer.ranks.update(dict.fromkeys(layer.outputs, rank))
    if not points:
        layer.made.add("Split", [x], results, layer.name, axis=axis)
        return
    axes = layer.made.numbers(f"{layer.name}_axes", [axis])
    for first, last, result in zip([0, *points], [*points, LAST], results, strict=True):
        bounds = [layer.made.numbers(f"{layer.name}_bound", [bound]) for bound in (first, last)]
        layer.made.add("Slice", [x, *bounds, axes], [result], f"{layer.name}_{first}")


def _eltwise(layer: Layer) -> None:
    parameter = layer.layer.eltwise_param
    operation, inputs = _given(parameter, "operation", _SUM), layer.read_all()
    factors = list(parameter.coeff)
    if factors and (operation != _SUM or len(factors) != len(inputs)):
        raise UnsupportedError(f"{len(factors)} coefficients for {len(inputs)} inputs", "one for each of a sum")
    for index, factor in enumerate(factors):
        if factor != 1:
            inputs[index] = layer.then("Mul", [inputs[index], layer.constant("coeff", np.array(factor))])
    if operation == _PROD:
        for other in inputs[1:-1]:
            inputs[0] = layer.then("Mul", [inputs[0], other])
        layer.add("Mul", [inputs[0], inputs[-1]])
    else:
        layer.add("Max" if operation == _MAX else "Sum", inputs)


def _flatten(layer: Layer) -> None:
    parameter = layer.layer.flatten_param
    axis, end = layer.axis(_given(parameter, "axis", 1)), layer.axis(_given(parameter, "end_axis", -1))
    if end != layer.rank - 1:
        raise UnsupportedError(f"end_axis {end}", "the last one")
    shape = layer.made.numbers(f"{layer.name}_shape", [0] * axis + [-1])
    layer.add("Reshape", [layer.read(), shape], rank=axis + 1)


def _reshape(layer: Layer) -> None:
    parameter = layer.layer.reshape_param
    if _given(parameter, "axis", 0) or _given(parameter, "num_axes", -1) != -1:
        raise UnsupportedError("a Reshape of some dimensions", "of all")
    shape = list(parameter.shape.dim)
    layer.add("Reshape", [layer.read(), layer.made.numbers(f"{layer.name}_shape", shape)], rank=len(shape))


def _batch_norm(layer: Layer) -> None:
    """Mean and variance are sums, with the factor that they have in common."""
    mean, variance, factor = layer.weights(3)
    common = 1 / float(factor.ravel()[0]) if factor.size and factor.ravel()[0] else 0.0
    ones = np.ones(mean.size, np.float32)
    numbers: list[Array] = [ones, 0 * ones, common * mean.ravel(), common * variance.ravel()]
    names = [layer.constant(f"statistic_{index}", data) for index, data in enumerate(numbers)]
    epsilon = _given(layer.layer.batch_norm_param, "eps", 1e-5)
    layer.add("BatchNormalization", [layer.read(), *names], epsilon=epsilon)


def _scale(layer: Layer) -> None:
    parameter = layer.layer.scale_param
    axis, has_bias = layer.axis(_given(parameter, "axis", 1)), _given(parameter, "bias_term", False)
    if len(layer.inputs) > 1:
        raise UnsupportedError("a factor that is computed", "learned ones")
    factors, *bias = layer.weights(1 + has_bias)
    names = [layer.constant("factors", layer.spread(factors, axis))]
    if not bias:
        layer.add("Mul", [layer.read(), *names])
        return
    product = layer.then("Mul", [layer.read(), *names])
    layer.add("Add", [product, layer.constant("bias", layer.spread(bias[0], axis))])


def _bias(layer: Layer) -> None:
    if len(layer.inputs) > 1:
        raise UnsupportedError("a summand that is computed", "learned ones")
    (data,) = layer.weights(1)
    axis = layer.axis(_given(layer.layer.bias_param, "axis", 1))
    layer.add("Add", [layer.read(), layer.constant("bias", layer.spread(data, axis))])


def _reduction(layer: Layer) -> None:
    parameter = layer.layer.reduction_param
    axis, factor = layer.axis(_given(parameter, "axis", 0)), _given(parameter, "coeff", 1.0)
    kind = _REDUCTIONS[_given(parameter, "operation", 1)]
    total = layer.then(kind, [layer.read()], axes=list(range(axis, layer.rank)), keepdims=0)
    layer.add("Mul", [total, layer.constant("coeff", np.array(factor))], rank=axis)


def _split(layer: Layer) -> None:
    """The same blob under several names."""
    x, rank = layer.read(), layer.rank
    for name in layer.outputs:
        layer.made.add("Identity", [x], [layer.made.write(name)], f"{layer.name}_{name}")
        layer.ranks[name] = rank


LAYERS: dict[str, Callable[[Layer], None]] = {
    **dict.fromkeys(("Convolution", "Deconvolution"), _convolution),
    "Pooling": _pooling,
    "InnerProduct": _inner_product,
    "ReLU": _relu,
    "PReLU": _prelu,
    "ELU": _elu,
    "Sigmoid": _plain("Sigmoid"),
    "TanH": _plain("Tanh"),
    "AbsVal": _plain("Abs"),
    "BNLL": _plain("Softplus"),
    "Dropout": _plain("Identity"),
    "Swish": _swish,
    "Clip": _clip,
    "Power": _power,
    "Exp": _exponential,
    "Log": _logarithm,
    "Softmax": _softmax,
    "LRN": _lrn,
    "Concat": _concat,
    "Slice": _slice,
    "Eltwise": _eltwise,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "BatchNorm": _batch_norm,
    "Scale": _scale,
    "Bias": _bias,
    "Reduction": _reduction,
    "Split": _split,
}
