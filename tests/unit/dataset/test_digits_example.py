"""The example of examples/digits: its network learns, and its script leads from drawn digits to a firmware."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from tinyglow.demo.digits import calibration_set
from tinyglow.demo.drawn import write_data_set


@pytest.fixture(scope="module")
def network(checkout: Path) -> Any:
    """The module examples/digits/network.py."""
    spec = importlib.util.spec_from_file_location("digits_network", checkout / "examples/digits/network.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look for their module there
    spec.loader.exec_module(module)
    return module


def test_gradients_are_those_of_the_loss(network: Any) -> None:
    """Central differences in the directions of the largest gradients of each layer agree."""
    images, labels = calibration_set(20)
    images = (
        images + np.random.default_rng(1).random(images.shape, np.float32) / 50
    )  # no two equal, so that max is smooth
    made = network.Network.random(3)
    _, gradients = made.gradients(images, labels)
    for arrays, which in ((made.weights, 0), (made.biases, 1)):
        for layer, array in enumerate(arrays):
            gradient = gradients[layer][which]
            place = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
            kept, losses = array[place], []
            for step in (0.002, -0.002):
                array[place] = kept + step
                losses.append(made.gradients(images, labels)[0])
            array[place] = kept
            assert (losses[0] - losses[1]) / 0.004 == pytest.approx(gradient[place], rel=0.1)


@pytest.mark.slow
def test_a_few_epochs_help_and_the_file_says_the_same(network: Any, tmp_path: Path) -> None:
    """The loss falls; onnx computes what numpy does; what is loaded again is the same network."""
    images, labels = calibration_set(60)
    made, losses = network.Network.random(1), []
    made.train(images, labels, 30, 1, lambda epoch, loss: losses.append(loss))
    assert losses[-1] < 0.8 * losses[0]
    made.save(tmp_path / "a.onnx")
    evaluator = ReferenceEvaluator(onnx.load(tmp_path / "a.onnx"))
    scores = np.concatenate([evaluator.run(None, {"image": images[i : i + 1]})[0] for i in range(3)])
    np.testing.assert_allclose(scores, made.scores(images[:3]), rtol=1e-4, atol=1e-4)
    again = network.Network.load(tmp_path / "a.onnx")
    assert all((a == b).all() for a, b in zip(again.weights + again.biases, made.weights + made.biases, strict=True))


def test_transfer_keeps_the_convolutions(network: Any, checkout: Path) -> None:
    """Those of the shipped network, which recognizes its digits; training moves the last layers only."""
    shipped = network.Network.load(checkout / "examples/mnist/mnist_nxp.onnx")
    images, labels = calibration_set(40)
    assert shipped.accuracy(images, labels) > 0.9
    moved = shipped.transferred(1)
    before = [array.copy() for array in moved.weights]
    moved.train(images, labels, 1, 1)
    same = [bool((a == b).all()) for a, b in zip(before, moved.weights, strict=True)]
    assert same == [True, True, True, False, False]
    assert all((a == b).all() for a, b in zip(shipped.weights[:3], moved.weights[:3], strict=True))


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt" or not shutil.which("make"), reason="needs a shell and make")
def test_the_script_ends_in_a_firmware(checkout: Path, tmp_path: Path) -> None:
    """Reduced: 20 pictures of each digit and 8 epochs, then the same steps."""
    for name in ("ziglang", "unicorn"):
        pytest.importorskip(name)
    small = {"COUNT": "20", "EPOCHS": "8", "PYTHON": sys.executable}
    done = subprocess.run(
        ["sh", "examples/digits/run.sh", str(tmp_path / "out")],
        cwd=checkout,
        env={**os.environ, **small},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert "all answers as compiled" in done.stdout
    assert "frdm-ke16z" in done.stdout and (tmp_path / "out/evaluation.html").is_file()
    again = subprocess.run(
        ["sh", "examples/digits/run.sh", str(tmp_path / "out")], cwd=checkout, capture_output=True, check=False
    )
    assert again.returncode == 2


@pytest.mark.slow
def test_the_table_of_transfer_learning_is_printed(checkout: Path, tmp_path: Path) -> None:
    """Reduced: two numbers of examples, one run; and on a data set of one's own that is too small for the second."""
    script = [sys.executable, "examples/transfer/table.py", "--runs", "1", "--epochs", "4"]

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*script, *words], cwd=checkout, capture_output=True, encoding="utf-8", check=False)

    done = run("--counts", "2,4", "--test-hands", "2")
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert [row.split("|")[1].strip() for row in rows] == ["examples of each digit", "2", "4"]
    assert all(row.count("%") == 4 for row in rows[1:]) and "20 test pictures" in done.stdout
    own = write_data_set(tmp_path / "d", 3)
    done = run("--counts", "2,4", "--train", str(own), "--test", str(own))
    assert done.returncode == 1 and "fewer than 4 examples: 0 (3), 1 (3)" in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="needs the extra tinyglow[train]")
def test_keras_trains_the_network_on_folders_of_mnist(checkout: Path, tmp_path: Path) -> None:
    """Reduced: MNIST's file with digits that the project draws; the loss falls, and the file has the note's network."""
    images, labels = calibration_set(60)
    pixels = np.rint(images[..., 0] * 255).astype(np.uint8)
    parts = {"x_train": pixels, "y_train": labels, "x_test": pixels[:20], "y_test": labels[:20]}
    np.savez(tmp_path / "mnist.npz", **parts)

    def run(script: str, *words: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, f"examples/digits/{script}.py", *words],
            cwd=checkout,
            env={**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(checkout)},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    folder, file = tmp_path / "mnist", tmp_path / "a.onnx"
    found = run("mnist_folders", str(tmp_path / "mnist.npz"), "-o", str(folder))
    assert found == [f"{folder / 'train'}: 60 pictures", f"{folder / 'test'}: 20 pictures"]
    lines = run("train_keras", str(folder / "train"), str(folder / "test"), "--epochs", "8", "-o", str(file))
    losses = [float(line.split(" loss: ")[1].split()[0]) for line in lines if " loss: " in line]
    assert len(losses) == 8 and losses[-1] < losses[0]
    assert "of 20 test images, 60 trained on" in lines[-1]
    assert sum(np.prod(tensor.dims) for tensor in onnx.load(file).graph.initializer) == 1662
