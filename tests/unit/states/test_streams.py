"""Streams: a causal network that takes a few elements at a time answers as the whole network does, bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import Net, NetBuilder, run_cli
from tinyglow.errors import ModelError
from tinyglow.interp import run_graph
from tinyglow.ir.graph import Graph
from tinyglow.passes.stream.transform import Streamed, stream
from tinyglow.pipeline.binding import NAMELESS
from tinyglow.pipeline.streams import as_frames
from tinyglow.testing import is_full

_CHANNELS, _LENGTH = 4, 48
_SEEDS = 60 if is_full() else 8


class _Causal:
    """A network over [1, channels, time] that is drawn layer by layer; every way to be causal that exporters have."""

    def __init__(self, seed: int) -> None:
        self.rng, self.build, self.length, self.step = np.random.default_rng(seed), NetBuilder(seed), _LENGTH, 1
        self.value = "x"

    def _conv(self, x: str, pads: tuple[int, int], taps: int, dilation: int, stride: int = 1, group: int = 1) -> str:
        filters, bias = self.build.weights(_CHANNELS, _CHANNELS // group, taps), self.build.weights(_CHANNELS)
        kind = {"dilations": [dilation], "strides": [stride], "group": group, "pads": list(pads)}
        return self.build.node("Conv", x, filters, bias, **kind)

    def _cut(self, x: str, begin: int, end: int) -> str:
        return self.build.node("Slice", x, *(self.build.constant(np.array([n])) for n in (begin, end, 2)))

    def layer(self) -> None:
        """One more layer."""
        rng, x, build = self.rng, self.value, self.build
        taps, dilation = int(rng.integers(2, 4)), int(rng.integers(1, 4))
        span = (taps - 1) * dilation
        kind = rng.choice(["conv", "chomp", "pad", "valid", "residual", "stride", "max", "mean", "beside", "point"])
        if kind == "conv":
            self.value = build.node("Relu", self._conv(x, (span, 0), taps, dilation, group=int(rng.choice([1, 4]))))
        elif kind == "chomp":
            self.value = self._cut(self._conv(x, (span, span), taps, dilation), 0, self.length)
        elif kind == "pad":
            amounts = build.constant(np.array([0, 0, span + 1, 0, 0, 0]))
            padded = build.node("Pad", x, amounts, build.constant(np.array(0.5)))
            self.value, self.length = self._conv(padded, (0, 0), taps, dilation), self.length + 1
        elif kind == "valid" and span < self.length // 2:
            self.value, self.length = self._conv(x, (0, 0), taps, dilation), self.length - span
        elif kind == "residual" and span < self.length // 2:
            inner = build.node("Tanh", self._conv(x, (0, 0), taps, dilation))
            self.value = build.node("Add", inner, self._cut(x, span, self.length))
            self.length -= span
        elif kind == "stride" and self.step < 4 and self.length % 2 == 0:
            self.value, self.step, self.length = self._conv(x, (1, 0), 2, 1, 2), self.step * 2, self.length // 2
        elif kind == "max":
            self.value = build.node("MaxPool", x, kernel_shape=[taps], pads=[taps - 1, 0], strides=[1])
        elif kind == "mean":
            self.value = build.node("AveragePool", x, kernel_shape=[2], pads=[1, 0], count_include_pad=1)
        elif kind == "beside":
            both = build.node("Concat", self._conv(x, (span, 0), taps, dilation), x, axis=1)
            filters = build.weights(_CHANNELS, 2 * _CHANNELS, 1)
            self.value = build.node("Conv", both, filters, build.weights(_CHANNELS))
        else:
            self.value = build.node("Sigmoid", self._conv(x, (0, 0), 1, 1))

    def net(self, layers: int) -> Net:
        """The network."""
        for _ in range(layers):
            self.layer()
        self.build.node("Relu", self.value, output="y")
        return self.build.build({"x": (1, _CHANNELS, _LENGTH)}, ["y"])


def _loaded(net: Net, folder: Path) -> tuple[Graph, Graph]:
    graph = tinyglow.load(net.save(folder))
    return graph, tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(4)))


def _joined(calls: np.ndarray, streamed: Streamed, sequences: int) -> np.ndarray:  # type: ignore[type-arg]
    """What calls gave, as sequences [sequences, channels, elements]."""
    (flow,) = streamed.flows.values()
    parts = calls.reshape(sequences, -1, _CHANNELS, flow.count)
    return np.moveaxis(parts, 1, 2).reshape(sequences, _CHANNELS, -1)


@pytest.mark.parametrize("seed", range(_SEEDS))
def test_a_stream_is_the_whole_network(seed: int, tmp_path: Path) -> None:
    """Float and int8, for the smallest hop and a larger one; every element that is said to be right is."""
    causal = _Causal(seed)
    net = causal.net(5)
    graph, quantized = _loaded(net, tmp_path)
    inputs = net.samples(2, seed=9)
    for whole in (graph, quantized):
        program = tinyglow.lower(whole)
        (expected,) = tinyglow.interpret(program, inputs).values()
        expected = expected.reshape(2, _CHANNELS, causal.length)
        for hop in (causal.step, causal.step * 3):
            streamed = stream(whole, -1, hop)
            (name, flow), *_ = streamed.flows.items()
            frames, sequence = as_frames(inputs, whole, -1, hop)
            calls = tinyglow.interpret(tinyglow.lower(streamed.graph), frames, sequence=sequence)[name]
            found = _joined(calls, streamed, 2)
            numbers = range(flow.right, min(flow.begin + found.shape[2], flow.length))
            assert flow.length == causal.length and len(numbers) > 0
            here = found[:, :, numbers.start - flow.begin : numbers.stop - flow.begin]
            np.testing.assert_array_equal(here, expected[:, :, numbers.start : numbers.stop])


def test_nothing_is_computed_twice(tmp_path: Path) -> None:
    """A call of the stream does as many products as the whole network does for each element."""
    causal = _Causal(0)
    first = causal._conv("x", (4, 0), 3, 2)
    causal.value = causal._conv(first, (6, 0), 3, 3)
    graph, quantized = _loaded(causal.net(0), tmp_path)
    assert graph.given == ("x",)

    def products(some: Graph) -> int:
        return sum(node.op.multiplications(*map(some.type_of, node.inputs)) for node in some.nodes)

    assert products(stream(quantized, 2).graph) * _LENGTH == products(quantized)


def test_a_stream_with_padding_is_right_from_the_start(tmp_path: Path) -> None:
    """Where only padding lies before the sequence, there is no warm-up, and C does the same as numpy."""
    causal = _Causal(1)
    causal.value = causal._conv("x", (2, 0), 3, 1)
    causal.value = causal._conv(causal.value, (4, 0), 3, 2)
    net = causal.net(0)
    _, quantized = _loaded(net, tmp_path)
    streamed = stream(quantized, -1)
    (flow,) = streamed.flows.values()
    assert (flow.begin, flow.right, flow.warm_up) == (0, 0, 0)
    program = tinyglow.lower(streamed.graph)
    assert sum(program.buffers[name].type.elements for name in program.states) == 6 * _CHANNELS
    frames, sequence = as_frames(net.samples(2), quantized, -1)
    (alone,) = net.samples(2).values()
    assert (as_frames({NAMELESS: alone}, quantized, -1)[0][NAMELESS] == next(iter(frames.values()))).all()
    (host,) = tinyglow.verify(program, tinyglow.load_board("host"), frames, sequence=sequence)
    assert host.equal and host.vectors == 2 * _LENGTH


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("Conv", "reads ahead"),
        ("ReduceMax", "reads all elements"),
        ("Softmax", "reads all elements"),
        ("Flatten", "joins the stream's dimension"),
    ],
)
def test_what_is_not_causal_is_refused_by_name(kind: str, what: str, tmp_path: Path) -> None:
    """The node is named, and why it cannot be in a stream."""
    build = NetBuilder()
    given = {"ReduceMax": {"axes": [2]}, "Softmax": {"axis": 2}, "Flatten": {}}.get(kind)
    if given is None:
        filters = build.weights(_CHANNELS, _CHANNELS, 3)
        build.node("Conv", "x", filters, build.weights(_CHANNELS), pads=[1, 1], name="culprit", output="y")
    else:
        build.node(kind, build.node("Relu", "x"), name="culprit", output="y", **given)
    net = build.build({"x": (1, _CHANNELS, 12)}, ["y"])
    graph = tinyglow.load(net.save(tmp_path))
    with pytest.raises(ModelError, match=r"(?s)cannot be a stream.*culprit.*" + what):
        stream(graph, -1)
    with pytest.raises(ModelError, match="one of its dimensions"):
        stream(graph, 3)


def test_the_commands_make_streams(tmp_path: Path) -> None:
    """``compile`` and ``verify`` take --stream; verify cuts whole sequences into calls."""
    causal = _Causal(2)
    causal.value = causal._conv("x", (1, 0), 2, 1, stride=2)
    net = causal.net(0)
    path, data = net.save(tmp_path), tmp_path / "x.npy"
    np.save(data, net.samples(2)["x"])
    assert run_cli("profile", path, "--input", f"x={data}", "-o", tmp_path / "p.yaml").status == 0
    known = (path, "--profile", tmp_path / "p.yaml", "--board", "host", "--stream", "-1", "--hop")
    answer = run_cli("compile", *known, 4, "-o", tmp_path / "bundle")
    assert answer.status == 0 and "call n gives 2 of y" in answer.err, answer.err
    answer = run_cli("verify", *known, 2, "--input", f"x={data}")
    assert answer.status == 0, answer.err
    answer = run_cli("compile", *known, 3, "-o", tmp_path / "bundle")
    assert answer.status == 2 and "a step of 2, where a call gives 3" in answer.err, answer.err


def test_float_graphs_are_streams_too(tmp_path: Path) -> None:
    """Before quantization the same transformation gives the float reference of the stream."""
    causal = _Causal(3)
    causal.value = causal._conv("x", (2, 0), 3, 1)
    net = causal.net(0)
    graph = tinyglow.load(net.save(tmp_path))
    inputs = net.samples(1)
    streamed = stream(graph, -1)
    frames, sequence = as_frames(inputs, graph, -1)
    (calls,) = run_graph(streamed.graph, frames, sequence=sequence).values()
    (expected,) = run_graph(graph, inputs).values()
    np.testing.assert_allclose(_joined(calls, streamed, 1), expected.reshape(1, _CHANNELS, -1), rtol=1e-5, atol=1e-6)


def test_a_mean_over_all_elements_is_one_over_the_last(tmp_path: Path) -> None:
    """A global pool is a window as long as the sequence: once it is full, it holds what the whole network answers."""
    causal = _Causal(4)
    first = causal.build.node("GlobalAveragePool", causal._conv("x", (2, 0), 3, 1))
    causal.build.node("Relu", first, output="y")
    net = causal.build.build({"x": (1, _CHANNELS, _LENGTH)}, ["y"])
    _, quantized = _loaded(net, tmp_path)
    streamed = stream(quantized, -1)
    (flow,) = streamed.flows.values()
    assert flow.warm_up == _LENGTH - 1
    frames, sequence = as_frames(net.samples(1), quantized, -1)
    (calls,) = tinyglow.interpret(tinyglow.lower(streamed.graph), frames, sequence=sequence).values()
    (expected,) = tinyglow.interpret(tinyglow.lower(quantized), net.samples(1)).values()
    np.testing.assert_array_equal(calls[-1].ravel(), expected.ravel())
