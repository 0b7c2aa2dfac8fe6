"""What a TFLite network keeps from one inference to the next, as states of the graph.

There are two kinds. A *variable tensor* belongs to an operator with a memory, such as SVDF, which reads and writes it.
A *resource* has a name: VAR_HANDLE refers to it, READ_VARIABLE and ASSIGN_VARIABLE move it, and CALL_ONCE runs a
subgraph before the first inference, which gives resources their first values. Without that, both begin with zeros.
CIRCULAR_BUFFER of TensorFlow Lite Micro has a variable tensor as its result.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from tinyglow.errors import Problem
from tinyglow.frontend.names import shown
from tinyglow.frontend.tflite_file import FileModel, FileOperator, FileTensor
from tinyglow.frontend.tflite_tensors import constant_data
from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Array, Declared, Value
from tinyglow.ir.op import NotInGlowError, SourceNode, UnsupportedError
from tinyglow.ir.types import TensorType
from tinyglow.operators.concat import Concat
from tinyglow.operators.slice import Slice

_SLOTS_OF_ONE_CYCLE = (5, 13, 25)  # of files that do not say it (circular_buffer_common.cc)
# Operators with variable tensors.
WITH_MEMORY = ("SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM")
_KEPT = ("float32", "int8", "int16", "bool")

Key = tuple[str, str]  # container and name of a resource; "" and the tensor's name of a variable tensor


class Reader(Protocol):
    """What is asked of the import."""

    editor: GraphEditor
    like_glow: bool
    tensors: dict[str, FileTensor]
    values: dict[str, Value]
    names: list[str]

    def value(self, name: str) -> Value:
        """The value of a tensor."""

    def bind(self, name: str, value: Value) -> None:
        """Say which value stands for a tensor."""

    def declared(self, name: str) -> TensorType:
        """The type that the file gives a tensor."""

    def declaration(self, name: str) -> Declared | None:
        """What the file says of a tensor's integers."""


class Variables:
    """The states of one import."""

    def __init__(self, reader: Reader, model: FileModel) -> None:
        self.reader, self.model = reader, model
        handles = _handles(model)
        written = [item.inputs[0] for item in model.operators if item.op_type == "ASSIGN_VARIABLE" and item.inputs]
        self._written = {handles[index] for index in written if index in handles}
        self._handles: dict[str, Key] = {}
        self._first: dict[Key, tuple[Array, Declared | None]] = {}
        self._read: dict[Key, Value] = {}
        self._now: dict[Key, Value] = {}
        self._buffers: set[str] = set()  # results of CIRCULAR_BUFFER

    def check(self, node: SourceNode) -> None:
        """Raises UnsupportedError for a variable tensor that an operator without a memory reads."""
        for name in node.inputs:
            is_state = name and self.reader.tensors[name].is_variable and name not in self._buffers
            if is_state and node.op_type not in WITH_MEMORY:
                raise UnsupportedError(f"reads {name!r}: it is a variable tensor", "an operator with a memory")

    def read_tensor(self, name: str) -> None:
        """Bind a variable tensor to what it holds when an inference begins."""
        key = ("", name)
        self._read[key] = self._now[key] = self.reader.values[name] = self._placeholder(name)

    def write_tensor(self, name: str, value: Value) -> None:
        """Let a variable tensor hold ``value`` from here on."""
        declared = self.reader.declaration(name)
        if declared is not None:
            value = self.reader.editor.declare(value.name, declared)
        self._now["", name] = self.reader.values[name] = value

    def run(self, node: SourceNode) -> None:
        """An operator that refers to resources. Raises UnsupportedError."""
        if self.reader.like_glow:
            raise NotInGlowError(f"the operator {node.op_type}", "none that keeps a value")
        if node.op_type == "CALL_ONCE":
            self._call_once(node)
        elif node.op_type == "VAR_HANDLE":
            self._handles[node.outputs[0]] = _key(node.attributes)
        elif node.op_type == "CUSTOM CIRCULAR_BUFFER":
            self._circular_buffer(node)
        elif node.op_type == "READ_VARIABLE":
            self._read_resource(node.inputs[0], node.outputs[0])
        else:
            self._assign(self._key_of(node.inputs[0]), self.reader.value(node.inputs[1]))

    def _key_of(self, handle: str) -> Key:
        if handle not in self._handles:
            raise UnsupportedError(f"a resource {handle!r} that no VAR_HANDLE makes before", "VAR_HANDLE")
        return self._handles[handle]

    def _read_resource(self, handle: str, result: str) -> None:
        key = self._key_of(handle)
        if key not in self._now:
            real, declared = self._first.get(key, (None, None))
            if key in self._written:
                self._read[key] = self._now[key] = self._placeholder(result)
            else:  # nothing ever changes it
                type_ = self.reader.declared(result)
                data = np.zeros(type_.shape, np.float32) if real is None else real
                self._now[key] = self.reader.editor.constant(result, data, declared=declared)
        self._check_same(self._now[key], result)
        self.reader.bind(result, self._now[key])

    def _check_same(self, value: Value, name: str) -> None:
        """A variable is its bytes: raises UnsupportedError if two tensors take them for different numbers."""
        type_, value = self.reader.declared(name), self.reader.editor.values[value.name]
        own = self.reader.declaration(name)
        same = value.declared is None if own is None else own.is_like(value.declared)
        if value.type.shape != type_.shape or not same:
            given = f"{value.declared.type_of(value.type.shape) if value.declared else value.type}"
            raise UnsupportedError(f"a variable written as {given} and read as {type_}", "one shape, type and scale")

    def _circular_buffer(self, node: SourceNode) -> None:
        """The last slots of a sequence, the newest one last (TensorFlow Lite Micro, circular_buffer.cc)."""
        name, row, edit = node.outputs[0], self.reader.value(node.inputs[0]), self.reader.editor
        type_, given = self.reader.declared(name), self.reader.declared(node.inputs[0])
        shape = type_.shape
        if (
            len(shape) != 4
            or row.type.shape != (shape[0], 1, *shape[2:])
            or (given.dtype, given.quant) != (type_.dtype, type_.quant)
        ):
            raise UnsupportedError(
                f"slots {type_} of {given}", "[n, slots, width, depth] of [n, 1, width, depth], one type"
            )
        cycles = node.integer("cycles_max", 0)
        if cycles != 1 and not (cycles <= 0 and shape[1] in _SLOTS_OF_ONE_CYCLE):
            found = f"what follows runs once in {cycles if cycles > 0 else 'several'} inferences (cycles_max)"
            hint = "end a first network before it (--output-name), and call a second one that often"
            raise UnsupportedError(found, "once in each", hint)
        before = self._read["", name] = self._placeholder(name)
        kept = (shape[0], shape[1] - 1, *shape[2:])
        made = row
        if shape[1] > 1:
            declared = edit.values[before.name].declared
            older = edit.add(f"{node.name}_older", Slice((0, 1, 0, 0), kept, (1, 1, 1, 1)), [before], node.name)
            older = edit.declare(older.name, declared)
            made = edit.add(node.name, Concat(1), [older, row], node.name)
        self._now["", name] = made
        self._buffers.add(name)
        self.reader.bind(name, made)

    def _assign(self, key: Key, value: Value) -> None:
        self._now[key] = value

    def _placeholder(self, name: str) -> Value:
        """What the state holds when an inference begins, as a new input."""
        type_ = self.reader.declared(name)
        if type_.dtype not in _KEPT or type_.channel_quant is not None or not type_.shape:
            raise UnsupportedError(f"a variable of type {type_}", f"{', '.join(_KEPT)}, with one scale")
        dtype = "bool" if type_.dtype == "bool" else "float32"
        value = self.reader.editor.placeholder(name, TensorType(type_.shape, dtype))
        return self.reader.editor.declare(value.name, self.reader.declaration(name))

    def _call_once(self, node: SourceNode) -> None:
        """Take the first values of resources from a subgraph that does nothing but assign constants."""
        number = node.integer("init_subgraph_index", 0)
        if number not in self.model.bodies:
            raise UnsupportedError(f"subgraph {number}, which the file does not have", "a subgraph besides the network")
        body = self.model.bodies[number]
        handles = _handles(body)
        for operator in body.operators:
            if operator.op_type == "VAR_HANDLE":
                continue
            if operator.op_type != "ASSIGN_VARIABLE" or len(operator.inputs) < 2 or operator.inputs[0] not in handles:
                found = f"an initialization by {shown(operator.op_type)}"
                raise UnsupportedError(found, "VAR_HANDLE and ASSIGN_VARIABLE of constants")
            tensor = body.tensors[operator.inputs[1]]
            if tensor.data is None or tensor.fault:
                raise UnsupportedError(f"a first value {shown(tensor.name)} that is computed", "a constant")
            self._first[handles[operator.inputs[0]]] = constant_data(tensor, tensor.name)

    def finish(self) -> list[Problem]:
        """Add the states; gives what is wrong with them."""
        editor, problems = self.reader.editor, []
        for key, read in self._read.items():
            value, before = editor.values[self._now[key].name], editor.values[read.name]
            real, declared = self._first.get(key, (np.zeros(before.type.shape, before.type.dtype), before.declared))
            first = Value("", TensorType(tuple(real.shape), before.type.dtype), declared=declared)
            for other, how in ((value, "written"), (first, "begins")):
                if other.type != before.type or not _alike(other.declared, before.declared):
                    found = f"is a variable read as {_text(before)} and {how} as {_text(other)}"
                    problems.append(Problem(shown(read.name), found, "one shape, type and scale"))
            if not problems:
                editor.state(read.name, value.name, real.astype(before.type.dtype))
        return problems


def _alike(one: Declared | None, other: Declared | None) -> bool:
    return other is None if one is None else one.is_like(other)


def _text(value: Value) -> str:
    return str(value.declared.type_of(value.type.shape) if value.declared else value.type)


def _key(attributes: Mapping[str, object]) -> Key:
    return str(attributes.get("container", "")), str(attributes.get("shared_name", ""))


def _handles(model: FileModel) -> dict[int, Key]:
    """The resource that each tensor refers to."""
    made: list[FileOperator] = [item for item in model.operators if item.op_type == "VAR_HANDLE" and item.outputs]
    return {item.outputs[0]: _key(item.attributes) for item in made}
