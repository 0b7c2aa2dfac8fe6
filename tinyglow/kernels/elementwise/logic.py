"""The kernel of operations on truth values.

A truth value is a byte, 0 or 1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import U8, U32, In, Kernel, Out, Params

# In C, the number of each is its place here.
LOGIC: dict[str, Callable[[Array, Array], Array]] = {
    "And": np.logical_and,
    "Or": np.logical_or,
    "Not": lambda x, _: np.logical_not(x),
}


class LogicParams(Params):
    """``count`` truth values; operation: the place in ``LOGIC``."""

    count: U32
    operation: U8


def logic_s8(p: LogicParams, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_logic_s8: and, or; not of input alone. What is not 0 is true."""
    out[...] = list(LOGIC.values())[p.operation](x, other)


LOGIC_KERNEL = Kernel(
    symbol="tg_logic_s8",
    c_file="elementwise/tg_logic_s8.c",
    params=LogicParams,
    operands=(In("input", "int8"), In("other", "int8"), Out("output", "int8", may_alias="input")),
    reference=logic_s8,
    summary="and, or, not of truth values",
)
