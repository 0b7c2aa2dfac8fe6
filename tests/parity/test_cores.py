"""Every kernel's C computes what its numpy definition says, on both emulated cores."""

from __future__ import annotations

import re
from functools import partial

import pytest

from tests.drawn_cases import DrawnCases
from tinyglow.bundle.kernel_source import kernel_source
from tinyglow.registry import KERNELS
from tinyglow.testing import Case
from tinyglow.testing.emulated import Core

# Loops of ARMv6-M instructions, in a kernel's own file or in a header that it includes.
LOOPS = re.compile(r'TG_ARMV6M_LOOPS|#include "tg_(max_2x2|code|dual_mac|packed)\.h"')
WITH_LOOPS = sorted(symbol for symbol, kernel in KERNELS.items() if LOOPS.search(kernel_source(kernel)))
WITH_DSP = sorted(symbol for symbol, kernel in KERNELS.items() if "_dsp_" in kernel.c_file)


EXAMPLES = {"quick": 20, "full": 500}


def _check(core: Core, case: Case) -> None:
    core.run(case)
    if case.aliases or case.overlap is not None:
        core.run(case, in_place=True)


@pytest.mark.parametrize("symbol", sorted(KERNELS))
def test_core_equals_numpy(core: Core, symbol: str, drawn: DrawnCases) -> None:
    """The core and numpy agree on every bit, in place too where that is allowed, and nothing else is written."""
    drawn.check(symbol, partial(_check, core), **EXAMPLES)


@pytest.mark.parametrize("symbol", WITH_DSP)
def test_other_dsp_cores_equal_numpy(dsp_core: Core, symbol: str, drawn: DrawnCases) -> None:
    """Kernels with code for DSP instructions, whose order depends on the core, agree with numpy on all such cores."""
    drawn.check(symbol, partial(_check, dsp_core), **EXAMPLES)


@pytest.mark.parametrize("symbol", WITH_LOOPS)
def test_armv6m_loops_run_on_armv7m(armv7m_core: Core, symbol: str, drawn: DrawnCases) -> None:
    """Loops written in ARMv6-M instructions compute the same where the assembler knows Thumb-2 too."""
    drawn.check(symbol, partial(_check, armv7m_core), **EXAMPLES)
