"""What layers with entropy-coded weights share. See ``codegen.prefix_code`` for the format."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tinyglow.codegen.prefix_code import Packed
from tinyglow.ir.graph import Node
from tinyglow.ir.kernel import Kernel, Params
from tinyglow.ir.op import Lowering
from tinyglow.ir.record import Record
from tinyglow.ir.sums import SumRange
from tinyglow.ir.target import Optimize, Target, Variant
from tinyglow.ir.types import TensorType
from tinyglow.kernels.pooling.max_pool_2x2 import MAX_POOL_2X2, SquarePoolParams
from tinyglow.numerics import glow

# Cycles, measured on the Cortex-M0+.
DECODING_CYCLES = 48
PRODUCT_CYCLES = 17


class PoolAfter(Record):
    """Maxima of 2x2 blocks of the convolution's result, ``image``."""

    image: TensorType
    params: SquarePoolParams


def wants_packing(target: Target) -> bool:
    """Whether weights may be stored entropy-coded for this target."""
    return target.optimize is Optimize.SIZE and target.pack_weights


def entropy_coded_variant(
    kernel: Kernel,
    params: Params,
    packed: Packed,
    node: Node,
    cycles: int,
    lowering: Lowering,
    sums: SumRange,
    pool: PoolAfter | None = None,
) -> Variant:
    """A node by one call of a kernel that decodes its weights, and one of a pool where there is one."""

    def emit() -> None:
        data = lowering.constant(f"{node.inputs[1]}_packed", packed.data)
        image = result = lowering.buffer(node.outputs[0])
        if pool:
            image = lowering.temporary(pool.image)
        lowering.call(kernel, [lowering.buffer(node.inputs[0]), data, image], params, sums=sums)
        if pool:
            lowering.call(MAX_POOL_2X2, [image, result], pool.params)

    scratch = kernel.scratch(params) if kernel.scratch else 0
    nbytes = -(-packed.data.size // 4) * 4  # as the plan aligns what comes after it
    kernels = (kernel, MAX_POOL_2X2) if pool else (kernel,)
    return Variant(kernel.symbol, cycles, nbytes, emit, scratch=scratch, kernels=kernels)


def entropy_coded_fields(packed: Packed, in_offset: int, bounds: tuple[int, int], out: glow.Requant) -> dict[str, Any]:
    """Those that both kinds of parameters have."""
    limits = {"act_min": bounds[0], "act_max": bounds[1]}
    return {"in_offset": in_offset, **limits, **asdict(packed.format), "out": out}
