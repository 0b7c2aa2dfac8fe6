"""Every loop that takes an epilogue computes with each what its numpy definition says: kernel x numerics."""

from __future__ import annotations

from functools import partial

import pytest

from tests.drawn_cases import OF_EPILOGUES, DrawnCases
from tests.parity.selection import EPILOGUES_WITH_DSP, EPILOGUES_WITH_LOOPS
from tinyglow.numerics.epilogues import EPILOGUES
from tinyglow.registry import KERNELS, WITH_EPILOGUES
from tinyglow.testing import Case
from tinyglow.testing.emulated import Core
from tinyglow.testing.epilogues import CONSTANTS
from tinyglow.testing.native import Library


def test_every_epilogue_has_cases() -> None:
    """An epilogue that nothing says the constants of fails here."""
    assert set(CONSTANTS) == set(EPILOGUES)


def test_every_loop_is_there_with_each_epilogue() -> None:
    """The sweep below covers them all."""
    loops = [kernel for kernel in KERNELS.values() if kernel.epilogues]
    counts = [sum(epilogue.serves(loop.in_armv6m) for epilogue in EPILOGUES.values()) - 1 for loop in loops]
    assert len(WITH_EPILOGUES) == sum(counts) > 3 * len(loops)


@pytest.mark.parametrize("symbol", sorted(WITH_EPILOGUES))
def test_c_equals_numpy(library: Library, symbol: str, drawn: DrawnCases) -> None:
    """C on this machine and numpy agree on every bit, in place too, and nothing else is written."""
    drawn.check(symbol, partial(_check, library), quick=OF_EPILOGUES, full=2000)


@pytest.mark.parametrize("symbol", sorted(WITH_EPILOGUES))
def test_core_equals_numpy(core: Core, symbol: str, drawn: DrawnCases) -> None:
    """So do the emulated cores."""
    drawn.check(symbol, partial(_check, core), quick=4, full=500)


@pytest.mark.parametrize(
    "symbol",
    [pytest.param(name, marks=pytest.mark.long) if "_onnxi" in name else name for name in EPILOGUES_WITH_DSP],
)
def test_other_dsp_cores_equal_numpy(dsp_core: Core, symbol: str, drawn: DrawnCases) -> None:
    """And Cortex-M4 and M33, whose ends in DSP instructions are in another order."""
    drawn.check(symbol, partial(_check, dsp_core), quick=4, full=500)


@pytest.mark.long
@pytest.mark.parametrize("symbol", EPILOGUES_WITH_LOOPS)
def test_armv6m_loops_run_on_armv7m(armv7m_core: Core, symbol: str, drawn: DrawnCases) -> None:
    """And the general ends of loops in ARMv6-M instructions where the assembler knows Thumb-2 too."""
    drawn.check(symbol, partial(_check, armv7m_core), quick=5, full=500)


def _check(place: Library | Core, case: Case) -> None:
    place.run(case)
    if case.aliases or case.overlap is not None:
        place.run(case, in_place=True)
