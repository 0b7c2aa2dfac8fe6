"""The registry of operators and kernels."""

from __future__ import annotations

from collections import Counter

import pytest

from tinyglow.registry import OPS


@pytest.mark.parametrize("names", ["onnx_types", "tflite_types"])
def test_one_operator_claims_a_name(names: str) -> None:
    """Of two operators for one name of a model file, chance would decide which one reads it."""
    claims = Counter(name for op in OPS.values() for name in getattr(op, names))
    assert [name for name, count in claims.items() if count > 1] == []
