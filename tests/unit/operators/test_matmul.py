"""Matrix products: of two inputs, by constants, of many matrices at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.helpers import Net, NetBuilder
from tests.unit.operators.checks import check_float, int8_program, kernels, refusal, snr
from tinyglow.errors import ModelError
from tinyglow.kernels.matmul.matmul import MatMulParams
from tinyglow.numerics import glow
from tinyglow.registry import KERNELS
from tinyglow.testing import Case

# Shapes of x and of the other operand, as numpy multiplies them.
SHAPES = [
    ((3, 4), (4, 5)),
    ((1, 3, 4), (4, 5)),
    ((2, 3, 4), (4, 5)),
    ((2, 3, 4), (1, 4, 5)),
    ((2, 3, 4), (2, 4, 5)),
    ((1, 3, 4), (2, 4, 5)),
    ((2, 2, 3, 4), (2, 2, 4, 5)),
    ((2, 2, 3, 4), (2, 1, 4, 5)),
    ((2, 1, 3, 4), (3, 4, 5)),
    ((2, 4), (4,)),
    ((1, 4), (3, 4, 5)),
]


def _net(x: tuple[int, ...], other: tuple[int, ...], constant: bool) -> Net:
    build = NetBuilder(len(x) * 5 + len(other))
    second = build.constant(build.rng.standard_normal(other)) if constant else "other"
    build.node("MatMul", "x", second, name="product", output="y")
    return build.build({"x": x} | ({} if constant else {"other": other}), ["y"])


@pytest.mark.parametrize("constant", [False, True], ids=["input", "constant"])
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_products_equal_onnx_and_survive_int8(shapes: tuple, constant: bool, tmp_path: Path) -> None:
    """Every form of product computes what onnx does, and quantized nearly that."""
    net = _net(*shapes, constant)
    check_float(net, tmp_path)
    assert snr(net, tmp_path) > 25


def test_vector_on_the_left(tmp_path: Path) -> None:
    """A vector is a row on the left: the result lacks that dimension."""
    build = NetBuilder()
    build.node("MatMul", build.constant(build.rng.standard_normal(4)), "x", output="y")
    check_float(build.build({"x": (1, 4, 5)}, ["y"]), tmp_path)
    check_float(build.build({"x": (4, 5)}, ["y"]), tmp_path)


def test_constants_are_multiplied_by_the_importer(tmp_path: Path) -> None:
    """A product of constants is one constant."""
    build = NetBuilder()
    product = build.node("MatMul", build.weights(2, 3, 4), build.weights(4, 6))
    build.node("Add", "x", product, output="y")
    graph = check_float(build.build({"x": (2, 3, 6)}, ["y"]), tmp_path)
    assert [node.op.kind for node in graph.nodes] == ["Add"]


def test_constant_columns_run_as_a_fully_connected_layer(tmp_path: Path) -> None:
    """The weights lie as the faster kernel reads them, and the sums are the same."""
    by_constant, by_input = _net((3, 40), (40, 5), constant=True), _net((3, 40), (40, 5), constant=False)
    assert "tg_fully_connected_s8" in kernels(int8_program(by_constant, tmp_path))
    assert "tg_matmul_s8" in kernels(int8_program(by_input, tmp_path))


@pytest.mark.parametrize("kernel", ["tg_matmul_s8", "tg_fully_connected_s8"])
def test_both_kernels_equal_libjits_formula(kernel: str) -> None:
    """saturate(requantize(sum of (x - xo) * (w - wo))) for either kernel, with exact integers as the reference."""
    rng = np.random.default_rng(5)
    x, w = rng.integers(-128, 128, (3, 300)), rng.integers(-128, 128, (300, 4))
    xo, wo, out = -7, 3, glow.requantize_params(0.0004, -9)
    exact = (x - xo) @ (w - wo)
    scaled = (((exact >> out.pre) * out.multiplier + (1 << (out.post - 1))) >> out.post) + out.offset
    expected = np.clip(scaled, -128, 127)
    assert len(np.unique(expected)) > 5
    if kernel == "tg_matmul_s8":
        inputs = {"lhs": x.astype(np.int8).ravel(), "rhs": w.astype(np.int8).ravel()}
        params = MatMulParams(1, 3, 300, 4, xo, wo, out)
        actual = Case(KERNELS[kernel], params, inputs, {"output": 12}).expected()["output"]
    else:
        fields = {
            "rows": 3,
            "depth": 300,
            "units": 4,
            "weights_offset": wo,
            "act_min": -128,
            "act_max": 127,
            "out": out,
        }
        bias = (-xo * (w - wo).sum(axis=0)).astype(np.int32)
        inputs = {"input": x.astype(np.int8).ravel(), "weights": w.T.astype(np.int8).ravel(), "bias": bias}
        case = Case(KERNELS[kernel], KERNELS[kernel].params(**fields), inputs, {"output": 12})
        actual = case.expected()["output"]
    assert (actual.reshape(3, 4) == expected).all()


def test_sums_beyond_32_bits_are_refused(tmp_path: Path) -> None:
    """More products than 32 bits hold are told with their number, before any code is made."""
    net = _net((1, 140000), (140000, 1), constant=False)
    with pytest.raises(ModelError, match=r"sums of 140000 products.*sums that fit 32 bits"):
        int8_program(net, tmp_path, samples=1)


def test_bad_forms_are_refused(tmp_path: Path) -> None:
    """Products by integers are told with the types that were found."""
    build = NetBuilder()
    build.node("MatMul", "x", build.constant([[1], [2]]), output="y")
    assert "float32 and int64" in refusal(build.build({"x": (1, 2)}, ["y"]), tmp_path)


def test_attention(tmp_path: Path) -> None:
    """Queries, keys and values from one input, two products of activations, and a bias after: as in a transformer."""
    build = NetBuilder(3)
    query, key, value = (build.node("MatMul", "x", build.weights(8, 8)) for _ in range(3))
    scores = build.node("MatMul", query, build.node("Transpose", key, perm=[0, 2, 1]))
    weights = build.node("Softmax", build.node("Mul", scores, build.constant(8**-0.5)), axis=-1)
    build.node("Add", build.node("MatMul", weights, value), build.weights(8), output="y")
    net = build.build({"x": (1, 6, 8)}, ["y"])
    check_float(net, tmp_path)
    assert snr(net, tmp_path) > 20


def test_largest_products_are_exact() -> None:
    """Offsets at the limits of int8, and so products of 255 * 255, leave nothing of a sum out."""
    params = MatMulParams(1, 1, 300, 1, 127, -128, glow.requantize_params(2.0**-20))
    inputs = {"lhs": np.full(300, -128, np.int8), "rhs": np.full(300, 127, np.int8)}
    result = Case(KERNELS["tg_matmul_s8"], params, inputs, {"output": 1}).expected()["output"][0]
    assert result == round(-255 * 255 * 300 / 2**20)
