"""What the frontends share: tensors by name, problems that are collected, bounds on what a file may ask for."""

from __future__ import annotations

import math
from collections.abc import Sequence, Set
from pathlib import Path

import numpy as np

from tinyglow.errors import ModelError, Problem, UnknownInGlowError, reason
from tinyglow.frontend.cut import Step
from tinyglow.frontend.refusal import refusal, where_to_end
from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Array, Graph, Value
from tinyglow.ir.op import UnsupportedError
from tinyglow.ir.types import MAX_RANK, TensorType
from tinyglow.resources import read_bounded

MAX_FILE_BYTES = 2**31 - 1  # protobuf's own limit, and flatbuffers'
MAX_TENSOR_BYTES = 2**28  # of one tensor: far beyond any microcontroller, and bounds our own memory
# How many bytes of constants there may be for one of the file, and beside that.
_GROWTH = 16
_SMALL = 2**26


def read_bytes(path: str | Path) -> bytes:
    """What a model file holds. Raises ModelError if it cannot be read or is too large."""
    path = Path(path)
    try:
        return read_bounded(path, MAX_FILE_BYTES)
    except OSError as error:
        raise ModelError(f"cannot read the model {path}", [Problem("", reason(error))]) from error


def fault_of_shape(shape: Sequence[int]) -> str:
    """What is expected of a tensor's shape and not so; "" if it may be that of an activation."""
    if len(shape) > MAX_RANK:
        return f"at most {MAX_RANK} dimensions"
    if 0 in shape:
        return "at least one element"
    return "tensors below 256 MiB" if 4 * math.prod(shape) > MAX_TENSOR_BYTES else ""


class ModelImport:
    """One model on its way into a graph: ``ir.op.Importer``, with the problems found on the way.

    Attributes:
        in_qoperator: Whether the node at work is a part of an operator on quantized tensors.
    """

    in_qoperator = False

    def __init__(self, editor: GraphEditor, file_bytes: int, like_glow: bool = False) -> None:
        self.editor = editor
        self.like_glow = editor.like_glow = like_glow
        self._room = _GROWTH * file_bytes + _SMALL
        self.problems: list[Problem] = []
        self.values: dict[str, Value] = {}
        # What could not be imported: what follows from it is no problem of its own.
        self.unknown: set[str] = set()
        self.not_in_glow = 0  # how many of the problems are Glow's own limits

    def refusal(self, steps: Sequence[Step], outputs: Sequence[str]) -> ModelError:
        """The error for the problems found. ``steps``: the model's nodes; ``outputs``: the names of its outputs."""
        made = {name for step in steps for name in step.outputs if name in self.values}
        computed = {name for name in made if self.values[name].data is None}
        error = refusal(self.problems, where_to_end(steps, outputs, self.unknown, computed))
        of_glow_alone = self.not_in_glow == len(self.problems)
        return UnknownInGlowError(error.summary, error.problems) if of_glow_alone else error

    def file_bytes_more(self, count: int) -> None:
        """The model has so many bytes more, in a file beside it."""
        self._room += _GROWTH * count

    def value(self, name: str) -> Value:
        """``ir.op.Importer.value``."""
        if name not in self.values:
            raise UnsupportedError(f"input {name!r} is not defined before this node")
        return self.values[name]

    def constant(self, name: str) -> Array | None:
        """``ir.op.Importer.constant``."""
        return self.value(name).data

    def bind(self, name: str, value: Value) -> None:
        """``ir.op.Importer.bind``."""
        empty = value.data is not None and not value.data.size  # as an empty list of axes
        if (fault := fault_of_shape(value.type.shape)) and not empty:
            raise UnsupportedError(f"a result of shape {list(value.type.shape)}", fault)
        type_ = value.type
        if type_.dtype in ("int8", "int16") and type_.quant is None and type_.channel_quant is None:
            declared = self.declared(name)
            expected = "int8 with scale and offset, as its inputs have"
            raise UnsupportedError(f"a result that the file declares to be {declared.dtype}", expected)
        self.values[name] = value

    def declared(self, name: str) -> TensorType:
        """``ir.op.Importer.declared``."""
        return TensorType(())

    def add_numbers(self, name: str, data: Array) -> None:
        """Bind a constant, be its numbers finite or not."""
        floats = data.dtype.kind == "f"
        self.values[name] = self.editor.constant(name, data.astype(np.float32 if floats else np.int64))

    def add_constant(self, name: str, data: Array) -> None:
        """Bind a constant. Integers are shapes and axes; they become int64 without quantization."""
        floats = data.dtype.kind == "f"
        if floats and not data.size and data.ndim != 1:  # a Resize has empty lists of what it does not use
            self.problems.append(Problem(name, f"is empty: its shape is {list(data.shape)}", "weights"))
        elif floats and data.size > 1 and not np.isfinite(data).all():
            self.problems.append(Problem(name, "holds NaN or infinite weights", "finite weights"))
        else:
            self.add_numbers(name, data)
            return
        self.unknown.add(name)

    def add_output(self, name: str, seen: bool) -> None:
        """Make a bound tensor an output of the network; ``seen``: it is one already."""
        where = name or "an output"
        if name not in self.values:
            self.problems.append(Problem(where, "is an output that no node makes"))
        elif self.values[name].type.dtype == "int64" and self.values[name].data is not None and self.like_glow:
            self.problems.append(Problem(where, "is an integer constant", "outputs that depend on the inputs"))
        elif 0 in self.values[name].type.shape:
            self.problems.append(
                Problem(where, f"has the shape {list(self.values[name].type.shape)}", "at least one element")
            )
        elif seen:
            self.problems.append(Problem(where, "is an output more than once", "each output once"))
        else:
            self.editor.output(name, self.values[name].name)

    def room_elements(self) -> int:
        """Elements that one more constant may have."""
        return max(0, min(MAX_TENSOR_BYTES, self._room - self.editor.constant_bytes)) // 4

    def check_room(self, node: str) -> None:
        """Raises ModelError if the constants outgrow the file: every node may have a copy of the same weights."""
        if self.editor.constant_bytes > self._room:
            found = "the constants up to here take many times the file's size"
            raise ModelError("the model cannot be imported", [*self.problems, Problem(node, found, "", "share fewer")])

    def check_values(self, graph: Graph, plain: Set[str] = frozenset()) -> None:
        """Integers are shapes and axes, which operators have consumed by now. Factors can make weights infinite.

        plain: names of values that are no weights, and may be any numbers.
        """
        for value in graph.values.values():
            if (
                value.name not in plain
                and value.data is not None
                and value.data.size > 1
                and not np.isfinite(value.data).all()
            ):
                self.problems.append(Problem(value.name, "becomes NaN or infinite with its factor", "finite weights"))
        for node in graph.nodes:
            types = [graph.type_of(name) for name in node.inputs]
            constant = all(graph.values[name].data is not None for name in node.inputs)
            if all(name in plain for name in node.outputs):
                continue
            if not constant and not node.op.takes_indices and any(type_.dtype in ("int64", "int32") for type_ in types):
                self.problems.append(Problem(f"node {node.origin!r}", "computes on integers", "floats"))
