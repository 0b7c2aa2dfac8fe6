"""Resize in all its modes, as a product with a matrix along each dimension.

The formulas are those of ONNX's documentation (Resize) and reference evaluator; cubic weights: R. Keys, "Cubic
convolution interpolation for digital image processing", 1981, equation 4 with a of the attribute cubic_coeff_a.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyglow.ir.graph import Array, Value
from tinyglow.ir.op import SourceNode, UnsupportedError
from tinyglow.ir.record import Record
from tinyglow.operators.axes import normalize_axis
from tinyglow.operators.generic.build import Build
from tinyglow.operators.generic.declare import makes
from tinyglow.operators.resize_coordinates import ROUNDINGS

_MODES = {"nearest": 0, "linear": 1, "bilinear": 1, "cubic": 2}  # elements on either side that count


class Interpolation(Record):
    """How a Resize finds its elements.

    Attributes:
        mode: nearest, linear or cubic.
        coordinates: coordinate_transformation_mode.
        rounding: nearest_mode.
        cubic: cubic_coeff_a.
        antialias: Whether the window grows with what is left out.
        exclude: Whether elements beyond the border have no weight; else they are those at the border.
        outside: extrapolation_value, of tf_crop_and_resize.
    """

    mode: str
    coordinates: str
    rounding: str
    cubic: float
    antialias: bool
    exclude: bool
    outside: float

    @classmethod
    def of(cls, node: SourceNode) -> Interpolation:
        """From the attributes of a node. Raises UnsupportedError for values that there are not."""
        mode, coordinates = node.text("mode", "nearest"), node.text("coordinate_transformation_mode", "half_pixel")
        rounding = node.text("nearest_mode", "round_prefer_floor")
        known = (("mode", mode, _MODES), ("coordinate_transformation_mode", coordinates, COORDINATES))
        for name, found, allowed in (*known, ("nearest_mode", rounding, ROUNDINGS)):
            if found not in allowed:
                raise UnsupportedError(f"{name} {found!r}", ", ".join(sorted(allowed)))
        return cls(
            {"bilinear": "linear"}.get(mode, mode),
            coordinates,
            rounding,
            node.real("cubic_coeff_a", -0.75),
            bool(node.integer("antialias", 0)),
            bool(node.integer("exclude_outside", 0)),
            node.real("extrapolation_value", 0.0),
        )

    def weight(self, distance: Array) -> Array:
        """The weight of an element at a distance from the coordinate."""
        if self.mode == "linear":
            return np.clip(1 - distance, 0, 1)
        a = self.cubic
        near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
        far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
        return np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))


class Along(Record):
    """One dimension of a Resize.

    Attributes:
        size: Elements of the input.
        length: Elements of the result.
        scale: Length over size, before it was rounded.
        begin, end: The region of interest, in parts of the input.
    """

    size: int
    length: int
    scale: float
    begin: float = 0.0
    end: float = 1.0


def _align_corners(x: Array, along: Along) -> Array:
    whole = along.scale * along.size
    return x * 0 if whole == 1 else x * (along.size - 1) / (whole - 1)


def _pytorch(x: Array, along: Along) -> Array:
    return x * 0 - 0.5 if along.scale * along.size == 1 else (x + 0.5) / along.scale - 0.5


def _symmetric(x: Array, along: Along) -> Array:
    adjustment = along.length / (along.scale * along.size)
    return along.size / 2 * (1 - adjustment) + (x + 0.5) / along.scale - 0.5


def _crop(x: Array, along: Along) -> Array:
    whole, extent = along.scale * along.size, (along.end - along.begin) * (along.size - 1)
    return along.begin * (along.size - 1) + (x * 0 + extent / 2 if whole == 1 else x * extent / (whole - 1))


# As ``resize_coordinates.COORDINATES``, which is in float32 and for sizes that are whole.
COORDINATES: dict[str, Callable[[Array, Along], Array]] = {
    "align_corners": _align_corners,
    "asymmetric": lambda x, along: x / along.scale,
    "half_pixel": lambda x, along: (x + 0.5) / along.scale - 0.5,
    "half_pixel_symmetric": _symmetric,
    "pytorch_half_pixel": _pytorch,
    "tf_crop_and_resize": _crop,
    "tf_half_pixel_for_nn": lambda x, along: (x + 0.5) / along.scale,
}


def matrix(how: Interpolation, along: Along) -> tuple[Array, Array]:
    """The weights [length, size] of the input's elements in each of the result's, and which of them lie outside."""
    origin = COORDINATES[how.coordinates](np.arange(along.length, dtype=np.float64), along)
    outside = (origin < 0) | (origin > along.size - 1)
    outside &= how.coordinates == "tf_crop_and_resize"
    result = np.zeros((along.length, along.size))
    if how.mode == "nearest":
        nearest = np.clip(ROUNDINGS[how.rounding](origin), 0, along.size - 1).astype(int)
        result[np.arange(along.length), nearest] = 1
        return result, outside
    shrink = min(along.scale, 1.0) if how.antialias else 1.0
    reach = int(np.ceil(_MODES[how.mode] / shrink))
    for step in range(-reach, reach + 1):
        place = np.floor(origin).astype(int) + step
        weight = how.weight(np.abs(place - origin) * shrink)
        if how.exclude:
            weight = np.where((place < 0) | (place >= along.size), 0.0, weight)
        np.add.at(result, (np.arange(along.length), np.clip(place, 0, along.size - 1)), weight)
    return result / result.sum(axis=1, keepdims=True), outside


def _sizes(build: Build, shape: tuple[int, ...]) -> dict[int, Along]:
    """The dimensions that a node resizes."""
    node = build.node
    axes = [normalize_axis(axis, len(shape)) for axis in node.ints("axes", range(len(shape)))]
    scales = build.static(2, "scales").ravel().tolist() if build.has(2) else []
    sizes = build.integers(3, "sizes") if build.has(3) else []
    if bool(scales) == bool(sizes) or not len(scales or sizes) == len(axes) == len(set(axes)):
        raise UnsupportedError(f"scales {scales}, sizes {sizes} for {len(axes)} dimensions", "one of them for each")
    policy = node.text("keep_aspect_ratio_policy", "stretch")
    if sizes and policy != "stretch":
        choose = {"not_larger": min, "not_smaller": max}.get(policy)
        if choose is None:
            raise UnsupportedError(f"keep_aspect_ratio_policy {policy!r}", "stretch, not_larger or not_smaller")
        scale = choose(size / shape[axis] for size, axis in zip(sizes, axes, strict=True))
        scales = [scale] * len(axes)
        sizes = [int(np.floor(scale * shape[axis] + 0.5)) for axis in axes]
    elif sizes:
        scales = [size / shape[axis] for size, axis in zip(sizes, axes, strict=True)]
    else:
        sizes = [int(np.floor(shape[axis] * scale)) for scale, axis in zip(scales, axes, strict=True)]
    if min(scales) <= 0 or min(sizes) < 1:
        raise UnsupportedError(f"shape {list(shape)} resized to {sizes}", "sizes of at least 1")
    region = build.static(1, "a region").ravel().tolist() if build.has(1) else []
    if not region and node.text("coordinate_transformation_mode", "") == "tf_crop_and_resize":
        raise UnsupportedError("tf_crop_and_resize of no region", "the second input, roi")
    region = region if len(region) == 2 * len(axes) else [0.0] * len(axes) + [1.0] * len(axes)
    return {
        axis: Along(shape[axis], size, scale, region[index], region[index + len(axes)])
        for index, (axis, size, scale) in enumerate(zip(axes, sizes, scales, strict=True))
    }


@makes(
    "Resize",
    version=19,
    attributes=(
        *("antialias", "axes", "coordinate_transformation_mode", "cubic_coeff_a", "exclude_outside"),
        *("extrapolation_value", "keep_aspect_ratio_policy", "mode", "nearest_mode"),
    ),
)
def resize(build: Build) -> Value:
    """Tensors of another size: dimensions one after the other."""
    value, how = build.input(0), Interpolation.of(build.node)
    is_float = value.type.dtype == "float32"
    if not is_float and how.mode != "nearest":
        raise UnsupportedError(f"mode {how.mode!r} of {value.type.dtype}", "floats, or mode 'nearest'")
    for axis, along in _sizes(build, value.type.shape).items():
        build.require((along.length, along.size))
        weights, outside = matrix(how, along)
        if how.mode == "nearest":
            places = weights.argmax(1)
            value = build.moved(value, lambda found, a=axis, at=places: np.take(found, at, a))  # type: ignore[misc]
        elif along.size != along.length or not np.array_equal(weights, np.eye(along.size)):
            value = _times(build, value, axis, weights)
        if outside.any():
            mask = outside.reshape([-1 if n == axis else 1 for n in range(len(value.type.shape))])
            fill = build.like(how.outside, value)
            value = build.each("where", build.expand(build.constant(mask), value.type.shape), fill, value)
    return value


def _times(build: Build, value: Value, axis: int, weights: Array) -> Value:
    """The value with a matrix [length, size] applied along one dimension."""
    rank = len(value.type.shape)
    order = [*(n for n in range(rank) if n != axis), axis]
    last = build.transpose(value, order)
    rows = build.reshape(last, (last.type.elements // weights.shape[1], weights.shape[1]))
    product = build.matmul(rows, build.constant(weights.T.astype(np.float32)))
    shaped = build.reshape(product, (*last.type.shape[:-1], weights.shape[0]))
    return build.transpose(shaped, [order.index(n) for n in range(rank)])
