"""Graphs, programs and tables in a few lines: what a Python prompt and a notebook show of them.

Names come from model files, which are untrusted: as text they are printable, as HTML they are escaped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinyglow.ir.graph import Graph
    from tinyglow.ir.program import Program
    from tinyglow.ir.types import TensorType

_MOST_NAMES = 6
_MOST_ROWS = 200


def _printable(text: str) -> str:
    return text if text.isprintable() else repr(text)


def _shaped(name: str, type_: TensorType) -> str:
    """``name int8 [1, 28, 28, 1]``."""
    return f"{_printable(name)} {type_.dtype} {list(type_.shape)}"


def _counted(names: Iterable[str]) -> str:
    """``3 Conv2D, 2 MaxPool, ...``, the most frequent first."""
    counts = Counter(names).most_common()
    parts = [f"{count} {name}" for name, count in counts[:_MOST_NAMES]]
    rest = sum(count for _, count in counts[_MOST_NAMES:])
    return ", ".join(parts + ([f"{rest} others"] if rest else []))


def _listed(parts: Sequence[str]) -> str:
    more = len(parts) - _MOST_NAMES
    return ", ".join(parts[:_MOST_NAMES]) + (f", {more} more" if more > 0 else "")


def text_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table of fixed width; integers get separators and stand to the right."""
    cells = [[f"{value:,}" if isinstance(value, int) else _printable(str(value)) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    right = [any(isinstance(row[index], int) for row in rows) for index in range(len(columns))]
    aligned = [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in [columns, *cells]
    ]
    return "\n".join(aligned)


def html_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table for a notebook; integers get separators and stand to the right. At most 200 rows are shown."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows[:_MOST_ROWS])
    more = len(rows) - _MOST_ROWS
    end = f"<p>{more:,} more rows</p>" if more > 0 else ""
    return f"<p>{escape(title)}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{end}"


def _cell(value: object) -> str:
    if isinstance(value, int):
        return f'<td style="text-align: right">{value:,}</td>'
    return f'<td style="text-align: left">{escape(_printable(str(value)))}</td>'


def _graph_title(graph: Graph) -> str:
    constants = [value for value in graph.values.values() if value.data is not None]
    elements = sum(value.type.elements for value in constants)
    kind = "quantized" if graph.is_quantized else "float"
    count = f"{len(graph.nodes)} nodes, {len(constants)} constants of {elements:,} elements"
    return f"Graph {_printable(graph.name)}, {kind}: {count}"


def graph_text(graph: Graph) -> str:
    """A graph in three lines: its size, its inputs and outputs, its kinds of nodes."""
    inputs = [_shaped(name, graph.type_of(name)) for name in graph.inputs]
    outputs = [_shaped(output.name, graph.type_of(output.value)) for output in graph.outputs]
    lines = [_graph_title(graph), f"{_listed(inputs)} -> {_listed(outputs)}"]
    return "\n  ".join([*lines, _counted(node.op.kind for node in graph.nodes) or "no nodes"])


def graph_html(graph: Graph) -> str:
    """A graph as a table: one row a node."""
    rows = []
    for node in graph.nodes:
        types = [graph.type_of(name) for name in node.outputs]
        quants = [f"{type_.quant.scale:.6g}, {type_.quant.offset}" if type_.quant else "" for type_ in types]
        results = "; ".join(map(_shaped, node.outputs, types))
        rows.append((node.op.kind, results, "; ".join(quants), ", ".join(node.inputs), node.origin))
    columns = ("operator", "result", "scale, offset", "inputs", "node of the model")
    return html_table(_graph_title(graph), columns, rows)


def _program_title(program: Program) -> str:
    sizes = ", ".join(f"{region.value} {size:,}" for region, size in program.sizes.items() if size)
    return f"Program {_printable(program.name)}: {len(program.calls)} kernel calls; bytes: {sizes or 'none yet'}"


def program_text(program: Program) -> str:
    """A program in three lines: its size, its inputs and outputs, its kernels."""
    inputs, outputs = (
        [_shaped(name, program.buffers[name].type) for name in names] for names in (program.inputs, program.outputs)
    )
    lines = [_program_title(program), f"{_listed(inputs)} -> {_listed(outputs)}"]
    return "\n  ".join([*lines, _counted(call.kernel.symbol for call in program.calls) or "no calls"])


def program_html(program: Program) -> str:
    """A program as a table: one row a kernel call."""
    rows = []
    for number, call in enumerate(program.calls):
        read, written = (
            "; ".join(_shaped(name, program.buffers[name].type) for name in names if name in program.buffers)
            for names in (call.reads, call.writes)
        )
        rows.append((number, call.origin, call.kernel.symbol, read, written))
    return html_table(_program_title(program), ("call", "layer", "kernel", "reads", "writes"), rows)
