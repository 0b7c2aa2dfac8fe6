"""Every loop that takes an epilogue computes with each what its numpy definition says: kernel x numerics."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyglow.numerics.epilogues import EPILOGUES
from tinyglow.registry import KERNELS, WITH_EPILOGUES
from tinyglow.testing import Case, budget, cases
from tinyglow.testing.emulated import Core
from tinyglow.testing.epilogues import CONSTANTS
from tinyglow.testing.native import Library


def test_every_epilogue_has_cases() -> None:
    """An epilogue that nothing says the constants of fails here."""
    assert set(CONSTANTS) == set(EPILOGUES)


def test_every_loop_is_there_with_each_epilogue() -> None:
    """The sweep below covers them all."""
    loops = [kernel for kernel in KERNELS.values() if kernel.epilogues]
    counts = [sum(e.serves(loop.in_armv6m) for e in EPILOGUES.values()) - 1 for loop in loops]
    assert len(WITH_EPILOGUES) == sum(counts) > 3 * len(loops)


@pytest.mark.parametrize("symbol", sorted(WITH_EPILOGUES))
@budget(quick=40, full=2000)
@given(data=st.data())
def test_c_equals_numpy(library: Library, symbol: str, data: st.DataObject) -> None:
    """C on this machine and numpy agree on every bit, in place too, and nothing else is written."""
    case = data.draw(cases(symbol))
    library.run(case)
    if case.aliases or case.overlap is not None:
        library.run(case, in_place=True)


def _check(core: Core, case: Case) -> None:
    core.run(case)
    if case.aliases or case.overlap is not None:
        core.run(case, in_place=True)


@pytest.mark.parametrize("symbol", sorted(WITH_EPILOGUES))
@budget(quick=10, full=500)
@given(data=st.data())
def test_core_equals_numpy(core: Core, symbol: str, data: st.DataObject) -> None:
    """So do the emulated cores."""
    _check(core, data.draw(cases(symbol)))


@pytest.mark.parametrize("symbol", sorted(name for name in WITH_EPILOGUES if "_dsp_tfl" in name))
@budget(quick=6, full=500)
@given(data=st.data())
def test_ends_for_single_issue(dsp_core: Core, symbol: str, data: st.DataObject) -> None:
    """Ends in DSP instructions also where cores issue one at a time: Cortex-M4 and M33."""
    _check(dsp_core, data.draw(cases(symbol)))


@pytest.mark.parametrize("symbol", sorted(name for name in WITH_EPILOGUES if "_dual_mac_" in name or "_3x3_ch" in name))
@budget(quick=5, full=500)
@given(data=st.data())
def test_armv6m_loops_run_on_armv7m(armv7m_core: Core, symbol: str, data: st.DataObject) -> None:
    """And the general ends of loops in ARMv6-M instructions where the assembler knows Thumb-2 too."""
    _check(armv7m_core, data.draw(cases(symbol)))
