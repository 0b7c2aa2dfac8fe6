"""SoftMax: float as ONNX defines it for each operator set, int8 as libjit computes it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from tests.helpers import Net
from tests.unit.operators.activation_support import (
    assert_computes,
    float_result,
    int8_program,
    kernels_of,
    model_problem,
    one_node,
    snr,
)
from tinyglow.frontend.onnx import load_onnx
from tinyglow.ir.op import UnsupportedError
from tinyglow.kernels.softmax.softmax import SOFTMAX, SoftMaxParams, exponential_table, softmax_params
from tinyglow.testing import Case, budget, cases


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For model files; each overwrites the one before."""
    return tmp_path_factory.mktemp("models")


@pytest.mark.parametrize("opset", [11, 12, 13, 17])
@pytest.mark.parametrize(
    ("shape", "attributes"),
    [
        ((1, 10), {}),
        ((3, 10), {"axis": 1}),
        ((3, 10), {"axis": -1}),
        ((3, 10), {"axis": 0}),
        ((2, 3, 4), {}),
        ((2, 3, 4), {"axis": 0}),
        ((2, 3, 4), {"axis": 1}),
        ((2, 3, 4), {"axis": 2}),
        ((2, 3, 4, 5), {}),
        ((2, 3, 4, 5), {"axis": 0}),
        ((2, 3, 4, 5), {"axis": 1}),
        ((2, 3, 4, 5), {"axis": -2}),
        ((2, 3, 4, 5), {"axis": 3}),
        ((7,), {"axis": 0}),
    ],
)
def test_softmax_computes_what_onnx_says(
    shape: tuple[int, ...], attributes: dict[str, object], opset: int, folder: Path
) -> None:
    """Up to operator set 12 all dimensions from the axis on are normalized together, from 13 on the axis alone."""
    net = one_node("Softmax", shape, opset=opset, **attributes)
    if opset >= 13:
        assert_computes(net, folder)
        return
    # onnx's evaluator knows the newer rule alone: it is asked for the flattened form.
    x = net.samples(2)["x"] * np.float32(3)
    axis = attributes.get("axis", 1)
    assert isinstance(axis, int)
    flat = x.reshape(2, math.prod(shape[: axis % len(shape)]), -1).astype(np.float64)
    powers = np.exp(flat - flat.max(axis=2, keepdims=True))
    expected = (powers / powers.sum(axis=2, keepdims=True)).reshape(x.shape)
    np.testing.assert_allclose(float_result(net, x, folder), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("shape", "scale"), [((1, 10), 3.0), ((4, 5), 1.0), ((1, 100), 3.0), ((1, 2), 2.0)])
def test_int8_softmax_is_close_to_float(shape: tuple[int, ...], scale: float, folder: Path) -> None:
    """int8 results are within the error of rounding to 8 bits."""
    net = one_node("Softmax", shape, opset=11)
    assert snr(net, net.samples(16)["x"] * np.float32(scale), folder) > 25


def _row(p: SoftMaxParams, x: list[int], table: list[int]) -> list[int]:
    """libjit_softmax_i8 of one row with exact integers: its product has 64 bits, its rounding term 32."""
    powers = [([0] * p.zeros + table)[255 + value - max(x)] for value in x]
    total = sum(power >> (p.sum_bits - 1) for power in powers)
    assert 0 < total < 2**32
    point = p.sum_bits
    while total < 2**31:
        total, point = 2 * total, point - 1
    total >>= 16
    division = ((p.inverse_scale + total // 2) % 2**32) // total
    shift = 31 + 16 - p.inverse_bits + point
    # 1 << n is an int: not defined above 31, where the cores give 0; negative at 31, and widened to 64 bits.
    rounding = 0 if shift - 1 > 31 else -(2**31) if shift - 1 == 31 else 1 << (shift - 1)
    scaled = ((division * power + rounding) % 2**64 >> shift for power in powers)
    return [min(max(_int32(_int32(value) + p.out_offset), -128), 127) for value in scaled]


def _int32(x: int) -> int:
    return (x + 2**31) % 2**32 - 2**31


@budget(200)
@given(case=cases(SOFTMAX))
def test_the_int8_softmax_is_that_of_libjit(case: Case) -> None:
    """Row by row with exact integers."""
    p, table = case.params, [int(power) % 2**32 for power in case.inputs["table"]]
    assert isinstance(p, SoftMaxParams)
    rows = case.inputs["input"].reshape(-1, p.columns).tolist()
    assert case.expected()["output"].tolist() == [value for row in rows for value in _row(p, row, table)]


def test_the_table_holds_exponentials() -> None:
    """Entry 255 is 1.0 with 31 fractional bits; each other is e ** (scale * distance), to the last bit of a float32."""
    table = exponential_table(0.0625).view(np.uint32).astype(np.float64)
    assert table[255] == 2**31
    expected = np.exp(0.0625 * np.arange(-255, 1)) * 2**31
    assert (np.abs(table - expected) <= 0.5 + expected * 2.0**-24).all()


@pytest.mark.parametrize(
    ("scale", "inverse", "bits"),
    [
        (float(np.float32(1 / 255)), 255 << 24, 8),
        (2.0**-7, 1 << 31, 8),
        (1.0, 1 << 31, 1),
        (4.0, 1 << 30, 0),
        (2.0**-30, 1 << 31, 31),
    ],
)
def test_the_inverse_scale_is_a_fixed_point_number(scale: float, inverse: int, bits: int) -> None:
    """1 / scale with as few bits before the point as hold it."""
    params = softmax_params(1, 10, scale, 0)
    assert abs(params.inverse_scale - inverse) <= 2**8
    assert params.inverse_bits == bits


@pytest.mark.parametrize(("columns", "bits"), [(1, 1), (2, 2), (3, 2), (4, 3), (10, 4), (16, 5), (65535, 16)])
def test_the_sum_has_room_for_every_column(columns: int, bits: int) -> None:
    """So many integer bits hold a sum of ``columns`` ones; a power of two needs one more than its logarithm."""
    assert softmax_params(1, columns, 2.0**-8, 0).sum_bits == bits


def test_an_output_scale_below_the_fixed_point_is_refused() -> None:
    """1 / scale of 2**31 and more has no room."""
    with pytest.raises(UnsupportedError, match="an output scale"):
        softmax_params(1, 10, 2.0**-31, 0)


def test_matrices_need_one_kernel(folder: Path) -> None:
    """The reshapes around a softmax of a matrix vanish."""
    net = one_node("Softmax", (1, 10), opset=11)
    kernels = kernels_of(int8_program(net, net.samples(4)["x"], folder))
    assert [name for name in kernels if "quantize" not in name] == ["tg_softmax_s8"]


def test_the_node_keeps_its_name(folder: Path) -> None:
    """In both forms of a matrix, SoftMax itself is named after the ONNX node."""
    graph = load_onnx(one_node("Softmax", (1, 10), opset=11).save(folder))
    assert [node.name for node in graph.nodes] == ["reshapeInput", "node", "reshapeOutput"]


def test_an_axis_beyond_the_shape_is_refused(folder: Path) -> None:
    """The axis and the range of axes are named."""
    net: Net = one_node("Softmax", (2, 3), opset=11, axis=1)
    net.proto.graph.node[0].attribute[0].i = 2
    assert "axis 2 of shape [2, 3]; expected -2 to 1" in model_problem(net, folder)
