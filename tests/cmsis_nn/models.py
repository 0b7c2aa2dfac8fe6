"""TFLite models of one operator that moves or picks elements, for data sets of CMSIS-NN's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.cmsis_nn.reader import Array, DataSet
from tests.tflite.builder import Quant, TFLiteBuilder

_ANY = Quant([0.5], [-7])


@dataclass(frozen=True, eq=False)
class Model:
    """A model and its inputs, in their order."""

    data: bytes
    inputs: Sequence[Array]


def _shape(data: DataSet, name: str) -> list[int]:
    found = data.numbers[name]
    assert isinstance(found, list)
    return found


def transpose(data: DataSet) -> Model:
    """TRANSPOSE."""
    b, source, perm = TFLiteBuilder(), _shape(data, "IN_DIM"), _shape(data, "PERM")
    rank = data.number("PERM_SIZE")
    source, perm = source[:rank], perm[:rank]
    x = b.tensor("x", source, "INT8", _ANY)
    shape = [source[axis] for axis in perm]
    y = b.node("TRANSPOSE", [x, b.constant("perm", perm)], shape, "y", "", 2, "INT8", _ANY)
    return Model(b.build([x], [y]), [data.array("input_tensor").reshape(source)])


def pad(data: DataSet) -> Model:
    """PAD, with the integer that stands for 0."""
    quant = Quant([0.5], [data.number("PAD_VALUE")])
    shape = [data.number(f"INPUT_{axis}") for axis in "NHWC"]
    pads = [[data.number(f"{side}_PAD_{axis}") for side in ("PRE", "POST")] for axis in "NHWC"]
    b = TFLiteBuilder()
    x = b.tensor("x", shape, "INT8", quant)
    out = [size + sum(ends) for size, ends in zip(shape, pads, strict=True)]
    y = b.node("PAD", [x, b.constant("pads", pads)], out, "y", "", 2, "INT8", quant)
    return Model(b.build([x], [y]), [data.array("input_tensor").reshape(shape)])


def extreme(data: DataSet) -> Model:
    """MAXIMUM and MINIMUM, of which one operand may be repeated."""
    axes = ("BATCH", "HEIGHT", "WIDTH", "CHANNEL")
    shapes = [[data.number(f"{axis}_{side}") for axis in axes] for side in (1, 2)]
    b = TFLiteBuilder()
    inputs = [b.tensor(name, shape, "INT8", _ANY) for name, shape in zip("xz", shapes, strict=True)]
    out = [max(sizes) for sizes in zip(*shapes, strict=True)]
    kind = "MAXIMUM" if data.name.startswith("max") else "MINIMUM"
    y = b.node(kind, inputs, out, "y", "MaximumMinimumOptions", 2, "INT8", _ANY)
    arrays = [data.array(f"input_tensor_{side}").reshape(shape) for side, shape in zip((1, 2), shapes, strict=True)]
    return Model(b.build(inputs, [y]), arrays)
