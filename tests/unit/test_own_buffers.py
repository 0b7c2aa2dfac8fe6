"""Buffers that stand for no value of the model have names of their own, whatever the model's values are called."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import tinyglow
from tests.helpers import NetBuilder
from tinyglow.interp import run_program
from tinyglow.ir.program import Program
from tinyglow.ir.target import Target
from tinyglow.ir.types import TensorType
from tinyglow.lowering.graph_to_program import _Lowering


def _program(folder: Path, source: str, result: str) -> Program:
    """Two elements of a row, and a convolution that takes working memory; input and output have these names."""
    build = NetBuilder()
    x = build.node("Gather", source, build.constant([3, 0, 1, 3, 2, 0]), axis=3, name="gather")
    build.node("Conv", x, build.weights(8, 4, 3, 3), build.weights(8), name="conv", output=result)
    net = build.build({source: (1, 4, 6, 4)}, [result])
    graph = tinyglow.load(net.save(folder), "net")
    quantized = tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(2)))
    return tinyglow.lower(quantized, target=Target("cortex-m7"))


def test_placeholders_may_have_any_name(tmp_path: Path) -> None:
    """A model whose input or output is called as tables, working memory or values between layers would be."""
    plain = _program(tmp_path, "x", "y")
    memory = {call.scratch for call in plain.calls} - {""}
    assert memory and any(buffer.data is not None for buffer in plain.buffers.values())
    x = np.arange(96, dtype=np.int8).reshape(1, *plain.buffers["x"].type.shape)
    due = run_program(plain, {"x": x})["y"]
    others = [*plain.buffers, *(f"{name}__0" for name in memory), *(f"{name}__1" for name in memory)]
    for other in others:
        names = [(other, "y")] if other != "y" else []
        names += [("x", other)] if other != "x" else []
        # The working memory's next names are taken too.
        names += [(other.rpartition("__")[0], other)] if other.rpartition("__")[0] in memory else []
        for source, result in names:
            program = _program(tmp_path, source, result)
            sizes = [sorted(buffer.type.nbytes for buffer in one.buffers.values()) for one in (program, plain)]
            assert sizes[0] == sizes[1], (source, result)
            (found,) = run_program(program, {program.inputs[0]: x}).values()
            assert np.array_equal(found, due), (source, result)


def test_an_input_that_nothing_reads_has_its_placeholder(tmp_path: Path) -> None:
    """Who calls the network gives it all the same."""
    build = NetBuilder()
    result = build.node("Relu", "x", name="relu")
    net = build.build({"x": (1, 3), "unused": (1, 5)}, [result])
    graph = tinyglow.load(net.save(tmp_path), "net")
    program = tinyglow.lower(tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(2))))
    assert set(program.inputs) == {"x", "unused"} <= set(program.buffers)


def test_names_are_numbered(tmp_path: Path) -> None:
    """Constants of one name and other data, and working memory beside what has its name: 1, 2 and so on."""
    build = NetBuilder()
    net = build.build({"x": (1, 3), "_between__2": (1, 3)}, [build.node("Add", "x", "_between__2", output="w__2")])
    lowering = _Lowering(tinyglow.load(net.save(tmp_path), "net"), Target(), None)
    rows = [np.array(row, np.int8) for row in ([1], [2], [1, 1], [1], [3])]
    assert [lowering.constant("w", row) for row in rows] == ["w", "w__1", "w__3", "w", "w__4"]
    assert lowering.constant("w", np.array([1], np.int16)) == "w__5"
    type_ = TensorType((4,), "float32")
    assert [lowering.temporary(type_) for _ in range(3)] == ["_between", "_between__1", "_between__3"]
