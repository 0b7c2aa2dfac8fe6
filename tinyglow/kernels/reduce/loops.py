"""The loops of kernels that reduce dimensions."""

from __future__ import annotations

import math

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import U32, In, Out, Params
from tinyglow.ir.op import UnsupportedError
from tinyglow.ir.types import Shape

INT8_OPERANDS = (In("input", "int8"), Out("output", "int8"))


FLOAT_OPERANDS = (In("input", "float32"), Out("output", "float32"))


INT16_OPERANDS = (In("input", "int16"), Out("output", "int16"))


LOOPS = 3


class ReduceParams(Params):
    """Count and stride in the input of the loops over the output's elements (keep), and of those over what is reduced.

    Outermost first; unused loops have count 1.
    """

    keep0: U32
    keep1: U32
    keep2: U32
    keep0_stride: U32
    keep1_stride: U32
    keep2_stride: U32
    drop0: U32
    drop1: U32
    drop2: U32
    drop0_stride: U32
    drop1_stride: U32
    drop2_stride: U32

    def sums(self, least: int, most: int, start: int = 0) -> tuple[int, int]:
        """The range of sums that begin with ``start``, of elements from ``least`` to ``most``."""
        terms = self.drop0 * self.drop1 * self.drop2
        return start + terms * least, start + terms * most

    def groups(self, x: Array) -> Array:
        """``x`` [samples, elements] as [samples, elements of the output, elements reduced to each]."""
        keep = _indices((self.keep0, self.keep1, self.keep2), (self.keep0_stride, self.keep1_stride, self.keep2_stride))
        drop = _indices((self.drop0, self.drop1, self.drop2), (self.drop0_stride, self.drop1_stride, self.drop2_stride))
        return x[:, keep[:, None] + drop]


def _indices(counts: tuple[int, ...], strides: tuple[int, ...]) -> Array:
    index = np.zeros(1, np.int64)
    for count, stride in zip(counts, strides, strict=True):
        index = (index[:, None] + np.arange(count) * stride).ravel()
    return index


def reduce_loops(shape: Shape, axes: tuple[int, ...]) -> dict[str, int]:
    """The fields of ReduceParams for reducing ``axes`` of ``shape``. Raises UnsupportedError if there are too few."""
    runs: list[tuple[bool, int, int]] = []  # (reduced, count, stride)
    for axis, count in enumerate(shape):
        if count == 1:
            continue
        stride = math.prod(shape[axis + 1 :])
        if runs and runs[-1][0] == (axis in axes):
            runs[-1] = (axis in axes, runs[-1][1] * count, stride)
        else:
            runs.append((axis in axes, count, stride))
    fields: dict[str, int] = {}
    for name, reduced in (("keep", False), ("drop", True)):
        loops = [(count, stride) for which, count, stride in runs if which == reduced]
        if len(loops) > LOOPS:
            found = f"axes {list(axes)} of shape {list(shape)}"
            raise UnsupportedError(found, f"at most {LOOPS} runs of dimensions that are reduced, and of others")
        for index, (count, stride) in enumerate([(1, 0)] * (LOOPS - len(loops)) + loops):
            fields |= {f"{name}{index}": count, f"{name}{index}_stride": stride}
    return fields
