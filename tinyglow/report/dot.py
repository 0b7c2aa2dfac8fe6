"""Graphs as pictures, in graphviz's language."""

from __future__ import annotations

import dataclasses

from tinyglow.ir.graph import Graph, Node, Value

# Fill colours: what is float stands out, since it costs most.
_FLOAT, _QUANTIZED, _BORDER, _CONSTANT = "lightsalmon", "palegreen", "lightblue", "whitesmoke"
_LONGEST = 80


def _quoted(*lines: str) -> str:
    """A label of several lines, whatever characters are in them."""
    shown = (line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..." for line in lines if line)
    safe = ("".join(c if c.isprintable() else "?" for c in line) for line in shown)
    return '"' + "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in safe) + '"'


def _box(identity: str, color: str, *lines: str, shape: str = "box") -> str:
    return f'  {identity} [label={_quoted(*lines)}, shape={shape}, style=filled, fillcolor="{color}"];'


def _node_lines(node: Node, graph: Graph) -> list[str]:
    fields = [f"{field.name}={getattr(node.op, field.name)}" for field in dataclasses.fields(node.op)]
    origin = f"from {node.origin}" if node.origin and node.origin != node.name else ""
    return [node.op.kind_in_glow, node.name, origin, *fields, *(str(graph.type_of(name)) for name in node.outputs)]


def dot_graph(graph: Graph) -> str:
    """A picture of the graph: placeholders as ellipses, nodes and constants as boxes, with their types."""
    made: dict[str, str] = {}
    lines = ["digraph network {", "  node [fontname=Helvetica, fontsize=10];"]
    for number, name in enumerate(graph.inputs):
        made[name] = f"input{number}"
        lines.append(_box(made[name], _BORDER, "input", name, str(graph.type_of(name)), shape="ellipse"))
    used = {name for node in graph.nodes for name in node.inputs} | {output.value for output in graph.outputs}
    constants: list[Value] = [v for v in graph.values.values() if v.data is not None and v.name in used]
    for number, value in enumerate(constants):
        made[value.name] = f"constant{number}"
        lines.append(_box(made[value.name], _CONSTANT, "constant", value.name, str(value.type)))
    for number, node in enumerate(graph.nodes):
        made.update(dict.fromkeys(node.outputs, f"node{number}"))
        color = _FLOAT if graph.type_of(node.outputs[0]).dtype == "float32" else _QUANTIZED
        lines.append(_box(f"node{number}", color, *_node_lines(node, graph)))
        lines += [f"  {made[name]} -> node{number};" for name in node.inputs]
    for number, output in enumerate(graph.outputs):
        type_ = str(graph.type_of(output.value))
        lines.append(_box(f"output{number}", _BORDER, "output", output.name, type_, shape="ellipse"))
        lines.append(f"  {made[output.value]} -> output{number};")
    return "\n".join([*lines, "}", ""])
