"""Integer forms of operators with onnxruntime's numerics: the float ones, for every operand there is."""

from __future__ import annotations

import numpy as np
import pytest

from tinyglow.ir.types import QuantParams
from tinyglow.kernels.reduce.reduce_mean_onnx import REDUCE_MEAN_ONNX, REDUCE_MEAN_ONNX_FLOAT
from tinyglow.numerics import onnx
from tinyglow.numerics.epilogues.onnxi import ONNXI
from tinyglow.operators.onnx_integers import equal_linear_sum, equal_product, mean_constants

X, Y, RESULT = QuantParams(0.0235294122, -128), QuantParams(0.0983839407, 2), QuantParams(0.118914306, -20)
ALL = np.arange(-128, 128)


def _real(quant: QuantParams) -> np.ndarray:
    return (ALL - quant.offset).astype(np.float32) * np.float32(quant.scale)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_sum_is_the_float_one_for_all_pairs(sign: int) -> None:
    """Dequantized, added in float32, and quantized."""
    found = equal_linear_sum(X, Y, RESULT, sign)
    assert found is not None
    first, second = found.multipliers
    ours = np.clip((ALL[:, np.newaxis] * first + ALL * second + found.start) >> found.shift, -128, 127)
    real = _real(X)[:, np.newaxis] + np.float32(sign) * _real(Y)
    assert np.array_equal(ours, onnx.quantize(real, RESULT.scale, RESULT.offset))


def test_a_product_is_the_float_one_for_all_pairs() -> None:
    """The same of a product; a scale of the product that has no integer form has none."""
    found = equal_product(X, Y, RESULT)
    assert found is not None
    products = ((ALL - X.offset)[:, np.newaxis] * (ALL - Y.offset)).astype(np.int32)
    ours = np.clip(ONNXI.requantize(products, found), -128, 127)
    due = onnx.quantize(_real(X)[:, np.newaxis] * _real(Y), RESULT.scale, RESULT.offset)
    assert np.array_equal(ours, due)
    assert equal_product(X, Y, QuantParams(1e-6, 0)) is None


def test_a_mean_is_a_sum_by_one_float() -> None:
    """As onnxruntime computes it; means of few elements have no integer form, and are computed by that float."""
    found = mean_constants(X, RESULT, 125)
    assert found is not None
    sums = np.arange(-4000, 30000, dtype=np.int32)
    scale = np.float32(X.scale) / (np.float32(RESULT.scale) * np.float32(125))
    assert found[0] is REDUCE_MEAN_ONNX
    assert np.array_equal(ONNXI.requantize(sums, found[1]), onnx.scaled(sums, scale) + RESULT.offset)
    few = mean_constants(X, RESULT, 1)
    assert few is not None and few[0] is REDUCE_MEAN_ONNX_FLOAT
    assert mean_constants(X, RESULT, 1 << 17) is None


def test_quantized_floats() -> None:
    """Ties to even before the offset; saturated; NaN is the least."""
    x = np.array(
        [0.5, 1.5, -0.5, -2.5, 2.6, 126.5, 127.5, -128.5, -129.5, 1e38, -1e38, np.nan, np.inf, -np.inf], np.float32
    )
    with np.errstate(all="raise"):
        assert onnx.quantize(x, 1.0, 0).tolist() == [0, 2, 0, -2, 3, 126, 127, -128, -128, 127, -128, -128, 127, -128]
        shifted = [1, 3, 1, -1, 4, 127, 127, -127, -128, 127, -128, -128, 127, -128]
        assert onnx.quantize(x, 1.0, 1).tolist() == shifted
        assert onnx.quantize(x[:5] * np.float32(0.25), 0.25, -127).tolist() == [-127, -125, -127, -128, -124]
        assert onnx.quantize(np.float32([3e38]), 1e-3, 0).tolist() == [127]
    assert onnx.quantize(x, 1.0, 0).dtype == np.int8
