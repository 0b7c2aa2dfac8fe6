"""What ``inspect`` found, for people and for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.markup import escape

from tinyglow.frontend.names import shown
from tinyglow.frontend.summary import Tensor
from tinyglow.pipeline.inspect import Inspection
from tinyglow.report.console import stdout
from tinyglow.report.tables import table


def _text(name: str) -> str:
    """A name of the model's in a table: on one line, and no markup."""
    return escape(shown(name))


def _shape(tensor: Tensor) -> str:
    return " x ".join(_text(str(dim)) for dim in tensor.dims) or "scalar"


def as_json(found: Inspection) -> dict[str, Any]:
    """All of it as JSON has it."""
    result = asdict(found)
    result["problems"] = [str(problem) for problem in found.problems]
    result["summary"]["unsupported"] = sorted(found.summary.unsupported)
    return {**result, "supported": found.is_supported}


def print_inspection(found: Inspection) -> None:
    """Inputs and outputs, operators, layers, totals, and what is not supported."""
    summary, console = found.summary, stdout()
    print(f"{summary.kind}{', quantized' if found.is_quantized else ''}")
    ends = [("input", tensor) for tensor in summary.inputs] + [("output", tensor) for tensor in summary.outputs]
    console.print(table(("", "name", "type", "shape"), [(end, _text(t.name), t.type, _shape(t)) for end, t in ends]))
    rows = [
        (_text(name), count, "no" if name in summary.unsupported else "yes")
        for name, count in summary.operators.items()
    ]
    console.print(table(("operator", ">nodes", "supported"), rows))
    if found.layers:
        layers = [(_text(x.node), x.kind, " x ".join(map(str, x.shape)), x.weights, x.macs) for x in found.layers]
        console.print(table(("layer", "kind", "result", ">weights", ">multiply-adds"), layers))
    if found.is_supported:
        print(
            f"parameters {found.parameters:,}; multiply-adds {found.macs:,}; largest value {found.largest:,} elements"
        )
    for name, size in found.assumed.items():
        print(f"the dimension {shown(name)} is taken as {size}; --define {shown(name)}=SIZE gives it another size")
    print("supported: all of it" if found.is_supported else "supported: not all of it")
    for problem in found.problems:
        print(f"  - {problem}")
