"""Counting right answers: as the interpreter does, computing each thing once, in any number of processes."""

from __future__ import annotations

import pickle
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyglow
from tests.helpers import Net, NetBuilder, conv_net, nets
from tinyglow.errors import InputError, ModelError, ToolError
from tinyglow.interp import run_program
from tinyglow.ir.graph import Array, Graph
from tinyglow.ir.program import KernelCall, Program
from tinyglow.kernels.generic.each import each_kernel
from tinyglow.lowering.graph_to_program import lower
from tinyglow.quant.profile import Profile, Range
from tinyglow.quant.schema import Schema
from tinyglow.quant.scheme import Scheme
from tinyglow.registry import KERNELS, WITH_EPILOGUES
from tinyglow.tuning import evaluator
from tinyglow.tuning.algorithm import halved
from tinyglow.tuning.evaluator import Evaluator, count_correct
from tinyglow.tuning.fingerprint import fingerprint
from tinyglow.tuning.network import TunedNetwork, check_samples
from tinyglow.tuning.packing import packed
from tinyglow.tuning.workers import Workers


def _quantized(net: Net, folder: Path) -> tuple[Graph, Profile, Array]:
    graph = tinyglow.load(net.save(folder), "net", net.define)
    samples = net.samples(12)
    return graph, tinyglow.profile(graph, samples), next(iter(samples.values()))


def _program(graph: Graph, profile: Profile) -> Program:
    return lower(tinyglow.quantize(graph, profile, float_io=True))


def _expected(graph: Graph, profile: Profile, images: Array, labels: Array) -> int:
    program = tinyglow.lower(tinyglow.quantize(graph, profile, float_io=True))
    (outputs,) = run_program(program, {graph.inputs[0]: images}).values()
    return count_correct(outputs.reshape(len(images), -1), labels)


@settings(deadline=None, max_examples=40)
@given(net=nets(), slice_bytes=st.sampled_from([1, 2000, 2**24]), memory=st.sampled_from([0, 3000, 2**24]))
def test_counts_as_the_interpreter_does(
    tmp_path_factory: pytest.TempPathFactory, net: Net, slice_bytes: int, memory: int
) -> None:
    """Whatever the network, the size of the slices and the memory: the same number, the first time and again."""
    graph, profile, images = _quantized(net, tmp_path_factory.mktemp("net"))
    labels = np.random.default_rng(0).integers(0, 3, len(images))
    halves = {name: halved(r, np.float32(0), Schema.SYMMETRIC) for name, r in profile.ranges.items()}
    narrow = replace(profile, ranges=halves)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluator, "_SLICE_BYTES", slice_bytes)
        tried = Evaluator(images, labels, memory)
        for ranges in (profile, narrow, profile):
            assert tried.correct(_program(graph, ranges)) == _expected(graph, ranges, images, labels)


def _deep_net() -> Net:
    """Three convolutions, a concatenation (two calls fill one buffer) and a dense layer."""
    build = NetBuilder(3)
    x = "x"
    for channels, out in ((2, 3), (3, 3), (3, 2)):
        x = build.node("Relu", build.node("Conv", x, build.weights(out, channels, 3, 3), pads=[1] * 4))
    joined = build.node("Concat", x, build.node("MaxPool", x, kernel_shape=[3, 3], pads=[1] * 4), axis=1)
    y = build.node("Gemm", build.node("Flatten", joined), build.weights(4 * 36, 5), build.weights(5))
    return build.build({"x": (1, 2, 6, 6)}, [y])


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kernels that have been run since the list was cleared."""
    calls: list[str] = []
    original = evaluator.run_call

    def run(call: KernelCall, operands: list[Array]) -> None:
        calls.append(call.kernel.symbol)
        original(call, operands)

    monkeypatch.setattr(evaluator, "run_call", run)
    return calls


def test_only_what_depends_on_a_range_is_computed(tmp_path: Path, ran: list[str]) -> None:
    """The layers before the changed range are not run again; for a range that nothing uses, nothing is."""
    graph, profile, images = _quantized(_deep_net(), tmp_path)
    tried = Evaluator(images, np.zeros(len(images), int))
    tried.correct(_program(graph, profile))
    assert ran.count("tg_conv2d_s8") == 3 and ran.count("tg_strided_copy_s8") == 2

    def runs_for(name: str) -> list[str]:
        ran.clear()
        range_ = profile.ranges[name]
        ranges = {**profile.ranges, name: Range(range_.low / 2, range_.high / 2)}
        tried.correct(_program(graph, replace(profile, ranges=ranges)))
        return list(ran)

    last = graph.nodes[-1].outputs[0]
    assert runs_for(f"{last}:0") == ["tg_fully_connected_s8", "tg_dequantize_s8_f32"]
    relus = [node.outputs[0] for node in graph.nodes if node.op.kind == "Relu"]
    assert runs_for(f"{relus[1]}:0").count("tg_conv2d_s8") == 2
    convolutions = [node.outputs[0] for node in graph.nodes if node.op.kind == "Conv2D"]
    assert runs_for(f"{convolutions[0]}:0") == []  # the ReLU's range is taken


def test_fingerprints_differ_with_all_that_matters(tmp_path: Path) -> None:
    """Constants, parameters and the input's type are in the output's key; names are not."""
    graph, profile, _ = _quantized(conv_net(), tmp_path)
    program = _program(graph, profile)
    key = fingerprint(program).output
    assert fingerprint(_program(graph, profile)).output == key
    renamed = replace(program, calls=tuple(replace(call, origin="other") for call in program.calls))
    assert fingerprint(renamed).output == key
    for name, buffer in program.buffers.items():
        if buffer.data is not None:
            other = replace(buffer, data=buffer.data + 1)
            changed = replace(program, buffers={**program.buffers, name: other})
            assert fingerprint(changed).output != key, name
    (layout,) = graph.nodes[0].outputs  # NCHW to NHWC; the input is quantized by its range
    other_input = replace(profile, ranges={**profile.ranges, f"{layout}:0": Range(-9.0, 9.0)})
    assert fingerprint(_program(graph, other_input)).output != key


@pytest.mark.slow
def test_any_number_of_processes_counts_the_same(tmp_path: Path) -> None:
    """One, two and more processes than samples: the same number."""
    graph, profile, images = _quantized(conv_net(), tmp_path)
    labels = np.arange(len(images)) % 7
    program, expected = _program(graph, profile), _expected(graph, profile, images, labels)
    for jobs, count in ((1, 12), (2, 12), (5, 3)):
        with Workers(images[:count], labels[:count], jobs) as workers:
            found = [workers.correct(program), workers.correct(program)]
        assert found == [expected if count == 12 else _expected(graph, profile, images[:count], labels[:count])] * 2


def test_a_process_that_dies_is_an_error(tmp_path: Path) -> None:
    """It is neither waited for for ever nor left out of the count."""
    graph, profile, images = _quantized(conv_net(), tmp_path)
    with Workers(images, np.zeros(len(images), int), 2) as workers:
        workers._processes[1].kill()
        workers._processes[1].join()
        with pytest.raises(ToolError, match="fewer jobs"):
            workers.correct(_program(graph, profile))


def test_ranges_that_no_kernel_takes_get_nothing_right(tmp_path: Path) -> None:
    """Where a narrow range makes a bias too large for 32 bits, no answer is right; in a profile it is an error."""
    build = NetBuilder(0)
    weights, bias = build.constant(np.full((8, 4), 1e-2)), build.constant(np.full(4, 1.0))
    build.node("Gemm", "x", weights, bias, output="y")
    graph, profile, images = _quantized(build.build({"x": (1, 8)}, ["y"]), tmp_path)
    absurd = {**profile.ranges, "x:0": Range(-1e-6, 1e-6)}
    labels = np.zeros(len(images), int)
    network = TunedNetwork(graph, profile, Scheme(bias_dtype="int8"), images, labels, Evaluator(images, labels))
    assert network.correct(absurd) == 0
    network.profile = replace(profile, ranges=absurd)
    with pytest.raises(ModelError):
        network.correct(absurd)


@pytest.mark.parametrize(
    ("images", "labels", "because"),
    [
        (np.zeros((3, 2, 6, 6)), [0, 1], "2 for 3 images"),
        (np.zeros((3, 2, 6, 6)), [0, 1, 108], "range from 0 to 108"),
        (np.zeros((3, 2, 6, 6)), [0, -1, 1], "range from -1"),
        (np.zeros((3, 1, 6, 6)), [0, 1, 1], r"shape \[1, 6, 6\]"),
        (np.zeros((0, 2, 6, 6)), [], "0 for 0 images"),
    ],
)
def test_samples_that_do_not_fit_are_refused(tmp_path: Path, images: Array, labels: list[int], because: str) -> None:
    """Other shapes, other numbers of labels, and classes that the network has not."""
    graph = tinyglow.load(conv_net().save(tmp_path))
    with pytest.raises(InputError) as caught:
        check_samples(graph, images, np.array(labels, int))
    assert caught.match("samples do not fit") and caught.value.problems
    assert re.search(because, str(caught.value))


def test_programs_survive_their_journey() -> None:
    """Kernels go by name, with other roundings too; one that is made for a network is refused with a way out."""
    for kernel in (*KERNELS.values(), *WITH_EPILOGUES.values()):
        assert pickle.loads(packed(kernel)) is kernel
    with pytest.raises(ToolError, match="-jobs=1"):
        packed(each_kernel("add", "int32"))
