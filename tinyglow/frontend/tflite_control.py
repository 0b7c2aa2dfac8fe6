"""IF and WHILE of TFLite files whose course is known at import: the branch that is taken, the rounds one by one.

A condition must be a constant, or follow from constants alone: a counter that begins with a number, and is compared
with another. Operators of a subgraph become operators of the network, each time that it runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tinyglow.errors import Problem
from tinyglow.frontend.tflite_file import FileModel, FileOperator, FileTensor
from tinyglow.frontend.tflite_variables import WITH_MEMORY
from tinyglow.ir.graph import Array, Value
from tinyglow.ir.op import NotInGlowError, SourceNode, UnsupportedError
from tinyglow.ir.types import TensorType
from tinyglow.operators.variables import VARIABLES

MOST_ROUNDS = 4096
MOST_OPERATORS = 2**14  # of all subgraphs together, as often as they run
MOST_TENSORS = 2**17
_MOST_DEPTH = 16  # of control flow within control flow
_HINT = "export it with fixed shapes and recurrent layers unrolled (Keras: unroll=True)"


class Surroundings(Protocol):
    """What is asked of the import."""

    like_glow: bool
    problems: list[Problem]
    tensors: dict[str, FileTensor]
    values: dict[str, Value]
    unknown: set[str]

    def value(self, name: str) -> Value:
        """The value of a tensor. Raises UnsupportedError if it has none."""

    def constant(self, name: str) -> Array | None:
        """The data of a tensor, if it is constant."""

    def bind(self, name: str, value: Value) -> None:
        """Say which value stands for a tensor."""

    def declared(self, name: str) -> TensorType:
        """The type that the file gives a tensor."""

    def add_file_constant(self, name: str, tensor: FileTensor) -> None:
        """Bind a tensor that no operator makes."""

    def add_operator(self, operator: FileOperator, names: Sequence[str]) -> None:
        """Add an operator of a subgraph whose tensors have these names. What is wrong is one of ``problems``."""


class Stopped(Exception):
    """A subgraph holds what is not supported; the problems are listed already."""


class ControlFlow:
    """The control flow of one import."""

    def __init__(self, around: Surroundings, model: FileModel) -> None:
        self.around, self.model = around, model
        self._operators = self._tensors = self._depth = self._runs = 0
        self._constants: dict[tuple[int, int], Value] = {}

    def run(self, node: SourceNode) -> None:
        """Bind the results of an IF or WHILE. Raises UnsupportedError."""
        if self.around.like_glow:
            raise NotInGlowError(f"the operator {node.op_type}", "none of control flow")
        self._depth += 1
        try:
            if self._depth > _MOST_DEPTH:
                raise UnsupportedError("control flow that calls itself", f"at most {_MOST_DEPTH} within each other")
            results = self._choose(node) if node.op_type == "IF" else self._repeat(node)
            if len(results) != len(node.outputs):
                raise UnsupportedError(
                    f"a subgraph of {len(results)} results", f"{len(node.outputs)}, as {node.op_type}"
                )
            for name, result in zip(node.outputs, results, strict=True):
                self.around.bind(name, self.around.value(result))
        except Stopped:
            self.around.unknown.update(node.outputs)
        finally:
            self._depth -= 1

    def _choose(self, node: SourceNode) -> list[str]:
        taken = self._truth(node.inputs[0], "a condition")
        branch = node.integer("then_subgraph_index" if taken else "else_subgraph_index", 0)
        return self._subgraph(branch, node.inputs[1:])

    def _repeat(self, node: SourceNode) -> list[str]:
        states = list(node.inputs)
        for _ in range(MOST_ROUNDS):
            outcome = self._subgraph(node.integer("cond_subgraph_index", 0), states)
            if len(outcome) != 1:
                raise UnsupportedError(f"a condition of {len(outcome)} results", "one")
            if not self._truth(outcome[0], "a number of rounds"):
                return states
            states = self._subgraph(node.integer("body_subgraph_index", 0), states)
        raise UnsupportedError("a loop without end", f"at most {MOST_ROUNDS} rounds", _HINT)

    def _truth(self, name: str, what: str) -> bool:
        self.around.value(name)
        data = self.around.constant(name)
        if data is None:
            raise UnsupportedError(f"{what} that is computed at run time", "one that constants give", _HINT)
        if data.size != 1 or data.dtype != bool:
            raise UnsupportedError(f"a condition of {data.size} elements of {data.dtype}", "one truth value")
        return bool(data.ravel()[0])

    def _subgraph(self, number: int, given: Sequence[str]) -> list[str]:
        """Run a subgraph on values of these names; returns those of its results."""
        body = self.model.bodies.get(number)
        if body is None:
            raise UnsupportedError(f"subgraph {number}, which the file does not have", "a subgraph besides the network")
        self._count(body)
        kept = [item.op_type for item in body.operators if item.op_type in VARIABLES or item.op_type in WITH_MEMORY]
        if kept:
            raise UnsupportedError(f"{kept[0]} in control flow", "what keeps a value outside of it")
        if len(body.inputs) != len(given):
            raise UnsupportedError(f"a subgraph of {len(body.inputs)} inputs", f"{len(given)}, as it is given")
        self._runs += 1
        names = [self._unused(f"{tensor.name}_{self._runs}_{index}") for index, tensor in enumerate(body.tensors)]
        self.around.tensors.update(zip(names, body.tensors, strict=True))
        for index, name in zip(body.inputs, given, strict=True):
            self._give(names[index], name)
        self._add_constants(number, body, names)
        for operator in body.operators:
            before = len(self.around.problems)
            self.around.add_operator(operator, names)
            if len(self.around.problems) > before:
                raise Stopped
        return [names[index] for index in body.outputs]

    def _unused(self, name: str) -> str:
        """The name, or a longer one: the file may have given it to a tensor of the network."""
        while name in self.around.tensors:
            name += "_"
        return name

    def _count(self, body: FileModel) -> None:
        """Raises UnsupportedError if all that ran is too much: a small file may describe a huge network."""
        self._operators += len(body.operators)
        self._tensors += 1 + len(body.tensors)
        if self._operators > MOST_OPERATORS:
            raise UnsupportedError(f"more than {MOST_OPERATORS} operators in its rounds", "fewer", _HINT)
        if self._tensors > MOST_TENSORS:
            raise UnsupportedError(f"more than {MOST_TENSORS} tensors in its rounds", "fewer", _HINT)

    def _give(self, name: str, source: str) -> None:
        """Bind an input of a subgraph. Raises UnsupportedError if it is declared as another type."""
        value, inner = self.around.value(source), self.around.declared(name)
        outer = self.around.declared(source)
        same_shape = inner.shape in ((), value.type.shape)
        if not same_shape or (inner.dtype, inner.quant) != (outer.dtype, outer.quant):
            raise UnsupportedError(f"{source!r} is {outer}, and {inner} in a subgraph", "one shape, type and scale")
        self.around.values[name] = value

    def _add_constants(self, number: int, body: FileModel, names: Sequence[str]) -> None:
        """Bind the tensors that no operator of a subgraph makes; each is in the network once, however often it runs."""
        made = {index for operator in body.operators for index in operator.outputs} | set(body.inputs)
        used = {index for operator in body.operators for index in operator.inputs if index >= 0} | set(body.outputs)
        for index in sorted(used - made):
            key, name = (number, index), names[index]
            if key in self._constants:
                self.around.values[name] = self._constants[key]
                continue
            before = len(self.around.problems)
            self.around.add_file_constant(name, body.tensors[index])
            if len(self.around.problems) > before:
                raise Stopped
            self._constants[key] = self.around.value(name)
