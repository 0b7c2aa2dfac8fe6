"""Arithmetic of shapes as exporters write it: operators that the reader computes itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, numpy_helper

from tinyglow.testing.graphs.draw import Draw, Tensor, draws


@draws("Shape", "Gather", "Concat", "Reshape", "Mod", weight=0.5)
def flattened_by_shape(draw: Draw, x: Tensor) -> Tensor | None:
    """x.view(x.size(0), -1): the first size is read from the shape."""
    (shape,) = draw.names("Shape", [x.name])
    (first,) = draw.names("Gather", [shape, draw.constant([0], "index")], axis=0)
    if draw.opset >= 10 and draw.chance(0.5):  # modulo something larger: itself
        (first,) = draw.names("Mod", [first, draw.constant([1000], "modulus")])
    (target,) = draw.names("Concat", [first, draw.constant([-1], "rest")], axis=0)
    return draw.node("Reshape", [x, target], (x.shape[0], x.elements // x.shape[0]))


@draws("Size", "Reshape", "ReduceProd", weight=0.4)
def flattened_by_size(draw: Draw, x: Tensor) -> Tensor | None:
    """To one row of as many elements as there are, by Size or as the product of the shape."""
    if draw.chance(0.5):
        (size,) = draw.names("Size", [x.name])
    else:
        (shape,) = draw.names("Shape", [x.name])
        axes: dict[str, Any] = {"axes": [0]} if draw.opset < 18 else {}
        (size,) = draw.names("ReduceProd", [shape], keepdims=0, **axes)
    (row,) = draw.names("Reshape", [size, draw.constant([1], "one")])
    (target,) = draw.names("Concat", [draw.constant([1], "lead"), row], axis=0)
    return draw.node("Reshape", [x, target], (1, x.elements))


@draws("ConstantOfShape", "Equal", "Where", "Expand", weight=0.5)
def expanded_by_where(draw: Draw, x: Tensor) -> Tensor | None:
    """x.expand(-1, ...): sizes of -1 are replaced by 1."""
    shape = [-1 if size > 1 or index == 0 else 3 for index, size in enumerate(x.shape)]
    result = [3 if asked == 3 else size for asked, size in zip(shape, x.shape, strict=True)]
    wanted = draw.constant(shape, "wanted")
    one = numpy_helper.from_array(np.array([1], np.int64))
    (ones,) = draw.names("ConstantOfShape", [draw.constant([x.rank], "rank")], value=one)
    (unset,) = draw.names("Equal", [wanted, draw.constant([-1], "unset")])
    (target,) = draw.names("Where", [unset, ones, wanted])
    return draw.node("Expand", [x, target], result)


@draws("Range", "Gather", weight=0.5, opsets=range(11, 100))
def picked_by_range(draw: Draw, x: Tensor) -> Tensor | None:
    """Every second element along one dimension, by a Range."""
    if x.rank < 2:
        return None
    axis = draw.integer(1, x.rank - 1)
    bounds = [draw.constant(np.int64(number), "bound") for number in (0, x.shape[axis], 2)]
    (indices,) = draw.names("Range", bounds)
    count = len(range(0, x.shape[axis], 2))
    return draw.node("Gather", [x, indices], (*x.shape[:axis], count, *x.shape[axis + 1 :]), axis=axis)


@draws("Cast", "Floor", "Ceil", "Slice", "Resize", weight=0.5, opsets=range(11, 100))
def upsampled_by_shape(draw: Draw, x: Tensor) -> Tensor | None:
    """To twice the size, computed as PyTorch's exporter does: in floats, rounded down."""
    if x.rank != 4:
        return None
    (shape,) = draw.names("Shape", [x.name])
    bounds = [draw.constant([number], "bound") for number in (0, 2, 4)]
    (lead,) = draw.names("Slice", [shape, bounds[0], bounds[1]])
    (sizes,) = draw.names("Slice", [shape, bounds[1], bounds[2]])
    (real,) = draw.names("Cast", [sizes], to=TensorProto.FLOAT)
    (doubled,) = draw.names("Mul", [real, draw.constant(np.float32(2))])
    (rounded,) = draw.names("Floor" if draw.chance(0.5) else "Ceil", [doubled])
    (target,) = draw.names("Cast", [rounded], to=TensorProto.INT64)
    (whole,) = draw.names("Concat", [lead, target], axis=0)
    empty = draw.constant(np.zeros(0, np.float32), "none")
    attributes = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    shape_after = (*x.shape[:2], x.shape[2] * 2, x.shape[3] * 2)
    return draw.node("Resize", [x, empty, empty, whole], shape_after, **attributes)
