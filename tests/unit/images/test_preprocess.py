"""Image preprocessing is Glow's formula to the last bit, in every mode, layout and channel order."""

from __future__ import annotations

import itertools
import struct
from fractions import Fraction
from typing import Any

import hypothesis.extra.numpy as npst
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyglow.errors import InputError
from tinyglow.images import ImageOptions, preprocess

MODES = {
    "": None,
    "neg1to1": (-1, 1),
    "0to1": (0, 1),
    "0to255": (0, 255),
    "neg128to127": (-128, 127),
    "U16": (0, 65535),
    "S16": (-32768, 32767),
}
FLOATS = st.floats(-1000, 1000, width=32)
DIVISORS = st.floats(0.0625, 1000, width=32)


def _float32(exact: Fraction) -> Fraction:
    """``exact`` rounded to float32, half to even; by way of no float arithmetic but the last conversion."""
    if exact == 0:
        return Fraction(0)
    exponent = 0
    size = abs(exact)
    while size >= 2**24:
        size, exponent = size / 2, exponent + 1
    while size < 2**23 and exponent > -149:
        size, exponent = size * 2, exponent - 1
    return (1 if exact > 0 else -1) * round(size) * Fraction(2) ** exponent


def _expected(pixel: int, white: int, mode: str, mean: float, stddev: float) -> float:
    """The formula as documented, in exact arithmetic with a rounding after each of its four steps."""
    low, high = MODES[mode] or (0, white)
    scale = _float32(Fraction(high - low, white))
    centred = _float32(Fraction(pixel) - Fraction(mean))
    value = _float32(_float32(_float32(centred / Fraction(stddev)) * scale) + low)
    return float(value)


@st.composite
def _cases(draw: st.DrawFn) -> tuple[npt.NDArray[Any], ImageOptions]:
    channels = draw(st.sampled_from([1, 3]))
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 3)), channels)
    pixels = draw(npst.arrays(draw(st.sampled_from([np.uint8, np.uint16])), shape))
    given_ = {
        name: tuple(draw(st.lists(values, min_size=channels, max_size=channels))) if draw(st.booleans()) else ()
        for name, values in (("mean", FLOATS), ("stddev", DIVISORS))
    }
    layout, order = draw(st.sampled_from(["NCHW", "NHWC"])), draw(st.sampled_from(["RGB", "BGR"]))
    return pixels, ImageOptions(draw(st.sampled_from(list(MODES))), layout, order, **given_)


@given(_cases())
def test_every_value_is_the_formulas(case: tuple[npt.NDArray[Any], ImageOptions]) -> None:
    """Each value is at the place of its layout and order and has the bits of the formula in exact arithmetic."""
    pixels, options = case
    height, width, channels = pixels.shape
    result = preprocess(pixels, options)
    assert result.dtype == np.float32 and result.flags.c_contiguous
    assert result.shape == ((channels, height, width) if options.layout == "NCHW" else pixels.shape)
    white = int(np.iinfo(pixels.dtype).max)
    for y, x, place in itertools.product(range(height), range(width), range(channels)):
        source = channels - 1 - place if options.channel_order == "BGR" else place
        mean, stddev = (options.mean or (0.0,) * channels)[place], (options.stddev or (1.0,) * channels)[place]
        found = result[place, y, x] if options.layout == "NCHW" else result[y, x, place]
        expected = _expected(int(pixels[y, x, source]), white, options.mode, mean, stddev)
        assert struct.pack("f", found + 0.0) == struct.pack("f", expected), (y, x, place)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_black_and_white_are_the_ends_of_the_range(mode: str, dtype: type[Any]) -> None:
    """Black and white become the numbers that the mode is named after, up to the rounding of the scale."""
    white = int(np.iinfo(dtype).max)
    ends = preprocess(np.array([[[0], [white]]], dtype), ImageOptions(mode, "NHWC", "RGB")).ravel()
    assert np.allclose(ends, MODES[mode] or (0, white), rtol=1e-6, atol=1e-6)


def test_a_batch_is_its_images() -> None:
    """Leading dimensions pass through: a batch gives the images one by one."""
    batch = np.random.default_rng(0).integers(0, 256, (4, 5, 6, 3)).astype(np.uint8)
    options = ImageOptions("neg1to1", "NCHW", "BGR", (1.5, 2.5, 3.5), (2.0, 3.0, 4.0))
    assert np.array_equal(preprocess(batch, options), np.stack([preprocess(image, options) for image in batch]))


def test_bad_options_are_named_all_at_once() -> None:
    """Every unknown mode, layout and order and every useless number is reported in one error."""
    with pytest.raises(InputError) as caught:
        ImageOptions("neg2to2", "CHWN", "GBR", (float("nan"),), (0.0, float("inf")))
    text = str(caught.value)
    for part in ("neg2to2", "neg1to1", "CHWN", "GBR", "nan", "value 0", "inf"):
        assert part in text
