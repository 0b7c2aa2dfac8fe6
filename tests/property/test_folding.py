"""Rules of the float graph, one by one on random networks: each computes the same before and behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import Net, NetBuilder
from tinyglow.frontend.onnx import load_onnx
from tinyglow.interp import run_graph
from tinyglow.ir.graph import Array, Graph
from tinyglow.ir.verify import verify
from tinyglow.passes.bounds import drop_needless_bounds, merge_clips, merge_relu_into_clip
from tinyglow.passes.chains import (
    fold_arithmetic_into_convolution,
    merge_concats,
    merge_pad_into_convolution,
    raise_above_reshape,
    raise_transpose_above_pad,
    sink_relu_below_concat,
)
from tinyglow.passes.folding import (
    fold_batch_norm_behind_reshape,
    fold_batch_norm_into_convolution,
    fold_batch_norm_into_fully_connected,
    fold_constants,
    fuse_matmul_add,
)
from tinyglow.passes.rewrite import Rule, rewrite, share_equal_nodes
from tinyglow.passes.transposes import CLEANING, SINKING
from tinyglow.passes.unfolded_batch_norm import batch_norm_as_arithmetic, batch_norm_as_depthwise

_SEEDS = range(12)
_CHANNELS = 3
Maker = Callable[[NetBuilder], Net]


def _simplified(net: Net, folder: Path) -> Graph:
    """The graph as it is before neighbours are folded: transposes are out of the way."""
    graph = load_onnx(net.save(folder))
    graph = share_equal_nodes(rewrite(graph, [fold_constants, fuse_matmul_add]))
    graph = rewrite(graph, [*SINKING])
    return rewrite(graph, [fold_constants, *CLEANING])


def _kinds(graph: Graph) -> list[str]:
    return sorted(node.op.kind for node in graph.nodes)


def _assert_same(before: Graph, after: Graph, net: Net) -> None:
    inputs = net.samples(2, seed=5)
    expected, actual = run_graph(verify(before, "before"), inputs), run_graph(verify(after, "after"), inputs)
    for name, values in expected.items():
        scale = max(float(np.abs(values).max()), 1e-3)
        np.testing.assert_allclose(actual[name], values, rtol=1e-4, atol=2e-5 * scale)


def _check(make: Maker, seed: int, rules: Sequence[Rule], folder: Path) -> tuple[Graph, Graph]:
    """The graphs before and after ``rules``, which compute the same."""
    net = make(NetBuilder(seed))
    before = _simplified(net, folder)
    after = rewrite(before, rules)
    _assert_same(before, after, net)
    return before, after


def _conv(build: NetBuilder, x: str = "x", channels: int = 2, out: int = _CHANNELS, **attributes: object) -> str:
    filters = build.weights(out, channels // int(str(attributes.get("group", 1))), 3, 3)
    return build.node("Conv", x, filters, build.weights(out), **attributes)


_SHAPES: list[tuple[int, ...]] = [(), (1,), (_CHANNELS, 1, 1), (1, _CHANNELS, 1, 1), (1, _CHANNELS, 4, 3)]


def _factor(build: NetBuilder, kind: int) -> str:
    """Numbers away from zero, of either sign: one, or one for each channel, in one of several shapes."""
    shape = _SHAPES[kind]
    if len(shape) == 4:
        channels = _factor_numbers(build, (1, _CHANNELS, 1, 1))
        return build.constant(np.broadcast_to(channels, shape))
    return build.constant(_factor_numbers(build, shape))


def _factor_numbers(build: NetBuilder, shape: tuple[int, ...]) -> Array:
    numbers: Array = build.rng.uniform(0.5, 2.0, shape) * build.rng.choice([-1.0, 1.0], shape)
    return numbers


_STEPS: dict[str, Callable[[NetBuilder, str, str], str]] = {
    "x + c": lambda build, x, c: build.node("Add", x, c),
    "c + x": lambda build, x, c: build.node("Add", c, x),
    "x - c": lambda build, x, c: build.node("Sub", x, c),
    "c - x": lambda build, x, c: build.node("Sub", c, x),
    "x * c": lambda build, x, c: build.node("Mul", x, c),
    "c * x": lambda build, x, c: build.node("Mul", c, x),
    "x / c": lambda build, x, c: build.node("Div", x, c),
}


@pytest.mark.parametrize("second", ["", *_STEPS])
@pytest.mark.parametrize("first", _STEPS)
def test_arithmetic_goes_into_the_convolution(first: str, second: str, tmp_path: Path) -> None:
    """Any one or two steps of arithmetic by constants after a convolution are folded, and compute the same."""
    steps = ["", *_STEPS]
    kind = (steps.index(first) + 3 * steps.index(second)) % len(_SHAPES)

    def make(build: NetBuilder) -> Net:
        y = _conv(build)
        for index, step in enumerate(filter(None, (first, second))):
            y = _STEPS[step](build, y, _factor(build, (kind + index) % len(_SHAPES)))
        return build.build({"x": (1, 2, 6, 5)}, [build.node("Sigmoid", y)])

    seed = steps.index(first) + 8 * steps.index(second)
    _, after = _check(make, seed, [fold_arithmetic_into_convolution], tmp_path)
    assert not {"Add", "Sub", "Mul", "Div"} & set(_kinds(after))


@pytest.mark.parametrize("seed", _SEEDS)
def test_long_chains_go_into_the_convolution(seed: int, tmp_path: Path) -> None:
    """Up to six steps, scalar and per channel mixed, on grouped and padded convolutions."""

    def make(build: NetBuilder) -> Net:
        steps = build.rng.choice(list(_STEPS), int(build.rng.integers(2, 7)))
        y = _conv(build, channels=3, group=3, pads=[1, 1, 1, 1])
        for step in steps:
            y = _STEPS[str(step)](build, y, _factor(build, int(build.rng.integers(4))))
        return build.build({"x": (1, 3, 6, 5)}, [y])

    _, after = _check(make, seed, [fold_arithmetic_into_convolution], tmp_path)
    assert _kinds(after).count("Conv2D") == 1
    assert not {"Add", "Sub", "Mul", "Div"} & set(_kinds(after))


def _used_twice(build: NetBuilder) -> Net:
    y = _conv(build)
    return build.build({"x": (1, 2, 6, 5)}, [build.node("Mul", y, _factor(build, 2)), build.node("Abs", y)])


def _is_output(build: NetBuilder) -> Net:
    y = _conv(build)
    return build.build({"x": (1, 2, 6, 5)}, [build.node("Add", y, _factor(build, 2)), y])


def _two_values(build: NetBuilder) -> Net:
    return build.build({"x": (1, 2, 6, 5)}, [build.node("Sub", _conv(build), _conv(build))])


def _with_itself(build: NetBuilder) -> Net:
    y = _conv(build)
    return build.build({"x": (1, 2, 6, 5)}, [build.node("Mul", y, y)])


def _by_place(build: NetBuilder) -> Net:
    return build.build({"x": (1, 2, 6, 5)}, [build.node("Mul", _conv(build), build.weights(1, 1, 4, 3))])


def _inverse(build: NetBuilder) -> Net:
    y = build.node("Add", build.node("Sigmoid", _conv(build)), build.constant(np.float32(1)))
    y = build.node("Conv", y, build.constant(np.eye(3)[:, :, None, None]), build.constant(np.zeros(3)))
    return build.build({"x": (1, 2, 6, 5)}, [build.node("Div", _factor(build, 2), y)])


def _grown(build: NetBuilder) -> Net:
    y = build.node("Conv", "x", build.weights(3, 2, 6, 5), build.weights(3))
    return build.build({"x": (1, 2, 6, 5)}, [build.node("Add", y, build.constant(np.ones((1, 3, 2, 2))))])


@pytest.mark.parametrize("make", [_used_twice, _is_output, _two_values, _with_itself, _by_place, _inverse, _grown])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_no_affine_step_stays(make: Maker, seed: int, tmp_path: Path) -> None:
    """Values used elsewhere, other operands, constants by place, a constant divided by the sum: nothing is folded."""
    before, after = _check(make, seed, [fold_arithmetic_into_convolution], tmp_path)
    assert _kinds(after) == _kinds(before)


@pytest.mark.parametrize("steps", [[("Div", 0.0)], [("Mul", 1e30), ("Mul", 1e30)]])
def test_what_is_not_finite_is_not_folded(steps: Sequence[tuple[str, float]], tmp_path: Path) -> None:
    """A division by zero, or a factor beyond float32, would spoil filters and bias."""
    build = NetBuilder()
    y = build.node("Conv", "x", build.constant(np.full((3, 2, 3, 3), 4.0)), build.weights(3))
    for step, number in steps[:2]:
        y = build.node(step, y, build.constant(np.full(1, number)))
    before = _simplified(build.build({"x": (1, 2, 6, 5)}, [y]), tmp_path)
    assert _kinds(rewrite(before, [fold_arithmetic_into_convolution])) == _kinds(before)


# Other neighbours


def _norm(build: NetBuilder, y: str, channels: int = _CHANNELS) -> str:
    rows = [build.constant(build.rng.uniform(0.5, 2.0, channels)) for _ in range(4)]
    return build.node("BatchNormalization", y, *rows, epsilon=1e-3)


def _conv_norm(build: NetBuilder) -> Net:
    return build.build({"x": (1, 2, 6, 5)}, [_norm(build, _conv(build))])


def _dense_norm(build: NetBuilder) -> Net:
    y = build.node("Gemm", "x", build.weights(4, _CHANNELS), build.weights(_CHANNELS))
    return build.build({"x": (1, 4)}, [_norm(build, y)])


def _image_norm(build: NetBuilder) -> Net:
    y = _norm(build, build.node("Sigmoid", _conv(build)))
    return build.build({"x": (1, 2, 9, 8)}, [_conv(build, y, _CHANNELS)])


def _vector_norm(build: NetBuilder) -> Net:
    return build.build({"x": (1, _CHANNELS)}, [_norm(build, "x")])


def _pad_conv(build: NetBuilder) -> Net:
    amounts = [0, 0, *build.rng.integers(0, 3, 2).tolist(), 0, 0, *build.rng.integers(0, 3, 2).tolist()]
    return build.build({"x": (1, 2, 6, 5)}, [_conv(build, build.node("Pad", "x", build.constant(amounts)))])


def _clip(build: NetBuilder, y: str) -> str:
    low, high = np.sort(build.rng.normal(size=2))
    return build.node("Clip", y, build.constant(np.float32(low)), build.constant(np.float32(high)))


def _two_clips(build: NetBuilder) -> Net:
    return build.build({"x": (1, 40)}, [_clip(build, _clip(build, "x"))])


def _relu_clip(build: NetBuilder) -> Net:
    return build.build({"x": (1, 40)}, [_clip(build, build.node("Relu", "x"))])


def _apart(build: NetBuilder) -> Net:
    y = "x"
    for low, high in ((0.0, 1.0), (2.0, 3.0)):
        y = build.node("Clip", y, build.constant(np.float32(low)), build.constant(np.float32(high)))
    return build.build({"x": (1, 40)}, [y])


def _negative_clip(build: NetBuilder) -> Net:
    y = build.node("Clip", build.node("Relu", "x"), build.constant(np.float32(-3)), build.constant(np.float32(-1)))
    return build.build({"x": (1, 40)}, [y])


def _clip_relu(build: NetBuilder) -> Net:
    return build.build({"x": (1, 40)}, [build.node("Relu", _clip(build, "x"))])


def _needless(build: NetBuilder) -> Net:
    bounds = build.constant(np.float32(0)), build.constant(np.float32(6))
    y = build.node("Relu", build.node("Clip", build.node("Sigmoid", "x"), *bounds))
    return build.build({"x": (1, 40)}, [y])


def _one_dimensional(build: NetBuilder) -> Net:
    y = build.node("Conv", "x", build.weights(_CHANNELS, 2, 3), build.weights(_CHANNELS))
    return build.build({"x": (1, 2, 9)}, [build.node("Relu", _norm(build, y))])


def _conv_div_norm(build: NetBuilder) -> Net:
    y = build.node("Div", _conv(build), _factor(build, 1))
    return build.build({"x": (1, 2, 6, 5)}, [build.node("Mul", _norm(build, y), _factor(build, 2))])


def _relus(build: NetBuilder) -> Net:
    y = build.node("Concat", *(build.node("Relu", _conv(build)) for _ in range(3)), axis=1)
    return build.build({"x": (1, 2, 6, 5)}, [y])


def _concats(build: NetBuilder) -> Net:
    inner = build.node("Concat", "x", build.node("Neg", "x"), axis=1)
    return build.build({"x": (1, 2, 3)}, [build.node("Concat", inner, "x", inner, axis=1)])


def _single_concat(build: NetBuilder) -> Net:
    return build.build({"x": (1, 2, 3)}, [build.node("Abs", build.node("Concat", "x", axis=1))])


def _matmul_add(build: NetBuilder) -> Net:
    y = build.node("MatMul", "x", build.weights(4, 3))
    return build.build({"x": (1, 4)}, [build.node("Add", build.weights(1, 3), y)])


_RULES: dict[str, tuple[Maker, list[Rule]]] = {
    "batch norm into convolution": (_conv_norm, [fold_batch_norm_into_convolution]),
    "batch norm into dense layer": (_dense_norm, [fold_batch_norm_into_fully_connected]),
    "batch norm as depthwise": (_image_norm, [batch_norm_as_depthwise]),
    "batch norm as arithmetic": (_vector_norm, [batch_norm_as_arithmetic]),
    "batch norm of an image as arithmetic": (_image_norm, [batch_norm_as_arithmetic]),
    "arithmetic around a batch norm": (
        _conv_div_norm,
        [fold_batch_norm_into_convolution, fold_arithmetic_into_convolution],
    ),
    "pad": (_pad_conv, [raise_transpose_above_pad, merge_pad_into_convolution]),
    "clips": (_two_clips, [merge_clips]),
    "relu and clip": (_relu_clip, [merge_clips]),
    "clips that exclude each other": (_apart, [merge_clips]),
    "relu and a clip below it": (_negative_clip, [merge_clips]),
    "clip and relu": (_clip_relu, [merge_relu_into_clip]),
    "needless bounds": (_needless, [drop_needless_bounds]),
    "a 1-D convolution's neighbours": (_one_dimensional, [fold_batch_norm_behind_reshape, raise_above_reshape]),
    "relus at a concat": (_relus, [sink_relu_below_concat]),
    "concats": (_concats, [merge_concats]),
    "a concat of one": (_single_concat, [merge_concats]),
}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", _RULES)
def test_a_rule_changes_no_value(name: str, seed: int, tmp_path: Path) -> None:
    """Each rule applies to a network made for it, and that computes the same."""
    make, rules = _RULES[name]
    before, after = _check(make, seed, rules, tmp_path)
    assert _kinds(after) != _kinds(before) or name == "concats"
    if rules[0] is fold_batch_norm_into_convolution:
        assert not {"BatchNormalization", "Mul", "Div"} & set(_kinds(after))


@pytest.mark.parametrize("seed", range(4))
def test_matmul_and_add_are_a_dense_layer(seed: int, tmp_path: Path) -> None:
    """The constant may stand on either side."""
    net = _matmul_add(NetBuilder(seed))
    before = load_onnx(net.save(tmp_path))
    after = rewrite(before, [fuse_matmul_add])
    _assert_same(before, after, net)
    assert _kinds(after) == ["FullyConnected"]
