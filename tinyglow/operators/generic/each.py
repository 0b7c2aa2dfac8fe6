"""A function of each element, and a change of its type, for tensors of any type."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Lowering, Op, ShapeError
from tinyglow.ir.types import TensorType
from tinyglow.kernels.generic.each import EachParams, cast_kernel, each_kernel
from tinyglow.kernels.generic.functions import FUNCTIONS, class_of, definition
from tinyglow.numerics import scalar


class Each(Op):
    """A function of ``kernels.generic.functions``, of operands of one shape, or of one element each."""

    function: str

    takes_indices: ClassVar[bool] = True
    elementwise: ClassVar[bool] = True

    @property
    def kind_in_glow(self) -> str:
        """As for every operator."""
        return "".join(word.capitalize() for word in self.function.split("_"))

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        function = FUNCTIONS[self.function]
        typed = inputs[function.typed_from :]
        dtype = typed[0].dtype
        if class_of(dtype) not in function.c or any(type_.dtype != dtype for type_ in typed):
            found = f"{self.function} of {', '.join(type_.dtype for type_ in inputs)}"
            raise ShapeError(found, "one type for which there is the function")
        shape = max((type_.shape for type_ in inputs), key=lambda shape: (math.prod(shape), len(shape)))
        if any(type_.shape != shape and type_.elements != 1 for type_ in inputs):
            raise ShapeError(f"operands of shapes {[list(type_.shape) for type_ in inputs]}", "one shape")
        return (TensorType(shape, "bool" if function.truth else dtype),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        rank = max(x.ndim for x in inputs)
        aligned = [x.reshape(len(x), *(1,) * (rank - x.ndim), *x.shape[1:]) for x in inputs]
        dtype = str(inputs[-1].dtype)
        with np.errstate(all="ignore"):
            return (np.asarray(definition(self.function, dtype)(*aligned)),)

    def lower(self, node: Node, lowering: Lowering) -> None:
        types = [lowering.type_of(name) for name in node.inputs]
        count = lowering.type_of(node.outputs[0]).elements
        steps = [int(type_.elements == count) for type_ in types] + [0] * (3 - len(types))
        buffers = [lowering.buffer(name) for name in (*node.inputs, *node.outputs)]
        lowering.call(each_kernel(self.function, types[-1].dtype), buffers, EachParams(count, *steps))


class CastTo(Op):
    """Each element as ``dtype``: floats towards 0."""

    dtype: str

    takes_indices: ClassVar[bool] = True
    elementwise: ClassVar[bool] = True
    glow_kind: ClassVar[str] = "ConvertTo"

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (TensorType(inputs[0].shape, self.dtype),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        with np.errstate(all="ignore"):
            return (scalar.cast(inputs[0], self.dtype),)

    def lower(self, node: Node, lowering: Lowering) -> None:
        type_ = lowering.type_of(node.inputs[0])
        buffers = [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])]
        lowering.call(cast_kernel(type_.dtype, self.dtype), buffers, EachParams(type_.elements, 1, 0, 0))
