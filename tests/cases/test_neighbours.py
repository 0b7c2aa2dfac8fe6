"""Small networks of the kinds that users met: made here, so that they are tested wherever the project is.

Each is near to onnx's reference in int8, with 8 calibration samples, on others.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinyglow
from tests.cases.cases import snr
from tests.helpers import NetBuilder
from tinyglow.pipeline.fidelity import real_values

Make = Callable[[NetBuilder], str]
IMAGE, ROWS, VECTOR = (1, 3, 8, 8), (1, 6, 16), (1, 16)


def _conv(build: NetBuilder, units: int = 4, **attributes: Any) -> str:
    return build.node("Conv", "x", build.weights(units, 3, 3, 3), build.weights(units), **attributes)


def _transposed_convolution(build: NetBuilder) -> str:
    y = build.node("Relu", _conv(build, strides=[2, 2], pads=[1] * 4))
    return build.node("ConvTranspose", y, build.weights(4, 3, 4, 2), strides=[2, 1], auto_pad="SAME_UPPER")


def _upsampling(build: NetBuilder) -> str:
    y = build.node("Relu", _conv(build, strides=[2, 2], pads=[1] * 4))
    return build.node("ConvTranspose", y, build.weights(4, 3, 2, 2), build.weights(3), strides=[2, 2])


def _layer_norm(build: NetBuilder) -> str:
    y = build.node("MatMul", "x", build.weights(16, 16))
    y = build.node("LayerNormalization", y, build.constant(np.linspace(0.5, 1.5, 16)), axis=-1)
    return build.node("MatMul", y, build.weights(16, 8))


def _attention(build: NetBuilder) -> str:
    q, k = (build.node("MatMul", "x", build.weights(16, 8)) for _ in range(2))
    scores = build.node("MatMul", q, build.node("Transpose", k, perm=[0, 2, 1]))
    share = build.node("Softmax", build.node("Div", scores, build.constant(2.83)), axis=-1)
    return build.node("Add", build.node("MatMul", share, "x"), "x")


def _hard_sigmoid(build: NetBuilder) -> str:
    y = _conv(build)
    return build.node("Mul", y, build.node("HardSigmoid", y, alpha=0.1666667, beta=0.4))


def _log_softmax(build: NetBuilder) -> str:
    return build.node("LogSoftmax", build.node("Gemm", "x", build.weights(16, 6), build.weights(6)), axis=1)


def _functions(build: NetBuilder) -> str:
    y = build.node("Add", build.node("Elu", _conv(build), alpha=0.5), build.node("Softplus", _conv(build)))
    return build.node("Add", y, build.node("Selu", build.node("Celu", _conv(build), alpha=0.7)))


def _leak(build: NetBuilder) -> str:
    y = _conv(build)
    above = build.node("Greater", y, build.constant(0.0))
    y = build.node("Where", above, y, build.node("Mul", y, build.constant(0.1)))
    return build.node("Conv", y, build.weights(2, 4, 3, 3))


def _binary(build: NetBuilder) -> str:
    return build.node("Conv", build.node("Sign", _conv(build)), build.weights(2, 4, 3, 3))


def _normalized(build: NetBuilder) -> str:
    y = build.node("Gemm", "x", build.weights(16, 24))
    length = build.node("ReduceL2", y, axes=[1], keepdims=1)
    least = build.node("Clip", length, build.constant(np.float32(1e-12)))
    return build.node("Div", y, build.node("Expand", least, build.node("Shape", y)))


def _waves(build: NetBuilder) -> str:
    y = build.node("Mul", "x", build.constant(1.5))
    return build.node(
        "Gemm", build.node("Concat", build.node("Sin", y), build.node("Cos", y), axis=1), build.weights(32, 3)
    )


def _computed_shape(build: NetBuilder) -> str:
    y = _conv(build)
    rows = build.node("Unsqueeze", build.node("Gather", build.node("Shape", y), build.constant(0)), build.constant([0]))
    shape = build.node("Concat", rows, build.constant([-1]), axis=0)
    return build.node("Gemm", build.node("Reshape", y, shape), build.weights(144, 5))


def _gated(build: NetBuilder) -> str:
    steps = build.node("Transpose", "x", perm=[1, 0, 2])
    weights = build.weights(1, 24, 16), build.constant(build.rng.standard_normal((1, 24, 8)) / 3), build.weights(1, 48)
    build.node("GRU", steps, *weights, hidden_size=8, linear_before_reset=1, output="every")
    return build.node("Squeeze", "every", build.constant([1]))


# shape of the input, operator set, least SNR in dB.
NETS: dict[Make, tuple[tuple[int, ...], int, float]] = {
    _transposed_convolution: (IMAGE, 14, 27),
    _upsampling: (IMAGE, 14, 27),
    _layer_norm: (ROWS, 17, 25),
    _attention: (ROWS, 14, 25),
    _hard_sigmoid: (IMAGE, 14, 30),
    _log_softmax: (VECTOR, 13, 28),
    _functions: (IMAGE, 14, 27),
    _leak: (IMAGE, 14, 28),
    _binary: (IMAGE, 14, 15),
    _normalized: (VECTOR, 13, 27),
    _waves: (VECTOR, 14, 27),
    _computed_shape: (IMAGE, 14, 25),
    _gated: (ROWS, 14, 25),
}


@pytest.mark.parametrize("make", NETS, ids=lambda make: make.__name__.strip("_"))
def test_int8_is_near_to_the_reference(make: Make, tmp_path: Path) -> None:
    """From the file to integers, on samples that calibration has not seen."""
    shape, opset, least = NETS[make]
    build = NetBuilder(4)
    net = build.build({"x": shape}, [make(build)], opset=opset)
    graph = tinyglow.load(net.save(tmp_path))
    rng = np.random.default_rng(1)
    samples, test = ({"x": rng.uniform(-2, 2, (count, *shape)).astype(np.float32)} for count in (8, 12))
    program = tinyglow.lower(tinyglow.quantize(graph, tinyglow.profile(graph, samples)))
    (answer,) = tinyglow.interpret(program, test).values()
    (expected,) = net.reference(test).values()
    assert snr(real_values(answer, program.buffers[program.outputs[0]].type), expected) > least
