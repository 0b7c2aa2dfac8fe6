"""Every operator of TensorFlow Lite Micro is compiled, or refused with advice of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("tflite", reason="needs the package tflite, of the extra tinyglow[tflite]")

from tests.tflite.builder import TFLiteBuilder
from tests.tflite.micro_operators import BUILTIN, CUSTOM, outcome
from tests.unit.test_frontend_tflite_int8 import saved
from tinyglow import load
from tinyglow.errors import ModelError
from tinyglow.frontend.refusal import advice

NAMES = (*BUILTIN, *(f"CUSTOM {name}" for name in CUSTOM))


@pytest.mark.parametrize("name", [name for name in NAMES if outcome(name)])
def test_a_refusal_says_what_to_do(name: str, tmp_path: Path) -> None:
    """The message names the operator, and its advice is not what any other name gets."""
    b = TFLiteBuilder()
    x = b.tensor("x", (1, 4))
    with pytest.raises(ModelError) as caught:
        load(saved(tmp_path, b.build([x], [b.node(name, [x], (1, 4), "y")])))
    assert f"unsupported operator {name}" in str(caught.value) and outcome(name) in str(caught.value)
    assert outcome(name) not in (advice("NO_SUCH_OPERATOR"), advice("CUSTOM nothing"))


def test_the_list_is_whole() -> None:
    """Each name once; most are compiled."""
    assert len(set(NAMES)) == len(NAMES) == 118
    assert sum(not outcome(name) for name in NAMES) >= 70
