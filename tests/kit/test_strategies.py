"""What is drawn for kernels reaches what it promises; the right answers are those of the kernels' definitions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import tinyglow
from tinyglow.errors import InputError
from tinyglow.numerics import tflite
from tinyglow.numerics.names import TFLM
from tinyglow.testing import (
    Question,
    calibrations,
    is_full,
    networks,
    operators,
    problems,
    profiles,
    quant_params,
    tensor_types,
)

T = TypeVar("T")
PAIRS = [(name, numerics) for name, known in operators().items() for numerics in known.numerics]
FAST = {("requantize", "onnx"), ("conv2d_per_channel", "glow"), ("softmax", "tflite")}


def drawn(strategy: st.SearchStrategy[T], count: int) -> list[T]:
    """Examples, the same in every run."""
    found: list[T] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(value: T) -> None:
        found.append(value)

    collect()
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "numerics"),
    [pair if pair in FAST else pytest.param(*pair, marks=pytest.mark.long) for pair in PAIRS],
)
def test_answers_are_not_all_the_same(name: str, numerics: str) -> None:
    """Of each operator and numerics, one call in three has a result that no other has, or more; all fit the shape."""
    asked = drawn(problems(name, numerics), 40 if is_full() or (name, numerics) in FAST else 16)
    answers = [question.expected() for question in asked]
    assert all(answer.shape == question.shape for answer, question in zip(answers, asked, strict=True))
    assert len({answer.tobytes() for answer in answers}) >= len(asked) / 3
    known = operators()[name]
    assert all(list(question.numbers) == list(known.numbers_of(numerics)) for question in asked)
    assert all(list(question.inputs) == list(known.inputs_of(numerics)) for question in asked)


def _shift(question: Question) -> int:
    return int(question.numbers["shift"])


@pytest.mark.slow
def test_layers_reach_every_corner() -> None:
    """Among 150 calls of a fully connected layer is one of each kind that is easy to get wrong."""
    asked = drawn(problems("fully_connected", TFLM), 150)
    kinds: dict[str, Callable[[Question], Any]] = {
        "several rows": lambda q: q.numbers["rows"] > 1,
        "rows that are no multiple of four": lambda q: q.numbers["depth"] % 4 and q.numbers["depth"] > 4,
        "long rows": lambda q: q.numbers["depth"] > 255,
        "largest offset": lambda q: q.numbers["input_offset"] == 127,
        "power of two": lambda q: q.numbers["multiplier"] == 2**30,
        "a shift to the left": lambda q: _shift(q) > 0,
        "a far shift to the right": lambda q: _shift(q) < -12,
        "bounds": lambda q: q.numbers["act_min"] > -128 and q.numbers["act_max"] < 127,
        "saturated": lambda q: {-128, 127} <= set(q.expected().ravel().tolist()),
        "extreme inputs": lambda q: set(q.inputs["input"].ravel().tolist()) == {-128, 127},
        "a bias near the limit": lambda q: np.abs(q.inputs["bias"].astype(np.int64)).max() >= 2**25,
        "a tie of the second rounding": _has_tie,
    }
    assert [kind for kind, holds in kinds.items() if not any(holds(question) for question in asked)] == []


def _has_tie(question: Question) -> bool:
    n, x = question.numbers, question.inputs
    rows = x["input"].astype(np.int64) - int(n["input_offset"])
    sums = rows @ x["weights"].astype(np.int64).T + x["bias"]
    if n["multiplier"] != 2**30 or _shift(question) > -1:
        return False
    high = tflite.shifted_high_product(sums, tflite.Multiplier(2**30, _shift(question)))
    half = 1 << (-_shift(question) - 1)
    return bool((high % (2 * half) == half).any())


def test_no_sum_leaves_int32() -> None:
    """Of convolutions too: sums and products stay where C defines them."""
    for question in drawn(problems("conv2d", TFLM), 40):
        weights, bias = question.inputs["weights"].astype(np.int64), question.inputs["bias"].astype(np.int64)
        reach = np.abs(weights).reshape(len(bias), -1).sum(axis=1) * 255 + np.abs(bias)
        assert int(reach.max()) < 2**31
        assert int(reach.max()) << max(_shift(question), 0) < 2**31


def test_parameters_and_types() -> None:
    """Powers of two, tiny and large scales, the ends of offsets; shapes of the rank asked for."""
    found = drawn(quant_params(), 200)
    assert {-128, 0, 127} <= {one.offset for one in found}
    assert sum(math.frexp(one.scale)[0] == 0.5 for one in found) > 40
    assert min(one.scale for one in found) < 2.0**-25 and max(one.scale for one in found) > 2.0**5
    types = drawn(tensor_types(rank=3, most=5), 30)
    assert all(len(one.shape) == 3 and max(one.shape) <= 5 and one.dtype == "int8" for one in types)
    assert {one.offset for one in drawn(quant_params("uint8"), 100)} >= {0, 128, 255}
    wide = drawn(tensor_types(dtype="int16"), 20)
    assert all(one.dtype == "int16" and one.quant is not None and one.quant.offset == 0 for one in wide)
    with pytest.raises(InputError, match="no quantized type"):
        drawn(quant_params("int4"), 1)


@pytest.mark.slow
def test_networks_and_profiles(tmp_path: Any) -> None:
    """A drawn network is read; odd samples give profiles that quantize it, ranges without width among them."""
    models = drawn(networks(most_operators=3), 30)
    assert len({model.proto.SerializeToString() for model in models}) > 5
    kinds = drawn(calibrations({"x": (2, 3)}, 4), 60)
    assert all(found["x"].shape == (4, 2, 3) and found["x"].dtype == np.float32 for found in kinds)
    assert any(np.ptp(found["x"]) == 0 for found in kinds) and any(found["x"].max() > 900 for found in kinds)
    path = tmp_path / "net.onnx"
    path.write_bytes(models[0].proto.SerializeToString())
    graph = tinyglow.load(path, "net")
    for found in drawn(profiles(graph, 4), 3):
        assert found.ranges and tinyglow.lower(tinyglow.quantize(graph, found)).outputs
