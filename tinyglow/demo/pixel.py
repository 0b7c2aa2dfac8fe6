"""One output pixel of the network's first convolution, by hand."""

from __future__ import annotations

from dataclasses import dataclass

from tinyglow.demo.by_hand import Shifts, clip, float32, nearest, shifts_of
from tinyglow.demo.walk import FOLLOWED, Walk
from tinyglow.ir.graph import Array, Graph
from tinyglow.ir.types import QuantParams

# The pixel that the guide computes: on a stroke of the followed digit, with bright and dark pixels in its window.
ROW, COLUMN, CHANNEL = 4, 9, 2


@dataclass(frozen=True)
class Tap:
    """One product of a sum: an input pixel and a weight, as stored. ``padded``: the pixel lies outside of the image."""

    row: int
    column: int
    x: int
    w: int
    padded: bool = False


@dataclass(frozen=True)
class Pixel:
    """All that goes into one integer of a convolution's result.

    Attributes:
        row: Of the result.
        column: Of the result.
        channel: Of the result.
        taps: The window, row by row.
        x_scale: Of the input; a float32 value, as all scales.
        x_offset: Of the input.
        w_scale: Of the weights.
        w_offset: Of the weights.
        bias_real: The bias of the float network.
        y_scale: Of the result.
        y_offset: Of the result.
        real_taps: The float network's (pixel, weight) for each tap.
    """

    row: int
    column: int
    channel: int
    taps: tuple[Tap, ...]
    x_scale: float
    x_offset: int
    w_scale: float
    w_offset: int
    bias_real: float
    y_scale: float
    y_offset: int
    real_taps: tuple[tuple[float, float], ...]

    @property
    def sum_scale(self) -> float:
        """What one step of the sum stands for."""
        return float32(self.x_scale * self.w_scale)

    @property
    def bias(self) -> int:
        """The bias in steps of the sum."""
        return nearest(float32(self.bias_real / self.sum_scale))

    @property
    def products(self) -> tuple[int, ...]:
        """Of each tap."""
        return tuple((tap.x - self.x_offset) * (tap.w - self.w_offset) for tap in self.taps)

    @property
    def total(self) -> int:
        """The sum, from the bias on."""
        return self.bias + sum(self.products)

    @property
    def ratio(self) -> float:
        """Steps of the result in one step of the sum."""
        return float32(self.sum_scale / self.y_scale)

    @property
    def shifts(self) -> Shifts:
        """The ratio in integers."""
        return shifts_of(self.ratio)

    @property
    def scaled(self) -> int:
        """The sum in steps of the result, before the offset is added."""
        return self.shifts.of(self.total)

    @property
    def result(self) -> int:
        """The integer that the layer stores."""
        return clip(self.scaled + self.y_offset)

    @property
    def real(self) -> float:
        """What that integer stands for."""
        return self.y_scale * (self.result - self.y_offset)

    @property
    def float_result(self) -> float:
        """What the float network computes: the sum, and the ReLU."""
        return max(0.0, self.bias_real + sum(x * w for x, w in self.real_taps))


def pixel(walk: Walk, row: int = ROW, column: int = COLUMN, channel: int = CHANNEL) -> Pixel:
    """Gather what a pixel of the first convolution's result is made of.

    Args:
        walk: The network and the picture.
        row: Of the result, 0 to 13.
        column: Of the result, 0 to 13.
        channel: Of the result, 0 to 3.

    Returns:
        The pixel. Only its inputs come from the compiler; the numbers that follow from them are computed here.
    """
    node = next(node for node in walk.quantized.nodes if node.op.kind == "Conv2D")
    source, weights, bias = node.inputs
    x = walk.values[source][0, :, :, 0]
    image = walk.images[FOLLOWED][:, :, 0]
    floats = [_constant(walk.graph, name) for name in (weights, bias)]
    taps, reals = [], []
    for i in range(3):
        for j in range(3):
            y0, x0 = row + i - 1, column + j - 1
            inside = 0 <= y0 < x.shape[0] and 0 <= x0 < x.shape[1]
            stored = int(x[y0, x0]) if inside else _quant(walk.quantized, source).offset
            taps.append(Tap(y0, x0, stored, int(_constant(walk.quantized, weights)[channel, i, j, 0]), not inside))
            block = image[2 * y0 : 2 * y0 + 2, 2 * x0 : 2 * x0 + 2]
            reals.append((float(block.max()) if inside else 0.0, float(floats[0][channel, i, j, 0])))
    x_quant, w_quant = _quant(walk.quantized, source), _quant(walk.quantized, weights)
    y_quant = _quant(walk.quantized, node.outputs[0])
    return Pixel(
        row,
        column,
        channel,
        tuple(taps),
        x_quant.scale,
        x_quant.offset,
        w_quant.scale,
        w_quant.offset,
        float(floats[1][channel]),
        y_quant.scale,
        y_quant.offset,
        tuple(reals),
    )


def _constant(graph: Graph, name: str) -> Array:
    data = graph.values[name].data
    assert data is not None
    return data


def _quant(graph: Graph, name: str) -> QuantParams:
    quant = graph.type_of(name).quant
    assert quant is not None
    return quant
