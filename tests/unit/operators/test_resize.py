"""Resize and Upsample: nearest elements in all modes, linear interpolation as Glow does it and otherwise."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyglow
from tests.unit.operators.single import check_float, check_moves, compiled, loaded, one_node, refusal, samples
from tinyglow.operators.resize_coordinates import COORDINATES, ROUNDINGS
from tinyglow.operators.resize_nearest import ResizeNearest
from tinyglow.quant.profile import Profile, Range
from tinyglow.testing import budget

SHAPE = (1, 3, 4, 6)


@pytest.mark.parametrize("rounding", sorted(ROUNDINGS))
@pytest.mark.parametrize("coordinates", sorted(set(COORDINATES) - {"tf_half_pixel_for_nn", "half_pixel_symmetric"}))
def test_nearest(tmp_path: Path, coordinates: str, rounding: str) -> None:
    """All ways to find the nearest element are onnx's, for larger, smaller and odd sizes."""
    attributes = {"coordinate_transformation_mode": coordinates, "nearest_mode": rounding}
    for sizes in ([1, 3, 8, 12], [1, 3, 2, 3], [1, 3, 7, 5], [1, 3, 1, 6]):
        check_moves(one_node("Resize", SHAPE, (None, None, sizes), mode="nearest", **attributes), tmp_path)
    check_moves(one_node("Resize", SHAPE, (None, [1.0, 1, 2, 1.5]), mode="nearest", **attributes), tmp_path)


def test_newer_coordinates(tmp_path: Path) -> None:
    """half_pixel_symmetric, of operator set 19, is onnx's."""
    attributes = {"coordinate_transformation_mode": "half_pixel_symmetric", "mode": "nearest"}
    check_moves(one_node("Resize", SHAPE, (None, [1.0, 1, 1.4, 0.7]), 19, **attributes), tmp_path)


def test_coordinates_of_tensorflow() -> None:
    """tf_half_pixel_for_nn, of operator set 11, takes the element under the middle of each result's."""
    op = ResizeNearest((4, 2), (2.0, 0.5), "tf_half_pixel_for_nn", "floor")
    assert op.picks((2, 4)) == [[0, 0, 1, 1], [1, 3]]


@pytest.mark.parametrize("coordinates", ["asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners"])
@pytest.mark.parametrize("sizes", [(8, 12), (2, 3), (7, 11), (4, 9), (1, 1)])
def test_linear(tmp_path: Path, coordinates: str, sizes: tuple[int, int]) -> None:
    """Linear interpolation is onnx's in float, and in int8 within one more step."""
    constants = (None, None, [1, 3, *sizes])
    attributes = {"mode": "linear", "coordinate_transformation_mode": coordinates}
    program = check_moves(one_node("Resize", SHAPE, constants, **attributes), tmp_path, extra_steps=1)
    kernels = {call.kernel.symbol for call in program.calls}
    exact = coordinates != "asymmetric" or sizes not in ((7, 11), (4, 9))
    assert f"tg_resize_bilinear_{'' if exact else 'float_'}s8" in kernels


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize(("op_type", "opset"), [("Upsample", 7), ("Upsample", 9), ("Resize", 10)])
def test_first_forms(tmp_path: Path, op_type: str, opset: int, mode: str) -> None:
    """Upsample, with its scales as an attribute or an input, and the first Resize find elements in one way only."""
    scales = [1.0, 1.0, 2.0, 3.0]
    constants, attributes = ((), {"scales": scales}) if opset == 7 else ((scales,), {})
    graph = loaded(one_node(op_type, SHAPE, constants, opset, mode=mode, **attributes), tmp_path)
    same = {"mode": mode, "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    other = loaded(one_node("Resize", SHAPE, (None, scales), **same), tmp_path)
    inputs = samples(one_node("Relu", SHAPE))
    expected = tinyglow.interpret(compiled(other, inputs), inputs)["y"]
    np.testing.assert_array_equal(tinyglow.interpret(compiled(graph, inputs), inputs)["y"], expected)


def test_forms_of_exporters(tmp_path: Path) -> None:
    """Empty lists stand for what is not used (operator set 11); axes may be named (operator set 18)."""
    empty = np.zeros(0, np.float32)
    attributes = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    check_float(one_node("Resize", SHAPE, (empty, empty, [1, 3, 8, 6]), 11, **attributes), tmp_path)
    check_float(one_node("Resize", SHAPE, (empty, [1.0, 1, 2, 2]), 11, **attributes), tmp_path)
    check_float(one_node("Resize", SHAPE, (None, [2.0, 3.0]), 18, axes=[2, 3], **attributes), tmp_path)


@pytest.mark.parametrize("rank", [1, 3, 5])
def test_other_ranks(tmp_path: Path, rank: int) -> None:
    """The nearest element may be looked for along all dimensions of any tensor."""
    shape = (3, 2, 4, 2, 3)[:rank]
    attributes = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    program = check_moves(one_node("Resize", shape, (None, [2.0, 1.5, 1, 2, 2][:rank]), **attributes), tmp_path)
    assert len(program.calls) == 1


@pytest.mark.parametrize(
    ("constants", "attributes", "found"),
    [
        ((None, [1.0, 1, 2, 2]), {"mode": "lanczos"}, "mode 'lanczos'"),
        ((None, [1.0, 1, 2, 2]), {"coordinate_transformation_mode": "tf_crop_and_resize"}, "'tf_crop_and_resize'"),
        ((None, [1.0, 1, 2]), {}, "for 4 dimensions"),
        ((None, [1.0, 1, 0.1, 1]), {}, "[1, 3, 0, 6]; expected sizes of at least 1"),
        ((None, None), {}, "scales None, sizes None"),
    ],
)
def test_what_is_not_supported_is_refused(
    tmp_path: Path, constants: tuple[object, ...], attributes: dict[str, object], found: str
) -> None:
    """Other interpolations and coordinates, and sizes that cannot be, are refused with what is supported."""
    assert found in refusal(one_node("Resize", SHAPE, constants, **attributes), tmp_path)


def _libjit(image: np.ndarray, scales: tuple[float, float], sizes: tuple[int, int]) -> np.ndarray:
    """Bilinear interpolation of int8 [h, w] in float32, one operation at a time, truncated to int8."""
    height, width = image.shape
    result = np.zeros(sizes, np.int8)
    f = np.float32
    for y in range(sizes[0]):
        for x in range(sizes[1]):
            v, h = f(y) / f(scales[0]), f(x) / f(scales[1])
            y0, x0 = int(v), int(h)
            rows = [min(y0, height - 1), min(y0 + 1, height - 1)]
            columns = [min(x0, width - 1), min(x0 + 1, width - 1)]
            a, b, c, d = (f(image[row, column]) for column in columns for row in rows)
            left, right = a + (b - a) * (v - f(y0)), c + (d - c) * (v - f(y0))
            result[y, x] = int(left + (right - left) * (h - f(x0)))
    return result


@budget(quick=20, full=500)
@given(
    size=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    scales=st.tuples(*[st.one_of(st.sampled_from((2.0, 4.0, 0.5, 3.0, 1.5)), st.floats(0.5, 5, width=32))] * 2),
    seed=st.integers(0, 100),
)
def test_linear_equals_glow(
    tmp_path_factory: pytest.TempPathFactory, size: tuple[int, int], scales: tuple[float, float], seed: int
) -> None:
    """The mode that Glow has is its float32 arithmetic to the last bit, whichever kernel computes it."""
    sizes = tuple(math.floor(np.float32(n) * np.float32(scale)) for n, scale in zip(size, scales, strict=True))
    if min(sizes) < 1:
        return
    attributes = {"mode": "linear", "coordinate_transformation_mode": "asymmetric"}
    proto = one_node("Resize", (1, 1, *size), (None, [1.0, 1.0, *scales]), **attributes)
    graph = loaded(proto, tmp_path_factory.mktemp("net"))
    # Equal ranges: a rescale does not follow.
    ranges = dict.fromkeys(tinyglow.profile(graph, samples(proto)).ranges, Range(-1.0, 1.0))
    program = tinyglow.lower(tinyglow.quantize(graph, Profile(ranges)))
    kernels = [call.kernel.symbol for call in program.calls]
    assert any(symbol.startswith("tg_resize_bilinear_") for symbol in kernels) and "tg_rescale_s8" not in kernels
    image = np.random.default_rng(seed).integers(-128, 128, size).astype(np.int8)
    got = tinyglow.interpret(program, {"x": image[None, None, None]})["y"]
    np.testing.assert_array_equal(got.reshape(sizes), _libjit(image, scales, (sizes[0], sizes[1])))


def test_transposed() -> None:
    """The resize of a transposed tensor is the transposed form's result, transposed."""
    x = np.arange(2 * 3 * 4, dtype=np.float32).reshape(1, 2, 3, 4)
    perm, op = (2, 0, 1), ResizeNearest((8, 2, 4), (2.0, 1.0, 1.5), "half_pixel", "round_prefer_floor")
    moved = (0, *(axis + 1 for axis in perm))
    other = op.transposed(perm)
    assert other is not None
    np.testing.assert_array_equal(other.run_float(x)[0].transpose(moved), op.run_float(x.transpose(moved))[0])
