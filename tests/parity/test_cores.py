"""Every kernel's C computes what its numpy definition says, on both emulated cores."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyglow.ops import KERNELS
from tinyglow.testing import budget, cases
from tinyglow.testing.emulated import Core


@pytest.mark.parametrize("symbol", sorted(KERNELS))
@budget(quick=20, full=500)
@given(data=st.data())
def test_core_equals_numpy(core: Core, symbol: str, data: st.DataObject) -> None:
    """The core and numpy agree on every bit, in place too where that is allowed, and nothing else is written."""
    case = data.draw(cases(symbol))
    core.run(case)
    if case.aliases or case.trail is not None:
        core.run(case, in_place=True)
