"""Layers become the kernel calls that are committed, and kernels declare what is committed.

Whoever changes sizes, packed constants, working memory, counts of work, or which kernels come into question, sees what
else that changes.
"""

from __future__ import annotations

import difflib

import pytest

from tests.golden_dumps.calls import FILES, band_text, committed, kernel_lines, layer_text, model_text
from tests.golden_dumps.layers import LAYERS
from tests.golden_dumps.models import HAS_TFLITE, MODELS


def _require_same(before: str, now: str) -> None:
    lines = difflib.unified_diff(before.splitlines(), now.splitlines(), "committed", "now", lineterm="", n=0)
    differences = [line[:600] for line in lines]
    assert not differences, "\n".join(["python -m tests.golden_dumps accepts these changes:", *differences[:60]])


def test_kernels_declare_what_is_committed() -> None:
    """Operands, bytes of code, features, epilogues."""
    _require_same((FILES / "kernels.txt").read_text(encoding="utf-8"), kernel_lines())


def test_bands_are_what_is_committed() -> None:
    """Buffers and calls of layers whose rows are computed by turns."""
    _require_same((FILES / "bands.txt").read_text(encoding="utf-8"), band_text())


def test_all_are_committed() -> None:
    """In the order of the tables."""
    assert list(committed("layers")) == list(LAYERS)
    models = list(committed("models"))
    assert models == list(MODELS) if HAS_TFLITE else set(models) >= set(MODELS)


@pytest.mark.parametrize("name", LAYERS)
def test_layers_become_the_calls_that_are_committed(name: str) -> None:
    """With each kernel that could compute them: parameters, packed constants, working memory, work, proofs, results."""
    _require_same(committed("layers")[name], layer_text(name))


@pytest.mark.parametrize("name", MODELS)
def test_models_become_the_calls_that_are_committed(name: str) -> None:
    """The same of layers that come quantized, and of float operators of TFLite."""
    _require_same(committed("models")[name], model_text(name))
