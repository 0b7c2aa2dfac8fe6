"""Station 1: TFLite file -> float graph, with the quantization that the file declares. Names are Glow's loader's.

Glow (lib/Importer/TFLiteModelLoader.cpp) makes the inputs first, then the constants, then the nodes: each is called
what its first result is, or what its operator is if that is an output of the network, whose placeholder has that name.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tinyglow.errors import Problem
from tinyglow.frontend.cut import Step, cut
from tinyglow.frontend.declared import carry_to_constants, declared_as
from tinyglow.frontend.fold import fold
from tinyglow.frontend.importing import MAX_TENSOR_BYTES, ModelImport, fault_of_shape
from tinyglow.frontend.names import shown
from tinyglow.frontend.request import AS_IN_FILE, Request
from tinyglow.frontend.tflite_control import ControlFlow
from tinyglow.frontend.tflite_dilated import fold_dilated
from tinyglow.frontend.tflite_file import FileModel, FileOperator, FileTensor, read_tflite
from tinyglow.frontend.tflite_forms import check_form
from tinyglow.frontend.tflite_tensors import QUANTIZED, constant_data, is_integer, type_of
from tinyglow.frontend.tflite_variables import Variables
from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Declared, Graph, Value
from tinyglow.ir.namer import RESERVED, Namer, legal_name
from tinyglow.ir.op import SourceNode, UnsupportedError
from tinyglow.ir.types import MAX_RANK, TensorType
from tinyglow.operators.control import CONTROL
from tinyglow.operators.memories import INTERMEDIATES
from tinyglow.operators.variables import VARIABLES
from tinyglow.registry import TFLITE_OPS

_ACTIVATIONS = ("int8", "int16", "int32")  # with a scale
_WITHOUT_SCALES = ("CAST", "FLOOR_DIV", "FLOOR_MOD")  # operators that take integers for what they are


class _Import(ModelImport):
    """A TFLite model on its way into a graph; implements ``ir.op.Importer``.

    Operators speak of tensors by name. Names in files may be missing or not unique; here they are both.
    """

    def __init__(self, model: FileModel, name: str, request: Request) -> None:
        self.model = model
        self.request = request
        self.names = _unique_names(model)
        self.tensors = dict(zip(self.names, model.tensors, strict=True))
        self.outputs = frozenset(model.outputs)
        self.variables = Variables(self, model)
        self.bound: set[str] = set()  # names of values that stand for a tensor of the file
        self.control = ControlFlow(self, model)
        self.nodes = [self._source(operator, self.names, model) for operator in model.operators]
        namer = Namer(original=[node.name for node in self.nodes], used=RESERVED)
        is_float = all(not is_integer(tensor) for tensor in model.tensors)
        super().__init__(GraphEditor(name, namer), model.file_bytes, request.like_glow and is_float)

    def declared(self, name: str) -> TensorType:
        """``ir.op.Importer.declared``."""
        return type_of(self.tensors[name], name)

    def element(self, name: str) -> str:
        """``operators.generic.build.TypedImporter``."""
        return self.value(name).type.dtype

    def write_memory(self, name: str, value: Value) -> None:
        """``operators.memories.WithMemory``."""
        self.variables.write_tensor(name, value)

    def add_file_constant(self, name: str, tensor: FileTensor) -> None:
        """``frontend.tflite_control``."""
        self._constant(name, tensor)

    def add_operator(self, operator: FileOperator, names: Sequence[str]) -> None:
        """``frontend.tflite_control``."""
        self._node(self._source(operator, names, None), operator)

    def _source(self, operator: FileOperator, names: Sequence[str], network: FileModel | None) -> SourceNode:
        """An operator on tensors of these names; network: None if it is of another subgraph."""
        inputs = tuple(names[index] if index >= 0 else "" for index in operator.inputs)
        outputs = tuple(names[index] for index in operator.outputs)
        is_last = not operator.outputs or (network is not None and operator.outputs[0] in self.outputs)
        own = "" if is_last or network is None else network.tensors[operator.outputs[0]].name
        name = operator.op_type if is_last else own or outputs[0]
        form = TFLITE_OPS[operator.op_type].tflite_types[operator.op_type] if operator.op_type in TFLITE_OPS else None
        # TensorFlow Lite, too, takes options of another table for none.
        attributes = operator.attributes if form is not None and operator.options == form.options else {}
        if operator.intermediates:
            between = [names[index] if index >= 0 else "" for index in operator.intermediates]
            attributes = {**attributes, INTERMEDIATES: between}
        return SourceNode(name, operator.op_type, inputs, outputs, attributes, operator.version)

    def run(self) -> Graph:
        self._check_request()
        made = {name for node in self.nodes for name in node.outputs}
        for index in dict.fromkeys(self.model.inputs):
            self._input(self.names[index])
        used = dict.fromkeys(name for node in self.nodes for name in node.inputs)
        used.update(dict.fromkeys(self.names[index] for index in self.model.outputs))
        for name in self.names:
            if name in used and name not in made and name not in self.values and name not in self.unknown:
                self._constant(name, self.tensors[name])
        for node, operator in zip(self.nodes, self.model.operators, strict=True):
            self._node(node, operator)
        if not self.problems:
            self.problems += self.variables.finish()
            seen: set[str] = set()
            for name in (self.names[index] for index in self.model.outputs):
                self.add_output(name, name in seen)
                seen.add(name)
        result = self.editor.finish()
        if not self.problems:
            self.check_values(result)
        if self.problems:
            steps = [Step(node.name, node.inputs, node.outputs) for node in self.nodes]
            raise self.refusal(steps, [self.names[index] for index in self.model.outputs])
        return result

    def _check_request(self) -> None:
        """Report sizes and shapes that are not the file's: TFLite files have fixed ones."""
        for symbol in self.request.define:
            found = "the model has no such dimension"
            self.problems.append(Problem(f"--define {symbol}", found, "no symbolic dimensions"))
        inputs = {name: self.tensors[name].shape for name in (self.names[index] for index in self.model.inputs)}
        inputs |= {legal_name(name): shape for name, shape in inputs.items()}
        for name, shape in self.request.shapes.items():
            where = f"--input-shape {name}"
            if name not in inputs:
                self.problems.append(Problem(where, "the model has no such input", ", ".join(map(shown, inputs))))
            elif inputs[name] != shape:
                hint = "convert the model with that shape"
                self.problems.append(
                    Problem(where, f"is {list(shape)}", f"{list(inputs[name])}, as the file has", hint)
                )

    def _refuse(self, name: str, found: str, expected: str = "", hint: str = "") -> None:
        self.problems.append(Problem(shown(name), found, expected, hint))
        self.unknown.add(name)

    def _input(self, name: str) -> None:
        tensor = self.tensors[name]
        if tensor.fault:
            self._refuse(name, tensor.fault)
        elif not tensor.shape or min(tensor.shape) < 1:
            found = f"is an input of shape {list(tensor.shape)}" if tensor.shape else "is an input without a shape"
            self._refuse(name, found, "fixed dimensions", "convert the model with a fixed batch size")
        elif fault := fault_of_shape(tensor.shape):
            self._refuse(name, f"has shape {list(tensor.shape)}", fault)
        else:
            try:
                self.values[name] = self._placeholder(name, self.declared(name))
            except UnsupportedError as error:
                self._refuse(name, error.found, error.expected)

    def _placeholder(self, name: str, type_: TensorType) -> Value:
        """An input, float, int8, int16 or int32 as the file has it; uint8 becomes int8."""
        stored = self.tensors[name].dtype
        is_index = stored == "INT32" and type_.quant is None and type_.channel_quant is None
        is_known = type_.dtype in ("float32", *_ACTIVATIONS, "bool") and type_.channel_quant is None
        if not is_index and not is_known:
            expected = "float32, int8, uint8, int16 or int32 with one scale, truth values, or int32 indices"
            raise UnsupportedError(f"is an input of type {stored}", expected)
        is_uint8 = type_.quant is not None and stored == "UINT8"
        pixels = replace(type_.quant, offset=type_.quant.offset + 128) if type_.quant and is_uint8 else None
        dtype = "int32" if is_index else "bool" if type_.dtype == "bool" else "float32"
        value = self.editor.placeholder(name, TensorType(type_.shape, dtype), pixels)
        return self.editor.declare(value.name, self.declaration(name))

    def declaration(self, name: str) -> Declared | None:
        """What the file says of a tensor's integers; None of one that has none."""
        type_ = self.declared(name)
        if not (type_.quant or type_.channel_quant):
            return None
        raised = QUANTIZED[self.tensors[name].dtype][2]  # how much larger they are in the file
        return Declared(type_.dtype, type_.quant, type_.channel_quant, raised=raised)

    def _constant(self, name: str, tensor: FileTensor) -> None:
        """A tensor that no operator makes."""
        if tensor.fault:
            self._refuse(name, tensor.fault)
        elif tensor.is_variable and tensor.data is None:
            self._variable(name)
        elif tensor.data is None and 0 not in tensor.shape:
            self._refuse(name, "is neither constant, nor an input, nor the result of an operator")
        elif math.prod(size for size in tensor.shape if size > 0) > MAX_TENSOR_BYTES:  # a 0 makes it no smaller
            self._refuse(name, f"has shape {list(tensor.shape)}", "tensors below 1 GiB")
        elif len(tensor.shape) > MAX_RANK or min(tensor.shape, default=0) < 0:
            self._refuse(
                name, f"has shape {list(tensor.shape)}", f"at most {MAX_RANK} dimensions of at least 0 elements"
            )
        else:
            try:
                self._add_data(name, tensor)
                self.check_room(shown(name))
            except UnsupportedError as error:
                self._refuse(name, error.found, error.expected, error.hint)

    def _variable(self, name: str) -> None:
        """A tensor that keeps its value from one inference to the next: operators with a memory read and write it."""
        try:
            self.variables.read_tensor(name)
        except UnsupportedError as error:
            self._refuse(name, error.found, error.expected, error.hint)

    def _add_data(self, name: str, tensor: FileTensor) -> None:
        data, declared = constant_data(tensor, name)
        if declared is not None or data.dtype == bool:
            self.values[name] = self.editor.constant(name, data, declared=declared)
        else:
            self.add_constant(name, data)

    def _node(self, node: SourceNode, as_in_file: FileOperator) -> None:
        where = f"node {node.name!r} ({shown(node.op_type)})"
        try:
            for name in node.outputs:
                if name in self.values or name in self.unknown:
                    raise UnsupportedError(f"makes {name!r}, which is made already", "each tensor made once")
            check_form(as_in_file)
            if any(name in self.unknown for name in node.inputs):
                self.unknown.update(node.outputs)  # a consequence of a problem that is already listed
                return
            if node.op_type in VARIABLES:
                self.variables.run(node)
                return
            self.variables.check(node)
            self._check_integers(node)
            if node.op_type in CONTROL:
                self.control.run(node)
                if not self.unknown.intersection(node.outputs):
                    self._check_results(node)
                return
            if not node.outputs or not any(node.inputs):
                raise UnsupportedError("has no inputs or no outputs")
            operator, last = TFLITE_OPS[node.op_type], self.editor.last_node
            if not fold(node, operator.from_tflite, self, self.room_elements()):
                operator.from_tflite(node, self)
            sources = [self.value(name) for name in node.inputs if name]
            carry_to_constants(self.editor.nodes_since(last), sources, self.editor)
            self._check_results(node)
            self.check_room(where)
        except UnsupportedError as error:
            self.problems.append(Problem(where, error.found, error.expected, error.hint))
            self.unknown.update(node.outputs)
        except IndexError:
            found = f"has {len(node.inputs)} inputs and {len(node.outputs)} outputs, which are too few"
            self.problems.append(Problem(where, found))
            self.unknown.update(node.outputs)

    def _check_integers(self, node: SourceNode) -> None:
        """Raises UnsupportedError if a node computes with int32 activations, which QUANTIZE alone does.

        Nor with integers as if they had no scale.
        """
        if node.op_type == "QUANTIZE":
            return
        results = [name for name in node.outputs if name]
        for name in [*results, *(name for name in node.inputs if name and self.value(name).data is None)]:
            type_ = self.declared(name)
            if node.op_type in _WITHOUT_SCALES and type_.quant is not None:
                hint = "DEQUANTIZE before it makes real numbers of them"
                raise UnsupportedError(
                    f"{name!r} of {type_.dtype} with a scale, which it does not know", "plain numbers", hint
                )
            if type_.dtype == "int32" and type_.quant is not None:
                raise UnsupportedError(
                    f"{name!r} of type INT32 with a scale", "int8 or int16: QUANTIZE makes them of it"
                )

    def bind(self, name: str, value: Value) -> None:
        """As of every frontend, with the parameters that the file declares."""
        declared = self.declaration(name)
        if declared is not None and (declared.dtype not in _ACTIVATIONS or declared.quant is None):
            many = "" if declared.quant else " with many scales"
            expected = "float32, or int8, int16 or int32 with one scale"
            raise UnsupportedError(f"a result of type {declared.dtype}{many}", expected)
        value = declared_as(value, declared, self.editor, name, value.name in self.bound)
        self.bound.add(value.name)
        super().bind(name, value)

    def _check_results(self, node: SourceNode) -> None:
        """The file says what it expects of each operator: to differ is to have misunderstood one of both."""
        for name in node.outputs:
            value, declared = self.value(name), self.declared(name)
            shape, expected = value.type.shape, declared.shape
            if expected and shape != expected and shape:
                raise UnsupportedError(f"a result of shape {list(shape)}", f"{list(expected)}, as the file has it")
            is_real = value.type.dtype == "float32" and value.data is None
            if is_real and not declared.quant and declared.dtype != "float32":
                stored = self.tensors[name].dtype
                raise UnsupportedError("a result of real numbers", f"{stored}, as the file has it")


def _unique_names(model: FileModel) -> list[str]:
    """A name for each tensor: its own, with a number after where that is missing or taken."""
    taken = {tensor.name for tensor in model.tensors}
    names: dict[str, None] = {}
    for index, tensor in enumerate(model.tensors):
        name = tensor.name
        if not name or name in names:
            name = f"{name or 'tensor'}_{index}"
            while name in taken:
                name += "_"
            taken.add(name)
        names[name] = None
    return list(names)


def load_tflite(path: str | Path, name: str | None = None, request: Request = AS_IN_FILE) -> Graph:
    """Read a TFLite file.

    Args:
        path: The file.
        name: Of the network in C (default: from the file's name).
        request: As for ONNX files; the sizes and shapes in it can only be the file's own.

    Returns:
        The graph.

    Raises:
        ModelError: With every problem found.
    """
    return graph_of(read_tflite(path), legal_name(name or Path(path).stem), request)


def graph_of(model: FileModel, name: str, request: Request = AS_IN_FILE) -> Graph:
    """``load_tflite`` of a file that is read already."""
    if request.outputs:
        model = _cut(model, request.outputs)
    with np.errstate(all="ignore"):  # what overflows is found
        return _Import(fold_dilated(model), name, request).run()


def _cut(model: FileModel, outputs: Sequence[str]) -> FileModel:
    """What of a model makes these values, as its outputs."""
    names = _unique_names(model)
    steps = [
        Step("", *(tuple(names[index] if index >= 0 else "" for index in ends) for ends in (item.inputs, item.outputs)))
        for item in model.operators
    ]
    part = cut(steps, outputs)
    return replace(
        model,
        operators=tuple(item for index, item in enumerate(model.operators) if index in part.steps),
        inputs=tuple(index for index in model.inputs if names[index] in part.values),
        outputs=tuple(names.index(name) for name in part.outputs),
    )


def input_dimensions(path: str | Path) -> dict[str, tuple[int | str, ...]]:
    """For each input, by its C-legal name, the size of each dimension: TFLite has no symbols."""
    model = read_tflite(path)
    names = _unique_names(model)
    return {legal_name(names[index]): tuple(model.tensors[index].shape) for index in model.inputs}
