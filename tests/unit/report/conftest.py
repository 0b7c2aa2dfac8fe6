"""The reports that the tests look at: AN13438's network and AN13331's, each on two boards, and a bundle's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import run_cli
from tests.unit.foreign.making import Maker
from tests.unit.report.making import Report, in_one_folder, need_packages, read_report, run_report
from tinyglow.testing.budget import is_full

BOARDS = ("frdm-ke16z", "mimxrt1060-evk")
# Cheap ones: the Cortex-M0+ takes five times the cycles of the Cortex-M7, waiting for memories takes longer to
# count, and the advice tries the network over and over.
CIFAR_BOARDS = ("cortex-m0plus" if is_full() else "cortex-m7", "mimxrt1060-evk")


def _on(boards: tuple[str, ...]) -> list[str]:
    return [word for board in boards for word in ("--board", board)]


@pytest.fixture(scope="session")
def report(run_folder: Path, checkout: Path) -> Report:
    """The report of mnist_nxp, with labels."""
    need_packages()
    digits = checkout / "examples" / "mnist" / "digits"
    source = (str(checkout / "examples" / "mnist" / "mnist_nxp.onnx"), "--define", "N=1")
    inputs = ("--input", f"max_pooling_1_input={digits}", "--image-mode", "0to1", "--image-layout", "NHWC")

    def make(folder: Path) -> None:
        labels, profile = folder / "labels.npy", folder / "profile.yaml"
        np.save(labels, np.array([int(path.name[0]) for path in sorted(digits.glob("*.png"))]))
        assert run_cli("profile", *source, *inputs, "-o", profile).status == 0
        run_report(folder, (*source, "--profile", profile, *inputs, "--labels", labels, *_on(BOARDS)))

    folder = in_one_folder(run_folder / "reports" / "mnist_nxp", make)
    return read_report(folder, (*source, "--profile", folder / "profile.yaml"), inputs)


@pytest.fixture(scope="session")
def cifar10(run_folder: Path, shared: Path, shared_model: Callable[[str], Path]) -> Report:
    """The report of cifar10, with labels."""
    need_packages()
    model = (shared_model("cifar10.onnx"), "--profile", shared / "golden" / "cifar10" / "profile.yaml")
    few = {name: np.load(shared_model(f"cifar10.{name}.npy"))[:4] for name in ("test", "test_labels")}

    def make(folder: Path) -> None:
        for name, array in few.items():
            np.save(folder / f"{name}.npy", array)
        labels = ("--labels", folder / "test_labels.npy")
        fast = () if is_full() else ("--no-advice",)
        words = (*model, "--input", f"input={folder / 'test.npy'}", *labels, *_on(CIFAR_BOARDS))
        run_report(folder, (*words, *fast, "--vectors", "1"))

    folder = in_one_folder(run_folder / "reports" / "cifar10", make)
    return read_report(folder, model, ("--input", f"input={folder / 'test.npy'}"))


@pytest.fixture(scope="session")
def foreign(run_folder: Path) -> Report:
    """The report of a bundle of machine code; the bundle is in ``folder`` beside the page."""
    for package in ("unicorn", "capstone", "ziglang", "vl_convert"):
        pytest.importorskip(package)

    def make(folder: Path) -> None:
        bundle, samples = Maker(folder).bundle(), folder / "x.npy"
        np.save(samples, np.arange(32, dtype=np.int8).reshape(2, 16))
        run_report(folder, (bundle, "--board", "frdm-ke16z", "--input", f"x={samples}"))

    folder = in_one_folder(run_folder / "reports" / "foreign", make)
    return read_report(folder, (folder / "bundle",), ("--input", f"x={folder / 'x.npy'}"))
