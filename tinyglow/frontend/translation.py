"""A network of another format on its way into an ONNX model, which the ONNX importer reads.

These formats name blobs, which later layers may overwrite; in ONNX each tensor is made once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tinyglow.errors import ModelError, Problem
from tinyglow.frontend.onnx_node import title
from tinyglow.ir.graph import Array
from tinyglow.ir.op import UnsupportedError
from tinyglow.ir.record import Record

HINT = "convert it to ONNX, or export the original network again"
LAST = 2**31 - 1  # the end of a dimension, in a Slice


class Translated(Record):
    """An ONNX model, and what of the network has no place in it: problems, each with the tensors that lack."""

    model: onnx.ModelProto
    problems: Sequence[tuple[Problem, Sequence[str]]] = ()


@dataclass
class Translation:
    """The model under construction.

    Attributes:
        domain: Of operators that have no translation: the format's name.
        opset: Operator set of the nodes.
        writes: How often each blob is made.
        given: Names of blobs that are made by nobody, and are inputs; None: whatever is read.
    """

    domain: str
    opset: int
    writes: Counter[str]
    given: Sequence[str] | None = None
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    inputs: dict[str, Sequence[int] | None] = field(default_factory=dict)
    problems: list[tuple[Problem, Sequence[str]]] = field(default_factory=list)
    _current: dict[str, str] = field(default_factory=dict)
    _left: Counter[str] = field(default_factory=Counter)
    _unused: dict[str, str] = field(default_factory=dict)
    _names: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._left.update(self.writes)
        self._names.update(self.writes)

    def unused(self, stem: str) -> str:
        """A name that nothing has."""
        name, count = stem, 0
        while name in self._names:
            count += 1
            name = f"{stem}_{count}"
        self._names.add(name)
        return name

    def input(self, blob: str, shape: Sequence[int] | None) -> None:
        """An input of the network; shape: None if the file does not say it."""
        self.inputs[blob] = shape
        self._names.add(blob)
        self._current[blob] = blob

    def drop(self, blob: str, what: str) -> None:
        """A blob that has no tensor; what: what it is."""
        self._unused[blob] = what

    def read(self, blob: str) -> str:
        """The tensor that a blob is now. Raises UnsupportedError if it is none."""
        if blob in self._unused:
            raise UnsupportedError(f"reads {blob!r}, {self._unused[blob]}", "the other results")
        if blob not in self._current:
            if self.given is not None and blob not in self.given:
                raise UnsupportedError(f"reads {blob!r}, which is not made before it")
            self.input(blob, None)
        return self._current[blob]

    def write(self, blob: str) -> str:
        """A tensor for a blob that is made: the last one has the blob's own name."""
        self._left[blob] -= 1
        last = self._left[blob] <= 0 and blob not in self.inputs
        self._current[blob] = blob if last else self.unused(f"{blob}_before")
        self._unused.pop(blob, None)
        return self._current[blob]

    def constant(self, name: str, data: Array) -> str:
        """A constant; its name."""
        self.constants[name] = data
        self._names.add(name)
        return name

    def data(self, tensor: str, what: str) -> Array:
        """What a constant holds. Raises UnsupportedError if it is none."""
        if tensor not in self.constants:
            raise UnsupportedError(f"{what} computed at run time", "a constant")
        return self.constants[tensor]

    def numbers(self, stem: str, data: object, dtype: type = np.int64) -> str:
        """A constant of numbers that the format has as arguments; its name."""
        return self.constant(self.unused(stem), np.asarray(data, dtype))

    def add(self, op_type: str, inputs: Iterable[str], outputs: Sequence[str], name: str = "", **given: Any) -> None:
        """A node; attributes that are None or empty are left out."""
        attributes = {key: value for key, value in given.items() if value is not None and value != []}
        self.nodes.append(helper.make_node(op_type, list(inputs), list(outputs), name, **attributes))

    def then(self, op_type: str, inputs: Iterable[str], stem: str, **given: Any) -> str:
        """A node between others; its result."""
        result = self.unused(stem)
        self.add(op_type, inputs, [result], result, **given)
        return result

    def step(self, name: str, kind: str, blobs: Sequence[str], translate: Callable[[], None] | None) -> None:
        """Translate one operator; what is wrong with it is collected.

        Args:
            name: Of the operator.
            kind: Its type.
            blobs: Those that it makes.
            translate: Adds the nodes; None if nothing does.
        """
        nodes, current, left = len(self.nodes), dict(self._current), Counter(self._left)
        try:
            if translate is not None:
                translate()
                return
            self.add(kind, (), [self.write(blob) for blob in blobs], name, domain=self.domain)
        except UnsupportedError as error:
            del self.nodes[nodes:]
            self._current, self._left = current, left
            where = title(onnx.NodeProto(op_type=kind), name)
            problem = Problem(where, error.found, error.expected, error.hint)
            self.problems.append((problem, [self.write(blob) for blob in blobs]))

    def finish(self, outputs: Sequence[str], path: object) -> Translated:
        """The model. Raises ModelError if it has no nodes or outputs."""
        if not outputs or not (self.nodes or self.problems):
            problem = Problem("", "its network has no operators or names no outputs", "a network for inference", HINT)
            raise ModelError(f"cannot read the model {path}", [problem])
        ends = [helper.make_tensor_value_info(self._current.get(blob, blob), 1, None) for blob in outputs]
        lost = [blob for blob in outputs if blob not in self._current]
        self.problems += [(Problem(blob, "is an output that no operator makes"), ()) for blob in lost]
        infos = [helper.make_tensor_value_info(name, 1, shape) for name, shape in self.inputs.items()]
        tensors = [numpy_helper.from_array(data, name) for name, data in self.constants.items()]
        graph = helper.make_graph(self.nodes, "net", infos, ends, tensors)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)])
        return Translated(model, self.problems)


@dataclass
class ForeignNode:
    """An operator of a network on its way.

    Attributes:
        made: The model under construction.
        name: Its name.
        inputs: Blobs that it reads.
        outputs: Blobs that it makes.
    """

    made: Translation
    name: str
    inputs: Sequence[str]
    outputs: Sequence[str]

    def read(self, index: int = 0) -> str:
        """The tensor of an input."""
        if index >= len(self.inputs):
            raise UnsupportedError(f"has {len(self.inputs)} inputs", f"at least {index + 1}")
        return self.made.read(self.inputs[index])

    def read_all(self) -> list[str]:
        """The tensors of all inputs."""
        return [self.read(index) for index in range(len(self.inputs))]

    def then(self, op_type: str, inputs: Sequence[str], **attributes: Any) -> str:
        """A node before the one that makes the result."""
        return self.made.then(op_type, inputs, f"{self.name}_{op_type.lower()}", **attributes)
