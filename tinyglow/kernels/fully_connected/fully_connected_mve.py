"""Fully connected layer for cores with Helium: 16 products an instruction, four units at once."""

from __future__ import annotations

from collections.abc import Sequence

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import In, Kernel, Out, Work
from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels.fully_connected.fully_connected import fully_connected_s8
from tinyglow.kernels.fully_connected.layer import DenseLayer, FullyConnectedParams
from tinyglow.targets.cores import MVE

_LANES = 16
_UNITS = 4


def work(p: FullyConnectedParams, constants: Sequence[Array | None]) -> Work:
    """Of groups of four units: vectors, and groups; and outputs."""
    groups = p.rows * -(-p.units // _UNITS)
    return {"vectors": groups * -(-p.depth // _LANES), "groups": groups, "outputs": p.rows * p.units}


FULLY_CONNECTED_MVE = Kernel(
    symbol="tg_fully_connected_mve_s8",
    c_file="fully_connected/tg_fully_connected_mve_s8.c",
    params=FullyConnectedParams,
    operands=(In("input", "int8"), In("weights", "int8"), In("bias", "int32"), Out("output", "int8")),
    reference=fully_connected_s8,
    summary="fully connected layer, 16 products an instruction of Helium",
    needs=MVE,
    work=work,
    epilogues=True,
)


def dense_mve_variant(layer: DenseLayer, lowering: Lowering) -> Variant | None:
    """The layer through tg_fully_connected_mve_s8; None for cores without Helium."""
    if not lowering.target.runs(FULLY_CONNECTED_MVE):
        return None
    return layer.variant(FULLY_CONNECTED_MVE, layer.params, layer.weights, lowering)
