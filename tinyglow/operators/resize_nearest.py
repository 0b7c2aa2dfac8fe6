"""Resize and Upsample: images, or any tensors, of another size, by the nearest element; read here for both modes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Importer, Lowering, Op, SourceNode, UnsupportedError
from tinyglow.ir.record import Record
from tinyglow.ir.types import Shape, TensorType
from tinyglow.kernels.reshape.gather import gather
from tinyglow.kernels.window import require_image
from tinyglow.numerics import glow
from tinyglow.operators.axes import normalize_axis
from tinyglow.operators.resize_bilinear import ResizeBilinear
from tinyglow.operators.resize_coordinates import COORDINATES, ROUNDINGS, origins, resized_shape
from tinyglow.operators.tflite_node import add_and_bind, constant_integers
from tinyglow.operators.transpose import Transpose
from tinyglow.operators.window import NCHW_TO_NHWC, NHWC_TO_NCHW


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
    moves: ClassVar[bool] = True
    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    keeps_params: ClassVar[bool] = True

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        value, edit = importer.value(node.inputs[0]), importer.editor
        form = ResizeForm.of(node, importer, value.type.shape)
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
        op: Op
        aligned, half = node.integer("align_corners", 0), node.integer("half_pixel_centers", 0)
        if aligned and half:
            raise UnsupportedError("both align_corners and half_pixel_centers", "one of them at most")
        if importer.like_glow:  # which has one way for all (lib/Importer/TFLiteModelLoader.cpp, loadResizeBilinear)
            bilinear = node.op_type == "RESIZE_BILINEAR"
            op = ResizeBilinear(shape, scales) if bilinear else cls(shape, scales, "asymmetric", "floor")
            add_and_bind(node, importer, op, [value])
            return
        coordinates = "tflite_align_corners" if aligned else "tflite_half_pixel" if half else "tflite"
        if node.op_type == "RESIZE_BILINEAR":
            op = ResizeBilinear(shape, scales, coordinates)
        else:
            coordinates += "_for_nn" if half else ""
            op = cls(shape, scales, coordinates, "round_prefer_ceil" if aligned else "floor")
        add_and_bind(node, importer, op, [value])

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (resized_shape(inputs[0], self.sizes, self.scales),)

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


class ResizeForm(Record):
    """A Resize or Upsample of any operator set, read."""

    mode: str
    sizes: Shape
    scales: tuple[float, ...]
    coordinates: str
    rounding: str

    @classmethod
    def of(cls, node: SourceNode, importer: Importer, shape: Shape) -> ResizeForm:
        mode = {"bilinear": "linear"}.get(node.text("mode", "nearest"), node.text("mode", "nearest"))
        if mode not in ("nearest", "linear"):
            raise UnsupportedError(f"mode {mode!r}", "nearest or linear", "export the network with one of these")
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
        exact = all(abs(size * scale - length) < 0.01 for size, scale, length in zip(shape, scales, sizes, strict=True))
        if coordinates == "align_corners" and not exact and min(sizes, default=1) == 1:
            raise UnsupportedError(f"align_corners with scales {list(scales)}", "whole sizes of the result")
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
