"""CMSIS-NN's unit-test data through our kernels with the numerics of TensorFlow Lite Micro.

In numpy all of them; in C those that are calls of kernels, not those (moves, minimum, maximum) that are models.

The data is public, and not part of this project: TINYGLOW_CMSIS_NN names a checkout of ARM-software/CMSIS-NN. Without
it one small set of our own shows that the reader and the kernels agree.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tflite", reason="needs the package tflite, of the extra tinyglow[tflite]")

from tests.cmsis_nn import reader
from tests.cmsis_nn.calls import Calls
from tests.cmsis_nn.kinds import kind_of
from tests.cmsis_nn.run import difference
from tinyglow.testing.native import build_library

VARIABLE = "TINYGLOW_CMSIS_NN"
FIXTURE = Path(__file__).parent / "fixture" / "tiny_conv"
# How many data sets of each kind there are: equal, or why not. Of commit 99f736a (2026): 491 sets.
EXPECTED = {
    ("add", ""): 1,
    ("add, int16", ""): 2,
    ("average pool", ""): 6,
    ("average pool, int16", ""): 4,
    ("batch matmul", ""): 5,
    ("batch matmul, int16", ""): 5,
    ("convolution", ""): 43,
    ("convolution, int16", ""): 25,
    ("convolution, int4", ""): 36,
    ("float", "floating point"): 281,
    ("fully connected", ""): 7,
    ("fully connected, int16", ""): 3,
    ("fully connected, int4", ""): 6,
    ("lstm", ""): 4,
    ("lstm, int16", ""): 4,
    ("max pool", ""): 8,
    ("max pool, int16", ""): 3,
    ("maximum, minimum", ""): 14,
    ("mul", ""): 1,
    ("mul, int16", ""): 2,
    ("network", "a whole network of layers that are here too"): 2,
    ("pad", ""): 2,
    ("softmax", ""): 1,
    ("softmax, int16", ""): 1,
    ("softmax, int8 to int16", "SOFTMAX of int8 with int16 results is refused"): 1,
    ("svdf", ""): 6,
    ("transpose", ""): 10,
    ("transposed convolution", ""): 8,
}


@pytest.fixture(name="folders", scope="module")
def _folders() -> list[Path]:
    """The data sets of a checkout of CMSIS-NN."""
    root = os.environ.get(VARIABLE)
    if not root:
        pytest.skip(f"needs {VARIABLE}, a checkout of github.com/ARM-software/CMSIS-NN")
    folders = sorted((Path(root) / "Tests/UnitTest/TestCases/TestData").iterdir())
    assert folders, root
    return folders


def _in_c(made: list[Calls], folder: Path) -> int:
    """Run all calls in C on this machine, which raises where it differs from numpy; returns how many there were."""
    cases = [case for calls in made for case in calls.cases]
    library = build_library(folder, kernels={case.kernel.symbol: case.kernel for case in cases}.values())
    for case in cases:
        library.run(case)
    return len(cases)


def test_all_data_sets(folders: list[Path], tmp_path: Path) -> None:
    """Every set of an operator that we have is equal, by every kernel that takes it, or the table says why not."""
    found: Counter[tuple[str, str]] = Counter()
    made: list[Calls] = []
    for folder in folders:
        kind, call = kind_of(folder.name)
        if isinstance(call, str):
            found[kind, call] += 1
            continue
        why, calls = difference(reader.read(folder), call, tmp_path)
        found[kind, why] += 1
        made += [] if calls is None else [calls]
    assert found == EXPECTED
    assert _in_c(made, tmp_path) > 150


def test_the_reader() -> None:
    """Macros over several lines, comments, arrays over lines, pointers; not the headers that are left out."""
    data = reader.read(FIXTURE)
    assert data.number("OUT_ACTIVATION_MIN") == -128 and data.numbers["DIMENSIONS"] == [2, 2, 1]
    assert data.array("input").tolist() == [1, 2, 3, 4] and data.array("input").dtype == np.int8
    assert data.array("biases").tolist() == [10, -2] and len(data.array("weights")) == 8
    assert data.array("output_ref", "output").tolist() == [16, -9]
    with pytest.raises(KeyError, match="has none of NOTHING"):
        data.number("NOTHING")


def test_a_small_set(tmp_path: Path) -> None:
    """Ours is equal in numpy and in C, and a wrong reference is noticed."""
    data = reader.read(FIXTURE)
    _, call = kind_of(data.name)
    assert not isinstance(call, str)
    why, calls = difference(data, call, tmp_path)
    assert why == "" and calls is not None
    assert _in_c([calls], tmp_path) == len(calls.cases) >= 1
    data.arrays["output_ref"][1] += 1
    assert "other integers by tg_conv2d" in difference(data, call, tmp_path)[0]


def test_halves_of_bytes() -> None:
    """Weights of 4 bits, the lower half first."""
    packed = np.array([0x21, 0xF8 - 256, 0x07], np.int8)
    assert reader.unpacked(packed, 5).tolist() == [1, 2, -8, -1, 7]
