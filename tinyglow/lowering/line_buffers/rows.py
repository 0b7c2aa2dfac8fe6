"""Which rows of an image an operator reads for some rows of its result, and the operator that computes just those.

A row is all elements at one height of images [1, h, w, c]; of images of height 1, at one place along the width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tinyglow.ir.graph import Node
from tinyglow.ir.op import Op
from tinyglow.ir.record import Record
from tinyglow.ir.types import TensorType
from tinyglow.operators.avg_pool import AvgPool, ImageMean
from tinyglow.operators.cast import Cast
from tinyglow.operators.conv2d import Conv2D
from tinyglow.operators.dequantize import Dequantize
from tinyglow.operators.element_function import IntLookupTable
from tinyglow.operators.max_pool import MaxPool
from tinyglow.operators.quantize import Quantize
from tinyglow.operators.rescale import Rescale

TypeOf = Callable[[str], TensorType]

WINDOWED = Conv2D | MaxPool | AvgPool
_IMAGE = 4  # dimensions
# Beside those that are ``elementwise``.
_EACH = (Quantize, Dequantize, Rescale, Cast, IntLookupTable)


class Reach(Record):
    """The rows that an operator reads: for row r of the result ``extent`` rows from r * ``stride`` - ``before`` on.

    Those outside of the image are padding.
    """

    extent: int = 1
    stride: int = 1
    before: int = 0

    def rows(self, taken: range, height: int) -> range:
        """The rows of an image of ``height`` rows that are read for the rows ``taken`` of the result."""
        first = taken.start * self.stride - self.before
        end = (taken.stop - 1) * self.stride - self.before + self.extent
        return range(min(max(0, first), height), min(max(0, end), height))


class Layer(Record):
    """An operator of a chain.

    Attributes:
        node: The node.
        reach: What it reads of each operand that changes at run time.
        operands: Names of those operands.
    """

    node: Node
    reach: Reach
    operands: tuple[str, ...]

    @property
    def result(self) -> str:
        """Name of the value that it computes."""
        return self.node.outputs[0]

    def on_rows(self, axis: int, taken: range, height: int) -> Op:
        """The operator that computes the rows ``taken`` of its result from the rows that these need.

        Args:
            axis: The dimension of the rows: 1 or 2.
            taken: Rows of the result.
            height: Rows of the whole image that it reads.
        """
        op = self.node.op
        if not isinstance(op, WINDOWED):
            return op
        first = taken.start * self.reach.stride - self.reach.before
        end = (taken.stop - 1) * self.reach.stride - self.reach.before + self.reach.extent
        pads = list(op.window.pads)
        pads[axis - 1], pads[axis + 1] = max(0, -first), max(0, end - height)
        top, left, bottom, right = pads
        return replace(op, window=replace(op.window, pads=(top, left, bottom, right)))


def with_rows(type_: TensorType, axis: int, count: int) -> TensorType:
    """The type of so many rows of an image."""
    return type_.reshaped((*type_.shape[:axis], count, *type_.shape[axis + 1 :]))


def layer_of(node: Node, axis: int, type_of: TypeOf, is_constant: Callable[[str], bool]) -> Layer | None:
    """The node as a layer of a chain; None if some of its rows cannot be computed by themselves.

    Args:
        node: The node.
        axis: The dimension of the rows: 1 or 2.
        type_of: The type of a value.
        is_constant: Whether a value is constant.
    """
    if len(node.outputs) != 1:
        return None
    shape = type_of(node.outputs[0]).shape
    operands = tuple(dict.fromkeys(name for name in node.inputs if not is_constant(name)))
    images = [type_of(name).shape for name in operands]
    if not operands or any(not _is_image(image, axis) for image in (shape, *images)):
        return None
    reach = _reach(node, axis, images[0])
    if reach is None:
        return None
    if not isinstance(node.op, WINDOWED) and (
        any(image != shape for image in images) or not _repeats(node, axis, type_of, is_constant)
    ):
        return None
    # A window that lies in the padding reads no row.
    height = images[0][axis]
    if any(not reach.rows(range(row, row + 1), height) for row in (0, shape[axis] - 1)):
        return None
    return Layer(node, reach, operands)


def _is_image(shape: tuple[int, ...], axis: int) -> bool:
    return len(shape) == _IMAGE and all(size == 1 for size in shape[:axis])


def _reach(node: Node, axis: int, image: tuple[int, ...]) -> Reach | None:
    """What the operator reads; None if it has no such form."""
    op = node.op
    if isinstance(op, ImageMean):
        return None
    if isinstance(op, WINDOWED):
        if isinstance(op, AvgPool) and op.window.kernel[2 - axis] == image[3 - axis]:
            return None  # a band as high as the window would be a mean of a whole image, which is rounded otherwise
        pool = (op.pool or 1) if isinstance(op, Conv2D) else 1
        way, stride = axis - 1, op.window.strides[axis - 1]
        return Reach(op.window.extent(way) + (pool - 1) * stride, pool * stride, op.window.pads[way])
    return Reach() if op.elementwise or isinstance(op, _EACH) else None


def _repeats(node: Node, axis: int, type_of: TypeOf, is_constant: Callable[[str], bool]) -> bool:
    """Whether the constants of an operator on elements are the same for all rows."""
    rows = _IMAGE - axis  # counted from the last dimension
    shapes = [type_of(name).shape for name in node.inputs if is_constant(name)]
    return all(len(shape) < rows or shape[-rows] == 1 for shape in shapes)
