"""Chapter 9: small networks that Glow compiles wrongly, and by how much."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

import tinyglow
from tests.guide.text import table
from tests.helpers import Net, NetBuilder
from tinyglow.interp import run_graph
from tinyglow.ir.graph import Graph

_SAMPLES = 32
_IMAGE = (1, 3, 8, 8)
Float = npt.NDArray[np.float64]


def _division() -> Net:
    build = NetBuilder(1)
    return build.build({"x": (1, 64), "y": (1, 64)}, [build.node("Div", "x", "y")])


def _normalization() -> Net:
    build = NetBuilder(2)
    y = build.node("Relu", build.node("Conv", "x", build.weights(4, 3, 3, 3)))
    constants = [build.constant(build.rng.uniform(0.5, 2, 4)) for _ in range(4)]
    return build.build({"x": _IMAGE}, [build.node("BatchNormalization", y, *constants, epsilon=1e-3)])


def _mean() -> Net:
    build = NetBuilder(3)
    y = build.node("Relu", build.node("Conv", "x", build.weights(4, 3, 3, 3)))
    return build.build({"x": _IMAGE}, [build.node("ReduceMean", y, axes=[1], keepdims=1)], opset=13)


def _addend() -> Net:
    build = NetBuilder(4)
    y = build.node("Conv", "x", build.weights(4, 3, 3, 3), build.weights(4))
    constant = build.constant(build.rng.uniform(-1, 1, (6, 6)))
    return build.build({"x": _IMAGE}, [build.node("Relu", build.node("Add", y, constant))])


def _lower_bound() -> Net:
    build = NetBuilder(5)
    y = build.node("Conv", "x", build.weights(4, 3, 3, 3))
    return build.build({"x": _IMAGE}, [build.node("Clip", y, build.constant(np.float32(-0.5)))])


CASES: dict[str, tuple[str, Callable[[], Net]]] = {
    "a division": ("the integers are divided, and the rest is dropped", _division),
    "a batch normalization behind a ReLU": ("no convolution takes it in, so it becomes a division", _normalization),
    "a mean over the channels": ("a sum and a division", _mean),
    "a constant for each pixel, added behind a convolution": (
        "it becomes a bias, as if all pixels had its first element",
        _addend,
    ),
    "Clip with a lower bound alone": ("the upper bound is the largest float, and so is the range", _lower_bound),
}


def _inputs(net: Net) -> dict[str, npt.NDArray[np.float32]]:
    rng = np.random.default_rng(7)
    return {name: rng.uniform(0.25, 2, (_SAMPLES, *dims)).astype(np.float32) for name, dims in net.shapes.items()}


def _answers(graph: Graph, inputs: dict[str, npt.NDArray[np.float32]], like_glow: bool) -> Float:
    scheme = tinyglow.Scheme(like_glow=like_glow)
    quantized = tinyglow.quantize(graph, tinyglow.profile(graph, inputs, margin=False), scheme, float_io=True)
    (found,) = tinyglow.interpret(tinyglow.lower(quantized), inputs).values()
    result: Float = found.astype(np.float64)
    return result


def decibels(real: Float, found: Float) -> float:
    """The signal-to-noise ratio of ``found``."""
    noise = float(((real - found.reshape(real.shape)) ** 2).sum())
    return 10 * float(np.log10(float((real**2).sum()) / noise))


@lru_cache(maxsize=1)
def measured() -> dict[str, tuple[float, float]]:
    """Of each case the signal-to-noise ratio in Glow's graph and in ours, in dB."""
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (_, make) in CASES.items():
            net = make()
            path, inputs = net.save(Path(folder)), _inputs(net)
            ours = tinyglow.load(path)
            (real,) = run_graph(ours, inputs).values()
            reference = real.astype(np.float64)
            glow = tinyglow.load(path, like_glow=True)
            result[name] = (
                decibels(reference, _answers(glow, inputs, True)),
                decibels(reference, _answers(ours, inputs, False)),
            )
    return result


def results() -> str:
    """The table of all cases."""
    rows = [(name, CASES[name][0], f"{glow:.1f} dB", f"{ours:.1f} dB") for name, (glow, ours) in measured().items()]
    return table(("what the network has", "what Glow makes of it", ">Glow's graph", ">default graph"), rows)
