"""image-classifier on the images that the real Glow's profiled gives Glow's profile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import run_cli
from tinyglow.quant.profile import load_profile

RECORDINGS = {"mnist_tuner": ("mnist_nxp_nchw", "0to1"), "cifar10_tuner": ("cifar10", "neg1to1")}


@pytest.mark.parametrize("recording", RECORDINGS)
def test_the_profile_is_glows(recording: str, shared: Path, tmp_path: Path) -> None:
    """Every name, and no other; ranges to float rounding; histograms to one element of a value at a bin's border."""
    model, mode = RECORDINGS[recording]
    folder = shared / "golden_tools" / recording
    answer = run_cli(
        "image-classifier",
        *sorted((folder / "profiling").glob("*.png")),
        *(f"-image-mode={mode}", "-image-layout=NCHW", "-image-channel-order=RGB"),
        *(f"-model={shared / 'models' / model}.onnx", "-model-input-name=input"),
        f"-dump-profile={tmp_path / 'profile.yaml'}",
    )
    assert (answer.status, answer.err) == (0, "")
    ours = load_profile(tmp_path / "profile.yaml").ranges
    glows = load_profile(folder / "profile.yaml").ranges
    assert ours.keys() == glows.keys()
    for name, theirs in glows.items():
        found = ours[name]
        # One unit in the last place of a sum of up to 576 products.
        assert np.allclose([found.low, found.high], [theirs.low, theirs.high], rtol=2e-6, atol=1e-7), name
        # Glow prints counts with six digits.
        counts = [float(f"{count:.6g}") for count in found.histogram]
        assert np.abs(np.array(counts) - theirs.histogram).max() <= 1, name


MODELS = {
    "mnist_nxp": True,
    "lenet_mnist": True,
    "cifar10": True,
    "ops_zoo": False,
    "kws_dscnn": False,
    "mobilenet_block": False,
    "autoencoder": False,
}


@pytest.mark.parametrize(("model", "complete"), MODELS.items())
def test_lowered_nodes(model: str, complete: bool, shared: Path) -> None:
    """What a profile has besides results, parts of lowered nodes, is in Glow's too, with the same ranges.

    Convolutions that Glow lowers to others (of groups, of 1 x 1) and float BatchNorms have parts that are only there.
    """
    graph = tinyglow.load(
        shared / f"models/{model}.onnx", define={"N": 1} if model == "mnist_nxp" else {}, like_glow=True
    )
    samples = {graph.inputs[0]: np.load(shared / f"models/{model}.calib.npy")}
    ours = tinyglow.profile(graph, samples).ranges
    glows = load_profile(shared / f"golden/{model}/profile.yaml").ranges
    assert ours.keys() <= glows.keys()
    assert ours.keys() > {f"{name}:0" for name in graph.values}
    assert not complete or ours.keys() == glows.keys()
    for name, found in ours.items():
        theirs = glows[name]
        assert np.allclose([found.low, found.high], [theirs.low, theirs.high], rtol=5e-6, atol=1e-6), name
