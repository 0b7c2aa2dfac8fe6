"""``tinyglow operators``."""

from __future__ import annotations

import argparse
import json
from typing import Any

from tinyglow.cli.options import AddCommand, add_json


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "operators",
        run,
        "list the operators of model files that are read",
        "tinyglow operators",
        "tinyglow operators --json",
    )
    parser.add_argument("--markdown", action="store_true", help="as a table in Markdown")
    add_json(parser)


def _rows() -> list[dict[str, Any]]:
    """For each operator: its format, name, newest known version, attributes, and what it is made of."""
    from tinyglow.operators.generic.declare import GENERAL
    from tinyglow.registry import ONNX_OPS, TFLITE_OPS

    rows: list[dict[str, Any]] = []
    for name in sorted(ONNX_OPS.keys() | GENERAL.keys()):
        operator, general = ONNX_OPS.get(name), GENERAL.get(name)
        forms = [operator.onnx_types[name]] if operator else []
        forms += [general.form] if general else []
        attributes = sorted({attribute for form in forms for attribute in (*form.attributes, *form.without_effect)})
        rows.append(
            {
                "format": "ONNX",
                "name": name,
                "version": max(form.version for form in forms),
                "attributes": attributes,
                "int8": bool(operator and operator.quantizable),
                "kernels": "its own" if operator else "of plain operators",
            }
        )
    for name, operator in sorted(TFLITE_OPS.items()):
        form = operator.tflite_types[name]
        attributes = sorted({*form.attributes, *form.without_effect})
        quantizable = operator.quantizable
        row = {"format": "TFLite", "name": name, "version": form.version, "attributes": attributes}
        rows.append({**row, "int8": quantizable, "kernels": "its own"})
    return rows


def run(arguments: argparse.Namespace) -> int:
    """List the operators."""
    rows = _rows()
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return 0
    cells = []
    for row in rows:
        form, attributes = "int8" if row["int8"] else "float", ", ".join(row["attributes"])
        cells.append((row["format"], row["name"], str(row["version"]), form, attributes))
    titles = ("Format", "Operator", "Version", "Form", "Attributes")
    if arguments.markdown:
        for line in (titles, ("---",) * len(titles), *cells):
            print(f"| {' | '.join(line)} |")
        return 0
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    for line in (titles, *cells):
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    return 0
