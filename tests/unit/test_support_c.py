"""What stands in for the C library: the functions of templates/support, against numpy in double precision."""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tinyglow import resources
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import HOST

Floats = npt.NDArray[np.float32]

FUNCTIONS: dict[str, Callable[..., npt.NDArray[np.float64]]] = {
    "expf": np.exp, "exp2f": np.exp2, "expm1f": np.expm1, "logf": np.log, "log2f": np.log2, "log10f": np.log10,
    "log1pf": np.log1p, "tanhf": np.tanh, "sinhf": np.sinh, "coshf": np.cosh, "sqrtf": np.sqrt, "floorf": np.floor,
    "ceilf": np.ceil, "truncf": np.trunc, "rintf": np.rint, "nearbyintf": np.rint, "roundevenf": np.rint,
    "fabsf": np.abs, "erff": np.vectorize(math.erf), "roundf": lambda x: np.trunc(x + np.copysign(0.5, x)),
}  # fmt: skip
SPECIAL = [
    0,
    -0.0,
    np.inf,
    -np.inf,
    np.nan,
    1,
    -1,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    1e-45,
    -1e-45,
    88.72284,
    -103.97,
    8388607.5,
]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The file as a library of this machine, its functions under names of their own and over whole arrays."""
    folder = tmp_path_factory.mktemp("libm")
    text = (resources.TEMPLATES / "support" / "libm.c").read_text(encoding="utf-8")
    for name in set(re.findall(r"^TG_WEAK \w+ (\w+)\(", text, re.MULTILINE)):
        text = re.sub(rf"\b{name}\(", f"own_{name}(", text)
    for name in FUNCTIONS:
        text += f"void all_{name}(const float *x, float *y, int n);\n"
        loop = f"for (int i = 0; i < n; i++) y[i] = own_{name}(x[i]);"
        text += f"void all_{name}(const float *x, float *y, int n) {{ {loop} }}\n"
    text += "void all_powf(const float *x, const float *z, float *y, int n);\n"
    text += "void all_powf(const float *x, const float *z, float *y, int n) {"
    text += "for (int i = 0; i < n; i++) y[i] = own_powf(x[i], z[i]); }\n"
    source = folder / "libm.c"
    source.write_text(text, encoding="utf-8")
    return ctypes.CDLL(str(find_compiler(None, HOST).compile_shared([source], folder / "libm.so")))


def arguments(count: int = 30_000) -> Floats:
    """Floats of all sizes, of usual sizes, and the special ones."""
    rng = np.random.default_rng(7)
    every = rng.integers(0, 1 << 32, count, dtype=np.uint64).astype(np.uint32).view(np.float32)
    usual = (5 * rng.standard_normal(count)).astype(np.float32)
    return np.concatenate([every, usual, np.array(SPECIAL, np.float32)])


def pointer(array: Floats) -> ctypes.c_void_p:
    """For C."""
    return array.ctypes.data_as(ctypes.c_void_p)


def differing(found: Floats, expected: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Where bits differ; a NaN is like any other."""
    with np.errstate(all="ignore"):
        right = expected.astype(np.float32)
    return np.asarray((found.view(np.uint32) != right.view(np.uint32)) & ~(np.isnan(found) & np.isnan(right)))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float_functions_are_rounded_correctly(library: ctypes.CDLL, name: str) -> None:
    """The double result, rounded once; zeros keep their signs, infinities and NaN go where C99 sends them."""
    x = arguments()
    y = np.empty_like(x)
    getattr(library, f"all_{name}")(pointer(x), pointer(y), len(x))
    with np.errstate(all="ignore"):
        wrong = differing(y, FUNCTIONS[name](x.astype(np.float64)))
    assert not wrong.any(), (x[wrong][:5], y[wrong][:5])


def test_powers_are_rounded_correctly(library: ctypes.CDLL) -> None:
    """powf, on pairs of all sizes and on every pair of special numbers."""
    x, z = np.abs(arguments()), arguments()[::-1].copy()
    special = np.array(SPECIAL, np.float32)
    x = np.concatenate([x, np.repeat(special, len(special))])
    z = np.concatenate([z, np.tile(special, len(special))])
    y = np.empty_like(x)
    library.all_powf(pointer(x), pointer(z), pointer(y), len(x))
    with np.errstate(all="ignore"):
        wrong = differing(y, np.power(x.astype(np.float64), z.astype(np.float64)))
    assert not wrong.any(), (x[wrong][:5], z[wrong][:5], y[wrong][:5])


@pytest.mark.parametrize("file", ["libm.c", "compiler.c"])
def test_the_files_compile_without_a_warning(tmp_path: Path, file: str) -> None:
    """As strict as the runtime, for the smallest core."""
    from tinyglow.targets.boards import load_board

    board = load_board("cortex-m0plus")
    flags = ("-Wall", "-Wextra", "-Wconversion", "-Werror")
    find_compiler("zig", board).compile_objects([resources.TEMPLATES / "support" / file], tmp_path, board, flags=flags)


@pytest.mark.parametrize(("width", "ctype"), [("sf", "float"), ("df", "double")])
def test_comparisons_are_those_of_the_numbers(tmp_path: Path, width: str, ctype: str) -> None:
    """Every pair of special numbers: the sign tells the order; with a NaN each comparison comes out false."""
    text = (resources.TEMPLATES / "support" / "compiler.c").read_text(encoding="utf-8")
    text = text.replace('pcs("aapcs"), ', "").replace("__", "own_").replace("own_attributeown_", "__attribute__")
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        head = f"int all_{name}(const {ctype} *p)"
        text += f"{head};\n{head} {{ return own_{name}{width}2(p[0], p[1]); }}\n"
    source = tmp_path / "compiler.c"
    source.write_text(text, encoding="utf-8")
    library = ctypes.CDLL(str(find_compiler(None, HOST).compile_shared([source], tmp_path / f"{width}.so")))
    dtype = np.float32 if ctype == "float" else np.float64
    for a in SPECIAL:
        for b in SPECIAL:
            pair = np.array([a, b], dtype)
            found = {n: getattr(library, f"all_{n}")(pointer(pair)) for n in ("eq", "ne", "lt", "le", "gt", "ge")}
            x, y = pair
            assert (found["eq"] == 0, found["ne"] != 0) == (x == y, x != y)
            assert (found["lt"] < 0, found["le"] <= 0) == (x < y, x <= y)
            assert (found["gt"] > 0, found["ge"] >= 0) == (x > y, x >= y)
