"""Whole networks with int16 activations: numpy's bits in host C and on both cores, and closer to float than int8."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import MNIST_INPUT
from tinyglow.demo.digits import demo_set
from tinyglow.interp import run_graph
from tinyglow.ir.graph import Array, Graph
from tinyglow.ir.program import Program
from tinyglow.quant.profile import Profile, load_profile
from tinyglow.quant.scheme import Scheme
from tinyglow.targets.boards import load_board
from tinyglow.testing import is_full

INT8, INT16 = Scheme(), Scheme(precision="int16")
BOARDS = ("host", "cortex-m0plus", "cortex-m7")
MODELS = ("mnist_nxp", "lenet_mnist", "cifar10", "kws_dscnn", "mobilenet_block", "autoencoder", "ops_zoo")
# An inference takes tens of millions of cycles elsewhere.
SMALL = ("mnist_nxp", "autoencoder", "ops_zoo")
# dB that int16 is better than int8 with the same profile, at least; what is left is the error of int8 weights.
GAIN = 6.0


def _snr(program: Program, outputs: dict[str, Array], expected: Array) -> float:
    """Signal to noise of a program's only output, in dB."""
    ((name, array),) = outputs.items()
    quant = program.buffers[name].type.quant
    real = array.astype(np.float64) if quant is None else (array.astype(np.float64) - quant.offset) * quant.scale
    noise = real.reshape(expected.shape) - expected
    return float(10 * np.log10((expected.astype(np.float64) ** 2).sum() / (noise**2).sum()))


def _check(graph: Graph, profile: Profile, inputs: Array, expected: Array) -> Program:
    """The int16 program, which is GAIN dB better than the int8 one."""
    (name,) = graph.inputs
    programs = [tinyglow.lower(tinyglow.quantize(graph, profile, scheme)) for scheme in (INT8, INT16)]
    int8, int16 = (_snr(program, tinyglow.interpret(program, {name: inputs}), expected) for program in programs)
    assert int16 > int8 + GAIN
    assert programs[1].buffers[name].type.dtype == "int16"
    return programs[1]


def _check_boards(program: Program, inputs: Array, folder: Path, boards: tuple[str, ...] = BOARDS) -> None:
    (name,) = program.inputs
    tinyglow.emit(program, folder)
    (expected,) = tinyglow.interpret(program, {name: inputs}).values()
    for board in boards:
        (actual,) = tinyglow.simulate(folder, load_board(board), {name: inputs}).outputs.values()
        assert actual.tobytes() == expected.tobytes()


def test_the_example_network(checkout: Path, tmp_path: Path) -> None:
    """The network of the examples recognizes all drawn digits, 6 dB closer to float than int8, the same everywhere."""
    graph = tinyglow.load(checkout / "examples/mnist/mnist_nxp.onnx", define={"N": 1})
    profile = load_profile(checkout / "tests/golden/mnist_nxp/profile.yaml")
    images, labels = demo_set()
    digits = images.reshape(-1, 28, 28, 1)
    (expected,) = run_graph(graph, {MNIST_INPUT: digits.reshape(-1, 1, 28, 28, 1)}).values()
    program = _check(graph, profile, digits, expected)
    (answers,) = tinyglow.interpret(program, {MNIST_INPUT: digits}).values()
    assert (answers.reshape(len(labels), -1).argmax(axis=1) == labels).all()
    _check_boards(program, digits[:1], tmp_path)


def test_a_network_of_many_operators(checkout: Path, tmp_path: Path) -> None:
    """ops_zoo: float islands inside, depthwise and dilated convolutions, residuals, pools; the same everywhere."""
    folder = checkout / "tests/golden/ops_zoo"
    graph = tinyglow.load(folder / "ops_zoo.onnx")
    (name,) = graph.inputs
    shape = graph.type_of(name).shape
    inputs = np.random.default_rng(4).standard_normal((16, *shape)).astype(np.float32)
    (expected,) = run_graph(graph, {name: inputs}).values()
    program = _check(graph, load_profile(folder / "profile.yaml"), inputs, expected)
    _check_boards(program, inputs[:1], tmp_path)


@pytest.mark.parametrize("model", MODELS)
def test_networks_of_the_recordings(shared: Path, model: str, tmp_path: Path) -> None:
    """On Glow's profiles int16 is at least 6 dB closer to onnxruntime than int8, and host C has numpy's bits."""
    define = {"N": 1} if model == "mnist_nxp" else {}
    graph = tinyglow.load(shared / "models" / f"{model}.onnx", define=define)
    inputs, expected = (np.load(shared / "models" / f"{model}.{kind}.npy") for kind in ("test", "test_float_outputs"))
    program = _check(graph, load_profile(shared / "golden" / model / "profile.yaml"), inputs, expected)
    _check_boards(program, inputs[:2], tmp_path, BOARDS if model in SMALL or is_full() else ("host",))
