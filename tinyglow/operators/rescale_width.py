"""A change between int8, int16 and int32 in a model that comes quantized, with LiteRT's numerics."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Lowering, Op, OtherNumerics, UnsupportedError
from tinyglow.ir.types import TensorType
from tinyglow.kernels.elementwise.rescale_tflite import MOST_SHIFT, RESCALE_WIDTH, RescaleWidthParams
from tinyglow.numerics.names import HINT, TFLITE
from tinyglow.numerics.tflite import multiplier_of


def _lower(node: Node, lowering: Lowering) -> None:
    """QUANTIZE of integers (quantize.cc): the ratio of two scales in double."""
    source, result = (lowering.type_of(name) for name in (node.inputs[0], node.outputs[0]))
    assert source.quant is not None and result.quant is not None
    ratio = source.quant.scale / result.quant.scale
    try:
        by = multiplier_of(ratio)
    except ValueError as error:
        raise UnsupportedError(str(error), "scales of ordinary size", HINT) from error
    most = 0 if source.dtype == "int32" else MOST_SHIFT
    if by.shift > most:
        raise UnsupportedError(f"a scale that is {ratio:g} times smaller", f"below {2**most} times", HINT)
    kernel = RESCALE_WIDTH[source.dtype, result.dtype]
    params = RescaleWidthParams(source.elements, source.quant.offset, result.quant.offset, by.shift, by.multiplier)
    lowering.call(kernel, [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])], params)


class RescaleWidth(Op):
    """The same real values as integers of another width; the result's type is given with the node."""

    gives_probabilities: ClassVar[bool | None] = None
    other_numerics: ClassVar[OtherNumerics] = {TFLITE: _lower}
    int16_numerics: ClassVar[OtherNumerics] = {TFLITE: _lower}

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (replace(inputs[0], dtype="int8" if inputs[0].dtype == "int16" else "int16"),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0],)

    def lower(self, node: Node, lowering: Lowering) -> None:
        _lower(node, lowering)
