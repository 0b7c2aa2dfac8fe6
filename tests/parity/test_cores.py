"""Every kernel's C computes what its numpy definition says, on both emulated cores."""

from __future__ import annotations

import os
from functools import partial

import pytest

from tests.drawn_cases import DrawnCases
from tests.long import is_long
from tests.parity.selection import WITH_DSP, WITH_LOOPS, WITH_MVE
from tinyglow.registry import KERNELS
from tinyglow.testing import Case
from tinyglow.testing.emulated import Core, PortableCore

# The variable: more, where mutants of a kernel are tried (tests/planted).
EXAMPLES = {"quick": int(os.environ.get("TINYGLOW_CASES_ON_CORES", "12" if is_long() else "8")), "full": 500}
OTHERS = {"quick": EXAMPLES["quick"] // 2, "full": 500}  # which run the same code in another order


def _check(core: Core, case: Case) -> None:
    core.run(case)
    if case.aliases or case.overlap is not None:
        core.run(case, in_place=True)


@pytest.mark.parametrize(
    "symbol",
    # The portable twins of kernels for vectors, which no other core is given, run on this machine in every run.
    [pytest.param(name, marks=pytest.mark.long) if name in WITH_MVE else name for name in sorted(KERNELS)],
)
def test_core_equals_numpy(core: Core, symbol: str, drawn: DrawnCases) -> None:
    """The core and numpy agree on every bit, in place too where that is allowed, and nothing else is written."""
    drawn.check(symbol, partial(_check, core), **EXAMPLES)


@pytest.mark.parametrize("symbol", WITH_DSP)
def test_other_dsp_cores_equal_numpy(dsp_core: Core, symbol: str, drawn: DrawnCases) -> None:
    """Kernels with code for DSP instructions, whose order depends on the core, agree with numpy on all such cores."""
    drawn.check(symbol, partial(_check, dsp_core), **OTHERS)


@pytest.mark.parametrize(
    "symbol", [name if name in KERNELS else pytest.param(name, marks=pytest.mark.long) for name in WITH_MVE]
)
def test_vectors_equal_numpy(mve_core: PortableCore, symbol: str, drawn: DrawnCases) -> None:
    """Kernels for vectors agree with numpy on a core that has them, with each epilogue."""
    drawn.check(symbol, partial(_check, mve_core), **OTHERS)


@pytest.mark.long
@pytest.mark.parametrize("symbol", WITH_LOOPS)
def test_armv6m_loops_run_on_armv7m(armv7m_core: Core, symbol: str, drawn: DrawnCases) -> None:
    """Loops written in ARMv6-M instructions compute the same where the assembler knows Thumb-2 too."""
    drawn.check(symbol, partial(_check, armv7m_core), **OTHERS)
