"""Lowering: what it says of a network that it cannot lower, whom it asks for kernels, and when states are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tinyglow
from tests.helpers import NetBuilder
from tinyglow.errors import ModelError
from tinyglow.ir.graph import Graph, Node
from tinyglow.ir.kernel import ParamError
from tinyglow.ir.numbers import Number
from tinyglow.ir.op import Lowering, UnsupportedError
from tinyglow.ir.program import Buffer, KernelCall, Region
from tinyglow.ir.target import Chooser, Optimize, Target, Variant, choose_for
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.kernels.reshape.copy import COPY, CopyParams
from tinyglow.lowering import graph_to_program as lowering_module
from tinyglow.lowering.graph_to_program import _Lowering, _require_room, lower
from tinyglow.lowering.states import _can_write_early, first_elements


def _float(folder: Path) -> Graph:
    """Three nodes in a row."""
    build, value = NetBuilder(), "x"
    for kind in ("Relu", "Abs", "Neg"):
        value = build.node(kind, value, name=kind.lower())
    return tinyglow.load(build.build({"x": (1, 3)}, [value]).save(folder), "net")


def _convolution(folder: Path) -> Graph:
    """A quantized convolution."""
    build = NetBuilder()
    conv = build.node("Conv", "x", build.weights(8, 4, 3, 3), build.weights(8), name="conv")
    net = build.build({"x": (1, 4, 6, 5)}, [build.node("Relu", conv, name="relu")])
    graph = tinyglow.load(net.save(folder), "net")
    return tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(2)))


def test_everything_in_the_way_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of which node of the model, or of the graph where it stems from none; what was found, and what to do."""
    graph = _float(tmp_path)
    failures = [UnsupportedError("a form", "another", "a hint"), ParamError("in_h = 70000"), ValueError("scale 0")]
    for origins in (("one", "two", "three"), ("", "", "")):
        nodes = [replace(node, origin=origin) for node, origin in zip(graph.nodes, origins, strict=True)]
        raised = {node.name: failure for node, failure in zip(nodes, failures, strict=True)}

        def fail(node: Node, _: Lowering, raised: dict[str, Exception] = raised) -> None:
            raise raised[node.name]

        monkeypatch.setattr(lowering_module, "lower_node", fail)
        with pytest.raises(ModelError, match="the network cannot be compiled") as caught:
            lower(replace(graph, nodes=nodes))
        kinds = [node.op.kind for node in nodes]
        where = [node.origin or node.name for node in nodes]
        found = [(p.where, p.found, p.expected, p.hint) for p in caught.value.problems]
        assert found == [
            (where[0], "a form", "another", "a hint"),
            (where[1], f"{kinds[1]}: in_h = 70000", "smaller dimensions", ""),
            (where[2], f"{kinds[2]}: scale 0", "ranges of ordinary size", "see the profile"),
        ]


def test_weights_must_be_known(tmp_path: Path) -> None:
    """Those of a constant are; a value's are not, and its name is said."""
    lowering = _Lowering(_convolution(tmp_path), Target(), None)
    names = [name for name, value in lowering.graph.values.items() if value.data is not None]
    assert names and all(lowering.data_of(name) is lowering.graph.values[name].data for name in names)
    with pytest.raises(UnsupportedError, match=r"weights \(x\) that are computed at run time") as caught:
        lowering.data_of("x")
    assert caught.value.expected == "constant weights"


@pytest.mark.parametrize(
    ("number", "wraps", "sums", "refused"),
    [
        (Number(-(2**31), 2**31 - 1), False, False, ""),
        (Number(0, 2**31, at=("least", "most")), False, False, "of 2147483648, which 32 bits wrap to -2147483648"),
        (Number(-(2**31) - 5, 0, at=("least", "most")), True, True, "of -2147483653, which 32 bits wrap to 2147483643"),
        (Number(-9, 3 * 2**16 + 7, 16, at=("least", "most")), False, False, "of 196615, which 16 bits wrap to 7"),
        (Number(0, 2**33, may_wrap=True, at=("least", "most")), False, False, "of 8589934592, which 32 bits wrap to 0"),
        (Number(0, 2**33, may_wrap=True), True, False, ""),
        (Number(0, 2**33, may_wrap=True), False, True, ""),
    ],
)
def test_numbers_that_overflow_are_refused(number: Number, wraps: bool, sums: bool, refused: str) -> None:
    """With what they wrap to and the elements that give them; not if they may wrap and it was asked for, or in sums."""
    kernel = replace(COPY, sums_of=(lambda _: (0, 0)) if sums else None)
    if not refused:
        _require_room(kernel, {"total": number}, wraps)
        return
    with pytest.raises(UnsupportedError) as caught:
        _require_room(kernel, {"fits": Number(0, 1), "total": number}, wraps)
    assert caught.value.found == f"tg_copy_s8: total {refused}"
    assert caught.value.expected == f"numbers that fit {number.bits} bits"
    which = "most" if "of -" not in refused else "least"
    assert caught.value.hint.startswith(f"an element of {which} gives it; ")
    assert caught.value.hint.endswith("; or --wrap to compute what its runtime does") == number.may_wrap


def test_kernels_are_refused_where_they_are_called(tmp_path: Path) -> None:
    """With the parameters of the call."""
    lowering = _Lowering(_float(tmp_path), Target(), None)
    kernel = replace(COPY, numbers_of=lambda p: {"count": Number(0, p.count, 16)})
    lowering.call(kernel, ["x", "x"], CopyParams(2**15 - 1))
    with pytest.raises(UnsupportedError, match="count of 32768"):
        lowering.call(kernel, ["x", "x"], CopyParams(2**15))


def test_calls_say_whose_work_they_do(tmp_path: Path) -> None:
    """The layers of the node that is lowered; none of a call for something else, and of one outside of all nodes."""
    graph = _convolution(tmp_path)
    lowering = _Lowering(graph, Target(), None)
    lowering.call(COPY, ["x", "x"], CopyParams(1), origin="state")
    (node,) = [node for node in graph.nodes if node.origin == "conv" and node.op.bias_operand is not None]
    lowering.node = node
    lowering.call(COPY, ["x", "x"], CopyParams(1))
    lowering.call(COPY, ["x", "x"], CopyParams(1), origin="another")
    layers = graph.layers_of(node)
    assert layers
    assert [(call.origin, call.layers) for call in lowering.calls] == [
        *[("state", ()), (node.name, layers), ("another", ())]
    ]


def test_choices_are_watched(tmp_path: Path) -> None:
    """Each with its node and all variants; the program is the same as without."""
    graph, target, seen = _convolution(tmp_path), Target("cortex-m7"), list[tuple[Node, Sequence[Variant], Variant]]()
    watched = lower(graph, target, watch=lambda *choice: seen.append(choice))
    plain = lower(graph, target)
    assert [call.kernel for call in watched.calls] == [call.kernel for call in plain.calls]
    ((node, variants, chosen),) = seen
    assert node.op.bias_operand is not None and len(variants) > 2
    assert chosen in variants and chosen is not variants[0]
    assert chosen.name in {call.kernel.symbol for call in plain.calls}


@pytest.mark.parametrize(
    ("target", "asked"),
    [
        (Target(), False),
        (Target(optimize=Optimize.SIZE), False),
        (Target("cortex-m7"), False),
        (Target("cortex-m7", Optimize.SIZE), True),
        (Target("cortex-m0plus"), True),
        (Target("cortex-m0plus", Optimize.BALANCED), False),
    ],
)
def test_offers_are_gathered_where_they_count(
    target: Target, asked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For size, and for the budget of code: then the chooser knows the variants of all nodes."""
    given: list[Sequence[Sequence[Variant]]] = []

    def chooser(target: Target, offers: Sequence[Sequence[Variant]]) -> Chooser:
        given.append(offers)
        return choose_for(target, offers)

    monkeypatch.setattr(lowering_module, "choose_for", chooser)
    lower(_convolution(tmp_path), target)
    (offers,) = given
    assert [len(variants) > 1 for variants in offers] == [True] * asked


def _call(*names: str) -> KernelCall:
    return KernelCall(COPY, names, CopyParams(1), "", "")


@pytest.mark.parametrize(
    ("calls", "region", "sources", "early"),
    [
        ([("state", "a"), ("a", "source")], Region.ACTIVATION, ["source"], True),
        ([("state", "source")], Region.ACTIVATION, ["source"], False),
        ([("a", "source"), ("state", "b")], Region.ACTIVATION, ["source"], False),
        ([("a", "source"), ("a", "b")], Region.ACTIVATION, ["source", "other"], True),
        ([("a", "source")], Region.ACTIVATION, ["source", "source"], False),
        ([("a", "b")], Region.MUTABLE, ["source"], False),
        ([("a", "b")], Region.CONSTANT, ["source"], False),
    ],
)
def test_when_a_state_is_written(calls: list[tuple[str, ...]], region: Region, sources: list[str], early: bool) -> None:
    """Where it lies, if what reads it came before, and it is no input, no constant and no other state's too."""
    type_ = TensorType((1,), "int8", QuantParams(1.0, 0))
    buffers = {"source": Buffer("source", type_, region)}
    lowering: Any = SimpleNamespace(buffers=buffers, calls=[_call(*names) for names in calls])
    assert _can_write_early(lowering, "state", "source", sources) is early


@pytest.mark.parametrize(
    ("type_", "due"),
    [
        (TensorType((2,), "int8", QuantParams(0.5, 3)), [5, 1]),
        (TensorType((2,), "int16", QuantParams(0.25, 0)), [4, -4]),
        (TensorType((2,), "int8"), [1, -1]),
        (TensorType((2,), "int32", QuantParams(0.5, 3)), [1, -1]),
        (TensorType((2,), "float32"), [1.0, -1.0]),
    ],
)
def test_first_elements_of_states(type_: TensorType, due: list[float]) -> None:
    """Reals are quantized; integers and floats stay what they are."""
    found = first_elements(np.array([1.0, -1.0]), type_)
    assert found.dtype == type_.dtype and found.tolist() == due


def test_trials_of_a_node_take_what_its_first_took(tmp_path: Path) -> None:
    """The first one's cycles count for all; later ones without that kernel take the fastest plain one."""
    graph, seen = _convolution(tmp_path), list[list[int]]()

    def second(variants: Sequence[Variant]) -> Variant:
        seen.append([variant.cycles for variant in variants])
        return variants[1]

    def variants(**cycles: int) -> list[Variant]:
        return [Variant(name, count, 0, lambda: None, code=8 * (name == "code")) for name, count in cycles.items()]

    for core in ("cortex-m7", ""):
        lowering, node = _Lowering(graph, Target(core), second), graph.nodes[0]
        first = lowering._like_first(node, variants(code=5, slow=10, fast=9), 3)
        assert (first.name, first.cycles) == ("slow", 10)
        assert lowering._like_first(node, variants(code=1, fast=2, slow=30), 3).cycles == 30
        assert lowering._like_first(node, variants(code=1, slower=9, fast=2), 3).name == ("fast" if core else "code")
    assert seen == [[15, 30, 27], [15, 30, 27]]


def test_parts_of_a_buffer(tmp_path: Path) -> None:
    """The whole is itself; of any other place and size there is one."""
    lowering = _Lowering(_convolution(tmp_path), Target(), None)
    (whole,) = lowering.graph.inputs
    lowering.buffer(whole)
    type_ = lowering.buffers[whole].type
    small = replace(type_, shape=(1, 1, *type_.shape[2:]))
    assert lowering.part(whole, 0, type_) == whole
    parts = [lowering.part(whole, begin, one) for begin, one in ((0, small), (4, small), (4, type_), (0, small))]
    assert parts == [f"{whole}_from_0", f"{whole}_from_4", f"{whole}_from_4__1", f"{whole}_from_0"]
    for name, begin in zip(parts, (0, 4, 4), strict=False):
        part = lowering.buffers[name]
        assert (part.part_of, part.begin, part.region) == (whole, begin, lowering.buffers[whole].region)
