"""Kernels that apply a function of ``functions`` to each element, or change the type of each."""

from __future__ import annotations

from functools import cache

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import CTYPES, MEMORY_CTYPES, U32, In, Kernel, Out, Params
from tinyglow.kernels.generic.functions import FUNCTIONS, class_of, definition
from tinyglow.numerics import scalar

# As symbols name the types.
SHORT = {
    "float32": "f32",
    "bool": "b8",
    **{f"int{bits}": f"s{bits}" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": f"u{bits}" for bits in (8, 16, 32, 64)},
}
_NAMES = ("input", "other", "third")


class EachParams(Params):
    """``count`` elements; of an operand with a step of 0 the same element counts for all."""

    count: U32
    input_step: U32
    other_step: U32
    third_step: U32


def _fill(text: str, dtype: str) -> str:
    """An expression with the C types of ``dtype`` in place of T and U."""
    wide = dtype in ("int64", "uint64")
    words = {"T": CTYPES[dtype], "U": "uint64_t" if wide else "uint32_t", "BITS": dtype.strip("uint") or "0"}
    for word, meaning in words.items():
        text = "".join(meaning if part == word else part for part in _tokens(text))
    return text


def _tokens(text: str) -> list[str]:
    parts, current = [], ""
    for char in text:
        if char.isalnum() or char == "_":
            current += char
        else:
            parts += [current, char]
            current = ""
    return [*parts, current]


def _text(symbol: str, header: str, dtypes: tuple[str, ...], result: str, expression: str, summary: str) -> str:
    """The C file of a kernel that computes each element by itself."""
    names = _NAMES[: len(dtypes)]
    arguments = [f"const {symbol}_params *restrict p"]
    arguments += [f"const {MEMORY_CTYPES[dtype]} *{name}" for name, dtype in zip(names, dtypes, strict=True)]
    reads = "".join(
        f"    const {CTYPES[dtype]} {letter} = {name}[i * p->{name}_step];\n"
        for letter, name, dtype in zip("abc", names, dtypes, strict=False)
    )
    return (
        f"/* {summary[0].upper()}{summary[1:]}. */\n"
        f'#include "{header}"\n#include "tg_kernels.h"\n\n'
        f"void {symbol}({', '.join(arguments)}, {MEMORY_CTYPES[result]} *output) {{\n"
        f"  for (uint32_t i = 0; i < p->count; i++) {{\n{reads}"
        f"    const {CTYPES[result]} found = {expression};\n    output[i] = found;\n  }}\n}}\n"
    )


@cache
def each_kernel(name: str, dtype: str) -> Kernel:
    """The kernel tg_each_<name>_<type>, for operands of ``dtype``. Raises KeyError if the function is not for them."""
    function = FUNCTIONS[name]
    expression = _fill(function.c[class_of(dtype)], dtype)
    dtypes = ("bool",) * function.typed_from + (dtype,) * (function.arity - function.typed_from)
    result = "bool" if function.truth else dtype
    compute = definition(name, dtype)

    def reference(p: EachParams, *operands: Array) -> None:
        steps = (p.input_step, p.other_step, p.third_step)
        read = [x if step else x[:, :1] for x, step in zip(operands[:-1], steps, strict=False)]
        with np.errstate(all="ignore"):
            operands[-1][...] = compute(*read)

    symbol = f"tg_each_{name}_{SHORT[dtype]}"
    summary = f"{name.replace('_', ' ')} of each element, {dtype}"
    alias = "input" if dtypes[0] == result else ""
    return Kernel(
        symbol=symbol,
        c_file=f"generic/{symbol}.c",
        params=EachParams,
        operands=(*(In(n, d) for n, d in zip(_NAMES, dtypes, strict=False)), Out("output", result, alias)),
        reference=reference,
        summary=summary,
        text=_text(symbol, function.header, dtypes, result, expression, summary),
        aliases=(lambda p: p.input_step == 1) if alias else None,
    )


def _cast_expression(source: str, result: str) -> str:
    if result == "bool":
        return "(uint8_t)(a != 0)" if source != "float32" else "(uint8_t)(a < 0.0f || a > 0.0f || tg_is_nan_f32(a))"
    if source != "float32" or result == "float32":
        return f"({CTYPES[result]})a"
    return f"({CTYPES[result]})tg_integer_of_f32(a)"


@cache
def cast_kernel(source: str, result: str) -> Kernel:
    """The kernel that changes the type of each element."""
    symbol = f"tg_cast_{SHORT[source]}_to_{SHORT[result]}"

    def reference(p: EachParams, x: Array, out: Array) -> None:
        with np.errstate(all="ignore"):
            out[...] = scalar.cast(x, result)

    summary = f"{source} to {result}"
    return Kernel(
        symbol=symbol,
        c_file=f"generic/{symbol}.c",
        params=EachParams,
        operands=(In("input", source), Out("output", result)),
        reference=reference,
        summary=summary,
        text=_text(symbol, "tg_scalar.h", (source,), result, _cast_expression(source, result), summary),
    )
