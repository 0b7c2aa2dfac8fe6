"""What must hold of the kernels' numpy definitions, to which everything else is compared, whatever the numbers."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.drawn_cases import DrawnCases
from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import Params, Role
from tinyglow.kernels.convolution.conv2d import ChannelwiseParams, Conv2DParams
from tinyglow.kernels.convolution.geometry import ConvGeometry
from tinyglow.kernels.fully_connected.layer import FullyConnectedParams
from tinyglow.kernels.pooling.max_pool import MaxPoolParams
from tinyglow.kernels.reshape.transpose import MAX_RANK
from tinyglow.numerics import glow
from tinyglow.registry import KERNELS
from tinyglow.testing import Case, budget, cases, covered_kernels

WITH_INPUT = [symbol for symbol in covered_kernels() if KERNELS[symbol].operands[0].role is Role.IN]
IN_PLACE = [symbol for symbol in covered_kernels() if any(op.may_alias for op in KERNELS[symbol].operands)]


def _outputs(case: Case, params: Params | None = None, **inputs: Array) -> dict[str, Array]:
    """The outputs of the case with other parameters or inputs [elements]; as many elements as they had."""
    return Case(case.kernel, params or case.params, {**case.inputs, **inputs}, case.outputs).expected()


def _run(case: Case, params: Params | None = None, **inputs: Array) -> Array:
    """The first of them."""
    return next(iter(_outputs(case, params, **inputs).values()))


def _written(case: Case, arrays: list[Array]) -> dict[str, Array]:
    """The arrays of the outputs by name."""
    pairs = zip(case.kernel.operands, arrays, strict=True)
    return {operand.name: array for operand, array in pairs if operand.role is Role.OUT}


def _params(case: Case, kind: type[Any]) -> Any:
    assert isinstance(case.params, kind)
    return case.params


@pytest.mark.parametrize("symbol", WITH_INPUT)
def test_a_batch_is_its_samples(symbol: str, drawn: DrawnCases) -> None:
    """The definition on several samples at once is the definition on each: constants have one row for all."""

    def check(case: Case) -> None:
        first = case.kernel.operands[0]
        x = case.inputs[first.name]
        samples = np.stack([x, x[::-1], np.roll(x, 1)])
        arrays = [samples]
        for operand in case.kernel.operands[1:]:
            if operand.role is Role.OUT:
                arrays.append(np.zeros((3, case.outputs[operand.name]), operand.dtype))
            else:
                arrays.append(case.inputs[operand.name][np.newaxis])
        case.kernel.run(case.params, arrays)
        for index, sample in enumerate(samples):
            alone = _outputs(case, **{first.name: sample})
            for name, rows in _written(case, arrays).items():
                assert rows[index].tobytes() == alone[name].tobytes()

    drawn.check(symbol, check, quick=25)


@pytest.mark.parametrize("symbol", IN_PLACE)
def test_in_place_is_the_same(symbol: str, drawn: DrawnCases) -> None:
    """The definition over its own input gives what it gives into a fresh buffer."""

    def check(case: Case) -> None:
        for name, array in case.expected().items():
            assert array.tobytes() == case.expected(in_place=True)[name].tobytes()

    drawn.check(symbol, check, quick=25)


@pytest.mark.parametrize("symbol", covered_kernels())
def test_definitions_leave_their_inputs_alone(symbol: str, drawn: DrawnCases) -> None:
    """The definition reads its inputs and writes its outputs, all of them."""

    def check(case: Case) -> None:
        arrays: list[Array] = []
        for operand in case.kernel.operands:
            if operand.role is Role.OUT:
                complement = ~case.expected()[operand.name].view(np.uint8)
                arrays.append(complement.view(operand.dtype)[np.newaxis].copy())
            else:
                arrays.append(case.inputs[operand.name][np.newaxis].copy())
                arrays[-1].flags.writeable = False
        case.kernel.run(case.params, arrays)
        for name, array in _written(case, arrays).items():
            assert array[0].tobytes() == case.expected()[name].tobytes()

    drawn.check(symbol, check, quick=10)


def _conv_case(data: st.DataObject) -> tuple[Case, Conv2DParams, Array, Array]:
    """A convolution with its image [images, h, w, c] and filters [out_c, kh, kw, in_c / group]."""
    case = data.draw(cases("tg_conv2d_s8"))
    p: Conv2DParams = _params(case, Conv2DParams)
    image = case.inputs["input"].reshape(p.images, p.in_h, p.in_w, p.in_c)
    return case, p, image, case.inputs["filter"].reshape(p.out_c, p.kernel_h, p.kernel_w, p.in_c // p.group)


@budget(100)
@given(data=st.data())
def test_convolution_is_the_sum_it_is_defined_by(data: st.DataObject) -> None:
    """Each output is the requantized sum over the taps inside the image, added up one by one with Python's integers."""
    case, p, image, filters = _conv_case(data)
    n, y, x, c = (data.draw(st.integers(0, size - 1)) for size in (p.images, p.out_h, p.out_w, p.out_c))
    total = int(case.inputs["bias"][c])
    group, channels = c // (p.out_c // p.group), p.in_c // p.group
    for ky in range(p.kernel_h):
        for kx in range(p.kernel_w):
            row = y * p.stride_h - p.pad_top + ky * p.dilation_h
            column = x * p.stride_w - p.pad_left + kx * p.dilation_w
            if 0 <= row < p.in_h and 0 <= column < p.in_w:
                for k in range(channels):
                    value = int(image[n, row, column, group * channels + k]) - p.in_offset
                    total += value * (int(filters[c, ky, kx, k]) - p.filter_offset)
    assert glow.INT32_MIN <= total <= glow.INT32_MAX
    scaled = int(glow.requantize(np.array([total], np.int32), p.out)[0])
    if p.leaky and scaled < p.negative.offset:
        below = np.array([scaled], np.int32) - np.int32(p.negative.offset)
        scaled = int(glow.requantize(below, p.negative)[0])
    result = _run(case).reshape(p.images, p.out_h, p.out_w, p.out_c)
    assert result[n, y, x, c] == min(max(scaled, p.act_min), p.act_max)


@budget(60)
@given(data=st.data())
def test_padding_is_an_image_with_a_border_of_zeros(data: st.DataObject) -> None:
    """Padding computes what an image with a border of the input's offset, which stands for zero, computes without."""
    case, p, image, _ = _conv_case(data)
    top, left, bottom, right = p.window.pads
    border = ((0, 0), (top, bottom), (left, right), (0, 0))
    padded = np.pad(image, border, constant_values=p.in_offset)
    unpadded = replace(p, in_h=padded.shape[1], in_w=padded.shape[2], pad_top=0, pad_left=0)
    assert np.array_equal(_run(case, unpadded, input=padded.ravel()), _run(case))


@budget(60)
@given(data=st.data())
def test_groups_are_separate_convolutions(data: st.DataObject) -> None:
    """A grouped convolution is as many convolutions side by side, each of its own channels."""
    case, p, image, filters = _conv_case(data)
    parts = []
    for images, weights, bias in zip(
        np.split(image, p.group, axis=3),
        np.split(filters, p.group),
        np.split(case.inputs["bias"], p.group),
        strict=True,
    ):
        alone = replace(p, in_c=p.in_c // p.group, out_c=p.out_c // p.group, group=1)
        inputs = {"input": images.ravel(), "filter": weights.ravel(), "bias": bias}
        part = Case(case.kernel, alone, inputs, {"output": case.outputs["output"] // p.group})
        parts.append(part.expected()["output"].reshape(p.images, p.out_h, p.out_w, -1))
    assert np.array_equal(np.concatenate(parts, axis=3).ravel(), _run(case))


@budget(60)
@given(data=st.data())
def test_channelwise_is_a_convolution_for_each_channel(data: st.DataObject) -> None:
    """Each output channel is what an ordinary convolution with that channel's constants computes there."""
    case = data.draw(cases("tg_conv2d_channelwise_s8"))
    p: ChannelwiseParams = _params(case, ChannelwiseParams)
    channel = data.draw(st.integers(0, p.out_c - 1))
    multiplier, word = case.inputs["channels"].reshape(-1, 2)[channel].tolist()
    geometry = {field.name: getattr(p, field.name) for field in fields(ConvGeometry)}
    constants = glow.Requant(word & 0xFF, word >> 8 & 0xFF, multiplier, p.out_offset)
    params = Conv2DParams(**geometry, filter_offset=word >> 16, out=constants)
    inputs = {name: case.inputs[name] for name in ("input", "filter", "bias")}
    ordinary = Case(KERNELS["tg_conv2d_s8"], params, inputs, case.outputs)
    assert np.array_equal(_run(case)[channel :: p.out_c], _run(ordinary)[channel :: p.out_c])


@budget(60)
@given(data=st.data())
def test_fully_connected_is_a_convolution_of_one_pixel(data: st.DataObject) -> None:
    """With the input's offset at 0, rows are images of one pixel and units are filters of one tap."""
    case = data.draw(cases("tg_fully_connected_s8"))
    p: FullyConnectedParams = _params(case, FullyConnectedParams)
    geometry: dict[str, Any] = dict.fromkeys((field.name for field in fields(Conv2DParams)), 1)
    geometry |= {"in_c": p.depth, "out_c": p.units, "images": p.rows, "pad_top": 0, "pad_left": 0, "in_offset": 0}
    geometry |= {"filter_offset": p.weights_offset, "act_min": p.act_min, "act_max": p.act_max, "leaky": 0}
    params = Conv2DParams(**{**geometry, "negative": p.out, "out": p.out})
    inputs = {"input": case.inputs["input"], "filter": case.inputs["weights"], "bias": case.inputs["bias"]}
    conv = Case(KERNELS["tg_conv2d_s8"], params, inputs, case.outputs)
    assert np.array_equal(_run(conv), _run(case))


@budget(100)
@given(data=st.data())
def test_pooling_takes_the_largest_inside_the_image(data: st.DataObject) -> None:
    """Each output is the largest element under the window's taps inside the image, ``empty`` where there is none."""
    case = data.draw(cases("tg_max_pool_s8"))
    p: MaxPoolParams = _params(case, MaxPoolParams)
    image = case.inputs["input"].reshape(p.images, p.in_h, p.in_w, p.channels)
    n, y, x, c = (data.draw(st.integers(0, size - 1)) for size in (p.images, p.out_h, p.out_w, p.channels))
    rows = [y * p.stride_h - p.pad_top + k * p.dilation_h for k in range(p.kernel_h)]
    columns = [x * p.stride_w - p.pad_left + k * p.dilation_w for k in range(p.kernel_w)]
    inside = [image[n, i, j, c] for i in rows for j in columns if 0 <= i < p.in_h and 0 <= j < p.in_w]
    result = _run(case).reshape(p.images, p.out_h, p.out_w, p.channels)
    assert result[n, y, x, c] == max(inside, default=p.empty)


@budget(100)
@given(shape=st.lists(st.integers(1, 5), min_size=1, max_size=MAX_RANK), data=st.data())
def test_transpose_is_numpys(shape: list[int], data: st.DataObject) -> None:
    """Dimensions and strides as lowering passes them permute elements as numpy's transpose does."""
    perm = data.draw(st.permutations(range(len(shape))))
    x = np.arange(int(np.prod(shape))).astype(np.int8).reshape(shape)
    moved = x.transpose(perm)
    unused = MAX_RANK - len(shape)
    dims, strides = [1] * unused + list(moved.shape), [0] * unused + list(moved.strides)
    kernel = KERNELS["tg_transpose_s8"]
    case = Case(kernel, kernel.params(*dims, *strides), {"input": x.ravel()}, {"output": x.size})
    assert np.array_equal(_run(case), moved.ravel())
