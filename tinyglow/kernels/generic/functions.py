"""Functions that are applied to each element: name, definition in numpy, expression in C.

A function is there for some classes of types: f (float32), s (signed integers), u (unsigned integers), b (truth
values). In an expression a, b and c are the operands; T is the C type of the result's elements, U the unsigned type in
which integers wrap around, BITS their width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.record import Record
from tinyglow.numerics import float32, float64, scalar
from tinyglow.numerics.nan import one_nan

_WRAPPING = "(T)((U)a {} (U)b)"
_SCALAR, _DOUBLE, _FLOAT = "tg_scalar.h", "tg_double.h", "tg_float.h"


class Function(Record):
    """One function.

    Attributes:
        arity: Number of operands.
        numpy: Its definition.
        c: The expression, by class of the operands' type.
        truth: Whether the result is a truth value; else it has the operands' type.
        header: What its C includes.
        by_class: Definitions that are others for some classes.
        typed_from: Which operand has the type that counts; those before it are truth values.
    """

    arity: int
    numpy: Callable[..., Array]
    c: Mapping[str, str]
    truth: bool = False
    header: str = _FLOAT
    by_class: Mapping[str, Callable[..., Array]] = field(default_factory=dict)
    typed_from: int = 0


def _integers(text: str) -> dict[str, str]:
    return {"s": text, "u": text}


def _any(text: str) -> dict[str, str]:
    return dict.fromkeys("fsub", text)


def _compare(numpy: Callable[..., Array], sign: str) -> Function:
    return Function(2, numpy, _any(f"(uint8_t)(a {sign} b)"), truth=True)


def _logic(numpy: Callable[..., Array], sign: str) -> Function:
    return Function(2, numpy, {"b": f"(uint8_t)((a {sign} b) & 1)"})


def _bitwise(numpy: Callable[..., Array], sign: str) -> Function:
    return Function(2, numpy, _integers(_WRAPPING.format(sign)))


def _of_double(name: str) -> Function:
    return Function(1, getattr(float64, name), {"f": f"tg_{name}_f32(a)"}, header=_DOUBLE)


def _sign(x: Array) -> Array:
    return one_nan(np.sign(x)) if x.dtype.kind == "f" else np.sign(x)


def _smaller(x: Array, y: Array) -> Array:
    return np.where(x < y, x, y)


def _larger(x: Array, y: Array) -> Array:
    return np.where(x > y, x, y)


def _chosen(condition: Array, x: Array, y: Array) -> Array:
    result: Array = np.where(condition, x, y)
    return result


def _infinite(x: Array) -> Array:
    return np.asarray(np.isinf(x))


_MIN_DIVIDE = "(T)(b == 0 ? 0 : b == -1 ? (T)((U)0 - (U)a) : (T)(a / b))"
_SIGNED_MOD = "(T)(b == 0 || b == -1 ? 0 : (a % b != 0 && (a % b < 0) != (b < 0) ? a % b + b : a % b))"

FUNCTIONS: dict[str, Function] = {
    "add": Function(
        2,
        np.add,
        {**_integers(_WRAPPING.format("+")), "f": "tg_one_nan_f32(a + b)"},
        by_class={"f": lambda x, y: one_nan(x + y)},
    ),
    "sub": Function(
        2,
        np.subtract,
        {**_integers(_WRAPPING.format("-")), "f": "tg_one_nan_f32(a - b)"},
        by_class={"f": lambda x, y: one_nan(x - y)},
    ),
    "mul": Function(
        2,
        np.multiply,
        {**_integers(_WRAPPING.format("*")), "f": "tg_one_nan_f32(a * b)"},
        by_class={"f": lambda x, y: one_nan(x * y)},
    ),
    "div": Function(
        2,
        scalar.divide,
        {"s": _MIN_DIVIDE, "u": "(T)(b == 0 ? 0 : a / b)", "f": "tg_one_nan_f32(tg_divide_f32(a, b))"},
        by_class={"f": lambda x, y: one_nan(x / y)},
    ),
    "mod": Function(
        2,
        scalar.modulo,
        {"s": _SIGNED_MOD, "u": "(T)(b == 0 ? 0 : a % b)", "f": "tg_mod_f32(a, b)"},
        header=_SCALAR,
        by_class={"f": scalar.mod_f32},
    ),
    "fmod": Function(
        2,
        scalar.remainder,
        {"s": "(T)(b == 0 || b == -1 ? 0 : a % b)", "u": "(T)(b == 0 ? 0 : a % b)", "f": "tg_fmod_f32(a, b)"},
        header=_SCALAR,
        by_class={"f": scalar.fmod_f32},
    ),
    "pow": Function(
        2,
        scalar.power,
        {"s": "(T)(b < 0 ? (a == 1) : (T)tg_pow_u64((uint64_t)a, (uint64_t)b))", "u": "(T)tg_pow_u64(a, b)"},
        header=_SCALAR,
    ),
    "min": Function(2, _smaller, _integers("a < b ? a : b")),
    "max": Function(2, _larger, _integers("a > b ? a : b")),
    "equal": _compare(np.equal, "=="),
    "less": _compare(np.less, "<"),
    "less_equal": _compare(np.less_equal, "<="),
    "and": _logic(np.logical_and, "&"),
    "or": _logic(np.logical_or, "|"),
    "xor": _logic(np.logical_xor, "^"),
    "not": Function(1, np.logical_not, {"b": "(uint8_t)!a"}),
    "bit_and": _bitwise(np.bitwise_and, "&"),
    "bit_or": _bitwise(np.bitwise_or, "|"),
    "bit_xor": _bitwise(np.bitwise_xor, "^"),
    "bit_not": Function(1, np.bitwise_not, _integers("(T)~(U)a")),
    "shift_left": Function(
        2,
        scalar.shift_left,
        {"u": "(T)(b >= BITS ? 0 : (U)a << b)", "s": "(T)(b < 0 || b >= BITS ? 0 : (U)a << b)"},
    ),
    "shift_right": Function(
        2,
        scalar.shift_right,
        {
            "u": "(T)(b >= BITS ? 0 : (U)a >> b)",
            "s": "(T)(b < 0 || b >= BITS ? (a < 0 ? -1 : 0) : a < 0 ? ~(~a >> b) : a >> b)",
        },
    ),
    "neg": Function(1, np.negative, {"s": "(T)((U)0 - (U)a)", "u": "(T)((U)0 - (U)a)"}),
    "abs": Function(1, np.abs, {"s": "a < 0 ? (T)((U)0 - (U)a) : a", "u": "a"}),
    "sign": Function(
        1,
        _sign,
        {
            "s": "(T)((a > 0) - (a < 0))",
            "u": "(T)(a > 0)",
            "f": "tg_is_nan_f32(a) ? tg_nan_f32() : (T)((a > 0.0f) - (a < 0.0f))",
        },
    ),
    "where": Function(3, _chosen, _any("a ? b : c"), typed_from=1),
    "is_nan": Function(1, np.isnan, {"f": "(uint8_t)(tg_is_nan_f32(a) != 0)"}, truth=True),
    "is_inf": Function(1, _infinite, {"f": "(uint8_t)((tg_bits_of_f32(a) & 0x7fffffff) == 0x7f800000)"}, truth=True),
    "half": Function(1, scalar.half, {"f": "tg_half_f32(a)"}, header=_SCALAR),
    "brain": Function(1, scalar.brain, {"f": "tg_brain_f32(a)"}, header=_SCALAR),
    **{
        name: _of_double(name)
        for name in ("tan", "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh", "expm1", "softplus")
    },
}


def class_of(dtype: str) -> str:
    """The class of an element type: f, s, u or b."""
    return {"float32": "f", "bool": "b"}.get(dtype, "u" if dtype.startswith("u") else "s")


def definition(name: str, dtype: str) -> Callable[..., Array]:
    """The function in numpy for a type."""
    function = FUNCTIONS[name]
    return function.by_class.get(class_of(dtype), function.numpy)


__all__ = ["FUNCTIONS", "Function", "class_of", "definition", "float32"]
