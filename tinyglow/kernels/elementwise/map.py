"""Float kernels that apply one function to each element."""

from __future__ import annotations

from collections.abc import Callable

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import U32, In, Kernel, Out, Params


class MapParams(Params):
    """``count`` elements."""

    count: U32


def map_kernel(name: str, function: Callable[[Array], Array], summary: str, turns_by_data: int = 0) -> Kernel:
    """The kernel tg_map_<name>_f32, defined as ``function`` of all elements. turns_by_data: see ``Kernel``."""

    def reference(p: MapParams, x: Array, out: Array) -> None:
        out[...] = function(x)

    return Kernel(
        symbol=f"tg_map_{name}_f32",
        c_file=f"elementwise/tg_map_{name}_f32.c",
        params=MapParams,
        operands=(In("input", "float32"), Out("output", "float32", may_alias="input")),
        reference=reference,
        summary=f"{summary}, in float",
        turns_by_data=turns_by_data,
    )
