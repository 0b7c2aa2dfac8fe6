"""A bound in real units (Relu, Clip, fused or a node) holds whatever happens to scales behind it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tflite

import tinyglow
from tests.helpers import NetBuilder
from tests.tflite.builder import Quant, TFLiteBuilder
from tinyglow.ir.graph import Array
from tinyglow.ir.program import Program
from tinyglow.quant.schema import Schema
from tinyglow.quant.scheme import Scheme

_BOUNDS: dict[str, tuple[float, float]] = {"relu": (0.0, np.inf), "clip": (-0.25, 0.5), "relu6": (0.0, 6.0)}
_SCHEMES = {
    "asymmetric": Scheme(),
    "channelwise": Scheme(channelwise=True),
    "symmetric": Scheme(schema=Schema.SYMMETRIC),
    "uint8": Scheme(schema=Schema.SYMMETRIC_WITH_UINT8),
    "power2": Scheme(schema=Schema.SYMMETRIC_WITH_POWER2_SCALE),
    "int16": Scheme(precision="int16"),
    "like_glow": Scheme(like_glow=True),
}


def _conv(build: NetBuilder) -> str:
    return build.node("Conv", "x", build.weights(3, 2, 3, 3), build.weights(3), pads=[1, 1, 1, 1])


def _dense(build: NetBuilder) -> str:
    flat = build.node("Flatten", "x")
    dense = build.node("Gemm", flat, build.weights(32, 48), build.weights(48))
    return build.node("Reshape", dense, build.constant(np.array([1, 3, 4, 4])))


def _sum(build: NetBuilder) -> str:
    return build.node("Add", _conv(build), _conv(build))


def _pool(build: NetBuilder) -> str:
    return build.node("MaxPool", _conv(build), kernel_shape=[3, 3], pads=[1, 1, 1, 1])


def _mean(build: NetBuilder) -> str:
    return build.node("AveragePool", _conv(build), kernel_shape=[3, 3], pads=[1, 1, 1, 1])


_SOURCES: list[Callable[[NetBuilder], str]] = [_conv, _dense, _sum, _pool, _mean]


def _bounded(build: NetBuilder, bound: str, y: str) -> str:
    if bound == "relu":
        return build.node("Relu", y)
    low, high = _BOUNDS[bound]
    return build.node("Clip", y, build.constant(np.float32(low)), build.constant(np.float32(high)))


@pytest.mark.parametrize("scheme", _SCHEMES)
@pytest.mark.parametrize("bound", _BOUNDS)
@pytest.mark.parametrize("source", _SOURCES)
def test_a_bound_survives_a_concat(
    source: Callable[[NetBuilder], str], bound: str, scheme: str, tmp_path: Path
) -> None:
    """Beside a branch of larger and negative values, the bounded branch gets that one's scale, and keeps its bound.

    The calibration data barely touch the bounds; the inputs that are tried go far beyond.
    """
    build = NetBuilder(3)
    y = _bounded(build, bound, source(build))
    other = build.node("Conv", "x", build.constant(3 * build.rng.standard_normal((2, 2, 1, 1))))
    net = build.build({"x": (1, 2, 4, 4)}, [build.node("Concat", y, other, axis=1)])
    graph = tinyglow.load(net.save(tmp_path), like_glow=scheme == "like_glow")
    samples = {name: data * np.float32(0.3) for name, data in net.samples(16).items()}
    program = tinyglow.lower(tinyglow.quantize(graph, tinyglow.profile(graph, samples), _SCHEMES[scheme]))
    inputs = {name: np.float32(4) * data for name, data in net.samples(16, seed=9).items()}
    (actual,) = _real(program, inputs).values()
    low, high = _BOUNDS[bound]
    # Glow's graph ends in float, in steps of what is dequantized there.
    step = max(buffer.type.quant.scale for buffer in program.buffers.values() if buffer.type.quant)
    bounded = actual.reshape(16, 5, 4, 4)[:, :3]
    assert bounded.min() >= low - step
    assert bounded.max() <= high + step


def _real(program: Program, inputs: dict[str, Array]) -> dict[str, Array]:
    """The outputs as real numbers."""
    outputs = {}
    for name, data in tinyglow.interpret(program, inputs).items():
        quant = program.buffers[name].type.quant
        outputs[name] = data if quant is None else (data.astype(np.float64) - quant.offset) * quant.scale
    return outputs


def test_a_bound_that_calibration_never_met_is_kept(tmp_path: Path) -> None:
    """A difference that is never negative in calibration has one type before and after a Relu; it still bounds."""
    build = NetBuilder(1)
    signs = build.constant(np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]))
    dense = build.node("Gemm", "x", signs, build.constant(np.zeros(2)))
    y = build.node("Concat", build.node("Relu", dense), "x", axis=1)
    net = build.build({"x": (1, 4)}, [y])
    graph = tinyglow.load(net.save(tmp_path))
    positive = np.abs(net.samples(16)["x"]) * np.array([1, 1, -1, -1], np.float32)
    program = tinyglow.lower(tinyglow.quantize(graph, tinyglow.profile(graph, {"x": positive})))
    (actual,) = _real(program, {"x": -positive}).values()
    assert not actual.reshape(16, 6)[:, :2].any()


def test_a_rescale_behind_a_relu_is_the_relus_own(tmp_path: Path) -> None:
    """Between a Gemm's Relu and a Concat no kernel is left for the change of scale."""
    build = NetBuilder(2)
    dense = [build.node("Gemm", "x", build.weights(4, 4), build.weights(4)) for _ in range(2)]
    net = build.build({"x": (1, 4)}, [build.node("Concat", build.node("Relu", dense[0]), dense[1], axis=1)])
    graph = tinyglow.load(net.save(tmp_path))
    quantized = tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(16)))
    assert sorted(node.op.kind for node in quantized.nodes) == ["Concat", "FullyConnected", "FullyConnected", "Relu"]


@pytest.mark.parametrize("fused", ["RELU", "RELU6", "RELU_N1_TO_1"])
def test_a_fused_bound_of_an_int8_tflite_model_survives(fused: str, tmp_path: Path) -> None:
    """A layer whose type saturates at its bound, added to another value: the sum's scale does not undo the bound."""
    build = TFLiteBuilder()
    x = build.tensor("x", (1, 4), "INT8", Quant([0.1], [0]))
    weights = build.constant("w", np.eye(4, dtype=np.int8) * 100, Quant([0.01], [0]))
    bias = build.constant("b", np.zeros(4, np.int32), Quant([0.001], [0]))
    low, high = {"RELU": (0.0, 6.0), "RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0)}[fused]
    scale = (high - low) / 255
    own = Quant([scale], [round(-128 - low / scale)])
    dense = build.node(
        "FULLY_CONNECTED",
        [x, weights, bias],
        (1, 4),
        "dense",
        "FullyConnectedOptions",
        dtype="INT8",
        quant=own,
        FusedActivationFunction=getattr(tflite.ActivationFunctionType, fused),
    )
    wide = Quant([0.2], [0])
    build.node("CONCATENATION", [dense, x], (1, 8), "y", "ConcatenationOptions", dtype="INT8", quant=wide, Axis=1)
    path = tmp_path / "net.tflite"
    path.write_bytes(build.build([x], [len(build.tensors) - 1]))
    graph = tinyglow.load(path)
    program = tinyglow.lower(tinyglow.quantize(graph))
    inputs = np.array([[-100, 100, -5, 5]], np.int8)
    (actual,) = _real(program, {"x": inputs}).values()
    expected = np.clip(inputs * 0.1, low, high)
    assert np.abs(actual.reshape(1, 8)[:, :4] - expected).max() <= 0.1 + 1e-6
