"""Epilogues: the same integers as the numerics itself, wherever their obligations hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.glow_epilogue import EPILOGUES, FOLDED_OFFSET

# And whether an upper word of a product can stand for it: only for less than a half.
SCALES = {0.1: True, 0.013: True, 0.0031: True, 2.0**-6: True, 1e-5: True, 0.49999: False, 0.7: False, 3.0: False}


def _sums(epilogue: Epilogue[glow.Requant], constants: glow.Requant) -> np.ndarray:
    """Sums of all magnitudes for which the obligation holds, the largest of both signs among them."""
    largest = 0
    for step in (2**bit for bit in range(30, -1, -1)):
        for sign in (1, -1):
            if not epilogue.holds(sign * (largest + step), constants):
                break
        else:
            largest += step
    beyond = largest + 1
    assert beyond == 2**31 or not epilogue.holds(beyond, constants) or not epilogue.holds(-beyond, constants)
    random = np.random.default_rng(5)
    return np.array([largest, -largest, 0, 1, -1, *random.integers(-largest, largest + 1, 500)], np.int32)


@pytest.mark.parametrize("epilogue", EPILOGUES, ids=lambda one: one.c_function)
@pytest.mark.parametrize("scale", SCALES)
def test_an_epilogue_gives_what_glow_does(epilogue: Epilogue[glow.Requant], scale: float) -> None:
    """For all sums that meet the obligation, up to the largest; where a scale has no word, none is made up."""
    constants = glow.requantize_params(scale, 37)
    words = epilogue.words([constants])
    assert (words is not None) == (SCALES[scale] or epilogue is FOLDED_OFFSET)
    if words is None:
        return
    sums = _sums(epilogue, constants)
    found = epilogue.apply(sums[:, None], words, constants.offset)[:, 0]
    assert np.array_equal(found, glow.requantize(sums, constants))


@pytest.mark.parametrize("epilogue", EPILOGUES, ids=lambda one: one.c_function)
def test_the_obligation_is_not_idle(epilogue: Epilogue[glow.Requant]) -> None:
    """Beyond it, something differs from Glow, which wraps; and one sum of a layer that fails is enough to refuse it."""
    constants = glow.requantize_params(0.1, 37)
    assert not epilogue.holds(2**31 - 1, constants)
    assert epilogue.holds_for([(-1000, 1000)], [constants])
    assert not epilogue.holds_for([(-1000, 2**31 - 1)], [constants])


@pytest.mark.parametrize("epilogue", EPILOGUES, ids=lambda one: one.c_function)
def test_the_c_function_is_where_it_says(epilogue: Epilogue[glow.Requant], checkout: Path) -> None:
    """The header defines it; parity tests of the kernels that call it hold it to numpy."""
    text = (checkout / "runtime_c/include" / epilogue.c_header).read_text(encoding="utf-8")
    assert f"static inline int32_t {epilogue.c_function}(" in text
