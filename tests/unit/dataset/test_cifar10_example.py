"""The training scripts of examples/cifar10, reduced; they need the extras tinyglow[train] and tinyglow[torch]."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tinyglow.demo.drawn import write_data_set
from tinyglow.pipeline.fidelity import float_outputs

pytestmark = pytest.mark.slow


@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="needs the extra tinyglow[train]")
def test_train_resume_and_export(checkout: Path, tmp_path: Path) -> None:
    """Two epochs, then one more from the checkpoint; the ONNX file computes what Keras does, then the softmax."""
    train, test = write_data_set(tmp_path / "train", 6), write_data_set(tmp_path / "test", 2, first_hand=500)
    out = tmp_path / "out"
    script = [sys.executable, "examples/cifar10/train.py", str(train), str(test), "-o", str(out), "--batch", "20"]
    for words, epochs in ((("--epochs", "2"), 2), (("--epochs", "1", "--resume", "--softmax"), 3)):
        environment = {"KERAS_BACKEND": "jax", "PYTHONPATH": str(checkout), "PATH": "", "HOME": str(tmp_path)}
        done = subprocess.run(
            [*script, *words], cwd=checkout, env=environment, capture_output=True, encoding="utf-8", check=False
        )
        assert done.returncode == 0, done.stderr
        assert f"Epoch {epochs}/{epochs}" in done.stdout and f"20 test images after {epochs} epochs" in done.stdout
        history = json.loads((out / "history.json").read_text("utf-8"))
        assert len(history["val_accuracy"]) == epochs
    assert history["loss"][-1] < history["loss"][0]
    assert (out / "layers.png").is_file()
    code = "import keras, numpy, sys; m = keras.saving.load_model(sys.argv[1]); "
    code += "numpy.save(sys.argv[2], m.predict(numpy.load(sys.argv[3]), verbose=0))"
    images = np.random.default_rng(1).uniform(-1, 1, (3, 32, 32, 3)).astype(np.float32)
    np.save(tmp_path / "x.npy", images)
    words = ["-c", code, str(out / "checkpoint.keras"), str(tmp_path / "y.npy"), str(tmp_path / "x.npy")]
    subprocess.run([sys.executable, *words], check=True, env=environment, capture_output=True)
    graph = tinyglow.load(out / "network.onnx")
    (answers,) = float_outputs(graph, {"input": images.transpose(0, 3, 1, 2)[:, None]}).values()
    shares = np.exp(np.load(tmp_path / "y.npy"))
    np.testing.assert_allclose(answers.reshape(3, 10), shares / shares.sum(axis=1, keepdims=True), rtol=1e-3, atol=1e-4)


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs the extra tinyglow[torch]")
def test_train_resume_and_export_with_pytorch(checkout: Path, tmp_path: Path) -> None:
    """Two epochs, then one more from the checkpoint; the ONNX file computes what PyTorch does, then the softmax."""
    train, test = write_data_set(tmp_path / "train", 6), write_data_set(tmp_path / "test", 2, first_hand=500)
    out = tmp_path / "out"
    script = [sys.executable, "examples/cifar10/train_torch.py", str(train), str(test), "-o", str(out), "--batch", "20"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(checkout), str(checkout / "examples/cifar10")])}
    for words, epochs in ((("--epochs", "2"), 2), (("--epochs", "1", "--resume", "--softmax"), 3)):
        done = subprocess.run(
            [*script, *words], cwd=checkout, env=environment, capture_output=True, encoding="utf-8", check=False
        )
        assert done.returncode == 0, done.stderr
        assert f"Epoch {epochs}/{epochs}: loss " in done.stdout
        assert f"20 test images after {epochs} epochs" in done.stdout
        history = json.loads((out / "history.json").read_text("utf-8"))
        assert [len(values) for values in history.values()] == [epochs] * 4
    assert history["loss"][-1] < history["loss"][0]
    assert (out / "layers.png").is_file()
    code = "import torch, numpy, sys, train_torch as t; m = t.network(10); m.eval(); "
    code += "m.load_state_dict(torch.load(sys.argv[1], weights_only=True)['model']); "
    code += "numpy.save(sys.argv[2], m(torch.from_numpy(numpy.load(sys.argv[3]))).detach().numpy())"
    images = np.random.default_rng(1).uniform(-1, 1, (3, 3, 32, 32)).astype(np.float32)
    np.save(tmp_path / "x.npy", images)
    words = ["-c", code, str(out / "checkpoint.pt"), str(tmp_path / "y.npy"), str(tmp_path / "x.npy")]
    subprocess.run([sys.executable, *words], check=True, env=environment, capture_output=True)
    graph = tinyglow.load(out / "network.onnx")
    (answers,) = float_outputs(graph, {"input": images[:, None]}).values()
    shares = np.exp(np.load(tmp_path / "y.npy"))
    np.testing.assert_allclose(answers.reshape(3, 10), shares / shares.sum(axis=1, keepdims=True), rtol=1e-3, atol=1e-4)
