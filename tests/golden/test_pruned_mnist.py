"""The digits' network with three of four weights zero, pruned by ``examples/mnist/prune.py``."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import tinyglow
from tinyglow.demo.digits import calibration_set, demo_set
from tinyglow.ir.target import Target, WeightsAsCode
from tinyglow.passes.dead_channels import drop_dead_channels, multiplications
from tinyglow.targets.boards import load_board

FOLDER = Path(__file__).parents[2] / "examples" / "mnist"
INPUT = "max_pooling_1_input"


@pytest.fixture(scope="module")
def pruned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pruned model."""
    spec = importlib.util.spec_from_file_location("prune_mnist_nxp", FOLDER / "prune.py")
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = script  # where its dataclass looks for it
    spec.loader.exec_module(script)
    model = onnx.load(FOLDER / "mnist_nxp.onnx")
    script.prune(model, calibration_set(300)[0].astype(np.float64).reshape(-1, 28, 28))
    path = tmp_path_factory.mktemp("pruned") / "pruned.onnx"
    onnx.save(model, path)
    return path


def _quantized(model: Path) -> tinyglow.Graph:
    graph = tinyglow.load(model, "mnist", {"N": 1})
    return tinyglow.quantize(graph, tinyglow.profile(graph, {INPUT: calibration_set(30)[0]}))


def _cycles(model: Path, folder: Path) -> int:
    """Of one inference on the Cortex-M0+, weights as code; every output must be that of the interpreter."""
    board = load_board("frdm-ke16z")
    target = Target(board.cpu, weights_as_code=WeightsAsCode.ALWAYS)
    program = tinyglow.lower(_quantized(model), target=target)
    assert any(call.kernel.symbol == "tg_conv2d_code_s8" for call in program.calls)
    tinyglow.emit(program, folder)
    inputs = {INPUT: demo_set()[0][:3]}
    execution = tinyglow.simulate(folder, board, inputs, "zig")
    for name, expected in tinyglow.interpret(program, inputs).items():
        assert execution.outputs[name].tobytes() == expected.tobytes()
    cycles = execution.most("cycles")
    assert cycles is not None
    return cycles


def test_three_of_four_weights_are_zero(pruned: Path) -> None:
    """A quarter of the weights is left."""
    tensors = [numpy_helper.to_array(tensor) for tensor in onnx.load(pruned).graph.initializer]
    weights = np.concatenate([tensor.ravel() for tensor in tensors if tensor.ndim > 1])
    assert (weights == 0).mean() == pytest.approx(0.75, abs=0.001)


def test_pruned_network_is_twice_as_fast(pruned: Path, tmp_path: Path) -> None:
    """With weights as code, it takes at most half of the dense network's cycles, and computes what numpy says."""
    dense = _cycles(FOLDER / "mnist_nxp.onnx", tmp_path / "dense")
    assert 2 * _cycles(pruned, tmp_path / "pruned") <= dense


def test_silent_units_are_left_out(pruned: Path) -> None:
    """The units that pruning silenced are found to be dead, and all their multiplications are dropped."""
    graph = _quantized(pruned)
    assert multiplications(drop_dead_channels(graph)) < multiplications(graph) / 2
