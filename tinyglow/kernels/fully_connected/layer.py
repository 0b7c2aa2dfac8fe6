"""An int8 fully connected layer as its kernels take it."""

from __future__ import annotations

from dataclasses import dataclass

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import I8, I16, U16, U32, Kernel, Params
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues.glow import GLOW


@dataclass(frozen=True)
class FullyConnectedParams(Params):
    """``out`` maps an accumulator to the output, clamped to act_min..act_max."""

    rows: U16
    depth: U32
    units: U16
    weights_offset: I16
    act_min: I8
    act_max: I8
    out: glow.Requant


@dataclass(frozen=True, eq=False)
class DenseLayer:
    """A fully connected layer with constant weights.

    Attributes:
        node: The node.
        weights: int8 [units, depth].
        bias: int32 [units], of sums of x * (weight - weights_offset), with x's in_offset folded into it.
        params: The parameters of the portable kernel.
        in_offset: The input's offset.
        epilogue: How sums are requantized.
    """

    node: Node
    weights: Array
    bias: Array
    params: FullyConnectedParams
    in_offset: int
    epilogue: Epilogue = GLOW

    def variant(self, kernel: Kernel, params: Params, weights: Array, lowering: Lowering) -> Variant:
        """A kernel with the operands input, weights (packed as it wants them), bias and output."""
        kernel = kernel.with_epilogue(self.epilogue)

        def emit() -> None:
            node = self.node
            operands = [lowering.buffer(node.inputs[0]), lowering.constant(node.inputs[1], weights)]
            operands += [lowering.constant(node.inputs[2], self.bias), lowering.buffer(node.outputs[0])]
            lowering.call(kernel, operands, params)

        cycles = lowering.target.cycles(kernel, params)
        return Variant(kernel.symbol, cycles, weights.size + self.bias.nbytes, emit, kernels=(kernel,))
