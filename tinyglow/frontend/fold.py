"""Operators on constants alone, computed while a model is read: later nodes need shapes and axes.

As Glow does it (include/glow/Importer/ProtobufLoader.h, constantFoldInLoader): the nodes leave no trace, and the
constant is named after the tensor.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Array, Value
from tinyglow.ir.op import Importer, SourceNode, UnsupportedError
from tinyglow.ir.types import TensorType


class _Scratch:
    """An importer whose nodes come into a graph of their own."""

    def __init__(self, importer: Importer, most_elements: int) -> None:
        self.importer = importer
        self.most_elements = most_elements
        self.editor = GraphEditor("", importer.editor.namer.copy())
        self.results: dict[str, Value] = {}
        self.like_glow = False

    def value(self, name: str) -> Value:
        return self.importer.value(name)

    def constant(self, name: str) -> Array | None:
        return self.importer.constant(name)

    def bind(self, name: str, value: Value) -> None:
        self.results[name] = value

    def declared(self, name: str) -> TensorType:
        return self.importer.declared(name)

    def element(self, name: str) -> str:
        return self.importer.value(name).type.dtype

    def room_elements(self) -> int:
        return self.most_elements


def fold(node: SourceNode, add: Callable[[SourceNode, Importer], None], importer: Importer, most_elements: int) -> bool:
    """Bind the results of ``node`` as constants, if all its inputs are constants; returns whether they are.

    add: the operator's ``from_onnx`` or ``from_tflite``.
    Raises UnsupportedError for what the operator does not support, or for results of more than ``most_elements``.
    """
    inputs = [importer.value(name) for name in node.inputs if name]
    if not inputs or any(
        value.data is None or value.type.dtype not in ("float32", "int64", "bool") for value in inputs
    ):
        return False
    scratch = _Scratch(importer, most_elements)
    add(node, scratch)
    known = {value.name: value.data for value in (*inputs, *scratch.editor.values.values()) if value.data is not None}
    for step in scratch.editor.nodes:
        for name in step.outputs:
            type_ = scratch.editor.value(name).type
            if type_.elements > most_elements:
                raise UnsupportedError(f"a constant of shape {list(type_.shape)}", f"at most {most_elements} elements")
        try:
            results = step.op.run_float(*(known[name][np.newaxis] for name in step.inputs))
        except ValueError as error:  # a maximum of no elements
            raise UnsupportedError(f"a constant that cannot be computed: {error}") from error
        known.update((name, result[0]) for name, result in zip(step.outputs, results, strict=True))
    for name, value in scratch.results.items():
        if value in inputs:
            importer.bind(name, value)
            continue
        data = np.array(known[value.name], order="C")
        data = data.astype({"f": np.float32, "b": bool}.get(data.dtype.kind, np.int64))
        importer.bind(name, importer.editor.constant(name, data))
    return True
