"""Each way in which numpy adds up a convolution, against sums of int64, for windows of all kinds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tinyglow.ir.graph import Array
from tinyglow.kernels.convolution import fast_sums, sums
from tinyglow.kernels.convolution.rows import rows_of
from tinyglow.kernels.convolution.sums import SumsOf
from tinyglow.kernels.window import Window
from tinyglow.numerics import staircase
from tinyglow.numerics.epilogues import EPILOGUES

Drawn = tuple[Array, int, Array, Window, int]
Rng = np.random.Generator
_DRAWS = 60


def _window(rng: Rng, kernel: tuple[int, int], stride: int, dilation: int) -> Window:
    pads = [int(rng.integers(0, kernel[axis])) for axis in (0, 1, 0, 1)]
    return Window(kernel, (int(rng.integers(1, 3)), stride), (pads[0], pads[1], pads[2], pads[3]), (dilation, dilation))


def _case(rng: Rng, window: Window, channels: int, units: int, group: int) -> Drawn:
    height, width = (window.extent(axis) + int(rng.integers(0, 5)) for axis in (0, 1))
    images = rng.integers(-128, 128, (int(rng.integers(1, 4)), height, width, channels)).astype(np.int8)
    filters = rng.integers(-255, 256, (units, *window.kernel, channels // group)).astype(np.int32)
    return images, int(rng.integers(-128, 128)), filters, window, group


def _few(rng: Rng) -> Drawn:
    kernel = int(rng.integers(1, 4)), int(rng.integers(1, 9))
    window = _window(rng, kernel, int(rng.integers(1, 4)), int(rng.integers(1, 3)))
    return _case(rng, window, int(rng.integers(1, 5)), int(rng.integers(1, 6)), 1)


def _each(rng: Rng) -> Drawn:
    kernel = int(rng.integers(1, 4)), int(rng.integers(1, 8))
    channels = int(rng.integers(1, 7))
    return _case(rng, _window(rng, kernel, 1, int(rng.integers(1, 3))), channels, channels, channels)


def _pairs(rng: Rng) -> Drawn:
    window = Window((3, int(rng.integers(1, 5))), pads=(1, 0, int(rng.integers(0, 2)), int(rng.integers(0, 2))))
    return _case(rng, window, int(rng.integers(5, 9)), int(rng.integers(1, 6)), 1)


def _groups(rng: Rng) -> Drawn:
    kernel = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    window = _window(rng, kernel, int(rng.integers(1, 3)), 1)
    return _case(rng, window, 12, 4 * int(rng.integers(1, 3)), 2)


def _many(rng: Rng) -> Drawn:
    kernel = int(rng.integers(1, 6)), int(rng.integers(1, 4))
    return _case(rng, _window(rng, kernel, 2, int(rng.integers(1, 3))), 9, int(rng.integers(1, 30)), 1)


def _due(case: Drawn) -> Array:
    """The sums by one product of int64 for each output."""
    images, offset, filters, window, group = case
    top, left, bottom, right = window.pads
    padded = np.pad(images.astype(np.int64) - offset, ((0, 0), (top, bottom), (left, right), (0, 0)))
    size = window.output_size(*images.shape[1:3])
    result = np.zeros((len(images), *size, len(filters)), np.int64)
    own = len(filters) // group
    for y, x, unit in np.ndindex(*size, len(filters)):
        rows = slice(y * window.strides[0], y * window.strides[0] + window.extent(0), window.dilation[0])
        columns = slice(x * window.strides[1], x * window.strides[1] + window.extent(1), window.dilation[1])
        first = unit // own * filters.shape[3]
        taps = padded[:, rows, columns, first : first + filters.shape[3]]
        result[:, y, x, unit] = (taps * filters[unit]).sum(axis=(1, 2, 3))
    return result


def _taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the ways that were taken are put into this list."""
    taken: list[str] = []
    for module, name in (
        *((fast_sums, name) for name in ("few_channels", "depthwise", "by_pairs_of_rows")),
        *((sums, name) for name in ("_dense", "_depthwise")),
    ):
        way = getattr(module, name)

        def noted(*operands: object, way: Callable[..., object] = way, name: str = name) -> object:
            taken.append(name)
            return way(*operands)

        monkeypatch.setattr(module, name, noted)
    return taken


@pytest.mark.parametrize(
    ("draw", "ways"),
    [
        (_few, ("few_channels", "_dense")),
        (_each, ("depthwise", "_depthwise")),
        (_pairs, ("by_pairs_of_rows", "_dense")),
        (_groups, ("_dense",)),
        (_many, ("_dense",)),
    ],
)
def test_sums_are_those_of_integers(
    draw: Callable[[Rng], Drawn], ways: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All images at once, and few at a time; one tap after the other where int16 holds no more."""
    taken = _taken(monkeypatch)
    rng = np.random.default_rng(5)
    for number in range(_DRAWS):
        case = draw(rng)
        images, offset, filters, window, group = case
        monkeypatch.setattr(sums, "_BLOCK_FLOATS", (2**20, 3_000)[number % 2])
        if number % 3 == 0:
            filters //= 9
        size = window.output_size(*images.shape[1:3])
        found = SumsOf(images, offset, filters, window, group, size).whole()
        assert np.array_equal(found, _due(case))
    assert {way: taken.count(way) for way in ways if taken.count(way) <= 2} == {}


@pytest.mark.parametrize("draw", [_few, _each, _pairs, _groups, _many])
def test_results_are_those_of_the_epilogue(draw: Callable[[Rng], Drawn], monkeypatch: pytest.MonkeyPatch) -> None:
    """Biases and requantization in floats: every result is that of the epilogue's integers."""
    monkeypatch.setattr(staircase, "WORTH", 1)
    epilogue, rng, hits = EPILOGUES["glow"], np.random.default_rng(6), 0
    for number in range(_DRAWS // 2):
        case = draw(rng)
        images, offset, filters, window, group = case
        filters //= 5
        bias = rng.integers(-3000, 3000, len(filters)).astype(np.int32)
        constants = epilogue.constants(2.0 ** -int(rng.integers(8, 12)) * (1 + number % 2 * 0.37), int(bias[0]) % 50)
        size = window.output_size(*images.shape[1:3])
        out = np.zeros((len(images), *size, len(filters)), np.int8)
        if SumsOf(images, offset, filters, window, group, size).requantized(bias, (epilogue, constants, -128, 90), out):
            hits += 1
            due = epilogue.requantize((_due(case) + bias).astype(np.int32), constants)
            assert np.array_equal(out, np.clip(due, -128, 90))
    assert hits > _DRAWS // 4


def test_rows_lie_beside_each_other() -> None:
    """Rows of one number of all images, the padding between them; rows outside of the images are padding."""
    images = np.arange(1, 25, dtype=np.int8).reshape(2, 3, 4, 1)
    window = Window((3, 3), (1, 2), pads=(1, 1, 1, 1))
    found = rows_of(images, -9, window, 2, np.int16, (0, 2, 3), slack=2)
    assert (found.step, found.width, found.left) == (12, 6, 2) and found.flat.dtype == np.int16
    assert found.begin(window, 0) == 1 and found.begin(window, 2) == 3
    rows = found.flat[2:-2].reshape(3, 2, 6)
    assert np.all(found.flat[:2] == -9) and np.all(found.flat[-2:] == -9) and np.all(rows[0] == -9)
    assert rows[1].tolist() == [[5, 6, 7, 8, -9, -9], [17, 18, 19, 20, -9, -9]] and np.all(rows[2] == -9)
    odd = rows_of(images, -9, window, 2, np.int8, (1, 2, 2))
    rows = odd.flat[2:].reshape(2, 2, 6)[:, :, :4]
    assert rows[0].tolist() == [[1, 2, 3, 4], [13, 14, 15, 16]] and rows[1].tolist() == [
        [9, 10, 11, 12],
        [21, 22, 23, 24],
    ]


@pytest.mark.parametrize(("channels", "way"), [(43, "by_pairs_of_rows"), (44, "_dense")])
def test_pairs_of_rows_only_where_float32_is_exact(channels: int, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel adds 382.5 * 256 to a middle product, in halves, and 765 * 127 to its bias: up to 2 ** 23 in all."""
    taken = _taken(monkeypatch)
    images = np.full((1, 5, 2, channels), -128, np.int8)
    filters = np.full((2, 3, 1, channels), 255, np.int32)
    window = Window((3, 1))
    found = SumsOf(images, 127, filters, window, 1, (3, 2)).whole()
    assert taken == [way] and np.array_equal(found, _due((images, 127, filters, window, 1)))


@pytest.mark.parametrize(("bias", "way"), [(2**23 - 5 * 384, "by_pairs_of_rows"), (2**23 + 11, "_dense")])
def test_a_large_bias_is_added_exactly(bias: int, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """float32 has no halves beyond 2 ** 23: a middle product of 3 * 127 / 2 a channel is one."""
    taken = _taken(monkeypatch)
    images = np.full((1, 4, 1, 5), 127, np.int8)
    images[:, 2] = -128
    filters = np.ones((1, 3, 1, 5), np.int32)
    case = images, 0, filters, Window((3, 1)), 1
    (found,) = (sums for _, sums in SumsOf(*case, (2, 1))._sums(np.full(1, bias, np.int32), np.float32))
    assert taken == [way] and np.array_equal(found.images(found.values), _due(case) + bias)
