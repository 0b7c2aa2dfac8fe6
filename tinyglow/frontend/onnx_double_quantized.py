"""Values of an ONNX file that are quantized twice in a row: onnxruntime quantizes them once.

QuantizeLinear, DequantizeLinear, QuantizeLinear, DequantizeLinear become the first and the last of them, with a scale
and a zero point for what both ranges hold (onnxruntime, core/optimizer/double_qdq_pairs_remover.cc).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from tinyglow.ir.record import Record

_QUANTIZE, _DEQUANTIZE = "QuantizeLinear", "DequantizeLinear"
_CHAIN = (_QUANTIZE, _DEQUANTIZE, _QUANTIZE, _DEQUANTIZE)
_LIMITS: dict[int, tuple[int, int]] = {onnx.TensorProto.INT8: (-128, 127), onnx.TensorProto.UINT8: (0, 255)}
_SAME = 1e-20  # scales nearer to each other than that are one


class _Params(Record):
    """What a conversion's operands say; ``kind``: ONNX's number for the type of the integers."""

    scale: np.float32
    zero: int
    kind: int

    def ends(self) -> tuple[np.float32, np.float32]:
        """The least and the largest real number."""
        low, high = (np.float32(limit - self.zero) * self.scale for limit in _LIMITS[self.kind])
        return low, high


class _Graph:
    """A graph's constants, and which nodes read what."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.graph = graph
        self.constants = {tensor.name: tensor for tensor in graph.initializer}
        for node in graph.node:
            given = [item.t for item in node.attribute if item.name == "value"] if node.op_type == "Constant" else []
            self.constants.update(zip(node.output, given, strict=False))
        self.readers = {name: node for node in graph.node for name in node.input}
        self.reads = Counter(name for node in graph.node for name in node.input)
        self.reads.update(info.name for info in graph.output)
        self.reads.update(_read_in_bodies(graph))
        self.names = {*self.constants, *self.reads, *(name for node in graph.node for name in node.output)}

    def chain(self, first: onnx.NodeProto) -> list[onnx.NodeProto]:
        """The nodes from one on that are each the only reader of the one before, without those that do nothing."""
        nodes = [first]
        while len(nodes) < len(_CHAIN):
            name = nodes[-1].output[0] if nodes[-1].output else ""
            seen: set[str] = set()  # a damaged file may copy in a circle
            while self.reads[name] == 1 and name not in seen and self._is_copied(name):
                seen.add(name)
                name = self.readers[name].output[0] if self.readers[name].output else ""
            reader = self.readers.get(name)
            if self.reads[name] != 1 or reader is None or reader.input[0] != name:
                break
            nodes.append(reader)
        return nodes

    def _is_copied(self, name: str) -> bool:
        return name in self.readers and self.readers[name].op_type == "Identity"

    def params(self, node: onnx.NodeProto) -> _Params | None:
        """What a conversion's operands say; None unless there is one constant scale and one zero point."""
        tensors = [self.constants.get(name) for name in node.input[1:]]
        if len(tensors) != 2 or any(item is None or np.prod(item.dims, dtype=object) != 1 for item in tensors):
            return None
        kinds: list[Any] = [item.data_type for item in tensors if item is not None]
        outside = any(item.data_location == onnx.TensorProto.EXTERNAL for item in tensors if item is not None)
        if kinds[0] != onnx.TensorProto.FLOAT or kinds[1] not in _LIMITS or outside:
            return None
        try:
            scale, zero = (numpy_helper.to_array(item).ravel()[0] for item in tensors if item is not None)
        except (ValueError, IndexError):  # damaged: reading the model says so
            return None
        return _Params(np.float32(scale), int(zero), kinds[1])

    def set_params(self, node: onnx.NodeProto, params: _Params) -> None:
        """Give a conversion constants of its own."""
        operands = ((onnx.TensorProto.FLOAT, float(params.scale)), (params.kind, params.zero))
        for index, (kind, number) in enumerate(operands, 1):
            name = f"{node.input[index]}_joined"
            while name in self.names:
                name += "_"
            self.names.add(name)
            tensor = onnx.helper.make_tensor(name, kind, [], [number])
            self.constants[name] = tensor
            self.graph.initializer.append(tensor)
            node.input[index] = name


def _read_in_bodies(graph: onnx.GraphProto) -> Iterator[str]:
    """What the bodies of IF, LOOP and SCAN read, which may be values of the graph around them."""
    todo = [graph]
    while todo:
        nodes = todo.pop().node
        bodies = [body for node in nodes for item in node.attribute for body in (item.g, *item.graphs) if body.node]
        yield from (name for body in bodies for node in body.node for name in node.input)
        yield from (info.name for body in bodies for info in body.output)
        todo += bodies


def join_conversions(graph: onnx.GraphProto) -> None:
    """Let a graph quantize once what it quantizes twice in a row.

    The graph changes where both pairs have integers of one type, and nothing else reads what is between them.
    """
    firsts = [node for node in graph.node if node.op_type == _QUANTIZE]
    if len(firsts) < 2:
        return
    known, lost = _Graph(graph), set[str]()
    for first in firsts:
        while first.output and first.output[0] not in lost and (gone := _join(first, known)):
            lost.update(gone)
    if lost:
        kept = [node for node in graph.node if not node.output or node.output[0] not in lost]
        graph.ClearField("node")
        graph.node.extend(kept)


def _join(first: onnx.NodeProto, known: _Graph) -> list[str]:
    """Join a chain of four conversions, if there is one from ``first`` on: the results that nothing makes any more."""
    chain = known.chain(first)
    params = [known.params(node) for node in chain]
    if tuple(node.op_type for node in chain) != _CHAIN or params[0] != params[1] or params[2] != params[3]:
        return []
    before, after = params[0], params[2]
    if before is None or after is None or before.kind != after.kind:
        return []
    if before.zero != after.zero or abs(before.scale - after.scale) >= _SAME:
        joined = _of_both(before, after)
        if joined is None:
            return []
        for node in (chain[0], chain[3]):
            known.set_params(node, joined)
    gone, name = [], first.output[0]
    while known.readers[name] is not chain[3]:
        name = known.readers[name].output[0]
        gone.append(name)
    known.readers[first.output[0]] = chain[3]
    chain[3].input[0] = first.output[0]
    return gone


def _of_both(before: _Params, after: _Params) -> _Params | None:
    """Scale and zero point for the numbers that both hold, in float32; None if there are none."""
    low, high = (
        pick(ends) for pick, ends in zip((max, min), zip(before.ends(), after.ends(), strict=True), strict=True)
    )
    least, most = _LIMITS[before.kind]
    scale = np.float32(high - low) / np.float32(most - least)
    if not (np.isfinite(scale) and scale > 0):
        return None
    exact = np.float32(least) - low / scale
    zero = int(np.floor(np.abs(exact) + np.float32(0.5)) * np.sign(exact))
    return _Params(scale, zero, before.kind) if least <= zero <= most else None
