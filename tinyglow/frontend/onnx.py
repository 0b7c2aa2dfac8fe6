"""Station 1: ONNX file -> float graph. Nothing but this file and ``onnx_node`` imports onnx. Files are untrusted."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError, Message
from onnx import numpy_helper

from tinyglow.errors import ModelError, Problem
from tinyglow.frontend.fold import fold
from tinyglow.frontend.importing import (
    RESERVED,
    UNSUPPORTED,
    ModelImport,
    fault_of_shape,
    read_bytes,
    shown,
)
from tinyglow.frontend.onnx_node import DOMAINS, MIN_OPSET, attribute_value, checked_attributes
from tinyglow.ir.editor import GraphEditor, Namer, legal_name
from tinyglow.ir.graph import Graph
from tinyglow.ir.op import SourceNode, UnsupportedError
from tinyglow.ir.types import TensorType
from tinyglow.registry import ONNX_OPS

_DATA_TYPES = {onnx.TensorProto.FLOAT: "float32", onnx.TensorProto.INT64: "int64", onnx.TensorProto.INT32: "int32"}


def read_model(path: str | Path) -> onnx.ModelProto:
    """The parsed file. Raises ModelError if it cannot be read or is no ONNX model."""
    data = read_bytes(path)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
        found = _fault(model)
    except (DecodeError, UnicodeDecodeError):
        found = "not an ONNX file, or a truncated or damaged one"
    if found:
        problem = Problem("", found, "a serialized ONNX ModelProto with nodes and outputs")
        raise ModelError(f"cannot read the model {path}", [problem])
    return model


def _fault(model: onnx.ModelProto) -> str:
    """What keeps a parsed file from being a network; "" if nothing does."""
    if not model.HasField("graph"):
        return "not an ONNX file: it holds no graph"
    if not _is_text(model):
        return "a damaged ONNX file: it holds names that are not UTF-8"
    lacking = [name for name in ("nodes", "outputs") if not getattr(model.graph, name[:-1])]
    return f"its graph has no {' and no '.join(lacking)}" if lacking else ""


def _is_text(message: Message) -> bool:
    """Whether every string of a message is one: protobuf does not look, and hands out undecodable ones as bytes."""
    for field, value in message.ListFields():
        if field.type == field.TYPE_STRING and not all(isinstance(text, str) for text in _listed(value)):
            return False
        if field.type == field.TYPE_MESSAGE and not all(_is_text(part) for part in _listed(value)):
            return False
    return True


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str | bytes | Message) else value


class _Import(ModelImport):
    """An ONNX model on its way into a graph."""

    def __init__(self, model: onnx.ModelProto, name: str, define: Mapping[str, int]) -> None:
        self.model = model
        self.define = define
        names = [node.name or node.output[0] for node in model.graph.node if node.output]
        names += [tensor.name for tensor in model.graph.initializer]
        super().__init__(GraphEditor(name, Namer(original=names, used=RESERVED)), model.ByteSize())
        self._defined: set[str] = set()
        self._opset = max((item.version for item in model.opset_import if item.domain in DOMAINS), default=0)

    # the parts of a model

    def run(self) -> Graph:
        graph = self.model.graph
        self._check_versions()
        constants = {tensor.name for tensor in graph.initializer}
        inputs = [info for info in graph.input if info.name not in constants]
        self._claim([*(tensor.name for tensor in graph.initializer), *(info.name for info in inputs)])
        for tensor in graph.initializer:
            self._tensor(tensor.name, tensor)
        for info in inputs:
            self._input(info)
        used = self._symbols()
        for symbol in self.define:
            if symbol not in used:
                known = ", ".join(sorted(self._symbols())) or "no symbolic dimensions"
                self.problems.append(Problem(f"--define {symbol}", "the model has no such dimension", known))
        for index, node in enumerate(graph.node):
            self._node(node, index)
        if not self.problems:
            self._outputs()
        result = self.editor.finish()
        if not self.problems:
            self.check_values(result)
        if self.problems:
            unsupported = any(problem.found.startswith(UNSUPPORTED) for problem in self.problems)
            known = f" (operators supported: {', '.join(sorted([*ONNX_OPS, 'Constant']))})" if unsupported else ""
            raise ModelError(f"the model cannot be imported{known}", self.problems)
        return result

    def _check_versions(self) -> None:
        """Report an operator set that is not known, and functions that would replace operators."""
        newest = onnx.defs.onnx_opset_version()
        if not MIN_OPSET <= self._opset <= newest:
            found = f"is version {self._opset}" if self._opset else "is not given"
            hint = "convert the model" if self._opset < MIN_OPSET else "export the model for an older one"
            self.problems.append(Problem("operator set", found, f"{MIN_OPSET} to {newest}", hint))
            self._opset = min(max(self._opset, 0), newest)  # onnx itself takes 32 bits
        versions = {item.version for item in self.model.opset_import if item.domain in DOMAINS}
        if len(versions) > 1:
            self.problems.append(Problem("operator set", f"is given as {sorted(versions)}", "one version"))
        for function in self.model.functions:
            if function.domain in DOMAINS:
                found = "is an operator that the file defines anew"
                self.problems.append(Problem(f"function {function.name!r}", found, "ONNX's own operators"))

    def _claim(self, names: Iterable[str]) -> None:
        """Report the tensors that are defined for the second time; ONNX has each defined once."""
        for name in names:
            if name and name in self._defined:
                self.problems.append(Problem(name, "is defined more than once", "one tensor of that name"))
            self._defined.add(name)

    def _symbols(self) -> set[str]:
        dims = [dim for info in self.model.graph.input for dim in info.type.tensor_type.shape.dim]
        return {dim.dim_param for dim in dims if dim.dim_param}

    def _tensor(self, name: str, tensor: onnx.TensorProto) -> None:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            hint = "save the model with its weights inside"
            self.problems.append(Problem(name, "its data lies in another file", "data in the model file", hint))
        elif tensor.data_type not in _DATA_TYPES:
            self.problems.append(Problem(name, f"is of type {_type_name(tensor.data_type)}", "FLOAT, INT64 or INT32"))
        else:
            try:
                # Of its own shape: numpy would make a vector of a scalar here.
                data = np.array(numpy_helper.to_array(tensor), order="C")
            except (ValueError, TypeError, OverflowError, MemoryError) as error:
                self.problems.append(Problem(name, f"has malformed data: {error}"))
                self.unknown.add(name)
                return
            self.add_constant(name, data)
            return
        self.unknown.add(name)

    def _input(self, info: onnx.ValueInfoProto) -> None:
        if not info.name:
            self.problems.append(Problem("an input of the graph", "has no name", "a name for each"))
            return
        tensor, where = info.type.tensor_type, info.name
        dims = tensor.shape.dim
        shape = [self.define.get(dim.dim_param, 0) if dim.dim_param else dim.dim_value for dim in dims]
        unbound = [index for index, size in enumerate(shape) if size < 1]
        if unbound:
            symbols = dict.fromkeys(dims[index].dim_param for index in unbound if dims[index].dim_param)
            names = ", ".join(shown(dims[index].dim_param or f"number {index}") for index in unbound)
            hint = "bind it with " + " ".join(f"--define {shlex.quote(shown(symbol))}=1" for symbol in symbols)
            hint = hint if symbols else "export the model with fixed shapes"
            self.problems.append(Problem(where, f"has the dynamic dimension {names}", "", hint))
        elif not info.type.HasField("tensor_type") or not tensor.HasField("shape"):
            self.problems.append(Problem(where, "has no shape", "a tensor input with a known shape"))
        elif tensor.elem_type != onnx.TensorProto.FLOAT:
            self.problems.append(Problem(where, f"is an input of type {_type_name(tensor.elem_type)}", "FLOAT"))
        elif fault := fault_of_shape(shape):
            self.problems.append(Problem(where, f"has shape {shape}", fault))
        else:
            self.values[info.name] = self.editor.placeholder(info.name, TensorType(tuple(shape)))
            return
        self.unknown.add(info.name)

    def _node(self, node: onnx.NodeProto, index: int) -> None:
        name = node.name or (node.output[0] if node.output else f"{node.op_type}_{index}")
        where = f"node {name!r} ({shown(node.op_type)})"
        self._claim(node.output)
        try:
            attributes = checked_attributes(node, self._opset)
            if node.op_type == "Constant":
                self._constant_node(node)
                return
            if any(source in self.unknown for source in node.input):
                self.unknown.update(node.output)  # a consequence of a problem that is already listed
                return
            operands = (tuple(node.input), tuple(node.output))
            source = SourceNode(name, node.op_type, *operands, attributes, self._opset)
            if not source.inputs or not source.outputs:
                raise UnsupportedError("has no inputs or no outputs")
            operator = ONNX_OPS[node.op_type]
            if not fold(source, operator.from_onnx, self, self.room_elements()):
                operator.from_onnx(source, self)
            self.check_room(where)
        except UnsupportedError as error:
            self.problems.append(Problem(where, error.found, error.expected, error.hint))
            self.unknown.update(node.output)
        except IndexError:
            self.problems.append(Problem(where, f"has {len(node.input)} inputs, which are too few"))
            self.unknown.update(node.output)

    def _constant_node(self, node: onnx.NodeProto) -> None:
        for attribute in node.attribute:
            if attribute.name == "value":
                self._tensor(node.output[0], attribute.t)
                return
            if attribute.name in ("value_float", "value_floats", "value_int", "value_ints"):
                self.add_constant(node.output[0], np.asarray(attribute_value(attribute)))
                return
        raise UnsupportedError("has no numeric value")

    def _outputs(self) -> None:
        seen = set()
        for info in self.model.graph.output:
            self.add_output(info.name, info.name in seen)
            seen.add(info.name)


def _type_name(number: int) -> str:
    known = onnx.TensorProto.DataType.items()
    return next((name for name, value in known if value == number), f"number {number}")


def load_onnx(path: str | Path, name: str | None = None, define: Mapping[str, int] | None = None) -> Graph:
    """The float graph of an ONNX file, its symbolic dimensions bound by ``define``.

    name: of the network, a C identifier; the file's stem by default. Raises ModelError with every problem found.
    """
    with np.errstate(all="ignore"):  # what overflows is found
        return _Import(read_model(path), legal_name(name or Path(path).stem), define or {}).run()


def symbolic_dimensions(path: str | Path) -> dict[str, tuple[str, ...]]:
    """For each input, by its C-legal name, the symbol of each dimension ("" where it has a size)."""
    inputs = read_model(path).graph.input
    return {legal_name(info.name): tuple(dim.dim_param for dim in info.type.tensor_type.shape.dim) for info in inputs}
