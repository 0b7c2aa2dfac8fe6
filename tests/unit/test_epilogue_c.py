"""The C text of each epilogue computes what its numpy definition says, where rounding is hard."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest

from tinyglow import resources
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues import EPILOGUES
from tinyglow.numerics.glow import Requant
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import HOST

Pair = tuple[int, Requant]


def _pairs(epilogue: Epilogue) -> list[Pair]:
    """Sums with constants: a scale brings a sum as near to half way between two integers as float32 can say.

    So do its negative and its neighbours; the offset is any. Sums are below 2**24, results mostly of int8; and some
    are far beyond.
    """
    random, found = np.random.default_rng(11), []
    for number in range(700):
        halves = 1 if number % 4 == 0 else 2 * int(random.integers(1, 140)) - 1  # below a half floats have a bit more
        x = int(halves * 2.0 ** random.uniform(1, 12))
        try:
            constants = epilogue.constants(float(np.float32(halves / 2 / x)), int(random.integers(-128, 128)))
        except ValueError:  # no constants stand for it
            continue
        found += [(sum_, constants) for sum_ in (x, -x, x - 1, 1 - x) if epilogue.holds(sum_, constants)]
    far = [sign * x for x in (2**31 - 1, 2**27 + 5, 2**24 - 1, 2**20) for sign in (1, -1)]
    for constants in (epilogue.constants(scale, -128) for scale in (0.0013, 0.06)):
        found += [(sum_, constants) for sum_ in far if epilogue.holds(sum_, constants)]
    return found


def _in_c(epilogue: Epilogue, pairs: list[Pair], folder: Path) -> list[int]:
    """What C makes of them on this machine."""
    source = folder / "all.c"
    lines = (
        f'#include "{epilogue.c_header}"',
        "void all(const int32_t *x, const tg_requant *by, int32_t *out, int32_t count);",
        "void all(const int32_t *x, const tg_requant *by, int32_t *out, int32_t count) {",
        f"  for (int32_t i = 0; i < count; i++) out[i] = tg_epilogue_{epilogue.name}(x[i], by + i);",
        "}",
    )
    source.write_text("\n".join(lines), encoding="utf-8")
    made = find_compiler(None, HOST).compile_shared(
        [source], folder / "all.so", include_dirs=[resources.RUNTIME / "include"]
    )
    constants = [(by.multiplier, by.offset, by.pre, by.post) for _, by in pairs]
    by = np.array(constants, np.dtype("i4,i4,u1,u1", align=True))  # tg_requant
    arrays = [np.array([x for x, _ in pairs], np.int32), by, np.zeros(len(pairs), np.int32)]
    ctypes.CDLL(str(made)).all(*(array.ctypes.data_as(ctypes.c_void_p) for array in arrays), len(pairs))
    found: list[int] = arrays[2].tolist()
    return found


@pytest.mark.slow  # compiles C
@pytest.mark.parametrize("epilogue", EPILOGUES.values(), ids=list(EPILOGUES))
def test_ties_are_those_of_numpy(epilogue: Epilogue, tmp_path: Path) -> None:
    """At half way and as near to it as floats are."""
    pairs = _pairs(epilogue)
    assert len(pairs) > 1000
    due = [int(epilogue.requantize(np.array([x], np.int32), by)[0]) for x, by in pairs]
    assert _in_c(epilogue, pairs, tmp_path) == due
