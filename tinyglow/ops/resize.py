"""Images, or any tensors, of another size: Resize and Upsample, by the nearest element or linearly between elements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Importer, Lowering, Op, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.types import Shape, TensorType
from tinyglow.numerics import glow
from tinyglow.ops.axes import normalize_axis
from tinyglow.ops.gather import gather
from tinyglow.ops.resize_bilinear import interpolate
from tinyglow.ops.strided import require_elements
from tinyglow.ops.tflite_node import add_and_bind, constant_integers
from tinyglow.ops.transpose import Transpose
from tinyglow.ops.window import NCHW_TO_NHWC, NHWC_TO_NCHW, require_image

_HALF = np.float32(0.5)
_ONE = np.float32(1)


def _symmetric(x: Array, scale: np.float32, size: int, length: int) -> Array:
    """half_pixel around the middle of the input, whatever the rounding of the output's size cut off."""
    adjustment = np.float32(length) / (scale * np.float32(size))
    middle = np.float32(size) / np.float32(2)
    result: Array = middle * (_ONE - adjustment) + (x + _HALF) / scale - _HALF
    return result


# Where the element numbered x of ``length`` comes from among ``size`` elements (ONNX operator specification, Resize,
# coordinate_transformation_mode), in float32 as onnxruntime computes it, and Glow, which knows asymmetric only.
COORDINATES: dict[str, Callable[[Array, np.float32, int, int], Array]] = {
    "asymmetric": lambda x, scale, size, length: x / scale,
    "half_pixel": lambda x, scale, size, length: (x + _HALF) / scale - _HALF,
    "half_pixel_symmetric": _symmetric,
    "pytorch_half_pixel": lambda x, scale, size, length: (x + _HALF) / scale - _HALF if length > 1 else x * 0,
    "align_corners": lambda x, scale, size, length: x * np.float32(size - 1) / np.float32(max(1, length - 1)),
    "tf_half_pixel_for_nn": lambda x, scale, size, length: (x + _HALF) / scale,
}
# Those of TFLite multiply by the input's size over the output's instead, rounded to float32 (tensorflow/lite/kernels/
# internal/reference/resize_nearest_neighbor.h and resize_bilinear.h).
_PRODUCTS: dict[str, Callable[[Array, np.float32, int, int], Array]] = {
    "tflite": lambda x, scale, size, length: x * (np.float32(size) / np.float32(length)),
    "tflite_half_pixel": lambda x, scale, size, length: (x + _HALF) * (np.float32(size) / np.float32(length)) - _HALF,
    "tflite_half_pixel_for_nn": lambda x, scale, size, length: (x + _HALF) * (np.float32(size) / np.float32(length)),
    "tflite_align_corners": lambda x, scale, size, length: x * (np.float32(size - 1) / np.float32(max(1, length - 1))),
}
ROUNDINGS: dict[str, Callable[[Array], Array]] = {
    "floor": np.floor,
    "ceil": np.ceil,
    "round_prefer_floor": lambda x: np.ceil(x - _HALF),
    "round_prefer_ceil": lambda x: np.floor(x + _HALF),
}


def origins(coordinates: str, scale: float, size: int, length: int) -> Array:
    """The coordinate in the input of each of ``length`` elements along a dimension of ``size``; float32."""
    return (COORDINATES | _PRODUCTS)[coordinates](np.arange(length, dtype=np.float32), np.float32(scale), size, length)


@dataclass(frozen=True)
class ResizeNearest(Op):
    """A result of shape ``sizes``; ``scales``: output over input along each dimension, as the model gives it."""

    sizes: Shape
    scales: tuple[float, ...]
    coordinates: str = "asymmetric"
    rounding: str = "floor"

    onnx_types: ClassVar[OnnxForms] = {
        "Resize": OnnxForm(
            19,
            ("antialias", "axes", "coordinate_transformation_mode", "keep_aspect_ratio_policy", "mode", "nearest_mode"),
            without_effect={
                "cubic_coeff_a": "of the mode cubic, which is refused",
                "exclude_outside": "changes cubic interpolation and antialiasing, which are refused",
                "extrapolation_value": "of tf_crop_and_resize, which is refused",
            },
        ),
        "Upsample": OnnxForm(9, ("mode", "scales")),
    }
    tflite_types: ClassVar[TFLiteForms] = {
        "RESIZE_NEAREST_NEIGHBOR": TFLiteForm(
            4, "ResizeNearestNeighborOptions", ("align_corners", "half_pixel_centers")
        ),
        "RESIZE_BILINEAR": TFLiteForm(4, "ResizeBilinearOptions", ("align_corners", "half_pixel_centers")),
    }
    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    keeps_params: ClassVar[bool] = True

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        value, edit = importer.value(node.inputs[0]), importer.editor
        form = _Form.of(node, importer, value.type.shape)
        # As Glow's importer has it: images as NHWC, but a Resize to the nearest element in the order of the model.
        if form.mode == "nearest" and (node.op_type == "Resize" or len(form.sizes) != 4):
            op = cls(form.sizes, form.scales, form.coordinates, form.rounding)
            importer.bind(node.outputs[0], edit.add(node.name, op, [value], node.name))
            return
        if len(form.sizes) != 4:
            raise UnsupportedError(f"mode {form.mode!r} in {len(form.sizes)} dimensions", "4 dimensions, or 'nearest'")
        nhwc = edit.add(node.name, Transpose(NCHW_TO_NHWC), [value], node.name)
        image = edit.add(node.name, form.on_nhwc(), [nhwc], node.name)
        importer.bind(node.outputs[0], edit.add(node.name, Transpose(NHWC_TO_NCHW), [image], node.name))

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        """Images are NHWC; the second operand is their new height and width."""
        value, size = importer.value(node.inputs[0]), constant_integers(node, importer, 1, "a size")
        n, height, width, channels = require_image(value.type.shape)
        if len(size) != 2 or min(size) < 1:
            raise UnsupportedError(f"size {size}", "a height and a width of at least 1")
        shape = (n, size[0], size[1], channels)
        scales = (1.0, glow.divide_float32(size[0], height), glow.divide_float32(size[1], width), 1.0)
        aligned, half = node.integer("align_corners", 0), node.integer("half_pixel_centers", 0)
        if aligned and half:
            raise UnsupportedError("both align_corners and half_pixel_centers", "one of them at most")
        coordinates = "tflite_align_corners" if aligned else "tflite_half_pixel" if half else "tflite"
        op: Op
        if node.op_type == "RESIZE_BILINEAR":
            op = ResizeBilinear(shape, scales, coordinates)
        else:
            coordinates += "_for_nn" if half else ""
            op = cls(shape, scales, coordinates, "round_prefer_ceil" if aligned else "floor")
        add_and_bind(node, importer, op, [value])

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (_resized(inputs[0], self.sizes, self.scales),)

    def picks(self, shape: Shape) -> list[list[int]]:
        """For each dimension the numbers of the input's elements that the result's are."""
        result = []
        for size, length, scale in zip(shape, self.sizes, self.scales, strict=True):
            nearest = ROUNDINGS[self.rounding](origins(self.coordinates, scale, size, length))
            unchanged = size == length and scale == 1
            result.append(list(range(size)) if unchanged else np.clip(nearest, 0, size - 1).astype(int).tolist())
        return result

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x = inputs[0]
        for axis, pick in enumerate(self.picks(x.shape[1:])):
            x = np.take(x, pick, axis=axis + 1)
        return (x,)

    def transposed(self, perm: tuple[int, ...]) -> Op | None:
        order = [perm.index(axis) for axis in range(len(perm))]
        sizes, scales = tuple(self.sizes[i] for i in order), tuple(self.scales[i] for i in order)
        return ResizeNearest(sizes, scales, self.coordinates, self.rounding)

    def lower(self, node: Node, lowering: Lowering) -> None:
        gather(node, lowering, self.picks(lowering.type_of(node.inputs[0]).shape))


@dataclass(frozen=True)
class ResizeBilinear(Op):
    """An image [n, h, w, c] of shape ``sizes``, interpolated linearly along height and width."""

    sizes: Shape
    scales: tuple[float, ...]
    coordinates: str = "asymmetric"

    quantizable: ClassVar[bool] = True
    keeps_params: ClassVar[bool] = True

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        result = _resized(inputs[0], self.sizes, self.scales)
        if (result.shape[0], result.shape[3]) != (inputs[0].shape[0], inputs[0].shape[3]):
            raise ShapeError(f"{list(inputs[0].shape)} to {list(self.sizes)} pixels", "as many images and channels")
        return (result,)

    def coordinates_along(self, shape: Shape, axis: int) -> Array:
        """Where in an input of ``shape`` the elements along a dimension come from: at least 0; float32."""
        found = origins(self.coordinates, self.scales[axis], shape[axis], self.sizes[axis])
        return np.maximum(found, np.float32(0))

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x = inputs[0]
        for axis in (1, 2):
            size, found = x.shape[axis + 1], self.coordinates_along(x.shape[1:], axis)
            below = np.floor(found)
            weight = (found - below).reshape([-1 if i == axis + 1 else 1 for i in range(x.ndim)])
            first, second = (np.minimum(below + step, size - 1).astype(int) for step in (0, 1))
            near, far = np.take(x, first, axis + 1), np.take(x, second, axis + 1)
            x = near + (far - near) * weight
        return (x,)

    def lower(self, node: Node, lowering: Lowering) -> None:
        source = lowering.type_of(node.inputs[0])
        require_elements((*source.shape, *self.sizes))
        rows, columns = (self.coordinates_along(source.shape, axis) for axis in (1, 2))
        interpolate(node, lowering, rows, columns, as_glow=self.coordinates == "asymmetric")


def _resized(source: TensorType, sizes: Shape, scales: Sequence[float]) -> TensorType:
    if not len(sizes) == len(scales) == len(source.shape) or min((*sizes, *source.shape), default=1) < 1:
        raise ShapeError(f"shape {list(source.shape)} resized to {list(sizes)}", "a size for each dimension")
    return source.reshaped(sizes)


@dataclass(frozen=True)
class _Form:
    """A Resize or Upsample of any operator set, read."""

    mode: str
    sizes: Shape
    scales: tuple[float, ...]
    coordinates: str
    rounding: str

    @classmethod
    def of(cls, node: SourceNode, importer: Importer, shape: Shape) -> _Form:
        mode = {"bilinear": "linear"}.get(node.text("mode", "nearest"), node.text("mode", "nearest"))
        if mode not in ("nearest", "linear"):
            raise UnsupportedError(f"mode {mode!r}", "nearest or linear")
        # Before operator set 11 there was one way, and at most one further input: the scales.
        old = node.op_type == "Upsample" or node.opset < 11
        coordinates = "asymmetric" if old else node.text("coordinate_transformation_mode", "half_pixel")
        rounding = "floor" if old else node.text("nearest_mode", "round_prefer_floor")
        if coordinates not in COORDINATES:
            found = f"coordinate_transformation_mode {coordinates!r}"
            raise UnsupportedError(found, ", ".join(COORDINATES))
        if rounding not in ROUNDINGS:
            raise UnsupportedError(f"nearest_mode {rounding!r}", ", ".join(ROUNDINGS))
        _check_options(node, mode)
        sizes, scales = _target(node, importer, shape, old)
        if min(sizes, default=1) < 1 or min(scales, default=1) <= 0:
            raise UnsupportedError(f"shape {list(shape)} resized to {list(sizes)}", "sizes of at least 1")
        return cls(mode, sizes, scales, coordinates, rounding)

    def on_nhwc(self) -> Op:
        """The operator on the image with its channels last."""
        sizes = tuple(self.sizes[axis] for axis in NCHW_TO_NHWC)
        scales = tuple(self.scales[axis] for axis in NCHW_TO_NHWC)
        if self.mode == "nearest":
            return ResizeNearest(sizes, scales, self.coordinates, self.rounding)
        if scales[0] != 1 or scales[3] != 1:
            raise UnsupportedError(f"scales {list(self.scales)} with mode 'linear'", "height and width scaled only")
        return ResizeBilinear(sizes, scales, self.coordinates)


def _check_options(node: SourceNode, mode: str) -> None:
    """Raises UnsupportedError for attributes that ask for something else than a plain Resize."""
    policy = node.text("keep_aspect_ratio_policy", "stretch")
    if policy != "stretch":
        raise UnsupportedError(f"keep_aspect_ratio_policy {policy!r}", "'stretch'")
    if node.integer("antialias", 0) and mode == "linear":
        raise UnsupportedError("antialias=1", "antialias=0")


def _target(node: SourceNode, importer: Importer, shape: Shape, old: bool) -> tuple[Shape, tuple[float, ...]]:
    """Sizes of the result and scales of all dimensions."""
    scales = _numbers(node, importer, 1 if old else 2, "scales")
    sizes = _numbers(node, importer, 3, "sizes")
    axes = [normalize_axis(axis, len(shape)) for axis in node.ints("axes", range(len(shape)))]
    if scales and sizes:
        raise UnsupportedError("both scales and sizes", "one of them")
    given = scales or sizes
    if given is None or not len(given) == len(axes) == len(set(axes)):
        raise UnsupportedError(f"scales {scales}, sizes {sizes} for {len(axes)} dimensions", "one of them for each")
    all_sizes, all_scales = list(shape), [1.0] * len(shape)
    for axis, number in zip(axes, given, strict=True):
        if scales:
            all_scales[axis] = glow.float32(number)
            all_sizes[axis] = int(np.floor(np.float32(shape[axis]) * np.float32(number)))
        else:
            all_sizes[axis] = int(number)
            all_scales[axis] = glow.divide_float32(number, shape[axis])
    return tuple(all_sizes), tuple(all_scales)


def _numbers(node: SourceNode, importer: Importer, operand: int, name: str) -> list[float] | None:
    """A list that is an input, or an attribute in Upsample's first form; None where it is absent or empty."""
    if len(node.inputs) > operand and node.inputs[operand]:
        data = importer.constant(node.inputs[operand])
        if data is None:
            raise UnsupportedError(f"{name} that are computed at run time", f"constant {name}")
        return [float(item) for item in data.ravel()] or None
    value = node.attributes.get(name)
    return [float(item) for item in value] if isinstance(value, list) else None
