"""Integer products and convolution sums through float BLAS against the same in int64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyglow.kernels.convolution import sums
from tinyglow.kernels.convolution.sums import convolution_sums
from tinyglow.kernels.window import Window
from tinyglow.numerics import exact_dot


@pytest.mark.parametrize(
    ("terms", "dtype"), [(258, np.float32), (259, np.float64), (33026, np.float64), (40000, np.float64)]
)
def test_products_are_exact_at_the_largest_sums(terms: int, dtype: type) -> None:
    """Sums of the largest products, one less and one more, are right in either float type, and wrap beyond int32."""
    a = np.full((3, terms), 255, np.int32)
    b = np.full((terms, 2), 255, np.int32)
    a[1, 0], b[0, 1] = 254, -255
    assert exact_dot.exact_dtype(exact_dot.largest_sum(b, 255)) is dtype
    expected = (a.astype(np.int64) @ b.astype(np.int64)).astype(np.int32)
    np.testing.assert_array_equal(exact_dot.matmul(a, b, 255), expected)


def test_sums_no_float_holds_are_refused() -> None:
    """Beyond 53 bits there is no answer, rather than a rounded one."""
    with pytest.raises(OverflowError):
        exact_dot.exact_dtype(2**53 + 1)


@st.composite
def _convolutions(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...], Window, int, int]:
    """Shapes of images and filters, the window, the group and the images' offset."""
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    pads = tuple(draw(st.integers(0, 3)) for _ in range(4))
    strides, dilation = ((draw(st.integers(1, 3)), draw(st.integers(1, 3))) for _ in range(2))
    group = draw(st.integers(1, 3))
    in_g, out_g = draw(st.sampled_from([1, 1, 2, 5, 8])), draw(st.integers(1, 2))
    if draw(st.booleans()):  # what pairs of rows, and depthwise layers, are fast for
        kernel, strides, dilation = (3, kernel[1]), (1, 1), (1, 1)
    window = Window(kernel, strides, pads, dilation)
    height, width = (window.extent(axis) + draw(st.integers(0, 4)) for axis in (0, 1))
    images = (draw(st.integers(1, 3)), height, width, group * in_g)
    return images, (group * out_g, *kernel, in_g), window, group, draw(st.integers(-128, 127))


def _sums_in_int64(images: np.ndarray, offset: int, filters: np.ndarray, window: Window, group: int) -> np.ndarray:
    patches = window.patches(images.astype(np.int64) - offset)
    patches = patches.reshape(*patches.shape[:4], group, -1)
    weights = filters.astype(np.int64).reshape(group, len(filters) // group, patches.shape[3], -1)
    sums = np.einsum("nyxtgi,goti->nyxgo", patches, weights)
    return sums.reshape(*sums.shape[:3], -1).astype(np.int32)


@given(_convolutions(), st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from([1, 10]))
def test_convolution_sums_are_those_of_integers(
    case: tuple[tuple[int, ...], tuple[int, ...], Window, int, int], seed: int, extreme: bool, shrink: int
) -> None:
    """Any window, group and offset: every sum is that of 64-bit integers."""
    shape, filter_shape, window, group, offset = case
    rng = np.random.default_rng(seed)
    images = rng.choice([-128, 127], shape) if extreme else rng.integers(-128, 128, shape)
    filters = rng.choice([-255, 255], filter_shape) if extreme else rng.integers(-255, 256, filter_shape)
    images, filters = images.astype(np.int8), (filters // shrink).astype(np.int32)
    found = convolution_sums(images, offset, filters, window, group)
    np.testing.assert_array_equal(found, _sums_in_int64(images, offset, filters, window, group))


@pytest.mark.parametrize("channels", [8, 40, 200, 1000])
def test_large_windows_stay_exact(channels: int) -> None:
    """Sums too large for float32 are taken in float64: the largest of 3 x 3 windows, for ends of both ranges."""
    images = np.full((1, 4, 4, channels), -128, np.int8)
    filters = np.full((2, 3, 3, channels), 255, np.int32)
    filters[1, 1, 1, 0] = -254
    window = Window((3, 3), pads=(1, 1, 1, 1))
    found = convolution_sums(images, 127, filters, window, 1)
    np.testing.assert_array_equal(found, _sums_in_int64(images, 127, filters, window, 1))


@pytest.mark.parametrize(("rows", "terms", "units"), [(5, 3, 2), (1000, 96, 32), (977, 64, 64), (7, 3000, 500)])
def test_products_by_blocks_are_products(rows: int, terms: int, units: int) -> None:
    """Blocks of rows, with what is left over, or one for all."""
    rng = np.random.default_rng(0)
    a, b = (rng.integers(-9, 9, shape).astype(np.float32) for shape in ((rows, terms), (terms, units)))
    np.testing.assert_array_equal(exact_dot.product_by_blocks(a, b), a @ b)


@pytest.mark.parametrize("channels", [5, 32])
@pytest.mark.parametrize("kernel", [(3, 3), (3, 1), (1, 1), (5, 5)])
def test_sums_of_many_images_are_those_of_integers(
    channels: int, kernel: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several images at a time, the last time fewer; products in several blocks of rows."""
    monkeypatch.setattr(sums, "_BLOCK_FLOATS", 40_000)
    rng = np.random.default_rng(1)
    images = rng.integers(-128, 128, (11, 9, 8, channels)).astype(np.int8)
    filters = rng.integers(-60, 61, (24, *kernel, channels)).astype(np.int32)
    window = Window(kernel, pads=(1, 1, 0, 2))
    found = convolution_sums(images, -7, filters, window, 1)
    np.testing.assert_array_equal(found, _sums_in_int64(images, -7, filters, window, 1))


def test_which_float_holds_a_sum() -> None:
    """float32 up to 2 ** 24, float64 up to 2 ** 53, and each no further."""
    found = [exact_dot.exact_dtype(bound) for bound in (0, 2**24, 2**24 + 1, 2**53)]
    assert found == [np.float32, np.float32, np.float64, np.float64]


def test_bounds_on_sums() -> None:
    """The largest column's magnitudes times the limit, exact where float64 is not; 0 of nothing."""
    matrix = np.array([[[1, -7], [-2, 3]], [[0, 0], [4, -4]]])
    assert exact_dot.largest_sum(matrix, 3) == 30
    assert exact_dot.largest_sum(np.zeros((3, 0), np.int64), 3) == 0
    large = np.array([[2**53, 1], [1, 5], [-1, 2]])
    assert exact_dot.largest_sum(large, 1) == 2**53 + 2
    stack = np.array([[[2**53, 1], [1, 5]], [[2**53, 3], [2, -(2**53) - 4]]])
    assert exact_dot.largest_sum(stack, 2) == 2 * (2**53 + 7)


def test_floats_as_int32() -> None:
    """They wrap where they may be too large, from 2 ** 31 on."""
    edge = np.array([2.0**31 - 1, -(2.0**31) + 1])
    assert exact_dot.to_int32(edge, 2**31 - 1).tolist() == [2**31 - 1, 1 - 2**31]
    assert exact_dot.to_int32(np.array([2.0**31, -(2.0**31) - 1]), 2**31).tolist() == [-(2**31), 2**31 - 1]
    assert exact_dot.to_int32(np.array([2.0**33 + 7]), 2**34).tolist() == [7]


def test_products_into_a_given_array() -> None:
    """The same array is the result."""
    a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    out = np.empty((2, 4))
    assert exact_dot.product(a, b, out) is out and np.array_equal(out, a @ b)
    found, bound = exact_dot.exact_product(a.astype(np.int64), b.astype(np.int64), 5)
    assert found.dtype == np.float32 and bound == 5 * (3 + 7 + 11) and np.array_equal(found, a @ b)
