"""ONNX's operators that are one function of each element, of one or more operands that broadcast."""

from __future__ import annotations

import numpy as np

from tinyglow.ir.graph import Value
from tinyglow.ir.op import UnsupportedError
from tinyglow.ir.types import INTEGERS
from tinyglow.operators.abs import Abs
from tinyglow.operators.generic.build import Build, carrier
from tinyglow.operators.generic.declare import makes
from tinyglow.operators.neg import Neg
from tinyglow.operators.reciprocal import Reciprocal

# ONNX, TensorProto.DataType.
_DTYPES = {1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool"}
_DTYPES |= {10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 16: "bfloat16"}
# float64 counts as float32 here.
_ROUNDED = {"float16": "half", "bfloat16": "brain"}

# What each operator of two operands is, and whether they change places.
_BINARY = {
    "Add": ("add", False),
    "Sub": ("sub", False),
    "Mul": ("mul", False),
    "Div": ("div", False),
    "Equal": ("equal", False),
    "Less": ("less", False),
    "LessOrEqual": ("less_equal", False),
    "Greater": ("less", True),
    "GreaterOrEqual": ("less_equal", True),
    "And": ("and", False),
    "Or": ("or", False),
    "Xor": ("xor", False),
    "BitwiseAnd": ("bit_and", False),
    "BitwiseOr": ("bit_or", False),
    "BitwiseXor": ("bit_xor", False),
}
_UNARY = {
    "Not": "not",
    "BitwiseNot": "bit_not",
    "Sign": "sign",
    "IsNaN": "is_nan",
    "Tan": "tan",
    "Asin": "asin",
    "Acos": "acos",
    "Atan": "atan",
    "Sinh": "sinh",
    "Cosh": "cosh",
    "Asinh": "asinh",
    "Acosh": "acosh",
    "Atanh": "atanh",
    "Softplus": "softplus",
}
_FOLDED = {"Max": "max", "Min": "min", "Sum": "add", "Mean": "add"}


@makes(*_BINARY)
def binary(build: Build) -> Value:
    """Operators of two operands."""
    function, turned = _BINARY[build.node.op_type]
    x, y = build.input(0), build.input(1)
    return build.each(function, *((y, x) if turned else (x, y)))


@makes(*_UNARY)
def unary(build: Build) -> Value:
    """Operators of one operand."""
    return build.each(_UNARY[build.node.op_type], build.input(0))


@makes("Abs", "Neg")
def signs(build: Build) -> Value:
    """Absolute value and negative of numbers of any type."""
    x, name = build.input(0), build.node.op_type
    if x.type.dtype == "float32":
        return build.add(Abs() if name == "Abs" else Neg(), x)
    return build.each(name.lower(), x)


@makes("Relu")
def relu(build: Build) -> Value:
    """The positive part, of integers too."""
    x = build.input(0)
    return build.each("max", x, build.like(0, x))


@makes(*_FOLDED)
def folded(build: Build) -> Value:
    """Operators of any number of operands, one after the other."""
    function = _FOLDED[build.node.op_type]
    result, *others = (build.input(index) for index in range(len(build.node.inputs)))
    for other in others:
        result = build.each(function, result, other)
    if build.node.op_type == "Mean":
        result = build.each("div", result, build.like(len(build.node.inputs), result))
    return result


@makes("Mod", attributes=("fmod",))
def modulo(build: Build) -> Value:
    """The remainder, with the sign of the divisor or, by fmod, of the dividend."""
    return build.each("fmod" if build.node.integer("fmod", 0) else "mod", build.input(0), build.input(1))


@makes("Pow")
def power(build: Build) -> Value:
    """x ** y; the result has the type of x."""
    x, y = build.input(0), build.input(1)
    if x.type.dtype == "float32" or y.type.dtype == "float32":
        result = build.each("pow", build.cast(x, "float32"), build.cast(y, "float32"))
        return build.cast(result, x.type.dtype)
    return build.each("pow", x, build.cast(y, x.type.dtype))


@makes("BitShift", attributes=("direction",))
def shift(build: Build) -> Value:
    """Bits moved to the left or right."""
    direction = build.node.text("direction", "")
    if direction not in ("LEFT", "RIGHT"):
        raise UnsupportedError(f"direction {direction!r}", "LEFT or RIGHT")
    return build.each(f"shift_{direction.lower()}", build.input(0), build.input(1))


@makes("IsInf", attributes=("detect_negative", "detect_positive"))
def is_infinite(build: Build) -> Value:
    """Whether elements are infinite, of one sign or both."""
    x = build.input(0)
    infinite = build.each("is_inf", x)
    negative, positive = build.node.integer("detect_negative", 1), build.node.integer("detect_positive", 1)
    if negative and positive:
        return infinite
    zero = build.like(0, x)
    if not negative and not positive:
        return build.each("and", infinite, build.constant(np.array(False)))
    side = build.each("less", zero, x) if positive else build.each("less", x, zero)
    return build.each("and", infinite, side)


@makes("Where")
def where(build: Build) -> Value:
    """One of two values by a truth value."""
    return build.each("where", build.cast(build.input(0), "bool"), build.input(1), build.input(2))


@makes("Clip", attributes=("min", "max"))
def clip(build: Build) -> Value:
    """Between two limits, of any type; each may be left out."""
    x = build.input(0)
    for index, function, name in ((1, "max", "min"), (2, "min", "max")):
        given = build.node.attributes.get(name)
        if build.has(index):
            bound = build.input(index)
            if bound.type.elements != 1:
                raise UnsupportedError(f"a bound {name} of shape {list(bound.type.shape)}", "a single number")
            x = build.each(function, x, build.reshape(bound, ()))
        elif isinstance(given, int | float):
            x = build.each(function, x, build.like(given, x))
    return x


def converted(build: Build, x: Value, source: str, element: str) -> Value:
    """A value as another element type of ONNX; narrow floats are rounded."""
    dtype = carrier(element)
    if dtype not in ("float32", "bool", *INTEGERS):
        raise UnsupportedError(f"a change to the type {element!r}", "floats, integers and truth values")
    x = build.cast(x, dtype)
    if element in _ROUNDED and source != element:
        x = build.each(_ROUNDED[element], x)
    return x


@makes("Cast", attributes=("to",), ignored={"saturate": "of float8 types", "round_mode": "of float8 types"})
def cast(build: Build) -> Value:
    """A change of type."""
    number = build.node.integer("to", 0)
    if number not in _DTYPES:
        expected = "FLOAT, FLOAT16, BFLOAT16, DOUBLE, BOOL or an integer type of 8 to 64 bits"
        raise UnsupportedError(f"a cast to type number {number}", expected)
    return converted(build, build.input(0), build.element(0), _DTYPES[number])


@makes("CastLike", ignored={"saturate": "of float8 types", "round_mode": "of float8 types"})
def cast_like(build: Build) -> Value:
    """A change to the type of another tensor."""
    return converted(build, build.input(0), build.element(0), build.element(1))


@makes("Reciprocal")
def reciprocal(build: Build) -> Value:
    """1 / x."""
    return build.add(Reciprocal(), build.input(0))
