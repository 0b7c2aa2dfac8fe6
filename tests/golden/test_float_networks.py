"""Whole networks in float: onnxruntime's answers, and the same bits in numpy, in host C and on both emulated cores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

import tinyglow
from tests.helpers import MNIST_INPUT
from tinyglow.demo.digits import demo_set
from tinyglow.ir.graph import Array
from tinyglow.ir.program import Program
from tinyglow.targets.boards import load_board
from tinyglow.testing import is_full

# Name, and sizes of symbolic dimensions.
MODELS: dict[str, dict[str, int]] = {
    "mnist_nxp": {"N": 1},
    **{name: {} for name in ("lenet_mnist", "cifar10", "kws_dscnn", "mobilenet_block", "autoencoder", "ops_zoo")},
}
BOARDS = ("host", "cortex-m0plus", "cortex-m7")
# A core without FPU takes minutes for a million products.
ON_BOARDS = [
    (model, board)
    for model in ("mnist_nxp", "ops_zoo", "autoencoder", "mobilenet_block")
    for board in BOARDS
    if is_full() or board != "cortex-m0plus" or model == "mnist_nxp"
]
TOLERANCE = 1e-5  # of the largest output


def _assert_close(actual: Array, expected: Array) -> None:
    atol = TOLERANCE * float(np.abs(expected).max())
    np.testing.assert_allclose(actual.reshape(expected.shape), expected, rtol=0, atol=atol)


def _assert_same_bits(program: Program, board: str, folder: Path, vector: dict[str, Array]) -> None:
    """The bundle's answer to one vector has the bits of numpy's."""
    (expected,) = tinyglow.interpret(program, vector).values()
    tinyglow.emit(program, folder)
    (actual,) = tinyglow.simulate(folder, load_board(board), vector).outputs.values()
    assert actual.tobytes() == expected.tobytes()


def _program(path: Path) -> tuple[str, Program]:
    """A float network's only input, and its program."""
    graph = tinyglow.load(path, define=MODELS[path.stem])
    (name,) = graph.inputs
    return name, tinyglow.lower(graph)


@pytest.mark.parametrize("model", MODELS)
def test_numpy_answers_as_onnxruntime(shared: Path, model: str) -> None:
    """All 32 test vectors of all seven networks give onnxruntime's outputs to 1e-5 of the largest."""
    name, program = _program(shared / "models" / f"{model}.onnx")
    inputs, expected = (np.load(shared / "models" / f"{model}.{kind}.npy") for kind in ("test", "test_float_outputs"))
    assert len(expected) == 32
    (actual,) = tinyglow.interpret(program, {name: inputs}).values()
    _assert_close(actual, expected)


@pytest.mark.parametrize(("model", "board"), ON_BOARDS)
def test_c_answers_as_numpy(shared: Path, model: str, board: str, tmp_path: Path) -> None:
    """A small network gives one vector numpy's bits in host C and on both emulated cores (TINYGLOW_FULL=1: on all)."""
    name, program = _program(shared / "models" / f"{model}.onnx")
    _assert_same_bits(program, board, tmp_path, {name: np.load(shared / "models" / f"{model}.test.npy")[:1]})


@pytest.mark.parametrize("board", BOARDS)
def test_the_example_network_works_in_float(checkout: Path, board: str, tmp_path: Path) -> None:
    """The network of the examples gives what onnx computes for the drawn digits, and the same bits everywhere."""
    path = checkout / "examples/mnist/mnist_nxp.onnx"
    _, program = _program(path)
    digits = demo_set()[0].reshape(-1, 28, 28, 1)
    (expected,) = ReferenceEvaluator(onnx.load(path)).run(None, {MNIST_INPUT: digits})
    (actual,) = tinyglow.interpret(program, {MNIST_INPUT: digits}).values()
    _assert_close(actual, np.asarray(expected))
    _assert_same_bits(program, board, tmp_path, {MNIST_INPUT: digits[:1]})
