"""Transpose of up to six dimensions."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.operators.single import check_float, check_moves, one_node, refusal
from tinyglow.errors import ModelError
from tinyglow.testing import budget


@pytest.mark.parametrize("perm", list(itertools.permutations(range(3))))
def test_three_dimensions(tmp_path: Path, perm: tuple[int, ...]) -> None:
    """Every permutation of three dimensions is onnx's."""
    check_moves(one_node("Transpose", (2, 3, 5), perm=perm), tmp_path)


def test_dimensions_are_reversed_by_default(tmp_path: Path) -> None:
    """Without a permutation the dimensions come in the opposite order."""
    check_moves(one_node("Transpose", (2, 3, 4)), tmp_path)


@budget(quick=15, full=500)
@given(data=st.data())
def test_any_permutation(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Permutations of up to six dimensions are onnx's, in float and in int8, by one call at most."""
    shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=6))
    perm = data.draw(st.permutations(range(len(shape))))
    program = check_moves(one_node("Transpose", shape, perm=perm), tmp_path_factory.mktemp("net"))
    assert len(program.calls) == 1


def test_rows_that_stay_together_are_copied_as_runs(tmp_path: Path) -> None:
    """Where the innermost dimensions keep their place, they are copied as one run."""
    (call,) = check_moves(one_node("Transpose", (1, 2, 3, 6, 6), perm=[0, 2, 1, 3, 4]), tmp_path).calls
    assert call.kernel.symbol == "tg_strided_copy_s8"
    assert call.params.run == 36


def test_seven_dimensions_that_stay_together_in_part(tmp_path: Path) -> None:
    """More than six dimensions will do if enough of them stay together."""
    check_moves(one_node("Transpose", (2,) * 8, perm=[4, 5, 6, 7, 0, 1, 2, 3]), tmp_path)


def test_seven_dimensions_apart_are_refused(tmp_path: Path) -> None:
    """Seven dimensions of which no two stay together are refused when the program is made, with the permutation."""
    perm = [6, 5, 4, 3, 2, 1, 0]
    check_float(one_node("Transpose", (2,) * 7, perm=perm), tmp_path)
    with pytest.raises(ModelError, match=r"permutation of shape \[2, .*at most 6 dimensions"):
        check_moves(one_node("Transpose", (2,) * 7, perm=perm), tmp_path)


def test_what_is_no_permutation_is_refused(tmp_path: Path) -> None:
    """A permutation that names a dimension twice is refused."""
    assert "permutation [0, 0] of shape [2, 3]" in refusal(one_node("Transpose", (2, 3), perm=[0, 0]), tmp_path)
