"""Errors are attributed to the layer that makes them, with the reason."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import Array, Net, NetBuilder, conv_net, dense_net
from tinyglow.errors import InputError, ProfileError
from tinyglow.ir.graph import Graph
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.pipeline import attribution, causes
from tinyglow.pipeline.fidelity import FidelitySums, decibels, float_outputs, output_fidelity
from tinyglow.pipeline.layers import Layer, look_closely
from tinyglow.pipeline.parts import output_parts
from tinyglow.pipeline.trace import trace
from tinyglow.pipeline.validate import Validation, validate
from tinyglow.quant.profile import Profile, Range

CALIBRATION = 100
INT8 = TensorType((4,), "int8", QuantParams(0.5, 0))


def _graph(net: Net, folder: Path, calibration: dict[str, Array]) -> tuple[Graph, Profile]:
    graph = tinyglow.load(net.save(folder))
    return graph, tinyglow.profile(graph, calibration)


def _validated(net: Net, folder: Path, **options: object) -> Validation:
    graph, profile = _graph(net, folder, net.samples(16))
    return validate(graph, profile, net.samples(16, seed=2), advise=False, **options)


def _chain(seed: int = 0) -> Net:
    """Two convolutions with ReLUs, and a dense layer."""
    build = NetBuilder(seed)
    a = build.node("Conv", "x", build.weights(4, 2, 3, 3), build.weights(4), name="conv1", pads=[1, 1, 1, 1])
    a = build.node("Relu", a, name="relu1")
    a = build.node("Conv", a, build.weights(4, 4, 3, 3), build.weights(4), name="conv2", pads=[1, 1, 1, 1])
    a = build.node("Flatten", build.node("Relu", a, name="relu2"), name="flat")
    build.node("Gemm", a, build.weights(144, 5), build.weights(5), name="gemm", output="y")
    return build.build({"x": (1, 2, 6, 6)}, ["y"])


def test_fidelity_of_known_numbers() -> None:
    """SNR, cosine, largest error and saturation by hand."""
    sums = FidelitySums()
    sums.add(np.array([3.0, -4.0, 100.0]), np.array([3.0, -4.0, 63.5]), INT8)
    found = sums.finish()
    assert found.snr == pytest.approx(10 * math.log10((9 + 16 + 10000) / 36.5**2))
    assert found.cosine == pytest.approx((9 + 16 + 6350) / math.sqrt(10025 * (9 + 16 + 63.5**2)))
    assert (found.largest, found.low, found.high) == (36.5, -4.0, 100.0)
    assert found.saturated == pytest.approx(1 / 3)
    assert decibels(1.0, 0.0) == math.inf and decibels(0.0, 1.0) == -math.inf


def test_chunks_add_up() -> None:
    """Figures do not depend on how samples come."""
    rng = np.random.default_rng(0)
    real, actual = rng.standard_normal((2, 100, 4))
    whole, parts = FidelitySums(), FidelitySums()
    whole.add(real, actual, INT8)
    for begin in range(0, 100, 30):
        parts.add(real[begin : begin + 30], actual[begin : begin + 30], INT8)
    assert whole.finish().snr == pytest.approx(parts.finish().snr)
    assert whole.finish().largest == parts.finish().largest


def test_every_layer_is_found(tmp_path: Path) -> None:
    """A layer with a folded activation counts as the activation's result; what is not computed any more is left out."""
    found = _validated(_chain(), tmp_path)
    assert [layer.node for layer in found.layers if layer.kind != "Transpose"] == ["x", "relu1", "relu2", "gemm"]
    assert all(layer.fidelity.snr > 20 for layer in found.layers), found.layers
    assert sum(layer.share for layer in found.layers) == pytest.approx(1)
    assert found.outputs[0].fidelity == found.layers[-1].fidelity


def test_a_layer_and_its_activation_may_be_one_node_of_the_model(tmp_path: Path) -> None:
    """So it is in TFLite files: the layer's integers stand for the activation's result, and nothing is lost by that."""
    pytest.importorskip("tflite")
    from tests.tflite.builder import TFLiteBuilder

    build, rng = TFLiteBuilder(), np.random.default_rng(0)
    x = build.tensor("x", (1, 6, 6, 2))
    filters = build.constant("f", rng.standard_normal((4, 3, 3, 2)).astype(np.float32))
    strides = {"StrideH": 1, "StrideW": 1, "DilationHFactor": 1, "DilationWFactor": 1, "FusedActivationFunction": 1}
    conv = build.node("CONV_2D", [x, filters, -1], (1, 6, 6, 4), "conv", "Conv2DOptions", 2, **strides)
    (tmp_path / "net.tflite").write_bytes(build.build([x], [conv]))
    graph = tinyglow.load(tmp_path / "net.tflite")
    inputs = {graph.inputs[0]: rng.standard_normal((32, 6, 6, 2)).astype(np.float32)}
    found = validate(graph, tinyglow.profile(graph, inputs), inputs, advise=False)
    assert found.layers[-1].kind == "Relu" and found.layers[-1].fidelity.saturated == 0
    assert found.layers[-1].fidelity.snr > 30


def test_the_error_is_where_it_is_made(tmp_path: Path) -> None:
    """A range that is far too wide in the middle is found there, not in the layers that inherit the error."""
    net = _chain()
    graph, profile = _graph(net, tmp_path, net.samples(CALIBRATION))
    (wide,) = [f"{node.outputs[0]}:0" for node in graph.nodes if node.origin == "relu1"]
    ranges = {**profile.ranges, wide: Range(0.0, 40 * profile.ranges[wide].high)}
    found = validate(graph, replace(profile, ranges=ranges), net.samples(16, seed=2), advise=False)
    (worst, *_) = found.losses
    assert worst.node == "relu1" and worst.share > 0.9
    assert "the profile's range is" in worst.why[0]
    gemm = next(layer for layer in found.layers if layer.node == "gemm")
    assert gemm.fidelity.snr < gemm.own_snr - 3


def test_saturation_is_measured_and_named(tmp_path: Path) -> None:
    """Inputs beyond the calibration samples saturate; the share is that of their elements."""
    net = dense_net()
    graph, profile = _graph(net, tmp_path, net.samples(32))
    large = {"x": 3 * net.samples(32, seed=2)["x"]}
    found = validate(graph, profile, large, advise=True)
    (entry,) = [layer for layer in found.layers if layer.kind == "Input"]
    high = profile.ranges["x:0"].high
    low = profile.ranges["x:0"].low
    step = (high - low) / 255
    beyond = np.mean((large["x"] > high + step) | (large["x"] < low - step))
    assert entry.fidelity.saturated == pytest.approx(float(beyond), abs=0.01)
    assert any("saturate" in why for layer in found.losses for why in layer.why)
    assert found.advice and any(trial.options == () for trial in found.advice)


def test_own_errors_add_up_to_the_whole(tmp_path: Path) -> None:
    """Injected one by one into the float network they make about the error that they make together."""
    net = _chain()
    graph, profile = _graph(net, tmp_path, net.samples(CALIBRATION))
    inputs = {"x": net.samples(8, seed=2)["x"].reshape(-1, 1, 2, 6, 6)}
    close = look_closely(trace(graph, tinyglow.quantize(graph, profile), inputs), inputs)
    output = graph.outputs[0].value
    errors = {own.name: own.error for own in close.errors}
    alone = 0.0
    for name, error in errors.items():
        changed = attribution._downstream(graph, name, close.real[name] + error, close.real)
        alone += float(((changed[output] - close.real[output]).astype(np.float64) ** 2).sum())
    together = float(((close.actual[output] - close.real[output]).astype(np.float64) ** 2).sum())
    assert alone == pytest.approx(together, rel=0.5)


def test_a_dropped_layer_would_be_seen(tmp_path: Path) -> None:
    """With a ReLU taken out of the quantized network, its layer is the one that loses."""
    net = _chain()
    graph, _ = _graph(net, tmp_path, net.samples(CALIBRATION))
    broken = tinyglow.load(replace(net, proto=_without_relu(net)).save(tmp_path, "broken.onnx"))
    quantized = tinyglow.quantize(broken, tinyglow.profile(broken, net.samples(16)))
    inputs = {"x": net.samples(8, seed=2)["x"].reshape(-1, 1, 2, 6, 6)}
    close = look_closely(trace(graph, quantized, inputs), inputs)
    assert max(own.share for own in close.errors if "conv1" in own.name or "relu1" in own.name) > 0.5


def _without_relu(net: Net) -> object:
    proto = type(net.proto)()
    proto.CopyFrom(net.proto)
    index = next(i for i, node in enumerate(proto.graph.node) if node.name == "relu1")
    gone = proto.graph.node[index]
    for node in proto.graph.node:
        node.input[:] = [gone.input[0] if name == gone.output[0] else name for name in node.input]
    del proto.graph.node[index]
    return proto


def test_parts_of_an_output(tmp_path: Path) -> None:
    """Operands of a Concat after a transpose and a reshape are told apart element by element."""
    build = NetBuilder()
    build.node("Relu", "x", name="r", output="a")
    build.node("Sigmoid", "x", name="s", output="b")
    build.node("Concat", "a", "b", name="cat", axis=1, output="c")
    build.node("Transpose", "c", name="t", perm=[0, 2, 1], output="d")
    build.node("Reshape", "d", build.constant(np.array([1, 12])), name="f", output="y")
    net = build.build({"x": (1, 2, 3)}, ["y"])
    graph = tinyglow.load(net.save(tmp_path))
    first, second = output_parts(graph, graph.outputs[0])
    assert sorted([*first.where, *second.where]) == list(range(12))
    (y,) = float_outputs(graph, net.samples(2)).values()
    flat = y.reshape(2, -1)
    assert (flat[:, second.where] > 0).all() and np.isclose(flat[:, first.where].min(), 0)


def _suspect(real: Array, recorded: Range | None = None, **changes: object) -> causes.Suspect:
    low, high = (recorded.low, recorded.high) if recorded else (float(real.min()), float(real.max()))
    scale = (max(high, 0.0) - min(low, 0.0)) / 255 or 0.1
    type_ = TensorType(real.shape[1:], "int8", QuantParams(scale, round(-128 - min(low, 0.0) / scale)))
    return replace(causes.Suspect(None, real, real * 0, type_, recorded), **changes)


NORMAL = np.random.default_rng(0).standard_normal((16, 64))
OUTLIER = np.where(np.arange(NORMAL.size).reshape(NORMAL.shape) == 7, 200.0, NORMAL)


@pytest.mark.parametrize(
    ("suspect", "said"),
    [
        (_suspect(NORMAL), "nothing peculiar"),
        (_suspect(OUTLIER), "outliers set its range"),
        (_suspect(NORMAL, Range(-90.0, 90.0)), "times as wide as"),
        (_suspect(NORMAL, Range(-1.0, 1.0)), "of its elements saturate"),
        (_suspect(NORMAL, Range(-1.0, 1.0), samples=3), "made from 3 samples only"),
        (_suspect(NORMAL[:1].repeat(16, axis=0)), "the same for all 16 samples"),
        (_suspect(NORMAL, Range(0.0, 0.0)), "nothing but 0"),
        (_suspect(500 + NORMAL), "must hold zero"),
        (_suspect(NORMAL * np.array([1000.0] + [1.0] * 63)), "63 of its 64 features use fewer than 16 steps"),
        (_suspect(NORMAL, shared=TensorType((64,), "int8", QuantParams(10.0, 0))), "other operands of a Concat"),
        (
            _suspect(NORMAL, weights=np.diag([1.0, 0.01]), weights_share=0.9),
            "the rounding of its weights makes 90 % of its own error; they are up to 100 times larger",
        ),
    ],
)
def test_causes(suspect: causes.Suspect, said: str) -> None:
    """Each cause is told from the values alone."""
    assert any(said in why for why in causes.causes_of(suspect))


@pytest.mark.parametrize("options", [{}, {"float_io": True}])
@pytest.mark.parametrize("make", [conv_net, dense_net, _chain])
def test_outputs_are_those_of_the_interpreter(
    make: Callable[[], Net], options: dict[str, bool], tmp_path: Path
) -> None:
    """The SNR is that of the answers that ``interpret`` gives, in real numbers."""
    net = make()
    graph, profile = _graph(net, tmp_path, net.samples(CALIBRATION))
    inputs = net.samples(16, seed=2)
    program = tinyglow.lower(tinyglow.quantize(graph, profile, **options))
    (output,) = output_fidelity(graph, program, inputs)
    (answer,) = tinyglow.interpret(program, inputs).values()
    quant = program.buffers[program.outputs[0]].type.quant
    actual = (answer.astype(np.float64) - quant.offset) * quant.scale if quant else answer.astype(np.float64)
    expected = net.reference(inputs)["y"].reshape(actual.shape)
    snr = 10 * np.log10((expected.astype(np.float64) ** 2).sum() / ((actual - expected) ** 2).sum())
    assert output.fidelity.snr == pytest.approx(snr, abs=0.01)
    assert output.top1 is None or 0.8 < output.top1 <= 1


def test_integers_are_taken_as_inputs(tmp_path: Path) -> None:
    """Inputs that are quantized already mean what the placeholder says."""
    net = dense_net()
    graph, profile = _graph(net, tmp_path, net.samples(CALIBRATION))
    program = tinyglow.lower(tinyglow.quantize(graph, profile))
    quant = program.buffers["x"].type.quant
    assert quant is not None
    integers = np.clip(np.round(net.samples(16)["x"] / quant.scale) + quant.offset, -128, 127).astype(np.int8)
    (output,) = output_fidelity(graph, program, {"x": integers})
    assert 30 < output.fidelity.snr < 60


@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
def test_integers_of_another_type_are_refused(dtype: type, tmp_path: Path) -> None:
    """They would mean something else."""
    net = dense_net()
    graph, profile = _graph(net, tmp_path, net.samples(CALIBRATION))
    with pytest.raises(InputError, match="do not fit the network"):
        validate(graph, profile, {"x": np.ones((4, 1, 8), dtype)})


def test_labels_count_right_answers(tmp_path: Path) -> None:
    """Labels that are the float network's answers make it right everywhere, and the quantized one where it agrees."""
    net = dense_net()
    labels = net.reference(net.samples(16, seed=2))["y"].reshape(16, -1).argmax(1)
    found = _validated(net, tmp_path, labels=labels)
    assert found.accuracy is not None and found.accuracy.float_correct == 16
    assert found.accuracy.correct == round(16 * (found.outputs[0].top1 or 0))


@pytest.mark.parametrize(
    "labels", [np.zeros(3, np.int64), np.full(16, 4), np.full(16, -1), np.zeros(16), np.zeros((16, 1), np.int64)]
)
def test_labels_that_do_not_fit_are_refused(labels: Array, tmp_path: Path) -> None:
    """Another number of them, classes that do not exist, floats, tables."""
    with pytest.raises(InputError, match="labels do not fit"):
        _validated(dense_net(), tmp_path, labels=labels)


def test_a_float_network_needs_a_profile(tmp_path: Path) -> None:
    """As everywhere."""
    net = dense_net()
    graph = tinyglow.load(net.save(tmp_path))
    with pytest.raises((InputError, ProfileError)):
        validate(graph, None, net.samples(4))


def test_layers_say_what_they_are(tmp_path: Path) -> None:
    """Types, kinds, steps: an int8 value that fills its range spans about 255."""
    found = _validated(_chain(), tmp_path)
    by_node: dict[str, Layer] = {layer.node: layer for layer in found.layers if layer.kind != "Transpose"}
    assert {layer.dtype for layer in by_node.values()} == {"int8"}
    assert all(150 < layer.steps < 400 for layer in by_node.values())
    assert by_node["relu1"].kind == "Relu"
