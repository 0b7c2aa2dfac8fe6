"""Nodes that no operator with kernels of its own stands for: made of plain operators, or of ONNX's own functions."""

from __future__ import annotations

from collections.abc import Container, Sequence
from itertools import islice
from typing import Protocol

import numpy as np
import onnx

from tinyglow.frontend.importing import fault_of_shape
from tinyglow.frontend.onnx_control import control
from tinyglow.frontend.onnx_elements import NUMBERS, Elements
from tinyglow.frontend.onnx_functions import DEEPEST, PREVIEW, body_of, expanded, is_functional, schema_of
from tinyglow.frontend.onnx_in_glow import check_in_glow
from tinyglow.frontend.onnx_node import DOMAINS, MIN_OPSET, checked_attributes
from tinyglow.frontend.onnx_old import modern
from tinyglow.frontend.onnx_tensors import Tensors
from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.forms import OnnxForm
from tinyglow.ir.graph import Array, Value
from tinyglow.ir.op import SourceNode, UnsupportedError
from tinyglow.ir.types import TensorType
from tinyglow.operators.generic.build import Build, carrier
from tinyglow.operators.generic.declare import GENERAL
from tinyglow.registry import ONNX_OPS

# Its function computes scales at run time, which no quantized operator takes: the model is refused as a whole.
_DYNAMIC = "DynamicQuantizeLinear"


class Reader(Protocol):
    """What a node asks of the import that it is a part of."""

    editor: GraphEditor
    values: dict[str, Value]
    unknown: set[str]
    tensors: Tensors
    like_glow: bool
    outputs: set[str]

    def room_elements(self) -> int:
        """Elements that one more constant may have."""

    def value(self, name: str) -> Value:
        """The value of a tensor."""

    def constant(self, name: str) -> Array | None:
        """Its data, if it is constant."""

    def add_numbers(self, name: str, data: Array) -> None:
        """Bind a constant, whatever its numbers are."""

    def node_of_function(self, node: onnx.NodeProto, opset: int) -> None:
        """Add a node of a function. Raises UnsupportedError."""

    def unused(self, name: str) -> str:
        """A name that no tensor has."""


class General:
    """The nodes of one import.

    Attributes:
        elements: The element types of all tensors.
        functions: Those that the model has itself, by domain and name.
        editor: The graph under construction.
        like_glow: Whether to make exactly what Glow's importer makes.
        made: Names of the values that came about here.
    """

    def __init__(self, reader: Reader, functions: Sequence[onnx.FunctionProto]) -> None:
        self.reader = reader
        self.elements = Elements()
        self.functions = {(function.domain, function.name): function for function in functions}
        self.made: set[str] = set()
        self.editor = reader.editor
        self.like_glow = reader.like_glow
        self._depth = 0

    # ``operators.generic.build.TypedImporter``

    def value(self, name: str) -> Value:
        """The value of a tensor."""
        return self.reader.value(name)

    def constant(self, name: str) -> Array | None:
        """Its data, if it is constant."""
        return self.reader.constant(name)

    def element(self, name: str) -> str:
        """The element type of a tensor; "" if it is not known."""
        return self.elements.of(name)

    def declared(self, name: str) -> TensorType:
        """The type that the file gives a tensor: none."""
        return TensorType(())

    def room_elements(self) -> int:
        """Elements that one more constant may have."""
        return self.reader.room_elements()

    def bind(self, name: str, value: Value) -> None:
        """Say which value stands for a tensor; constants become float32 or int64, as all constants of a model."""
        if value.data is not None:
            data = value.data.astype(np.float32 if value.data.dtype.kind == "f" else np.int64)
            if data.dtype != value.data.dtype:
                self.elements.note(name, self.elements.of(name) or value.type.dtype)
                value = self.editor.constant(name, data)
            self.made.add(value.name)
        self.reader.values[name] = value

    # nodes

    def is_typed(self, node: onnx.NodeProto) -> bool:
        """Whether a node computes on integers or truth values that are not known at import."""
        values = (self.reader.values.get(name) for name in node.input)
        return any(value is not None and value.data is None and _is_plain(value) for value in values)

    def refusal(self, node: onnx.NodeProto) -> UnsupportedError:
        """Why a node that computes on such values cannot be imported."""
        values = [(name, self.reader.values.get(name)) for name in node.input]
        name, dtype = next((name, value.type.dtype) for name, value in values if value is not None and _is_plain(value))
        return UnsupportedError(f"computes on the {dtype} value {name!r}", "floats, or a Cast before it")

    def give_type(self, name: str) -> None:
        """Give a constant that is an output of the model its own type: within the model all integers are int64."""
        value, element = self.reader.values.get(name), carrier(self.elements.of(name))
        if value is not None and value.data is not None and element and value.type.quant is None:
            value = self.editor.constant(name, value.data.astype(element))
            self.made.add(value.name)
            self.reader.values[name] = value

    def knows(self, node: onnx.NodeProto, opset: int) -> bool:
        """Whether there is another way to import a node than an operator with kernels of its own."""
        return not self.like_glow and is_made_of_others(node, opset, self.functions)

    def modern(self, node: onnx.NodeProto, opset: int) -> list[onnx.NodeProto]:
        """The nodes that stand for one of an older operator set; none if what it reads is lost. UnsupportedError."""
        if opset >= MIN_OPSET or (node.domain, node.op_type) in self.functions:
            return [node]
        if not self.reader.unknown.isdisjoint(node.input):
            return []
        return modern(node, opset, self.reader.value, self.reader.unused)

    def check(self, node: onnx.NodeProto) -> None:
        """Raises UnsupportedError for products that the model sums in BFLOAT16: float32 sums differ visibly."""
        if node.op_type == "MatMul" and not self.like_glow and self.elements.of(node.input[0]) == "bfloat16":
            raise UnsupportedError("sums products in BFLOAT16", "FLOAT or FLOAT16", "export the model in FLOAT")

    def check_in_glow(self, node: SourceNode) -> None:
        """Raises NotInGlowError for what Glow's importer does not take, where exactly its graph is asked for."""
        if self.like_glow:
            check_in_glow(node, self)

    def check_results(self, node: onnx.NodeProto) -> None:
        """Raises UnsupportedError for an output of the model that has no elements."""
        for name in node.output:
            value = self.reader.values.get(name)
            if name in self.reader.outputs and value is not None and 0 in value.type.shape:
                raise UnsupportedError(f"a result of shape {list(value.type.shape)}", "at least one element")

    def note(self, node: onnx.NodeProto, opset: int) -> None:
        """Note the element types of the results of a node that was imported elsewhere."""
        self.elements.infer(node, schema_of(node, opset), self.reader.values)

    def add(self, node: onnx.NodeProto, name: str, opset: int) -> None:
        """Import a node. Raises UnsupportedError."""
        self._depth += 1
        before = len(self.editor.values)
        try:
            if self._depth > DEEPEST:
                raise UnsupportedError("functions in functions without end", f"at most {DEEPEST}")
            self._add(node, name, opset)
        finally:
            self._depth -= 1
            self.made.update(islice(self.editor.values, before, None))
        self.elements.infer(node, schema_of(node, opset), self.reader.values)

    def _add(self, node: onnx.NodeProto, name: str, opset: int) -> None:
        own = self.functions.get((node.domain, node.op_type))
        if own is not None:
            self._expand(own, node, None, opset)
            return
        if node.op_type in ("If", "Loop", "Scan"):
            control(node, self.reader, self.elements, opset)
            return
        schema, refused = schema_of(node, opset), None
        if _has_maker(node):
            try:
                self._make(node, name, opset)
                return
            except UnsupportedError as error:
                refused = error
        function = None
        if schema is not None and node.op_type not in ONNX_OPS:
            if node.domain in DOMAINS:
                checked_attributes(
                    node, opset, self.reader.tensors, OnnxForm(schema.since_version, tuple(schema.attributes))
                )
            function = body_of(node, schema, opset, self._types(node))
        if function is None:
            raise refused or UnsupportedError(f"{node.op_type} in this form", "another")
        self._expand(function, node, schema, opset)

    def _make(self, node: onnx.NodeProto, name: str, opset: int) -> None:
        general = GENERAL[node.op_type]
        attributes = checked_attributes(node, opset, self.reader.tensors, general.form)
        source = SourceNode(name, node.op_type, tuple(node.input), tuple(node.output), attributes, opset)
        self.elements.infer(node, schema_of(node, opset), {})
        results = general.make(Build(source, self))
        values = [results] if isinstance(results, Value) else list(results)
        for output, value in zip(node.output, values, strict=False):
            if output:
                self._check(output, value)
                self.bind(output, value)
        if sum(map(bool, node.output)) > len(values):
            raise UnsupportedError(f"{len(node.output)} outputs", f"{len(values)}")

    def _check(self, output: str, value: Value) -> None:
        inside = value.data is not None and not value.data.size and output not in self.reader.outputs
        if (fault := fault_of_shape(value.type.shape)) and not inside:
            raise UnsupportedError(f"a result of shape {list(value.type.shape)}", fault)
        wanted = carrier(self.elements.of(output))
        if wanted and wanted != value.type.dtype:
            raise UnsupportedError(f"a result of type {value.type.dtype}", wanted)

    def _types(self, node: onnx.NodeProto) -> list[onnx.TypeProto]:
        types = []
        for name in node.input:
            type_, value = onnx.TypeProto(), self.reader.values.get(name)
            if name and value is not None:
                element = self.elements.of(name) or ("" if value.data is not None else value.type.dtype)
                if not element:
                    raise UnsupportedError(f"the type of {name!r}", "floats, integers of 8 bits or more, truth values")
                type_.tensor_type.elem_type = NUMBERS[element]
                type_.tensor_type.shape.SetInParent()
                for size in value.type.shape:
                    type_.tensor_type.shape.dim.add().dim_value = size
            types.append(type_)
        return types

    def _expand(
        self, function: onnx.FunctionProto, node: onnx.NodeProto, schema: onnx.defs.OpSchema | None, opset: int
    ) -> None:
        versions = [item.version for item in function.opset_import if item.domain in DOMAINS]
        inner = max(versions, default=opset)
        for part in expanded(function, node, schema, self.reader.unused):
            self.reader.node_of_function(part, inner)


def is_made_of_others(node: onnx.NodeProto, opset: int, functions: Container[tuple[str, str]]) -> bool:
    """Whether an operator is read as several plain ones, as a function of ONNX's or of the model's, or as a branch.

    functions: those of the model, by domain and name.
    """
    if node.op_type == _DYNAMIC:
        return False
    if (node.domain, node.op_type) in functions or node.op_type in ("If", "Loop", "Scan"):
        return True
    if _has_maker(node):
        return True
    foreign = node.op_type not in ONNX_OPS and node.domain in (*DOMAINS, PREVIEW)
    return foreign and is_functional(schema_of(node, opset))


def _has_maker(node: onnx.NodeProto) -> bool:
    """Whether the operator of a node, of its domain, is made of plain ones here."""
    known = GENERAL.get(node.op_type)
    return known is not None and node.domain in (DOMAINS if not known.domain else (known.domain,))


def _is_plain(value: Value) -> bool:
    """Whether a value holds integers or truth values as they are."""
    return value.type.dtype != "float32" and value.type.quant is None and value.declared is None
