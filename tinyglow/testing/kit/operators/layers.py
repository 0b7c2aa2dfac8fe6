"""Layers with weights: fully connected, convolutions, depthwise convolutions."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tinyglow.ir.graph import Array
from tinyglow.kernels.convolution.channel_scales import channel_words
from tinyglow.kernels.convolution.conv2d import (
    ChannelwiseParams,
    Conv2DParams,
    conv2d_channelwise_s8,
    conv2d_s8,
)
from tinyglow.kernels.fully_connected.fully_connected import fully_connected_s8
from tinyglow.kernels.fully_connected.layer import FullyConnectedParams
from tinyglow.numerics.glow import Requant
from tinyglow.numerics.names import GLOW, ONNX
from tinyglow.testing.kit.problem import Numbers, Operator, Question, Tensors, declare
from tinyglow.testing.kit.scaling import (
    bounds,
    channel_requants,
    epilogue_of,
    half_way,
    parts,
    ratios,
    requant_of,
    safe_constants,
)
from tinyglow.testing.layer_values import fitting_biases
from tinyglow.testing.values import int8_arrays, offsets

_DATA = ("input", "weights", "bias")
_SIZES = ("batch", "in_h", "in_w", "in_c", "out_h", "out_w", "out_c", "kernel_h", "kernel_w")
_WINDOW = ("stride_h", "stride_w", "pad_top", "pad_left", "dilation_h", "dilation_w")
GEOMETRY = (*_SIZES, *_WINDOW)
_BOUNDS = ("act_min", "act_max")
_FOUR_BITS = "_s4"
_MOST_BIAS = 1 << 26  # no rule's first shift makes room for sums far above it


@st.composite
def _biases(draw: st.DrawFn, x: Array, in_offset: int, weights: Array, weight_offset: int) -> tuple[Array, list[float]]:
    """A bias for each unit, and how far each unit's sums vary."""
    bias, spread = draw(fitting_biases(x, in_offset, weights, [weight_offset] * len(weights)))
    return bias.clip(-_MOST_BIAS, _MOST_BIAS), [min(one, float(_MOST_BIAS)) for one in spread]


@st.composite
def _weight_offset(draw: st.DrawFn, numerics: str) -> int:
    """0 in TensorFlow Lite, whose int8 weights are symmetric."""
    return draw(offsets()) if numerics in (GLOW, ONNX) else 0


@st.composite
def _weights(draw: st.DrawFn, units: int, terms: int, four_bits: bool) -> Array:
    """int8 [units, terms]; of four bits from -8 to 7."""
    drawn: Array = draw(int8_arrays(units * terms)).reshape(units, terms)
    return drawn >> 4 if four_bits else drawn


def _packed(weights: Array) -> Array:
    """int8, two weights of four bits in a byte, the lower half first, whatever row they are of."""
    flat = np.append(weights.ravel(), np.zeros(weights.size % 2, np.int8)) & 15
    return (flat[::2] | flat[1::2] << 4).astype(np.uint8).view(np.int8)


def _unpacked(weights: Array, shape: tuple[int, ...]) -> Array:
    """What ``_packed`` took."""
    words = weights.ravel().astype(np.int8)
    halves = np.stack([(words << 4).astype(np.int8) >> 4, words >> 4], axis=1)
    return halves.ravel()[: int(np.prod(shape))].reshape(shape)


def _reach(weights: Array, weight_offset: int, in_offset: int, bias: Array) -> list[int]:
    """The least and the largest sum of each unit."""
    factors = np.abs(weights.astype(np.int64) - weight_offset).sum(axis=1)
    span = factors * max(127 - in_offset, in_offset + 128)
    return [*(bias - span).tolist(), *(bias + span).tolist()]


@st.composite
def _fully_connected(draw: st.DrawFn, numerics: str, name: str) -> Question:
    rows, units = draw(st.integers(1, 4)), draw(st.integers(1, 9))
    depth = draw(st.one_of(st.integers(1, 24), st.integers(1, 24), st.integers(255, 290)))
    four_bits = name.endswith(_FOUR_BITS)
    in_offset, out_offset = draw(offsets()), draw(offsets())
    weight_offset = 0 if four_bits else draw(_weight_offset(numerics))
    x = draw(int8_arrays(rows * depth, in_offset))
    weights = draw(_weights(units, depth, four_bits))
    bias, spread = draw(_biases(x, in_offset, weights, weight_offset))
    scale = draw(ratios(max(spread)))
    products = (weights.astype(np.int64) - weight_offset) @ (x[:depth].astype(np.int64) - in_offset)
    bias = (half_way(products + bias, scale) - products).astype(np.int32)  # of the first row
    reach = _reach(weights, weight_offset, in_offset, bias)
    numbers: dict[str, int | float] = {"rows": rows, "depth": depth, "units": units}
    numbers |= {"input_offset": in_offset, "weights_offset": weight_offset}
    numbers |= {"output_offset": out_offset, **draw(bounds(out_offset))}
    numbers |= safe_constants(scale, numerics, reach, out_offset, once=True)
    inputs = {"input": x.reshape(rows, depth), "weights": _packed(weights) if four_bits else weights, "bias": bias}
    return Question(name, numerics, numbers, inputs, (rows, units))


def _fully_connected_answer(numerics: str, n: Numbers, x: Tensors, four_bits: bool) -> Array:
    size = {name: int(n[name]) for name in ("rows", "depth", "units")}
    if four_bits:
        x = {**x, "weights": _unpacked(x["weights"], (size["units"], size["depth"]))}
    out = requant_of("", n, numerics, int(n["output_offset"]), once=True)
    params = FullyConnectedParams(
        **size,
        weights_offset=int(n["weights_offset"]),
        act_min=int(n["act_min"]),
        act_max=int(n["act_max"]),
        out=out,
    )
    matrix = x["weights"].reshape(size["units"], size["depth"])
    folded = int(n["input_offset"]) * (matrix.astype(np.int64) - int(n["weights_offset"])).sum(axis=1)
    bias = (x["bias"] - folded).astype(np.int32)  # wraps as the sums do, which come back
    answer = np.empty((1, size["rows"] * size["units"]), np.int8)
    with np.errstate(over="ignore"):
        epilogue = epilogue_of(numerics, once=True)
        fully_connected_s8(params, x["input"].reshape(1, -1), matrix, bias, answer, epilogue)
    return answer


def _window(draw: st.DrawFn, dilations: bool) -> tuple[dict[str, int], tuple[int, int]]:
    """Sizes of an image and a window, each of whose places has a tap inside of the image; and the output's size."""
    numbers: dict[str, int] = {}
    out = []
    for axis, side in (("h", "top"), ("w", "left")):
        kernel, stride = draw(st.integers(1, 4)), draw(st.sampled_from((1, 1, 2, 3)))
        dilation = draw(st.sampled_from((1, 1, 1, 2))) if dilations else 1
        extent = (kernel - 1) * dilation + 1
        before = draw(st.integers(0, min(extent - 1, 3)))
        after = draw(st.integers(0, min(extent - 1, 3)))
        size = draw(st.integers(max(1, extent - before - after), extent + 6))
        out.append((size + before + after - extent) // stride + 1)
        numbers |= {f"in_{axis}": size, f"kernel_{axis}": kernel, f"stride_{axis}": stride}
        numbers |= {f"pad_{side}": before, f"dilation_{axis}": dilation}
    numbers |= {"out_h": out[0], "out_w": out[1]}
    return numbers, (out[0], out[1])


@st.composite
def convolution_geometries(draw: st.DrawFn, depthwise: bool) -> tuple[dict[str, int | float], tuple[int, ...]]:
    """Sizes of a convolution, by their names, and the output's shape [batch, h, w, c]."""
    found, (out_h, out_w) = _window(draw, dilations=True)
    in_c = draw(st.sampled_from((1, 1, 2, 3, 4, 5, 8)))
    multiplier = draw(st.sampled_from((1, 1, 2, 3))) if depthwise else 1
    out_c = in_c * multiplier if depthwise else draw(st.integers(1, 6))
    batch = draw(st.sampled_from((1, 1, 2)))
    numbers: dict[str, int | float] = {**found, "batch": batch, "in_c": in_c, "out_c": out_c}
    return numbers | ({"channel_multiplier": multiplier} if depthwise else {}), (batch, out_h, out_w, out_c)


@st.composite
def _convolution(draw: st.DrawFn, numerics: str, name: str) -> Question:
    depthwise, by_channel, four_bits = _forms(name)
    numbers, shape = draw(convolution_geometries(depthwise))
    found = {key: int(value) for key, value in numbers.items()}
    batch, in_c, out_c = found["batch"], found["in_c"], found["out_c"]
    in_offset, out_offset = draw(offsets()), draw(offsets())
    weight_offset = 0 if by_channel else draw(_weight_offset(numerics))
    x = draw(int8_arrays(batch * found["in_h"] * found["in_w"] * in_c, in_offset))
    terms = found["kernel_h"] * found["kernel_w"] * (1 if depthwise else in_c)
    weights = draw(_weights(out_c, terms, four_bits))
    bias, spread = draw(_biases(x, in_offset, weights, weight_offset))
    reach = _reach(weights, weight_offset, in_offset, bias)
    numbers |= {"input_offset": in_offset, "weights_offset": weight_offset, "output_offset": out_offset}
    numbers |= draw(bounds(out_offset))
    kernel = (found["kernel_h"], found["kernel_w"])
    shaped = weights.reshape(out_c, *kernel, -1)
    inputs = {"input": x.reshape(batch, found["in_h"], found["in_w"], in_c), "bias": bias}
    inputs["weights"] = shaped[..., 0].transpose(1, 2, 0) if depthwise else shaped
    inputs["weights"] = _packed(inputs["weights"]) if four_bits else inputs["weights"]
    if by_channel:
        found_constants = []
        for unit in range(out_c):
            ends = [reach[unit], reach[out_c + unit]]
            found_constants.append(safe_constants(draw(ratios(spread[unit])), numerics, ends, out_offset))
        for part, dtype in parts("", numerics):
            inputs[part] = np.array([made[part] for made in found_constants], dtype)
    else:
        numbers |= safe_constants(draw(ratios(max(spread))), numerics, reach, out_offset)
    return Question(name, numerics, numbers, inputs, shape)


def _forms(name: str) -> tuple[bool, bool, bool]:
    """Of a convolution: whether it is depthwise, has a scale for each channel, and weights of four bits."""
    plain = name.removesuffix(_FOUR_BITS)
    return plain.startswith("depthwise"), plain.endswith("per_channel"), plain != name


def _geometry(n: Numbers, group: int) -> dict[str, int]:
    fields = {name: int(n[name]) for name in GEOMETRY if name != "batch"}
    return {**fields, "images": int(n["batch"]), "group": group}


def _convolution_answer(
    numerics: str, n: Numbers, x: Tensors, depthwise: bool, by_channel: bool, four_bits: bool
) -> Array:
    in_c, out_c = int(n["in_c"]), int(n["out_c"])
    weights, offset = x["weights"], int(n["output_offset"])
    if four_bits:
        kernel = int(n["kernel_h"]), int(n["kernel_w"])
        weights = _unpacked(weights, (*kernel, out_c) if depthwise else (out_c, *kernel, in_c))
    if depthwise:  # [kernel_h, kernel_w, out_c]
        weights = weights.reshape(int(n["kernel_h"]), int(n["kernel_w"]), out_c).transpose(2, 0, 1)
    fields = _geometry(n, in_c if depthwise else 1)
    activation = {"act_min": int(n["act_min"]), "act_max": int(n["act_max"]), "leaky": 0}
    common: dict[str, Any] = {**fields, **activation, "in_offset": int(n["input_offset"])}
    common["negative"] = Requant(0, 0, 1, offset)
    image, flat = x["input"].reshape(1, -1), np.ascontiguousarray(weights).reshape(1, -1)
    answer = np.empty((1, fields["images"] * fields["out_h"] * fields["out_w"] * out_c), np.int8)
    epilogue = epilogue_of(numerics)
    with np.errstate(over="ignore"):
        if by_channel:
            words = channel_words(channel_requants(x, numerics, offset), [0] * out_c)
            own = ChannelwiseParams(**common, out_offset=offset)
            conv2d_channelwise_s8(own, image, flat, x["bias"], words, answer, epilogue)
        else:
            out = requant_of("", n, numerics, offset, once=False)
            params = Conv2DParams(**common, filter_offset=int(n["weights_offset"]), out=out)
            conv2d_s8(params, image, flat, x["bias"], answer, epilogue)
    return answer


def _declare(name: str, summary: str) -> None:
    depthwise, by_channel, four_bits = _forms(name)
    sizes = (*GEOMETRY, *(("channel_multiplier",) if depthwise else ()))
    scale = () if by_channel else ("weights_offset", "*")
    numbers = (*sizes, "input_offset", "output_offset", *scale, *_BOUNDS)
    declare(
        Operator(
            name,
            summary,
            (("input", "int8"), ("weights", "int8"), ("bias", "int32")),
            numbers,
            lambda draw, numerics: draw(_convolution(numerics, name)),
            partial(_convolution_answer, depthwise=depthwise, by_channel=by_channel, four_bits=four_bits),
            per_channel=by_channel,
            data=_DATA,
        )
    )


def _declare_fully_connected(name: str, summary: str) -> None:
    declare(
        Operator(
            name,
            summary,
            (("input", "int8"), ("weights", "int8"), ("bias", "int32")),
            ("rows", "depth", "units", "input_offset", "weights_offset", "output_offset", "*", *_BOUNDS),
            lambda draw, numerics: draw(_fully_connected(numerics, name)),
            partial(_fully_connected_answer, four_bits=name.endswith(_FOUR_BITS)),
            data=_DATA,
        )
    )


_declare_fully_connected("fully_connected", "rows times weights [units, depth], plus bias [units]")
_declare("conv2d", "convolution of images [batch, h, w, c] with weights [out_c, kernel_h, kernel_w, in_c]")
_declare("conv2d_per_channel", "as conv2d, with a scale for each output channel")
_declare("depthwise_conv2d", "each channel with its own weights [kernel_h, kernel_w, out_c]")
_declare("depthwise_conv2d_per_channel", "as depthwise_conv2d, with a scale for each output channel")

_HALVES = "with weights of four bits, two in a byte, the lower half first"
for _name in ("conv2d_per_channel", "depthwise_conv2d_per_channel"):
    _declare(_name + _FOUR_BITS, f"as {_name}, {_HALVES}")
_declare_fully_connected("fully_connected" + _FOUR_BITS, f"as fully_connected, {_HALVES}")
