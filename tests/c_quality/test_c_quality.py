"""Static analysers find nothing in the runtime's C; what it deviates from in MISRA C:2012 is counted and explained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.c_quality import misra
from tests.c_quality.analysers import PLANTED, Analyser, clang_analyser, clang_warnings, gcc_analyser
from tinyglow import resources
from tinyglow.errors import ToolError
from tinyglow.registry import KERNELS
from tinyglow.testing import is_full
from tinyglow.testing.native import kernel_sources

ANALYSERS = (gcc_analyser, pytest.param(clang_analyser, marks=pytest.mark.long), clang_warnings)
# One of each kind of text: loops over windows, tables, a tail, a search, floats by their bits.
_SOME = ("tg_add_s8", "tg_arg_max_s8", "tg_avg_pool_s8", "tg_conv2d_s8", "tg_quantize_f32_s8", "tg_softmax_s8")
_MISRA_SOME = ("tg_clip_s8", "tg_lookup_s8")


def _ready(analyser: Callable[[], Analyser], folder: Path) -> Analyser:
    try:
        found = analyser()
    except ToolError as error:
        pytest.skip(f"no C compiler with a static analyser: {error.problems[0].found if error.problems else error}")
    empty = folder / "empty.c"
    empty.write_text("int nothing(void);\nint nothing(void) { return 0; }\n", encoding="utf-8")
    if said := found.look(empty, []):
        pytest.skip(f"this C compiler has no {found.name}: {said.splitlines()[0]}")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("analyser", ANALYSERS)
def test_analysers_find_nothing(analyser: Callable[[], Analyser], tmp_path: Path) -> None:
    """No kernel has anything that a static analyser complains of; in the full mode all, else some of each kind."""
    tool = _ready(analyser, tmp_path)
    kernels = [kernel for symbol, kernel in KERNELS.items() if is_full() or symbol in _SOME]
    sources = kernel_sources(tmp_path, kernels)
    include = [tmp_path, resources.RUNTIME / "include"]
    found = {path.name: said for path in sources if (said := tool.look(path, include))}
    assert not found, "\n".join(found.values())


@pytest.mark.slow
@pytest.mark.parametrize("analyser", ANALYSERS)
def test_analysers_find_a_planted_fault(analyser: Callable[[], Analyser], tmp_path: Path) -> None:
    """They are in force: a null pointer that is read on one way through a function, or a missing warning, is found."""
    tool = _ready(analyser, tmp_path)
    path = tmp_path / "planted.c"
    path.write_text(
        PLANTED if tool.shows else "int f(int x);\nint f(int y) { int x = y; return y; }\n", encoding="utf-8"
    )
    assert tool.shows in (said := tool.look(path, [])) and said


def test_every_deviation_has_a_reason() -> None:
    """And no reason stands for a rule that nothing deviates from."""
    assert set(misra.totals()) == set(misra.reasons())
    assert all(len(why) > 20 for _, why in misra.reasons().values())


@pytest.mark.long
def test_deviations_are_as_recorded(tmp_path: Path) -> None:
    """By file and rule, with the version that was recorded; in the full mode in all files, else in some kernels'."""
    version, files = misra.recorded()
    at_hand = misra.version()
    if at_hand != version:
        pytest.skip(f"needs cppcheck {version}, and there is {at_hand or 'none'}")
    kernels = [kernel for symbol, kernel in KERNELS.items() if is_full() or symbol in _MISRA_SOME]
    before = sorted(resources.RUNTIME.rglob("*"))
    counts, others = misra.look(tmp_path, kernels)
    assert others == [] and sorted(resources.RUNTIME.rglob("*")) == before  # it writes nothing there
    # Without all kernels, not all that headers hold is looked at.
    names = set(files) if is_full() else {f"{symbol}.c" for symbol in _MISRA_SOME}
    assert {name: dict(counts.get(name, {})) for name in names} == {name: dict(files.get(name, {})) for name in names}
