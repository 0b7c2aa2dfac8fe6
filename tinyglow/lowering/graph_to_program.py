"""Station 6: graph -> program. Every node becomes kernel calls; values become buffers without addresses yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tinyglow.errors import ModelError, Problem
from tinyglow.ir.graph import Array, Graph, Node
from tinyglow.ir.kernel import Kernel, ParamError, Params
from tinyglow.ir.op import UnsupportedError
from tinyglow.ir.program import Buffer, KernelCall, Program, Region
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.ops.copy import COPY, CopyParams

ALIGNMENT = 4  # bytes: the largest element of any buffer; loads of no supported core need more


class _Lowering:
    """Collects buffers and calls; implements ``ir.op.Lowering``."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.buffers: dict[str, Buffer] = {}
        self.calls: list[KernelCall] = []
        self.node: Node | None = None
        self._root: dict[str, str] = {}

    def type_of(self, value: str) -> TensorType:
        return self.graph.type_of(value)

    def data_of(self, value: str) -> Array:
        data = self.graph.values[value].data
        if data is None:
            raise UnsupportedError(f"weights ({value}) that are computed at run time", "constant weights")
        return data

    def constant(self, name: str, data: Array) -> str:
        data = np.ascontiguousarray(data)
        quant = self.graph.values[name].type.quant if name in self.graph.values else None
        number = 0
        while True:
            unique = f"{name}__{number}" if number else name
            present = self.buffers.get(unique)
            if present is None:
                break
            if present.data is not None and present.data.dtype == data.dtype and np.array_equal(present.data, data):
                return unique
            number += 1
        if data.dtype.kind == "i" and quant is None:
            quant = QuantParams(1.0, 0)
        type_ = TensorType(tuple(data.shape), str(data.dtype), quant)
        self.buffers[unique] = Buffer(unique, type_, Region.CONSTANT, data=data)
        return unique

    def root(self, value: str) -> str:
        """The value whose buffer ``value`` lives in."""
        while value in self._root:
            value = self._root[value]
        return value

    def buffer(self, value: str) -> str:
        name = self.root(value)
        if name not in self.buffers:
            source = self.graph.values[name]
            if source.data is not None:
                return self.constant(name, source.data)
            region = Region.MUTABLE if name in self.graph.inputs else Region.ACTIVATION
            self.buffers[name] = Buffer(name, source.type, region)
        return name

    def alias(self, value: str, of: str) -> None:
        self._root[value] = of

    def call(self, kernel: Kernel, operands: Sequence[str], params: Params) -> None:
        origin = self.node.name if self.node else ""
        self.calls.append(KernelCall(kernel, tuple(operands), params, origin))

    def save(self, output: str, value: str) -> None:
        """Let the value be computed into the output's placeholder, or copy it there where it cannot be."""
        name, type_ = self.buffer(value), self.type_of(value)
        placeholder = Buffer(output, type_, Region.MUTABLE)
        source = self.buffers[name]
        if source.region is not Region.ACTIVATION:
            self.buffers[output] = placeholder
            self.node = Node(output, self.graph.nodes[-1].op, (), ()) if self.graph.nodes else None
            self.call(COPY, [name, output], CopyParams(type_.nbytes))
            return
        del self.buffers[name]
        self.buffers[output] = placeholder
        self._root[name] = output
        self.graph_alias(name, output)

    def graph_alias(self, old: str, new: str) -> None:
        rename = {old: new}
        self.calls = [
            replace(call, operands=tuple(rename.get(operand, operand) for operand in call.operands))
            for call in self.calls
        ]


def lower(graph: Graph) -> Program:
    """The program of ``graph``, its activations still without addresses (``plan`` gives them).

    Raises ModelError with all nodes that have no kernel.
    """
    lowering = _Lowering(graph)
    for name in graph.inputs:
        lowering.buffer(name)
    problems = []
    for node in graph.nodes:
        lowering.node = node
        try:
            node.op.lower(node, lowering)
        except UnsupportedError as error:
            problems.append(Problem(node.origin or node.name, error.found, error.expected, error.hint))
        except ParamError as error:
            problems.append(Problem(node.origin or node.name, f"{node.op.kind}: {error}", "smaller dimensions"))
        except ValueError as error:  # of QuantParams and requantize_params
            found = f"{node.op.kind}: {error}"
            problems.append(Problem(node.origin or node.name, found, "ranges of ordinary size", "see the profile"))
    if problems:
        raise ModelError("the network cannot be compiled", problems)
    for output in graph.outputs:
        lowering.save(output.name, output.value)
    return Program(
        name=graph.name,
        buffers=lowering.buffers,
        calls=tuple(lowering.calls),
        inputs=graph.inputs,
        outputs=tuple(output.name for output in graph.outputs),
        source_names=dict(graph.source_names),
        sizes=dict.fromkeys(Region, 0),
        alignment=ALIGNMENT,
    )
