"""Every kernel's C computes what its numpy definition says, on this machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.drawn_cases import DRAWN, DrawnCases
from tinyglow import resources
from tinyglow.registry import KERNELS
from tinyglow.testing import Case, covered_kernels
from tinyglow.testing.frame import DamageError
from tinyglow.testing.native import Library, build_library

IN_PLACE = sorted(
    symbol for symbol, kernel in KERNELS.items() if kernel.overlap or any(op.may_alias for op in kernel.operands)
)


def test_every_kernel_has_cases() -> None:
    """Each registered kernel has a case generator: an operator without a parity case fails here."""
    assert set(covered_kernels()) == set(KERNELS)


@pytest.mark.parametrize("symbol", sorted(KERNELS))
def test_c_equals_numpy(library: Library, symbol: str, drawn: DrawnCases) -> None:
    """C and numpy agree on every bit, and C writes its outputs and nothing else.

    A kernel that may overwrite its input computes the same when it does; a third of its cases or more may.
    """

    def check(case: Case) -> None:
        library.run(case)
        if case.aliases or case.overlap is not None:
            library.run(case, in_place=True)

    drawn.check(symbol, check, quick=DRAWN)


@pytest.mark.parametrize("symbol", IN_PLACE)
def test_cases_are_run_in_place(symbol: str, drawn: DrawnCases) -> None:
    """Where a kernel may overwrite its input, its cases have enough of that kind."""
    assert sum(bool(case.aliases) or case.overlap is not None for case in drawn(symbol, 20)) >= 2


# What to spoil in the runtime's text, and the kernel whose cases must notice.
NUMERICS = "include/tg_numerics.h"
COPY = "src/reshape/tg_copy_s8.c"
FAULTS = {
    "no rounding": (NUMERICS, "(uint32_t)1 << r->post) >> 1", "(uint32_t)1 << r->post) >> 31", "tg_rescale_s8"),
    "shift before the product": (NUMERICS, "(x >> r->pre)", "(x << r->pre)", "tg_rescale_s8"),
    "ties away from zero": (
        "src/elementwise/tg_quantize_f32_s8.c",
        "rest == 0.5f && odd",
        "rest == 0.5f",
        "tg_quantize_f32_s8",
    ),
    "one byte too many": (COPY, "i < p->count", "i <= p->count", "tg_copy_s8"),
    "one byte too few": (COPY, "i = 0; i < p->count", "i = 1; i < p->count", "tg_copy_s8"),
    "stray write": (COPY, "output[i] = input[i];", "(output - 1)[i] = input[i];", "tg_copy_s8"),
}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_planted_fault_is_found(fault: str, drawn: DrawnCases, tmp_path: Path) -> None:
    """The quick examples tell a runtime with one small fault from the right one."""
    file, old, new, symbol = FAULTS[fault]
    root = tmp_path / "runtime_c"
    shutil.copytree(resources.RUNTIME, root)
    source = root / file
    text = source.read_text(encoding="utf-8")
    assert old in text, f"{file} has changed: choose another fault"
    source.write_text(text.replace(old, new), encoding="utf-8")
    for other in (path for path in (root / "src").rglob("*.c") if path.stem != symbol):
        other.unlink()  # to build one kernel, not all
    spoilt = build_library(tmp_path, root=root)
    expected = DamageError if fault in ("one byte too many", "stray write") else AssertionError
    with pytest.raises(expected) as caught:
        _run_all(spoilt, drawn(symbol, 100))
    assert caught.type is expected


def _run_all(library: Library, found: list[Case]) -> None:
    for case in found:
        library.run(case)
