"""The operators in uint8, as onnxruntime has them: what is stored, and zero points, are 128 more than in int8."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from tinyglow.ir.graph import Array
from tinyglow.numerics.names import ONNX
from tinyglow.testing.kit.operators import elementwise, layers, matmul, softmax, windows
from tinyglow.testing.kit.problem import Numbers, Operator, Question, Tensors, declare, declared

_RAISED = 128
_FIXED = {"raised": _RAISED}  # numbers that say what is stored
_NUMBERS = ("input_offset", "other_offset", "output_offset", "act_min", "act_max")
_MODULES = elementwise, layers, matmul, softmax, windows  # they declare the operators of int8
_ELEMENTWISE = ("add", "sub", "mul", "relu", "requantize", "lookup", "concat", "softmax", "matmul")
_WINDOWS = ("conv2d", "depthwise_conv2d", "avg_pool", "max_pool", "mean", "fully_connected")
_OPERATORS = (*_ELEMENTWISE, *_WINDOWS, "conv2d_per_channel", "depthwise_conv2d_per_channel")


def _stored(known: Operator) -> list[str]:
    """Inputs that are stored as uint8."""
    found = known.inputs_of(ONNX)
    return [name for name in ("input", "other", "table") if found.get(name) == "int8"]


def _raised(numbers: Numbers, by: int) -> dict[str, int | float]:
    return {name: value + by if name in _NUMBERS else value for name, value in numbers.items() if name not in _FIXED}


def _drawn(draw: st.DrawFn, known: Operator, name: str) -> Question:
    asked = known.draw(draw, ONNX)
    inputs: dict[str, Array] = dict(asked.inputs)
    for key in _stored(known):
        inputs[key] = (inputs[key].astype(np.int16) + _RAISED).astype(np.uint8)
    return replace(asked, operator=name, numbers=_raised(asked.numbers, _RAISED), inputs=inputs)


def _answer(known: Operator, numbers: Numbers, inputs: Tensors) -> Array:
    lowered: dict[str, Array] = dict(inputs)
    for key in _stored(known):
        lowered[key] = (inputs[key].astype(np.int16) - _RAISED).astype(np.int8)
    result = known.answer(ONNX, {**_raised(numbers, -_RAISED), **_FIXED}, lowered)
    return (result.astype(np.int16) + _RAISED).astype(np.uint8)


def _declare(base: str) -> None:
    known, name = declared(base), f"{base}_u8"
    inputs = {key: "uint8" if key in _stored(known) else dtype for key, dtype in known.inputs_of(ONNX).items()}
    numbers = (known.own_numbers or {}).get(ONNX, known.numbers)
    declare(
        replace(
            known,
            name=name,
            summary=f"as {base}, in uint8" + (": table[x]" if base == "lookup" else ""),
            inputs=tuple(item for item in inputs.items() if not known.per_channel or item[0] != "requant_scale"),
            numbers=tuple(number for number in numbers if number not in _FIXED),
            draw=lambda draw, numerics: _drawn(draw, known, name),
            answer=lambda numerics, n, x: _answer(known, n, x),
            own_numbers=None,
            own_inputs=None,
            output="uint8",
            numerics=(ONNX,),
        )
    )


for _base in _OPERATORS:
    _declare(_base)
