"""An int8 fully connected layer as its kernels take it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import I8, I16, U16, U32, Kernel, Params
from tinyglow.ir.op import Lowering
from tinyglow.ir.record import Record
from tinyglow.ir.sums import Limits, SumRange, sum_range
from tinyglow.ir.target import Variant
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues.glow import GLOW


class FullyConnectedParams(Params):
    """``out`` maps an accumulator to the output, clamped to act_min..act_max."""

    rows: U16
    depth: U32
    units: U16
    weights_offset: I16
    act_min: I8
    act_max: I8
    out: glow.Requant


class DenseLayer(Record, eq=False):
    """A fully connected layer with constant weights.

    Attributes:
        node: The node.
        weights: int8 [units, depth].
        bias: int32 [units], of sums of x * (weight - weights_offset), with x's in_offset folded into it.
        params: The parameters of the portable kernel.
        in_offset: The input's offset.
        epilogue: How sums are requantized.
        wraps: Whether sums may leave 32 bits and wrap.
    """

    node: Node
    weights: Array
    bias: Array
    params: FullyConnectedParams
    in_offset: int
    epilogue: Epilogue = GLOW
    wraps: bool = False

    def sum_range(self, limits: Limits | None = None) -> SumRange:
        """What the proof of a bundle says of its sums. limits: a kernel's other intermediates."""
        weights = self.weights.astype(np.int64) - self.params.weights_offset
        found = sum_range(weights, self.bias, (glow.INT8_MIN, glow.INT8_MAX), [self.params.out], limits)
        return replace(found, may_wrap=self.wraps)

    def variant(
        self, kernel: Kernel, params: Params, weights: Array, lowering: Lowering, limits: Limits | None = None
    ) -> Variant:
        """A kernel with the operands input, weights (packed as it wants them), bias and output."""
        kernel = kernel.with_epilogue(self.epilogue)

        def emit() -> None:
            node = self.node
            operands = [lowering.buffer(node.inputs[0]), lowering.constant(node.inputs[1], weights)]
            operands += [lowering.constant(node.inputs[2], self.bias), lowering.buffer(node.outputs[0])]
            lowering.call(kernel, operands, params, sums=self.sum_range(limits))

        cycles = lowering.target.cycles(kernel, params)
        return Variant(kernel.symbol, cycles, weights.size + self.bias.nbytes, emit, kernels=(kernel,))
