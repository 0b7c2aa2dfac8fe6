"""Whole networks in float: onnxruntime's answers, and the same bits in numpy, in host C and on both emulated cores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

import tinyglow
from tests.helpers import MNIST_INPUT
from tinyglow.boards import load_board
from tinyglow.demo.digits import demo_set
from tinyglow.ir.graph import Array
from tinyglow.ir.program import Program

# Name, and sizes of symbolic dimensions.
MODELS: dict[str, dict[str, int]] = {
    "mnist_nxp": {"N": 1},
    **{name: {} for name in ("lenet_mnist", "cifar10", "kws_dscnn", "mobilenet_block", "autoencoder", "ops_zoo")},
}
ON_BOARDS = ("mnist_nxp", "ops_zoo", "autoencoder", "mobilenet_block")
BOARDS = ("host", "cortex-m0plus", "cortex-m7")
TOLERANCE = 1e-5  # of the largest output


def _assert_close(actual: Array, expected: Array) -> None:
    atol = TOLERANCE * float(np.abs(expected).max())
    np.testing.assert_allclose(actual.reshape(expected.shape), expected, rtol=0, atol=atol)


def _assert_same_everywhere(program: Program, folder: Path, vector: dict[str, Array]) -> None:
    """The bundle's answer to one vector has the bits of numpy's, on this machine and on both cores."""
    (expected,) = tinyglow.interpret(program, vector).values()
    tinyglow.emit(program, folder)
    for board in BOARDS:
        (actual,) = tinyglow.simulate(folder, load_board(board), vector).outputs.values()
        assert actual.tobytes() == expected.tobytes(), board


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


@pytest.mark.parametrize("model", ON_BOARDS)
def test_c_answers_as_numpy(shared: Path, model: str, tmp_path: Path) -> None:
    """A small network gives one vector the same bits in numpy, in host C and on both emulated cores."""
    name, program = _program(shared / "models" / f"{model}.onnx")
    _assert_same_everywhere(program, tmp_path, {name: np.load(shared / "models" / f"{model}.test.npy")[:1]})


def test_the_example_network_works_in_float(checkout: Path, tmp_path: Path) -> None:
    """The network of the examples gives what onnx computes for the drawn digits, and the same bits everywhere."""
    path = checkout / "examples/mnist/mnist_nxp.onnx"
    _, program = _program(path)
    digits = demo_set()[0].reshape(-1, 28, 28, 1)
    evaluator = ReferenceEvaluator(onnx.load(path))
    (actual,) = tinyglow.interpret(program, {MNIST_INPUT: digits}).values()
    _assert_close(actual, np.asarray(evaluator.run(None, {MNIST_INPUT: digits})[0]))
    _assert_same_everywhere(program, tmp_path, {MNIST_INPUT: digits[:1]})
