"""Chains of layers with line buffers: what is computed a few rows at a time is what is computed at once, to the bit."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinyglow
from tests.benchmarks.line_buffers import CORE, load_record
from tests.helpers import Net, NetBuilder, run_cli
from tinyglow.checker.check import check_proof
from tinyglow.interp import run_program
from tinyglow.ir.graph import Graph
from tinyglow.ir.program import Program, Region
from tinyglow.ir.target import Target, Variant
from tinyglow.lowering.graph_to_program import ALIGNMENT
from tinyglow.lowering.graph_to_program import lower as lower_graph
from tinyglow.lowering.line_buffers.emit import schedule_of
from tinyglow.lowering.line_buffers.rows import layer_of
from tinyglow.lowering.line_buffers.schedule import Chain, is_aligned
from tinyglow.lowering.plan import plan
from tinyglow.passes.fuse import fuse
from tinyglow.pipeline.budget import lower_within
from tinyglow.pipeline.fit import made_up_profile
from tinyglow.pipeline.stations import target_of
from tinyglow.quant.profile import load_profile, save_profile
from tinyglow.quant.scheme import Scheme
from tinyglow.targets.boards import load_board
from tinyglow.testing import is_full

_SEEDS = 200 if is_full() else 6
_SCHEMES = (
    (Scheme(), "glow"),
    (Scheme(channelwise=True), "glow"),
    (Scheme(channelwise=True), "tflite"),
    (Scheme(precision="int16"), "glow"),
)
_CORES = ("", "cortex-m0plus", "cortex-m4", "cortex-m7")


class Drawn:
    """Layers on images [1, channels, height, width], drawn one by one."""

    def __init__(self, seed: int, channels_last: bool = False) -> None:
        self.channels_last = channels_last
        self.rng, self.build = np.random.default_rng(seed), NetBuilder(seed)
        self.flat = bool(self.rng.random() < 0.2)  # of height 1: rows are then along the width
        self.first = (4, 1 if self.flat else int(self.rng.integers(7, 14)), int(self.rng.integers(7, 14)))
        self.value = self.build.node("Transpose", "x", perm=[0, 3, 1, 2]) if channels_last else "x"
        self.shape = self.first
        self.counts = False  # whether a mean counts padding, which LiteRT's does not

    def _window(self, most: int) -> tuple[dict[str, list[int]], tuple[int, int]]:
        """Attributes of a window, and the size of its result."""
        sizes: list[int] = []
        fields: dict[str, list[int]] = {"kernel_shape": [], "strides": [], "before": [], "after": []}
        for length in self.shape[1:]:
            kernel = int(self.rng.integers(1, min(most, length) + 1))
            stride = int(self.rng.integers(1, 3))
            before, after = (int(self.rng.integers(0, kernel)) for _ in range(2))
            sizes.append((length + before + after - kernel) // stride + 1)
            for name, number in zip(fields, (kernel, stride, before, after), strict=True):
                fields[name].append(number)
        pads = fields.pop("before") + fields.pop("after")
        return {**fields, "pads": pads}, (sizes[0], sizes[1])

    def layer(self) -> None:
        """One more layer."""
        rng, build, (channels, height, width) = self.rng, self.build, self.shape
        kind = rng.choice(["conv", "conv", "depthwise", "same", "max", "mean", "residual", "dilated", "scaled"])
        if kind in ("conv", "depthwise"):
            group = channels if kind == "depthwise" else 1
            out = channels if kind == "depthwise" else int(rng.choice([4, 6, 8]))
            window, size = self._window(4)
            weights = build.weights(out, channels // group, *window["kernel_shape"]), build.weights(out)
            value = build.node("Conv", self.value, *weights, group=group, **window)
            self.value, self.shape = build.node("Relu", value), (out, *size)
        elif kind in ("max", "mean"):
            window, size = self._window(3)
            counts = kind == "mean" and bool(rng.integers(2))
            self.counts = self.counts or counts
            more = {"count_include_pad": int(counts)} if kind == "mean" else {}
            pool = "MaxPool" if kind == "max" else "AveragePool"
            self.value, self.shape = build.node(pool, self.value, **window, **more), (channels, *size)
        elif kind == "dilated" and height > 4 and width > 4:
            weights = build.weights(channels, channels, 3, 3), build.weights(channels)
            self.value = build.node("Conv", self.value, *weights, dilations=[2, 2], pads=[2, 2, 2, 2])
        elif kind == "scaled":
            self.value = build.node("Mul", self.value, build.constant(rng.random((1, channels, 1, 1)) + 0.5))
        else:
            k = 1 if self.flat else 3
            weights = build.weights(channels, channels, k, 3), build.weights(channels)
            inner = build.node("Conv", self.value, *weights, pads=[k // 2, 1, k // 2, 1])
            self.value = build.node("Add", inner, self.value) if kind == "residual" else inner

    def net(self, layers: int) -> Net:
        """The network; now and then it gives an image from its middle too."""
        middle = []
        for _ in range(layers):
            self.layer()
            if self.rng.random() < 0.1 and self.value != "x":
                middle = [self.build.node("Sigmoid", self.value)]
        self.build.node("Relu", self.value, output="y")
        shape = (*self.first[1:], self.first[0]) if self.channels_last else self.first
        return self.build.build({"x": (1, *shape)}, ["y", *middle])


def _chains(graph: Graph, rng: np.random.Generator) -> list[Chain]:
    """A chain of some of the graph's layers, with rows that are drawn; none if no rows lie as kernels take them."""
    for _ in range(20):
        axis = int(rng.choice([1, 1, 2]))
        begin, end = sorted(rng.integers(0, len(graph.nodes) + 1, 2).tolist())
        layers = [
            layer_of(node, axis, graph.type_of, lambda name: graph.values[name].data is not None)
            for node in graph.nodes[begin:end]
        ]
        found = tuple(layer for layer in layers if layer is not None)
        if len(found) < max(2, len(layers)):
            continue
        chain = Chain(found, axis, int(rng.integers(1, 4)), int(rng.choice([1, 2, 3, 99])))
        made, types = schedule_of(graph, chain)
        if is_aligned(made, types, ALIGNMENT):
            return [chain]
    return []


def _random(rng: np.random.Generator) -> Callable[[Sequence[Variant]], Variant]:
    return lambda variants: variants[int(rng.integers(len(variants)))]


def _outputs(program: Program, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    types = {name: program.buffers[name].type for name in program.inputs}
    given = {name: rng.integers(-128, 128, (2, *type_.shape)).astype(type_.dtype) for name, type_ in types.items()}
    return run_program(program, given)


@pytest.mark.parametrize("seed", range(_SEEDS))
def test_rows_are_those_of_the_whole(seed: int, tmp_path: Path) -> None:
    """Drawn networks, chains, rows at a time, kernels, schemes and cores."""
    rng, drawn = np.random.default_rng(seed), Drawn(seed)
    net = drawn.net(5)
    loaded = tinyglow.load(net.save(tmp_path))
    profile, found = tinyglow.profile(loaded, net.samples(4)), 0
    for scheme, numerics in _SCHEMES:
        if numerics != "glow" and drawn.counts:
            continue
        target = Target(str(rng.choice(_CORES)))
        graph = fuse(tinyglow.quantize(loaded, profile, scheme, numerics=numerics), target)
        chains = _chains(graph, rng)
        found += len(chains)
        program = plan(lower_graph(graph, target, _random(rng), chains=chains))
        expected = _outputs(plan(lower_graph(graph, target)), seed)
        for name, array in _outputs(program, seed).items():
            assert np.array_equal(array, expected[name]), (scheme, chains)
        if (scheme, numerics) == _SCHEMES[seed % len(_SCHEMES)]:
            tinyglow.emit(program, tmp_path / "bundle")
            assert not check_proof(tmp_path / "bundle").faults
    assert found or seed not in (0, 1, 2)


def test_no_row_is_computed_twice(tmp_path: Path) -> None:
    """Each layer's steps are its rows in order; what a step reads is in the buffers, and is read where it lies."""
    for seed in range(12):
        net = Drawn(seed).net(6)
        graph = tinyglow.load(net.save(tmp_path))
        for chain in _chains(graph, np.random.default_rng(seed)):
            made, _ = schedule_of(graph, chain)
            done = {layer.result: 0 for layer in chain.layers}
            held: dict[str, dict[int, int]] = {layer.result: {} for layer in chain.layers}  # row by row of the buffer
            for step in made.steps:
                for name, rows in step.reads.items():
                    if name in held:
                        at = step.places[name]
                        assert [held[name][at + n] for n in range(len(rows))] == list(rows)
                value, buffer = step.layer.result, held[step.layer.result]
                if step.move is not None:
                    moved = [buffer[step.move.begin + n] for n in range(step.move.count)]
                    buffer.update(enumerate(moved))
                assert step.taken.start == done[value]
                buffer.update((step.places[value] + n, row) for n, row in enumerate(step.taken))
                done[value] = step.taken.stop
                room = {**made.lines, **made.passing}.get(value, graph.type_of(value).shape[chain.axis])
                assert max(buffer) < room


@pytest.mark.slow  # tries several choices of chains
@pytest.mark.parametrize("model", ["cifar10", "mobilenet_block"])
def test_a_network_takes_little_memory(checkout: Path, model: str) -> None:
    """The largest images are never there as a whole. The recorded figures are today's."""
    models, row = checkout / "tests/models", load_record()[model]
    graph = tinyglow.quantize(tinyglow.load(models / f"{model}.onnx"), load_profile(models / f"{model}.profile.yaml"))
    program = tinyglow.lower(graph, target=replace(target_of(load_board(CORE)), line_buffers=True))
    ram = program.sizes[Region.MUTABLE] + program.sizes[Region.ACTIVATION]
    assert ram == row["by_rows"]["ram"] < 0.6 * row["plain"]["ram"]


def test_the_record_meets_its_limits() -> None:
    """Bytes of RAM with line buffers, as they were when this was made or less; little more flash of large networks."""
    record = load_record()
    most = {"lenet_mnist": 7_000, "cifar10": 20_000, "mobilenet_block": 12_000}
    most |= {"MLPerf Tiny, ResNet-8": 24_000, "MLPerf Tiny, visual wake words": 48_000}
    for name, limit in most.items():
        assert record[name]["by_rows"]["ram"] <= limit
        small = record[name]["plain"]["flash"] < 20_000
        assert small or record[name]["by_rows"]["flash"] <= 1.1 * record[name]["plain"]["flash"]


@pytest.mark.long  # two emulated cores and this machine
def test_c_answers_as_numpy(tmp_path: Path) -> None:
    """A network of residual, strided and depthwise layers on emulated cores, and the proof of its bundles."""
    pytest.importorskip("unicorn")
    net = _residual_net()
    loaded = tinyglow.load(net.save(tmp_path))
    graph = tinyglow.quantize(loaded, tinyglow.profile(loaded, net.samples(4)))
    for board in ("host", "cortex-m0plus", "cortex-m4", "cortex-m7"):
        target = replace(target_of(load_board(board)), line_buffers=True)
        program = tinyglow.lower(graph, target=target)
        assert any(buffer.part_of for buffer in program.buffers.values())
        for result in tinyglow.verify(program, load_board(board), net.samples(2)):
            assert result.equal and result.vectors == 2
    board, plain = load_board("cortex-m4"), tinyglow.lower(graph, target=target_of(load_board("cortex-m4")))
    limit = sum(plain.sizes[region] for region in (Region.MUTABLE, Region.ACTIVATION)) - 200
    within = lower_within(graph, board, target_of(board), max_ram=limit)
    assert within.chains and sum(within.sizes[region] for region in (Region.MUTABLE, Region.ACTIVATION)) <= limit


def _residual_net() -> Net:
    build = NetBuilder(3)
    x = build.node("Relu", build.node("Conv", "x", build.weights(8, 4, 3, 3), build.weights(8), pads=[1, 1, 1, 1]))
    y = build.node("Conv", x, build.weights(8, 1, 3, 3), build.weights(8), group=8, pads=[1, 1, 1, 1])
    y = build.node("Conv", y, build.weights(8, 8, 1, 1), build.weights(8))
    z = build.node("Add", x, y)
    z = build.node("Conv", z, build.weights(8, 8, 3, 3), build.weights(8), strides=[2, 2], pads=[0, 0, 1, 1])
    z = build.node("MaxPool", z, kernel_shape=[2, 2], strides=[2, 2])
    build.node("GlobalAveragePool", z, output="y")
    return build.build({"x": (1, 4, 16, 16)}, ["y"])


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of a network with line buffers, from the command."""
    folder = tmp_path_factory.mktemp("line_buffers")
    net = _residual_net()
    model = net.save(folder)
    save_profile(made_up_profile(tinyglow.load(model)), folder / "profile.yaml")
    more = ("--profile", folder / "profile.yaml", "--board", "cortex-m4", "--name", "net")
    answer = run_cli("compile", model, *more, "--line-buffers", "-o", folder / "bundle")
    assert answer.status == 0, answer.err
    assert re.search(r"line buffers: \d+ layers a few rows at a time, ", answer.out)
    assert re.search(r"with line buffers: RAM [\d,]+ bytes instead of [\d,]+, ", answer.out)
    return folder / "bundle"


def _part(proof: dict[str, Any], ends: str) -> dict[str, Any]:
    return next(one for one in proof["buffers"] if "part_of" in one and ends in one["part_of"])


def _no_part(text: str, proof: dict[str, Any]) -> str:
    del _part(proof, "_lines")["part_of"]
    return text


def _outside(text: str, proof: dict[str, Any]) -> str:
    part = _part(proof, "_lines")
    part["offset"] += 4096
    proof["memories"]["activations"] += 8192
    return re.sub(rf"(net_at_{part['name']}) = \d+,", rf"\1 = {part['offset']},", text)


def _of_a_part(text: str, proof: dict[str, Any]) -> str:
    one, other = (entry for entry in [e for e in proof["buffers"] if "part_of" in e][:2])
    one["part_of"] = other["name"]
    return text


def _of_nothing(text: str, proof: dict[str, Any]) -> str:
    _part(proof, "_lines")["part_of"] = "nothing"
    return text


def _downward(text: str, proof: dict[str, Any]) -> str:
    """Rows that move down over such as have not been read."""
    parts = [entry for entry in proof["buffers"] if "part_of" in entry]
    pairs = ((one, other) for one in parts for other in parts if one["part_of"] == other["part_of"])
    low, high = next(
        (one, other) for one, other in pairs if one["offset"] < other["offset"] < one["offset"] + one["bytes"]
    )
    call = re.search(r"tg_copy_s32\(&\w+,\n.*?\+ (\w+)\).*?\n.*?\+ (\w+)\)", text)
    assert call is not None
    moved = call[0].replace(f"{call[1]})", f"net_at_{low['name']})").replace(f"{call[2]})", f"net_at_{high['name']})")
    return text.replace(call[0], moved)


_FAULTS = {
    "as the proof says .* by the calls": (_no_part,),
    "a part of": (_outside, _of_a_part, _of_nothing),
    "shares bytes of": (_downward,),
}


@pytest.mark.parametrize("fault", [fault for faults in _FAULTS.values() for fault in faults])
def test_a_fault_in_a_part_is_refused(
    fault: Callable[[str, dict[str, Any]], str], bundle: Path, tmp_path: Path
) -> None:
    """A bundle's proof holds; one whose parts are not what they are said to be is refused."""
    assert not check_proof(bundle).faults
    copy = Path(shutil.copytree(bundle, tmp_path / "copy"))
    proof = json.loads((copy / "net.proof.json").read_text(encoding="ascii"))
    source = (copy / "net.c").read_text(encoding="utf-8")
    (copy / "net.c").write_text(fault(source, proof), encoding="utf-8")
    proof["files"]["net.c"] = hashlib.sha256((copy / "net.c").read_bytes()).hexdigest()
    (copy / "net.proof.json").write_text(json.dumps(proof), encoding="ascii")
    faults = " ".join(f"{one.where} {one.found} {one.expected}" for one in check_proof(copy).faults)
    expected = next(words for words, members in _FAULTS.items() if fault in members)
    assert re.search(expected, faults), faults
