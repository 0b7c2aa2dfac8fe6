"""The folder in which the pages' code blocks run: the files that the pages take as given."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt

import tinyglow
from tests.helpers import NetBuilder
from tests.tflite.builder import Quant, TFLiteBuilder
from tinyglow.demo import digits

ROOT = Path(__file__).resolve().parents[2]
Float32 = npt.NDArray[np.float32]
LABELLED = ("1_0.png", "4_0.png", "7_0.png")


def _classifier() -> Float32:
    """Weights [784, 10] with which a linear layer recognizes most digits: ridge regression, no training."""
    images, labels = digits.calibration_set(200)
    x, y = images.reshape(len(images), -1).astype(np.float64), np.eye(10)[labels]
    weights: Float32 = np.linalg.solve(x.T @ x + 30 * np.eye(x.shape[1]), x.T @ y).astype(np.float32)
    return weights


def _network(folder: Path, weights: Float32) -> None:
    """net.onnx: a linear layer from ``image`` to ``answer``. One kernel, so that it compiles in no time."""
    build = NetBuilder()
    flat = build.node("Flatten", "image", name="flatten")
    build.node("Gemm", flat, build.constant(weights), build.constant(np.zeros(10)), name="dense", output="answer")
    build.build({"image": (1, 28, 28, 1)}, ["answer"]).save(folder, "net.onnx")


def _tflite(weights: Float32, quantized: bool) -> bytes:
    """The same layer, with a transposed filter as TFLite has it."""
    build = TFLiteBuilder()
    scale = float(np.abs(weights).max() / 127)
    if quantized:
        image = build.tensor("image", (1, 28, 28, 1), "INT8", Quant([1 / 255], [-128]))
        filters = build.constant("weights", np.rint(weights.T / scale).astype(np.int8), Quant([scale], [0]))
        kind = {"dtype": "INT8", "quant": Quant([0.02], [0])}
    else:
        image = build.tensor("image", (1, 28, 28, 1))
        filters, kind = build.constant("weights", np.ascontiguousarray(weights.T)), {}
    options = {"options": "FullyConnectedOptions", "name": "answer", **kind}
    return build.build([image], [build.node("FULLY_CONNECTED", [image, filters, -1], (1, 10), **options)])


def make(folder: Path) -> None:
    """Write everything into ``folder``."""
    weights = _classifier()
    _network(folder, weights)
    np.save(folder / "samples.npy", digits.calibration_set(20)[0])
    images, labels = digits.demo_set()
    np.save(folder / "digits.npy", images[:2])
    np.save(folder / "labels.npy", labels[:2])
    (folder / "digits").mkdir()
    for name in LABELLED:
        shutil.copy(ROOT / "examples/mnist/digits" / name, folder / "digits")
    (folder / "Labels.csv").write_text("".join(f"{name},{name[0]},\n" for name in LABELLED), encoding="utf-8")
    graph = tinyglow.load(folder / "net.onnx")
    profile = tinyglow.profile(graph, {"image": np.load(folder / "samples.npy")})
    tinyglow.save_profile(profile, folder / "profile.yaml")
    tinyglow.emit(tinyglow.lower(tinyglow.quantize(graph, profile)), folder / "bundle")
    (folder / "model_float.tflite").write_bytes(_tflite(weights, quantized=False))
    (folder / "model_int8.tflite").write_bytes(_tflite(weights, quantized=True))
    shutil.copytree(ROOT / "examples", folder / "examples")
    shutil.copytree(ROOT / "tests/golden/ops_zoo", folder / "tests/golden/ops_zoo")
