"""What is done to an ONNX model before it is imported: it is cut to what makes values of the user's choice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import onnx

from tinyglow.frontend.cut import Step, cut
from tinyglow.frontend.onnx_double_quantized import join_conversions


def steps_of(nodes: Iterable[onnx.NodeProto]) -> list[Step]:
    """The nodes as far as a cut looks at them."""
    return [Step(node.name, tuple(node.input), tuple(node.output)) for node in nodes]


def prepare(model: onnx.ModelProto, outputs: Sequence[str]) -> None:
    """Cut a model, where outputs are asked for, and let it quantize once what it quantizes twice in a row."""
    if outputs:
        cut_model(model, outputs)
    join_conversions(model.graph)


def cut_model(model: onnx.ModelProto, outputs: Sequence[str]) -> None:
    """Leave of a model what makes these values, and make them its outputs."""
    graph = model.graph
    nodes, inputs, constants = list(graph.node), list(graph.input), list(graph.initializer)
    part = cut(steps_of(nodes), outputs)
    for field in ("node", "input", "initializer", "output"):
        graph.ClearField(field)
    graph.node.extend(node for index, node in enumerate(nodes) if index in part.steps)
    graph.input.extend(info for info in inputs if info.name in part.values)
    graph.initializer.extend(tensor for tensor in constants if tensor.name in part.values)
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in part.outputs)
