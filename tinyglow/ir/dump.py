"""Graphs and programs as text, for ``--dump`` and for reading diffs."""

from __future__ import annotations

import dataclasses

from tinyglow.ir.graph import Graph, Node
from tinyglow.ir.op import Op
from tinyglow.ir.program import NEAR, Program


def _attributes(op: Op) -> str:
    return ", ".join(f"{field.name}={getattr(op, field.name)}" for field in dataclasses.fields(op))


def _typed(name: str, graph: Graph) -> str:
    """A value with its type, and that which the model file declares."""
    is_declared = graph.values[name].declared is not None
    return f"{name}: {graph.type_of(name)}" + (f" declared {graph.integer_type(name)}" if is_declared else "")


def _node_line(node: Node, graph: Graph) -> str:
    results = ", ".join(_typed(name, graph) for name in node.outputs)
    source = node.origin if node.origin.isprintable() else repr(node.origin)
    origin = f"  ; from {source}" if source and source != node.name else ""
    return f"  {results} = {node.op.kind}({', '.join(node.inputs)}) {{{_attributes(node.op)}}}{origin}"


def dump_graph(graph: Graph) -> str:
    """One line a value and a node, in execution order."""
    lines = [f"graph {graph.name} {{"]
    lines += [f"  input {_typed(name, graph)}" for name in graph.inputs]
    for name, value in graph.values.items():
        if value.data is not None:
            lines.append(f"  const {_typed(name, graph)}")
    lines += [_node_line(node, graph) for node in graph.nodes]
    lines += [f"  output {output.name} = {output.value}: {graph.type_of(output.value)}" for output in graph.outputs]
    lines += [f"  state {state.read} becomes {state.write}" for state in graph.states]
    return "\n".join([*lines, "}", ""])


def dump_program(program: Program) -> str:
    """Buffers with their addresses, then the calls with their parameters."""
    shown = {region: size for region, size in program.sizes.items() if size or region not in NEAR}
    sizes = ", ".join(f"{region.value} {size} bytes" for region, size in shown.items())
    lines = [f"program {program.name} {{  ; {sizes}"]
    for buffer in program.buffers.values():
        lines.append(f"  {buffer.region.value}[{buffer.offset}..{buffer.end}) {buffer.name}: {buffer.type}")
    for call in program.calls:
        lines.append(f"  {call.kernel.symbol}({', '.join(call.buffers)})  ; {call.origin}")
        lines += [f"      {f.name} = {getattr(call.params, f.name)}" for f in dataclasses.fields(call.params)]
    return "\n".join([*lines, "}", ""])
