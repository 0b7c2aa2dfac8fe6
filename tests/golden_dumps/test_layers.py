"""Layers become the kernel calls that are committed, and kernels declare what is committed.

Whoever changes sizes, packed constants, working memory, counts of work, or which kernels come into question, sees what
else that changes.
"""

from __future__ import annotations

import difflib

import pytest

from tests.golden_dumps.calls import FILES, committed_layers, kernel_lines, layer_text
from tests.golden_dumps.layers import LAYERS


def _require_same(committed: str, found: str) -> None:
    lines = difflib.unified_diff(committed.splitlines(), found.splitlines(), "committed", "now", lineterm="", n=0)
    differences = [line[:600] for line in lines]
    assert not differences, "\n".join(["python -m tests.golden_dumps accepts these changes:", *differences[:60]])


def test_kernels_declare_what_is_committed() -> None:
    """Operands, bytes of code, features, epilogues."""
    _require_same((FILES / "kernels.txt").read_text(encoding="utf-8"), kernel_lines())


def test_all_layers_are_committed() -> None:
    """In the order of the table."""
    assert list(committed_layers()) == list(LAYERS)


@pytest.mark.parametrize("name", LAYERS)
def test_layers_become_the_calls_that_are_committed(name: str) -> None:
    """With each kernel that could compute them: parameters, packed constants, working memory, work, proofs."""
    _require_same(committed_layers()[name], layer_text(LAYERS[name]))
