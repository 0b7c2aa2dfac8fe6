"""The oracle on the networks at hand: the project's own, and in the long run all that lie beside the checkout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.conftest import ROOT
from tinyglow.errors import ModelError, ProfileError
from tinyglow.frontend.read import load_model
from tinyglow.frontend.request import Request
from tinyglow.ir.graph import Array
from tinyglow.quant.match import match_profile
from tinyglow.quant.profile import load_profile
from tinyglow.quant.profiler import profile_graph
from tinyglow.quant.scheme import Scheme, profiled_values
from tinyglow.testing import is_full
from tinyglow.testing.oracle import Form, check
from tinyglow.testing.oracle.check import Samples

SMALL = ("autoencoder", "kws_dscnn", "mobilenet_block")
LARGE = ("cifar10", "lenet_mnist")
BESIDE = ROOT.parent / "shared"
FOLDERS = ("golden_networks", "golden_more")
TINY = ("ad01_fp32", "kws_ref_model_float32", "pretrainedResnet", "vww_96_float")
SQUARED_SIGMOIDS = ("acts_500008", "t22_swish_1")  # x * sigmoid(x)
SKIPPED = pytest.param(
    None, marks=pytest.mark.skip("needs TINYGLOW_FULL=1, and the folder 'shared' beside the checkout"), id="all"
)


def uniform(ranges: Mapping[str, tuple[float, float, tuple[int, ...]]], most: int = 1000) -> Samples:
    """Samples between the ends that each input has, ``most`` at most."""

    def samples(count: int) -> dict[str, Array]:
        rng = np.random.default_rng(0)
        return {
            name: rng.uniform(low, high, (min(count, most), *shape)).astype(np.float32)
            for name, (low, high, shape) in ranges.items()
        }

    return samples


def _like(path: Path) -> Samples:
    """Samples of the ranges of a model's calibration data."""
    graph = tinyglow.load(path)
    arrays = _calibration(path.parent, graph.source_names, graph.inputs)
    shapes = {name: graph.type_of(name).shape for name in graph.inputs}
    return uniform({name: (float(a.min()), float(a.max()), shapes[name]) for name, a in arrays.items()})


def _calibration(folder: Path, source_names: Mapping[str, str], inputs: tuple[str, ...]) -> dict[str, Array]:
    """Calibration data of a recorded case by the placeholders' names."""
    if (folder / "calib.npz").is_file():
        data = np.load(folder / "calib.npz")
        return {name: data[source_names[name]] for name in inputs}
    return {inputs[0]: np.load(folder / "calib.npy")}


@pytest.mark.parametrize("name", SMALL + (LARGE if is_full() else ()))
@pytest.mark.parametrize("like_glow", [False, True], ids=["tiny", "glow"])
def test_the_project_s_networks(name: str, like_glow: bool) -> None:
    """Each pass and station keeps the meaning of the networks in ``tests/models``."""
    path = ROOT / "tests" / "models" / f"{name}.onnx"
    graph = tinyglow.load(path)
    shapes = {graph.source_names[name]: graph.type_of(name).shape for name in graph.inputs}
    samples = uniform({source: (-1.0, 1.0, shape) for source, shape in shapes.items()}, most=32 if is_full() else 4)
    found = check(path, samples, Form(Scheme(like_glow=like_glow), target="cortex-m7"))
    assert found is None, str(found)


def beside() -> list[object]:
    """The float models beside the checkout, in the long run: the project's, and MLPerf Tiny's TFLite files."""
    folder = BESIDE / "models"
    paths = [*sorted(folder.glob("*.onnx")), *(folder / "mlperf_tiny" / f"{name}.tflite" for name in TINY)]
    paths = [path for path in paths if path.is_file()] if is_full() else []
    return [pytest.param(path, id=path.name) for path in paths] or [SKIPPED]


@pytest.mark.parametrize("path", beside())
def test_networks_beside_the_checkout(path: Path) -> None:
    """By default and as Glow would: nothing is found on data like the calibration's."""
    request = Request(define={"N": 1} if path.stem == "mnist_nxp" else {})
    graph = load_model(path, "net", request)
    data = np.load(path.with_suffix(".calib.npy")) if path.with_suffix(".calib.npy").is_file() else np.array([0, 1])
    ends = float(data.min()), float(data.max())
    samples = uniform({name: (*ends, graph.type_of(name).shape) for name in graph.inputs}, most=4)
    for scheme in (Scheme(), Scheme(like_glow=True)):
        found = check(path, samples, Form(scheme, reference=path.suffix == ".onnx"), request)
        assert found is None, f"{scheme}: {found}"


def recorded() -> list[object]:
    """The models of the recorded cases beside the checkout, in the long run."""
    models = [path for folder in FOLDERS for path in sorted((BESIDE / folder).glob("*/model.onnx"))]
    models = [path for path in models if list(path.parent.glob("calib.np*"))]
    if not is_full() or not models:
        return [SKIPPED]
    return [pytest.param(path, id=f"{path.parent.parent.name}/{path.parent.name}") for path in models]


@pytest.mark.parametrize("path", recorded())
def test_recorded_networks(path: Path) -> None:
    """By default and as Glow would: nothing is found."""
    for scheme in (Scheme(), Scheme(like_glow=True), Scheme(channelwise=True)):
        try:
            found = check(path, _like(path), Form(scheme))
        except ModelError as error:
            pytest.skip(f"is refused: {error}")
        assert found is None, f"{scheme}: {found}"


@pytest.mark.parametrize("path", recorded())
def test_a_recorded_range_is_that_of_its_value(path: Path) -> None:
    """A profile of the real Glow gives each value its own range, or is refused."""
    if path.parent.name in SQUARED_SIGMOIDS:
        pytest.skip("Glow's graph is wrong there, and so is its profile: it multiplies the sigmoid by itself")
    graph = tinyglow.load(path)
    arrays = _calibration(path.parent, graph.source_names, graph.inputs)
    shaped = {name: array.reshape(-1, *graph.type_of(name).shape) for name, array in arrays.items()}
    own = profile_graph(graph, shaped).ranges
    try:
        match = match_profile(graph, load_profile(path.parent / "profile.yaml"), profiled_values(graph, Scheme()))
    except ProfileError as error:
        pytest.skip(f"the profile is refused: {error}")
    for name, range_ in match.ranges.items():
        if graph.values[name].data is None:
            expected = own[f"{name}:0"]
            if all(node.op.kind == "Relu" for node in graph.nodes if name in node.inputs):
                expected = replace(expected, low=max(expected.low, min(range_.low, 0.0)))  # what is below is cut off
            tolerance = 1e-3 * max(abs(expected.low), abs(expected.high), 1e-6)
            found = f"{name}: {range_.low} to {range_.high}, not {expected.low} to {expected.high}"
            assert abs(range_.low - expected.low) <= tolerance, found
            assert abs(range_.high - expected.high) <= tolerance, found
