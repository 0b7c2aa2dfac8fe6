"""Every recorded configuration of the real Glow: the same parameters, and every output vector identical."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tinyglow.pipeline.crosscheck import crosscheck
from tinyglow.pipeline.golden import load_golden
from tinyglow.targets.boards import HOST, load_board

MODELS = ("mnist_nxp", "lenet_mnist", "cifar10", "kws_dscnn", "mobilenet_block", "autoencoder", "ops_zoo")
INT8 = (
    *("asymmetric", "asymmetric_bias8", "symmetric", "symmetric_with_uint8", "power2_bias8", "power2_bias32"),
    *("channelwise", "channelwise_symmetric", "kl1024", "float_io"),
)
CORES = ("cortex-m0plus", "cortex-m7")
FULL = bool(os.environ.get("TINYGLOW_FULL"))
# On emulated cores large networks take long; the slice has one of each kind of kernel.
ON_CORES = [
    (model, config)
    for model in MODELS
    for config in INT8
    if FULL or (model in ("mnist_nxp", "ops_zoo") and config in ("asymmetric", "channelwise", "power2_bias8"))
]


@pytest.mark.parametrize("board", CORES)
def test_own_recording(board: str) -> None:
    """The recording that comes with the tests: all its vectors in numpy and host C, the first one on the cores."""
    folder = Path(__file__).with_name("ops_zoo")
    result = crosscheck(folder / "asymmetric", folder / "ops_zoo.onnx", boards={HOST: None, load_board(board): None})
    assert result.equal and result.vectors == result.vectors_equal == 32
    assert [core["vectors_equal"] for core in result.cores.values()] == [1, 1]


# To search ranges by Kullback and Leibler's distance takes long for large networks.
IN_NUMPY = [
    (model, config)
    for model in MODELS
    for config in INT8
    if FULL or config != "kl1024" or model in ("mnist_nxp", "ops_zoo", "lenet_mnist")
]


@pytest.mark.parametrize(("model", "config"), IN_NUMPY)
def test_quantizes_and_computes_as_glow(shared: Path, model: str, config: str) -> None:
    """With Glow's profile: Glow's node kinds, scales and offsets, and its outputs in numpy and in host C."""
    folder = shared / "golden" / model / config
    count = len(next(iter(load_golden(folder).inputs.values())))
    boards = {HOST: None}
    result = crosscheck(folder, shared / "models" / f"{model}.onnx", boards=boards, vectors_on_boards=count)
    assert [value for value in result.values if not value.equal] == []
    assert (result.vectors_equal, result.mismatches) == (result.vectors, 0)
    assert result.cores["host"]["vectors_equal"] == count == 32
    assert result.equal


@pytest.mark.parametrize("model", MODELS)
def test_float_network_computes_as_glow(shared: Path, model: str) -> None:
    """The float network gives Glow's float results to 1e-5 of their largest."""
    result = crosscheck(shared / "golden" / model / "float", shared / "models" / f"{model}.onnx")
    assert result.vectors == result.vectors_equal == 32


@pytest.mark.parametrize(("model", "config"), ON_CORES)
def test_cores_compute_as_glow(shared: Path, model: str, config: str) -> None:
    """Both emulated cores give Glow's answer to the first recorded vector (TINYGLOW_FULL=1: for all configurations)."""
    folder = shared / "golden" / model / config
    boards = {load_board(name): None for name in CORES}
    result = crosscheck(folder, shared / "models" / f"{model}.onnx", boards=boards)
    assert {name: core["vectors_equal"] for name, core in result.cores.items()} == dict.fromkeys(CORES, 1)
