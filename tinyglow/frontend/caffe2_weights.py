"""Operators of Caffe2 that make constants: what init nets consist of."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tinyglow.frontend.caffe2_file import Arguments, Element
from tinyglow.frontend.importing import MAX_TENSOR_BYTES
from tinyglow.frontend.translation import Translation
from tinyglow.ir.graph import Array
from tinyglow.ir.op import UnsupportedError

_ELEMENTS: Mapping[int, type] = {
    **dict.fromkeys((Element.FLOAT, Element.FLOAT16), np.float32),
    **dict.fromkeys((Element.INT32, Element.INT64, Element.BOOL), np.int64),
}


def _shape(arguments: Arguments, count: int | None) -> Sequence[int]:
    """The shape of so many values (None: of any number). Raises UnsupportedError."""
    shape = arguments.integers("shape")
    if shape is None:
        raise UnsupportedError("has no argument shape", "the shape of the constant")
    if min(shape, default=0) < 0 or math.prod(shape) > MAX_TENSOR_BYTES // 4:
        raise UnsupportedError(f"a constant of shape {shape}", "sizes of at least 0, and less than 256 MiB in all")
    if count is not None and math.prod(shape) != count:
        raise UnsupportedError(f"{count} values for shape {shape}", f"{math.prod(shape)} values")
    return shape


def _bind(made: Translation, op: Any, data: Array) -> None:
    if len(op.output) != 1:
        raise UnsupportedError(f"{len(op.output)} outputs", "one")
    made.constant(made.write(op.output[0]), data)


def _floats(made: Translation, op: Any, arguments: Arguments) -> None:
    values = arguments.reals("values")
    shape = _shape(arguments, len(values))
    _bind(made, op, np.array(values, np.float32).reshape(shape))


def _integers(made: Translation, op: Any, arguments: Arguments) -> None:
    values = arguments.integers("values") or []
    shape = _shape(arguments, len(values))
    _bind(made, op, np.array(values, np.int64).reshape(shape))


def _same(made: Translation, op: Any, arguments: Arguments) -> None:
    """The same number everywhere; by default 0."""
    if op.input:
        raise UnsupportedError("a constant that has the shape of an input", "argument shape")
    dtype = _ELEMENTS.get(arguments.integer("dtype", Element.FLOAT))
    if dtype is None:
        raise UnsupportedError("a constant of another type", "floats or integers")
    floats = dtype is np.float32
    number = arguments.real("value") if floats else arguments.integer("value")
    _bind(made, op, np.full(_shape(arguments, None), number, dtype))


def _bytes(made: Translation, op: Any, arguments: Arguments) -> None:
    """Truth values and small integers."""
    data = np.frombuffer(arguments.data("values"), np.uint8)
    _bind(made, op, data.astype(np.int64).reshape(_shape(arguments, data.size)))


FILLS: dict[str, Callable[[Translation, Any, Arguments], None]] = {
    "GivenTensorFill": _floats,
    "GivenTensorFp16Fill": _floats,
    "GivenTensorDoubleFill": _floats,
    "GivenTensorIntFill": _integers,
    "GivenTensorInt64Fill": _integers,
    "GivenTensorBoolFill": _integers,
    "GivenTensorByteStringToUInt8Fill": _bytes,
    "ConstantFill": _same,
}
