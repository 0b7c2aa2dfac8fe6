"""Reports of larger networks are built, agree with the interpreter, and stay small enough to send around."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.unit.report.conftest import CIFAR_BOARDS
from tests.unit.report.making import Page, Report, check_alone, need_packages, read_report, run_report
from tinyglow.testing.budget import is_full


@pytest.mark.slow  # compiles C
@pytest.mark.long
def test_cifar10(cifar10: Report) -> None:
    """It fits both boards, and the answers agree bit for bit."""
    check_alone(cifar10.page)
    assert json.loads(Page(cifar10.page).scripts[0]) == cifar10.figures
    boards = cifar10.figures["boards"]
    assert [board["name"] for board in boards] == list(CIFAR_BOARDS)
    assert all(board["fit"]["fits"] and board["fit"]["cycles"] > 1_000_000 for board in boards)
    assert cifar10.figures["verdict"]["bit_exact"]
    assert cifar10.figures["validation"]["accuracy"]["float"] >= 3


def test_images_have_their_channels_last(cifar10: Report) -> None:
    """The model's input is [N, C, H, W]; the page carries it so that each channel is an image."""
    tensor = cifar10.figures["tensors"][0]
    assert tensor["shape"] == [1, 3, 32, 32] and tensor["drawn"] == [1, 32, 32, 3] and tensor["kept"] == 3
    given = np.load(cifar10.folder / "test.npy")
    real = np.frombuffer(base64.b64decode(tensor["real"]), "<f2").reshape(-1, 32, 32, 3)
    assert np.allclose(real, given[: len(real)].transpose(0, 2, 3, 1), atol=1e-3)


# The other shared networks: their file, the profile's folder (none where the file is quantized), and its placeholder.
_OTHERS = {
    "lenet_mnist": ("lenet_mnist.onnx", "data"),
    "kws_dscnn": ("kws_dscnn.onnx", "input"),
    "mobilenet_block": ("mobilenet_block.onnx", "input"),
    "autoencoder": ("autoencoder.onnx", "input"),
    "ops_zoo": ("ops_zoo.onnx", "input"),
    "visual wake words": ("mlperf_tiny/vww_96_int8.tflite", "input_1_int8"),
    "image classification": ("mlperf_tiny/pretrainedResnet_quant.tflite", "input_1_int8"),
    "keyword spotting": ("mlperf_tiny/kws_ref_model.tflite", "input_1"),
    "anomaly detection": ("mlperf_tiny/ad01_int8.tflite", "input_1"),
}


@pytest.mark.skipif(not is_full(), reason="takes minutes: TINYGLOW_FULL=1")
@pytest.mark.parametrize("name", _OTHERS)
def test_other_networks(name: str, shared: Path, shared_model: Callable[[str], Path], tmp_path: Path) -> None:
    """Whatever their size, the page is whole and below 2 MB."""
    need_packages()
    file, placeholder = _OTHERS[name]
    model: tuple[str | Path, ...] = (shared_model(file),)
    if file.endswith(".onnx"):
        model += ("--profile", shared / "golden" / name / "profile.yaml")
        samples = np.load(shared_model(f"{name}.test.npy"))[:2]
    else:
        import tinyglow

        graph = tinyglow.load(str(model[0]))
        samples = np.random.default_rng(0).uniform(0, 1, (1, *graph.type_of(graph.inputs[0]).shape)).astype(np.float32)
    np.save(tmp_path / "x.npy", samples)
    inputs = ("--input", f"{placeholder}={tmp_path / 'x.npy'}")
    run_report(tmp_path, (*model, *inputs, "--board", "cortex-m7", "--no-advice", "--vectors", "1"))
    check_alone(read_report(tmp_path, model, inputs).page)
