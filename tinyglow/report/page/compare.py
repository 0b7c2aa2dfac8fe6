"""Two reports side by side: their figures, and by how much they differ."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.markup import escape

from tinyglow.errors import InputError, Problem
from tinyglow.report.console import stdout
from tinyglow.report.page.document import VERSION
from tinyglow.report.tables import table
from tinyglow.resources import read_bounded

_MOST_BYTES = 1 << 26
_BEGIN, _END = '<script type="application/json" id="data">', "</script>"

Figures = dict[tuple[str, ...], float | None]


def read_document(path: str | Path) -> dict[str, Any]:
    """The figures of a report.

    Args:
        path: A page that ``tinyglow report`` wrote, or its JSON.

    Returns:
        The document, of this version.

    Raises:
        InputError: It is no report, is damaged, or of another version.
    """
    try:
        text = read_bounded(path, _MOST_BYTES).decode("utf-8")
        if _BEGIN in text:
            text = text.split(_BEGIN, 1)[1].split(_END, 1)[0]
        document = json.loads(text)
    except OSError as error:
        raise InputError(f"cannot read the report {path}", [Problem("", error.strerror or str(error))]) from error
    except (ValueError, RecursionError) as error:
        raise _no_report(path, "holds no JSON") from error
    if not isinstance(document, dict) or "validation" not in document:
        raise _no_report(path, "holds other JSON")
    if document.get("version") != VERSION:
        raise _no_report(path, f"has version {str(document.get('version'))[:20]}", f"version {VERSION}")
    try:
        dict(_figures(document))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _no_report(path, "is damaged") from error
    return document


def _no_report(path: str | Path, found: str, expected: str = "what 'tinyglow report' wrote") -> InputError:
    return InputError("the report cannot be read", [Problem(str(path), found, expected)])


def _number(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is no number")
    return value


def _figures(document: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], float | None]]:
    """Every figure that is worth comparing, by where it stands."""
    for output in document["validation"]["outputs"]:
        yield ("accuracy", str(output["name"]), "SNR, dB"), _number(output["snr_db"])
    for board in document["boards"]:
        name, fit = str(board["name"]), board["fit"]
        for key in ("flash", "ram", "stack", "cycles", "waits", "milliseconds"):
            yield (name, "whole", key), _number(fit[key])
        for layer in board["layers"]:
            yield (name, f"{layer['layer']}", "cycles"), _number(layer["cycles"])
    for layer in document["validation"]["layers"]:
        yield ("layer", str(layer["node"]), "SNR, dB"), _number(layer["snr_db"])


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Rows of a table: where, what, before, after, difference. Figures that are equal are left out.

    Args:
        before: What ``read_document`` gives.
        after: The other one.

    Returns:
        The rows, in the order of the reports.
    """
    old, new = dict(_figures(before)), dict(_figures(after))
    rows = []
    for key in dict.fromkeys([*old, *new]):
        first, second = old.get(key), new.get(key)
        if first == second and key in old and key in new:
            continue
        change = ""
        if first is not None and second is not None:
            share = f" ({100 * (second - first) / first:+.1f} %)" if first and key[2] != "SNR, dB" else ""
            change = f"{second - first:+,.6g}{share}"
        rows.append((*key, _shown(key, old), _shown(key, new), change))
    return rows


def _shown(key: tuple[str, ...], figures: Figures) -> str:
    if key not in figures:
        return "absent"
    value = figures[key]
    if value is None:
        return "none"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"


_HEAD: tuple[tuple[str, Callable[[Mapping[str, Any]], object]], ...] = (
    ("tinyglow", lambda document: document.get("tinyglow")),
    ("network", lambda document: document.get("network")),
    ("precision", lambda document: document.get("precision")),
    ("schema", lambda document: document.get("schema")),
    ("inputs' CRC-32", lambda document: document.get("verdict", {}).get("input_crc32")),
    ("answers' CRC-32", lambda document: document.get("verdict", {}).get("output_crc32")),
)


def print_differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """What the two reports are of, and each figure that differs."""
    head = [(name, escape(str(value(before))), escape(str(value(after)))) for name, value in _HEAD]
    stdout().print(table(("", "before", "after"), head))
    rows = [tuple(map(escape, row)) for row in differences(before, after)]
    if rows:
        columns = ("", "of", "figure", ">before", ">after", ">difference")
        stdout().print(table(columns, rows))
    else:
        print("no figure differs")
