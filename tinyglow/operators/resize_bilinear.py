"""Images of another size, linearly between elements."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Lowering, Op, OtherNumerics, ShapeError
from tinyglow.ir.types import Shape, TensorType
from tinyglow.kernels.reshape.strided_copy import require_elements
from tinyglow.kernels.resize.resize_bilinear import interpolate
from tinyglow.numerics.names import TFLITE
from tinyglow.operators import litert
from tinyglow.operators.resize_coordinates import AS_GLOW, origins, resized_shape


def _lower_as_litert(node: Node, lowering: Lowering) -> None:
    op: Any = node.op
    litert.lower_bilinear(node, lowering, op.coordinates, op.sizes)


class ResizeBilinear(Op):
    """An image [n, h, w, c] of shape ``sizes``, interpolated linearly along height and width.

    is_fused: in int8, products and sums are rounded together, as in Glow's bundles on x86.
    """

    sizes: Shape
    scales: tuple[float, ...]
    coordinates: str = "asymmetric"
    is_fused: bool = False

    quantizable: ClassVar[bool] = True
    keeps_params: ClassVar[bool] = True
    other_numerics: ClassVar[OtherNumerics] = {TFLITE: _lower_as_litert}

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        result = resized_shape(inputs[0], self.sizes, self.scales)
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
        interpolate(node, lowering, rows, columns, as_glow=self.coordinates in AS_GLOW, is_fused=self.is_fused)
