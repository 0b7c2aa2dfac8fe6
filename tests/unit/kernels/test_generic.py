"""Kernels that the compiler writes: each computes in C what it is defined to compute, and functions are exact."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tinyglow import resources
from tinyglow.bundle.kernel_header import kernel_headers
from tinyglow.ir.kernel import Kernel, Params, c_fields
from tinyglow.kernels.generic.each import SHORT, EachParams, cast_kernel, each_kernel
from tinyglow.kernels.generic.fold import (
    FoldParams,
    OrderParams,
    ScanParams,
    fold_kernel,
    order_kernel,
    scan_kernel,
)
from tinyglow.kernels.generic.functions import FUNCTIONS, class_of
from tinyglow.kernels.generic.put import PutParams, put_kernel
from tinyglow.numerics import float64
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import HOST

Array = npt.NDArray[np.generic]
_COUNT = 96
_NUMBERS = [dtype for dtype in SHORT if dtype != "bool"]
_FIELDS = {"uint32_t": ctypes.c_uint32, "uint8_t": ctypes.c_uint8}


def _values(dtype: str, seed: int) -> Array:
    """Values of all sizes, the ends of the type among them."""
    random = np.random.default_rng(seed)
    if dtype == "float32":
        special = np.array([0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 0.5, 1e-40, 65519, 65520, 3e38, 2**31], np.float32)
        wide = random.standard_normal(_COUNT) * 10.0 ** random.integers(-9, 9, _COUNT)
        return np.concatenate([special, wide.astype(np.float32)])[random.permutation(_COUNT)]
    if dtype == "bool":
        return random.integers(0, 2, _COUNT).astype(bool)
    limits = np.iinfo(dtype)
    special = np.array([limits.min, limits.max, 0, 1], dtype)
    near = random.integers(max(limits.min, -9), 9, _COUNT // 2).astype(dtype)
    wide = random.integers(limits.min, limits.max, _COUNT, dtype=dtype, endpoint=True)
    return np.concatenate([special, near, wide])[random.permutation(_COUNT)]


def _cases() -> Iterator[tuple[Kernel, Params, list[Array]]]:
    """A call of each kernel."""
    whole = EachParams(_COUNT, 1, 1, 1)
    for name, function in FUNCTIONS.items():
        for dtype in SHORT:
            if class_of(dtype) in function.c:
                dtypes = ["bool"] * function.typed_from + [dtype] * (function.arity - function.typed_from)
                operands = [_values(given, seed) for seed, given in enumerate(dtypes)]
                yield each_kernel(name, dtype), whole, operands
                if function.arity == 2:
                    yield each_kernel(name, dtype), EachParams(_COUNT, 1, 0, 0), operands
    for source in SHORT:
        for result in SHORT:
            if source != result:
                yield cast_kernel(source, result), whole, [_values(source, 7)]
    for dtype in _NUMBERS:
        values = [_values(dtype, 3)]
        for kind in ("sum", "prod", "max", "min"):
            yield fold_kernel(kind, dtype), FoldParams(4, 8, 3), values
        for kind in ("sum", "prod"):
            for exclusive in (0, 1):
                yield scan_kernel(kind, dtype), ScanParams(4, 8, 3, exclusive), values
        for smallest, last in ((0, 0), (0, 1), (1, 0), (1, 1)):
            yield order_kernel(dtype), OrderParams(4, 8, 3, 5, smallest, last), values
        places = np.random.default_rng(1).integers(-3, _COUNT + 3, 20).astype(np.int32)
        for kind in ("none", "add", "mul", "max", "min"):
            yield put_kernel(kind, dtype), PutParams(_COUNT, 20), [values[0], places, _values(dtype, 5)[:20]]


def _outputs(kernel: Kernel, params: Params) -> int:
    return 4 * 5 * 3 if isinstance(params, OrderParams) else _COUNT if type(params) is not FoldParams else 12


def _struct(kernel: Kernel, params: Params) -> ctypes.Structure:
    from tinyglow.ir.c_struct import struct_fields

    assert c_fields(kernel.params)
    fields = [(name, _FIELDS[ctype]) for name, ctype in struct_fields(kernel)]
    form = type("Form", (ctypes.Structure,), {"_fields_": fields})
    return form(*(getattr(params, name) for name, _ in fields))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """All kernels of the cases in one file."""
    folder: Path = tmp_path_factory.mktemp("generic")
    kernels = {kernel.symbol: kernel for kernel, _, _ in _cases()}
    for name, text in kernel_headers(kernels.values()).items():
        (folder / name).write_text(text, encoding="utf-8")
    source = folder / "all.c"
    source.write_text("\n".join(kernel.text for kernel in kernels.values()), encoding="utf-8")
    flags = ("-O1", "-Wall", "-Wextra", "-Wconversion", "-Werror")
    includes = [folder, resources.RUNTIME / "include"]
    compiler = find_compiler(None, HOST)
    return ctypes.CDLL(str(compiler.compile_shared([source], folder / "all.so", include_dirs=includes, flags=flags)))


@pytest.mark.slow  # compiles C
def test_c_computes_what_is_defined(library: ctypes.CDLL) -> None:
    """Every function for every type: the same bits."""
    different = []
    for kernel, params, operands in _cases():
        result = np.zeros((1, _outputs(kernel, params)), kernel.operands[-1].dtype)
        found = result.copy()
        kernel.run(params, [*(operand[np.newaxis] for operand in operands), result])
        struct = _struct(kernel, params)
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in (*operands, found)]
        getattr(library, kernel.symbol)(ctypes.byref(struct), *pointers)
        if found.tobytes() != result.tobytes():
            different.append(kernel.symbol)
    assert different == []


@pytest.mark.parametrize("name", ["tan", "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh", "expm1"])
def test_functions_are_exact(name: str) -> None:
    """At most one unit in the last place from the function in higher precision, over all magnitudes."""
    random = np.random.default_rng(4)
    bits = random.integers(0, 2**32, 20_000, dtype=np.uint64).astype(np.uint32).view(np.float32)
    near = (random.standard_normal(20_000) * 3).astype(np.float32)
    x = np.concatenate([bits, near, np.nextafter(np.float32(1), near[:9])])
    exact = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh", "acosh": "arccosh"}
    with np.errstate(all="ignore"):
        right = getattr(np, exact.get(name, "arctanh" if name == "atanh" else name))(x.astype(np.longdouble))
        found = getattr(float64, name)(x)
        rounded = right.astype(np.float32)
    assert np.array_equal(np.isnan(found), np.isnan(rounded)) and np.array_equal(np.isinf(found), np.isinf(rounded))
    finite = np.isfinite(rounded)
    distance = np.abs(found[finite] - right[finite]) / np.spacing(np.abs(rounded[finite]))
    assert distance.max() <= 1
