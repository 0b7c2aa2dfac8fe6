"""Station 1: ONNX file -> float graph. The only place that imports onnx. Files are untrusted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper

from tinyglow.errors import ModelError, Problem
from tinyglow.ir.editor import GraphEditor, Namer, legal_name
from tinyglow.ir.graph import Array, Graph, Value
from tinyglow.ir.op import Attribute, SourceNode, UnsupportedError
from tinyglow.ir.types import TensorType
from tinyglow.ops import ONNX_OPS

MAX_FILE_BYTES = 2**31 - 1  # protobuf's own limit
MAX_TENSOR_BYTES = 2**30  # of one activation: far beyond any microcontroller, and bounds our own memory
# Names of the header's own macros, which a placeholder of the same name would redefine.
_RESERVED = ("CONSTANT_MEM_SIZE", "MUTABLE_MEM_SIZE", "ACTIVATIONS_MEM_SIZE", "MEM_ALIGN")
_DATA_TYPES = {onnx.TensorProto.FLOAT: "float32", onnx.TensorProto.INT64: "int64", onnx.TensorProto.INT32: "int32"}


def read_model(path: str | Path) -> onnx.ModelProto:
    """The parsed file. Raises ModelError if it cannot be read or is no ONNX model."""
    path = Path(path)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ModelError(f"cannot read the model {path}", [Problem("", "the file is larger than 2 GiB")])
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read the model {path}", [Problem("", error.strerror or str(error))]) from error
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise ModelError(
            f"cannot read the model {path}",
            [Problem("", "not an ONNX file, or a truncated one", "a serialized ONNX ModelProto")],
        ) from error
    if not model.graph.node or not model.graph.output:
        raise ModelError(f"cannot read the model {path}", [Problem("", "not an ONNX file: it has no nodes or outputs")])
    return model


class _Import:
    """One model on its way into a graph; implements ``ir.op.Importer`` and collects problems."""

    def __init__(self, model: onnx.ModelProto, name: str, define: Mapping[str, int]) -> None:
        self.model = model
        self.define = define
        self.problems: list[Problem] = []
        names = [node.name or node.output[0] for node in model.graph.node if node.output]
        names += [tensor.name for tensor in model.graph.initializer]
        self.editor = GraphEditor(name, Namer(original=names, used=_RESERVED))
        self.values: dict[str, Value] = {}
        self._unknown: set[str] = set()

    # what operators ask

    def value(self, name: str) -> Value:
        if name not in self.values:
            raise UnsupportedError(f"input {name!r} is not defined before this node")
        return self.values[name]

    def constant(self, name: str) -> Array | None:
        return self.value(name).data

    def bind(self, name: str, value: Value) -> None:
        if value.type.elements * 4 > MAX_TENSOR_BYTES:
            raise UnsupportedError(f"a result of shape {list(value.type.shape)}", "results below 1 GiB")
        self.values[name] = value

    # the parts of a model

    def run(self) -> Graph:
        constants = {tensor.name for tensor in self.model.graph.initializer}
        for tensor in self.model.graph.initializer:
            self._tensor(tensor.name, tensor)
        for info in self.model.graph.input:
            if info.name not in constants:
                self._input(info)
        used = {info.name for info in self.model.graph.input} | self._symbols()
        for symbol in self.define:
            if symbol not in used:
                known = ", ".join(sorted(self._symbols())) or "no symbolic dimensions"
                self.problems.append(Problem(f"--define {symbol}", "the model has no such dimension", known))
        for index, node in enumerate(self.model.graph.node):
            self._node(node, index)
        if not self.problems:
            self._outputs()
        if self.problems:
            raise ModelError("the model cannot be imported", self.problems)
        return self.editor.finish()

    def _symbols(self) -> set[str]:
        dims = [dim for info in self.model.graph.input for dim in info.type.tensor_type.shape.dim]
        return {dim.dim_param for dim in dims if dim.dim_param}

    def _tensor(self, name: str, tensor: onnx.TensorProto) -> None:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            hint = "save the model with its weights inside"
            self.problems.append(Problem(name, "its data lies in another file", "data in the model file", hint))
        elif tensor.data_type not in _DATA_TYPES:
            kind = onnx.TensorProto.DataType.Name(tensor.data_type)
            self.problems.append(Problem(name, f"is of type {kind}", "FLOAT, INT64 or INT32"))
        else:
            try:
                data = np.ascontiguousarray(numpy_helper.to_array(tensor))
            except (ValueError, TypeError) as error:
                self.problems.append(Problem(name, f"has malformed data: {error}"))
                self._unknown.add(name)
                return
            if data.dtype == np.float32 and not np.isfinite(data).all():
                self.problems.append(Problem(name, "holds NaN or infinite weights", "finite weights"))
            # Integers are shapes and axes; kept as int64 without quantization.
            data = data.astype(np.int64) if data.dtype == np.int32 else data
            self.values[name] = self.editor.constant(name, data)
            return
        self._unknown.add(name)

    def _input(self, info: onnx.ValueInfoProto) -> None:
        tensor = info.type.tensor_type
        shape, unbound = [], []
        for index, dim in enumerate(tensor.shape.dim):
            bound = self.define.get(dim.dim_param, 0) if dim.dim_param else dim.dim_value
            if bound < 1:
                unbound.append(dim.dim_param or f"dimension {index}")
            shape.append(bound)
        if unbound:
            symbols = " ".join(f"--define {name}=1" for name in unbound if not name.startswith("dimension"))
            hint = f"bind it with {symbols}" if symbols else "export the model with fixed shapes"
            self.problems.append(Problem(info.name, f"has the dynamic dimension {', '.join(unbound)}", "", hint))
        elif not info.type.HasField("tensor_type") or not tensor.HasField("shape"):
            self.problems.append(Problem(info.name, "has no shape", "a tensor input with a known shape"))
        elif tensor.elem_type != onnx.TensorProto.FLOAT:
            kind = onnx.TensorProto.DataType.Name(tensor.elem_type)
            self.problems.append(Problem(info.name, f"is an input of type {kind}", "FLOAT"))
        elif np.prod(shape, dtype=np.float64) * 4 > MAX_TENSOR_BYTES:
            self.problems.append(Problem(info.name, f"has shape {shape}", "inputs below 1 GiB"))
        else:
            self.values[info.name] = self.editor.placeholder(info.name, TensorType(tuple(shape)))
            return
        self._unknown.add(info.name)

    def _node(self, node: onnx.NodeProto, index: int) -> None:
        name = node.name or (node.output[0] if node.output else f"{node.op_type}_{index}")
        where = f"node {name!r} ({node.op_type})"
        try:
            if node.op_type == "Constant" and node.domain in ("", "ai.onnx"):
                self._constant_node(node)
                return
            operator = ONNX_OPS.get(node.op_type) if node.domain in ("", "ai.onnx") else None
            if operator is None:
                domain = f" of domain {node.domain!r}" if node.domain not in ("", "ai.onnx") else ""
                supported = ", ".join(sorted([*ONNX_OPS, "Constant"]))
                raise UnsupportedError(f"unsupported operator {node.op_type}{domain}", "", f"supported: {supported}")
            if any(source in self._unknown for source in node.input):
                self._unknown.update(node.output)  # a consequence of a problem that is already listed
                return
            source = SourceNode(name, node.op_type, tuple(node.input), tuple(node.output), _attributes(node))
            if not source.inputs or not source.outputs:
                raise UnsupportedError("has no inputs or no outputs")
            operator.from_onnx(source, self)
        except UnsupportedError as error:
            self.problems.append(Problem(where, error.found, error.expected, error.hint))
            self._unknown.update(node.output)
        except IndexError:
            self.problems.append(Problem(where, f"has {len(node.input)} inputs, which are too few"))
            self._unknown.update(node.output)

    def _constant_node(self, node: onnx.NodeProto) -> None:
        for attribute in node.attribute:
            if attribute.name == "value":
                self._tensor(node.output[0], attribute.t)
                return
            if attribute.name in ("value_float", "value_floats", "value_int", "value_ints"):
                data = np.asarray(onnx.helper.get_attribute_value(attribute))
                data = data.astype(np.float32 if data.dtype.kind == "f" else np.int64)
                self.values[node.output[0]] = self.editor.constant(node.output[0], data)
                return
        raise UnsupportedError("has no numeric value")

    def _outputs(self) -> None:
        for info in self.model.graph.output:
            if info.name not in self.values:
                self.problems.append(Problem(info.name, "is an output that no node makes"))
            elif self.values[info.name].type.dtype != "float32":
                self.problems.append(Problem(info.name, "is an integer output", "float outputs"))
            else:
                self.editor.output(info.name, self.values[info.name].name)


def _attributes(node: onnx.NodeProto) -> dict[str, Attribute]:
    return {attribute.name: _attribute(onnx.helper.get_attribute_value(attribute)) for attribute in node.attribute}


def _attribute(value: Any) -> Attribute:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    if isinstance(value, int | float):
        return value
    try:
        return list(value)
    except TypeError:
        return None


def load_onnx(path: str | Path, name: str | None = None, define: Mapping[str, int] | None = None) -> Graph:
    """The float graph of an ONNX file, its symbolic dimensions bound by ``define``.

    name: of the network, a C identifier; the file's stem by default. Raises ModelError with every problem found.
    """
    return _Import(read_model(path), legal_name(name or Path(path).stem), define or {}).run()
