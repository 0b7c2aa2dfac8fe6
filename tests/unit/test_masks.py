"""Masks before a SoftMax take no part of int8's range."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.cases.cases import snr
from tests.helpers import NetBuilder
from tinyglow.pipeline.fidelity import real_values
from tinyglow.quant.scheme import Scheme

ROWS = 6
UPPER = np.triu(np.ones((1, ROWS, ROWS)), 1)


def _scores(build: NetBuilder) -> str:
    return build.node(
        "MatMul", build.node("MatMul", "x", build.weights(8, 8)), build.node("Transpose", "x", perm=[0, 2, 1])
    )


def _chosen(build: NetBuilder, mask: float) -> str:
    above = build.node("Cast", build.constant(UPPER), to=9)
    return build.node("Where", above, build.constant(mask), _scores(build))


def _kept(build: NetBuilder, mask: float) -> str:
    below = build.node("Cast", build.constant(1 - UPPER), to=9)
    return build.node("Where", below, _scores(build), build.constant(mask))


def _added(build: NetBuilder, mask: float) -> str:
    return build.node("Add", _scores(build), build.constant(UPPER * mask))


def _added_to_biases(build: NetBuilder, mask: float) -> str:
    biases = np.linspace(-2, 2, ROWS * ROWS).reshape(UPPER.shape)
    return build.node("Add", build.constant(np.where(UPPER > 0, mask, biases)), _scores(build))


@pytest.mark.parametrize("mask", [-1e9, -65504.0, -1e4, float(np.finfo(np.float32).min) / 4])
@pytest.mark.parametrize("make", [_chosen, _kept, _added, _added_to_biases], ids=lambda make: make.__name__.strip("_"))
@pytest.mark.parametrize("scheme", [Scheme(), Scheme(precision="int16")], ids=lambda scheme: scheme.precision)
def test_attention_keeps_its_scores(make: object, mask: float, scheme: Scheme, tmp_path: Path) -> None:
    """A causal mask of any size, chosen or added, leaves the answers as near to the reference as without one."""
    build = NetBuilder(1)
    share = build.node("Softmax", make(build, mask), axis=-1)  # type: ignore[operator]
    net = build.build({"x": (1, ROWS, 8)}, [build.node("MatMul", share, "x")])
    graph = tinyglow.load(net.save(tmp_path))
    samples, test = net.samples(8, 1), net.samples(8, 2)
    program = tinyglow.lower(tinyglow.quantize(graph, tinyglow.profile(graph, samples), scheme))
    (answer,) = tinyglow.interpret(program, test).values()
    (expected,) = net.reference(test).values()
    assert snr(real_values(answer, program.buffers[program.outputs[0]].type), expected) > 26


def test_numbers_that_are_no_masks_stay(tmp_path: Path) -> None:
    """Biases of the scores' own size are added as they are; so is a mask that something else reads."""
    build = NetBuilder(1)
    biased = build.node("Add", _scores(build), build.constant(UPPER * -3))
    masked = _added(build, -1e9)
    outputs = [build.node("Softmax", biased, axis=-1), build.node("Softmax", masked, axis=-1), masked]
    net = build.build({"x": (1, ROWS, 8)}, outputs)
    graph = tinyglow.load(net.save(tmp_path))
    quantized = tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(8)))
    assert not [name for name in quantized.values if name.endswith("_raised")]
