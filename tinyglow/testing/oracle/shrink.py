"""Make a model smaller while it still shows a finding: outputs and nodes are removed greedily."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from tinyglow.errors import TinyglowError
from tinyglow.testing.graphs import RandomModel, random_model
from tinyglow.testing.oracle.stations import Finding
from tinyglow.testing.oracle.sweep import check_model

_INTEGERS = ("ArgMax", "ArgMin")


def _with(model: onnx.ModelProto, nodes: list[onnx.NodeProto], outputs: list[str]) -> onnx.ModelProto:
    """The model of some of the nodes, and of what they need only."""
    needed, kept = set(outputs), []
    for node in reversed(nodes):
        if needed & set(node.output):
            kept.append(node)
            needed.update(node.input)
    kinds = {output: node.op_type for node in kept for output in node.output}
    graph = helper.make_graph(
        kept[::-1],
        model.graph.name,
        list(model.graph.input),
        [
            helper.make_tensor_value_info(
                name, TensorProto.INT64 if kinds.get(name) in _INTEGERS else TensorProto.FLOAT, None
            )
            for name in outputs
        ],
        [tensor for tensor in model.graph.initializer if tensor.name in needed],
    )
    return helper.make_model(graph, opset_imports=list(model.opset_import), ir_version=model.ir_version)


def _without(nodes: list[onnx.NodeProto], index: int, source: str) -> list[onnx.NodeProto]:
    """The nodes without one of them, whose readers read ``source`` instead."""
    gone = nodes[index].output[0]
    result = []
    for node in nodes[:index] + nodes[index + 1 :]:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        for place, name in enumerate(copy.input):
            if name == gone:
                copy.input[place] = source
        result.append(copy)
    return result


def smaller_models(model: onnx.ModelProto) -> Iterator[onnx.ModelProto]:
    """Models with an output or a node less; not all of them are sound."""
    nodes, outputs = list(model.graph.node), [output.name for output in model.graph.output]
    if len(outputs) > 1:
        yield from (_with(model, nodes, [name]) for name in outputs)
    constants = {tensor.name for tensor in model.graph.initializer}
    constants |= {node.output[0] for node in nodes if node.op_type == "Constant"}
    for index in reversed(range(len(nodes))):
        gone = nodes[index].output[0]
        sources = [name for name in nodes[index].input if name and name not in constants]
        for source in dict.fromkeys(sources):
            ends = list(dict.fromkeys(source if name == gone else name for name in outputs))
            made = {name for node in nodes for name in node.output}
            if all(name in made for name in ends):
                yield _with(model, _without(nodes, index, source), ends)


def shrunk(model: onnx.ModelProto, shows: Callable[[onnx.ModelProto], bool]) -> onnx.ModelProto:
    """The smallest model that greedy steps from ``model`` reach of those that show the fault."""
    while True:
        step = next((smaller for smaller in smaller_models(model) if smaller.graph.node and shows(smaller)), None)
        if step is None:
            return model
        model = step


def shrink_seed(seed: int, finding: Finding) -> tuple[RandomModel, onnx.ModelProto]:
    """The random model of ``seed``, and the smallest of its parts with a finding at the same station."""
    model = random_model(seed)
    station = finding.station.split(":")[0]

    def shows(proto: onnx.ModelProto) -> bool:
        try:
            found = check_model(model, proto)
        except (TinyglowError, IndexError, KeyError, TypeError, ValueError):  # a part that is no sound model
            return False
        return found is not None and found.station.split(":")[0] == station

    return model, shrunk(model.proto, shows)


def write_reproducer(seed: int, finding: Finding, folder: str | Path) -> Path:
    """Write ``seed_<n>.onnx``, made as small as still shows the finding, and what was found beside it; its path."""
    _, proto = shrink_seed(seed, finding)
    path = Path(folder) / f"seed_{seed}.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(proto.SerializeToString())
    lines = [f"seed {seed}", str(finding), "", *(onnx.printer.to_text(proto).splitlines())]
    path.with_suffix(".txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
