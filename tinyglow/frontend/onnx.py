"""Station 1: ONNX file -> float graph. Only this module and the ``onnx_*`` modules import onnx. Files are untrusted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import onnx

from tinyglow.errors import Problem
from tinyglow.frontend.declared import carry_to_constant, carry_to_constants
from tinyglow.frontend.fold import fold
from tinyglow.frontend.importing import ModelImport
from tinyglow.frontend.onnx_cut import prepare, steps_of
from tinyglow.frontend.onnx_file import read_model
from tinyglow.frontend.onnx_general import General
from tinyglow.frontend.onnx_inputs import PIXELS, Inputs, is_uint8, plain_inputs, symbols_of
from tinyglow.frontend.onnx_node import CLASSICAL, DOMAINS, MIN_OPSET, MalformedError, checked_attributes, title
from tinyglow.frontend.onnx_qoperator import Surroundings, expand, is_qoperator
from tinyglow.frontend.onnx_quantized import FORMS, MOVING, OF_INTEGERS, Integers, QuantizedTensors
from tinyglow.frontend.onnx_tensors import SMALL_INTEGERS, Tensors, type_name
from tinyglow.frontend.request import AS_IN_FILE, Request
from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Array, Graph
from tinyglow.ir.namer import RESERVED, Namer, legal_name
from tinyglow.ir.op import Attribute, NotInGlowError, SourceNode, UnsupportedError
from tinyglow.operators.rescale import Rescale
from tinyglow.registry import ONNX_OPS

# What is imported for values of any type.
_ANY_TYPE = {"Constant", "Shape", "Size", "Identity", *FORMS}
# What may be done to UINT8 values besides moving elements.
_TO_FLOAT = {"Cast", "Shape", "Size", "DequantizeLinear"}
_CONVERSIONS_OPSET = 19  # of conversions that stand for what operators on quantized tensors do: with an axis


class _Import(ModelImport):
    """An ONNX model on its way into a graph."""

    def __init__(
        self,
        model: onnx.ModelProto,
        name: str,
        folder: Path,
        request: Request,
        symbols: frozenset[str],
        problems: Sequence[tuple[Problem, Sequence[str]]] = (),
    ) -> None:
        self.model, self.request, self.symbols = model, request, symbols
        self.tensors = Tensors(folder)
        self.integral: set[str] = set()  # values that are UINT8 in the model, and float here
        names = [node.name or node.output[0] for node in model.graph.node if node.output]
        names += [tensor.name for tensor in model.graph.initializer]
        # Glow imports no network that comes quantized so.
        like_glow = request.like_glow and not any("QuantizeLinear" in node.op_type for node in model.graph.node)
        super().__init__(GraphEditor(name, Namer(original=names, used=RESERVED)), model.ByteSize(), like_glow)
        for problem, lost in problems:
            self.problems.append(problem)
            self.unknown.update(lost)
        self._defined: set[str] = set()
        self._made: set[str] = {name for node in model.graph.node for name in node.output}
        self.quantized = QuantizedTensors(self.editor)
        plain = (node for node in model.graph.node if node.op_type not in FORMS and not is_qoperator(node))
        self._plain = {name for node in plain for name in node.input}
        self.plain_inputs = frozenset() if like_glow else plain_inputs(model.graph, OF_INTEGERS)
        self.general = General(self, model.functions)
        self.outputs = {info.name for info in model.graph.output}
        self._opset = max((item.version for item in model.opset_import if item.domain in DOMAINS), default=0)

    # the parts of a model

    def run(self) -> Graph:
        graph = self.model.graph
        self._check_versions()
        constants = {tensor.name for tensor in graph.initializer}
        inputs = [info for info in graph.input if info.name not in constants]
        self._claim([*(tensor.name for tensor in graph.initializer), *(info.name for info in inputs)])
        for tensor in graph.initializer:
            self._constant(tensor.name, tensor)
        for sparse in graph.sparse_initializer:
            self.problems.append(Problem(sparse.values.name, "is a sparse tensor", "a dense one"))
            self.unknown.add(sparse.values.name)
        self.file_bytes_more(self.tensors.external_bytes)
        self._inputs(inputs)
        for index, node in enumerate(graph.node):
            self._node(node, index)
        if not self.problems:
            self._outputs()
        result = self.editor.finish()
        if not self.problems:
            self.check_values(result, self.general.made)
        if self.problems:
            steps, outputs = steps_of(graph.node), [info.name for info in graph.output]
            raise self.refusal(steps, outputs)
        return result

    def _check_versions(self) -> None:
        """Report an operator set that is not known, and functions that would replace operators."""
        newest = onnx.defs.onnx_opset_version()
        if not self._opset and all(node.domain == CLASSICAL for node in self.model.graph.node):
            self._opset = newest  # of which it has no operator
        if not 1 <= self._opset <= newest:
            found = f"is version {self._opset}" if self._opset else "is not given"
            hint = "convert the model" if self._opset < 1 else "export the model for an older one"
            self.problems.append(Problem("operator set", found, f"1 to {newest}", hint))
            self._opset = min(max(self._opset, MIN_OPSET), newest)  # onnx itself takes 32 bits
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

    def _constant(self, name: str, tensor: onnx.TensorProto) -> None:
        self.general.elements.set(name, tensor.data_type)
        try:
            if tensor.data_type in (*SMALL_INTEGERS, onnx.TensorProto.INT32):
                self.quantized.known[name] = Integers(*self.tensors.integers(tensor))
                if name not in self._plain:
                    return
            self.add_constant(name, self.tensors.array(tensor))
        except UnsupportedError as error:
            self.problems.append(Problem(name, error.found, error.expected, error.hint))
            self.unknown.add(name)

    def _inputs(self, infos: Sequence[onnx.ValueInfoProto]) -> None:
        inputs = Inputs(infos, self.request, self.symbols, self.plain_inputs)
        for info in infos:
            if not info.name:
                self.problems.append(Problem("an input of the graph", "has no name", "a name for each"))
                continue
            try:
                plain = info.name in self.plain_inputs
                type_, pixels = inputs.type_of(info), PIXELS if is_uint8(info) and not plain else None
                self.general.elements.set(info.name, info.type.tensor_type.elem_type)
                self.values[info.name] = self.editor.placeholder(info.name, type_, pixels)
                if pixels:
                    self.integral.add(info.name)
                if info.type.tensor_type.elem_type in SMALL_INTEGERS and not plain:
                    dtype = type_name(info.type.tensor_type.elem_type)
                    self.quantized.known[info.name] = Integers(dtype, None, self.values[info.name])
            except UnsupportedError as error:
                self.problems.append(Problem(info.name, error.found, error.expected, error.hint))
                self.unknown.add(info.name)
        self.problems += inputs.problems

    def _node(self, node: onnx.NodeProto, index: int, opset: int = 0) -> None:
        """Add what stands for a node. opset: of a node that is not the file's own."""
        name = node.name or (node.output[0] if node.output else f"{node.op_type}_{index}")
        where = title(node, name)
        try:
            if is_qoperator(node):
                self._qoperator(node, index)
                return
            self._claim(node.output)
            self._add_node(node, name, opset)
            self.check_room(where)
        except UnsupportedError as error:
            self.problems.append(Problem(where, error.found, error.expected, error.hint))
            self.not_in_glow += isinstance(error, NotInGlowError)
            self.unknown.update(node.output)
        except IndexError:
            self.problems.append(Problem(where, f"has {len(node.input)} inputs, which are too few"))
            self.unknown.update(node.output)

    def _add_node(self, node: onnx.NodeProto, name: str, opset: int, numbers: bool = False) -> None:
        """Add what stands for a node. numbers: whether constants may be any numbers. Raises UnsupportedError."""
        try:
            parts = self.general.modern(node, max(self._opset, opset))
            if not parts:
                self.unknown.update(node.output)
            for part in parts:
                self.general.check(part)
                self._add_some_way(part, name if part.op_type == node.op_type else part.name, opset, numbers)
            self.general.check_results(node)
        except ValueError as error:
            if all(self.values[source].type.elements for source in node.input if source in self.values):
                raise
            raise UnsupportedError(f"computes on no elements: {error}", "at least one element") from error

    def _add_some_way(self, node: onnx.NodeProto, name: str, opset: int, numbers: bool) -> None:
        """Add what stands for a node: an operator with kernels of its own, or what else computes the same."""
        version, refused, before = max(self._opset, opset, MIN_OPSET), None, len(self.editor.values)
        infinite = any(
            not np.isfinite(data).all() for name in node.input if (data := self._known_floats(name)) is not None
        )
        general = self.general.knows(node, version)
        if any(source in self.unknown for source in node.input):
            if not general:
                checked_attributes(node, version, self.tensors)
            self.unknown.update(node.output)  # a consequence of a problem that is already listed
            return
        typed = self.general.is_typed(node)
        if typed and not general and node.op_type not in _ANY_TYPE:
            checked_attributes(node, version, self.tensors)  # names what is no operator here at all
            raise self.general.refusal(node)
        if not (general and typed):
            try:
                self._native(node, name, version, numbers)
                self.general.note(node, version)
                if infinite:
                    self.general.made.update(islice(self.editor.values, before, None))
                if not general or all(output in self.values for output in node.output if output):
                    return
            except MalformedError:
                raise
            except (UnsupportedError, IndexError) as error:
                refused = error
        if not general:
            raise refused or UnsupportedError("is not supported")
        try:
            self.general.add(node, name, version)
        except UnsupportedError as error:
            raise (refused if refused and node.op_type in ONNX_OPS else error) from error

    def _native(self, node: onnx.NodeProto, name: str, opset: int, numbers: bool) -> None:
        """Add a node by the operator that stands for it. Raises UnsupportedError."""
        attributes = checked_attributes(node, opset, self.tensors)
        if node.op_type == "Constant":
            self._constant_node(node, attributes, numbers)
            return
        version = max(self._opset, MIN_OPSET)
        source = SourceNode(name, node.op_type, tuple(node.input), tuple(node.output), attributes, version)
        if not source.inputs or not source.outputs:
            raise UnsupportedError("has no inputs or no outputs")
        self._check_types(source)
        if node.op_type in FORMS:
            self._conversion(source)
        else:
            self._operator(source)

    def node_of_function(self, node: onnx.NodeProto, opset: int) -> None:
        """Add a node of a function or of an inner graph. Raises UnsupportedError."""
        before, self._opset = self._opset, opset
        try:
            self._add_node(node, node.name, opset, numbers=True)
        finally:
            self._opset = before

    def _qoperator(self, node: onnx.NodeProto, index: int) -> None:
        """An operator on quantized tensors: its operands dequantized, the operator, the result quantized."""
        if any(source in self.unknown for source in node.input):
            self.unknown.update(node.output)
            return
        self.in_qoperator = True
        for part in expand(node, Surroundings(self._opset, self._known_floats, self.unused, self.add_constant)):
            self._node(part, index, _CONVERSIONS_OPSET if part.op_type in FORMS else 0)
        self.in_qoperator = False

    def _known_floats(self, name: str) -> Array | None:
        return self.values[name].data if name in self.values else None

    def unused(self, name: str) -> str:
        """A name that no tensor of the file has, nor one that was made before."""
        while name in self._defined or name in self._made:
            name += "_"
        self._made.add(name)
        return name

    def _constant_node(self, node: onnx.NodeProto, attributes: Mapping[str, Attribute], numbers: bool) -> None:
        values = [np.asarray(value) for value in attributes.values() if value is not None]
        if len(values) != 1:
            raise UnsupportedError("has no numeric value")
        given = [item.t for item in node.attribute if item.name == "value"]
        if given and given[0].data_type in (*SMALL_INTEGERS, onnx.TensorProto.INT32):
            self.quantized.known[node.output[0]] = Integers(*self.tensors.integers(given[0]))
        (self.add_numbers if numbers else self.add_constant)(node.output[0], values[0])

    def _conversion(self, node: SourceNode) -> None:
        """QuantizeLinear or DequantizeLinear."""
        scale = self._known_floats(node.inputs[1]) if len(node.inputs) > 1 else np.float32(1).reshape(())
        if node.op_type == "QuantizeLinear":
            self.values[node.outputs[0]] = self.quantized.quantize(node, self.value(node.inputs[0]), scale)
        else:
            self.integral.discard(node.inputs[0])
            self.values[node.outputs[0]] = self.quantized.dequantize(node, scale)

    def _operator(self, node: SourceNode) -> None:
        operator, last = ONNX_OPS[node.op_type], self.editor.last_node
        if node.op_type == "Pad" and node.inputs[0] in self.quantized.known:
            node = self._pad_in_reals(node)
        if not fold(node, operator.from_onnx, self, self.room_elements()):
            self.general.check_in_glow(node)
            operator.from_onnx(node, self)
        sources = [self.values[name] for name in node.inputs if name in self.values]
        carry_to_constants(self.editor.nodes_since(last), sources, self.editor)
        for name in node.outputs:
            if name in self.values:
                self.values[name] = carry_to_constant(self.values[name], sources, self.editor)
        if node.op_type not in _TO_FLOAT:
            self.quantized.move(node, self.values)

    def _pad_in_reals(self, node: SourceNode) -> SourceNode:
        """A Pad of integers, with the real number that the integer of its borders stands for."""
        given = self._known_floats(node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2] else np.zeros(1)
        name = self.unused(f"{node.outputs[0]}_border")
        self.add_constant(name, self.quantized.border(node, self.value(node.inputs[0]), given))
        operands = list(node.inputs) + [""] * (3 - len(node.inputs))
        return replace(node, inputs=(*operands[:2], name, *operands[3:]))

    def _check_types(self, node: SourceNode) -> None:
        """Raises UnsupportedError for arithmetic on UINT8 values: it wraps around, and would be another in float."""
        if self.integral.isdisjoint(node.inputs) or node.op_type in _TO_FLOAT:
            return
        if node.op_type not in MOVING:
            found = f"computes on the UINT8 value {next(name for name in node.inputs if name in self.integral)!r}"
            raise UnsupportedError(found, "a Cast to FLOAT before it")
        self.integral.update(node.outputs)

    def _outputs(self) -> None:
        for name in self.editor.inputs:
            source = self.quantized.known.get(self.editor.source_names[name])
            if source is not None and source.dtype != "UINT8" and self.editor.values[name].declared is None:
                found = f"is an input of type {source.dtype} that nothing dequantizes"
                self.problems.append(Problem(name, found, "a DequantizeLinear that reads it"))
        seen = set()
        for info in self.model.graph.output:
            if info.name in self.integral:
                self.problems.append(Problem(info.name, "is an output of type UINT8", "FLOAT"))
            self._convert_output(info.name)
            if not self.like_glow:
                self.general.give_type(info.name)
            self.add_output(info.name, info.name in seen)
            seen.add(info.name)

    def _convert_output(self, name: str) -> None:
        """Let an output that is float in the file be so, though what makes it is quantized."""
        value = self.editor.values[self.values[name].name] if name in self.values else None
        if value is not None and value.declared is not None and name not in self.quantized.known:
            self.values[name] = self.editor.add(f"{name}_dequantize", Rescale(), [value], name)


def load_onnx(path: str | Path, name: str | None = None, request: Request = AS_IN_FILE) -> Graph:
    """Read an ONNX file.

    Args:
        path: The file.
        name: Of the network in C (default: from the file's name).
        request: What the file leaves open.

    Returns:
        The graph.

    Raises:
        ModelError: With every problem found.
    """
    return load_model(read_model(path), legal_name(name or Path(path).stem), Path(path).parent, request)


def load_model(
    model: onnx.ModelProto,
    name: str,
    folder: Path,
    request: Request,
    problems: Sequence[tuple[Problem, Sequence[str]]] = (),
) -> Graph:
    """The graph of a parsed model, as ``load_onnx``; its data may lie in files in ``folder``.

    problems: what is known to be missing of the model, each with the tensors that lack.
    """
    symbols = symbols_of(model.graph.input)
    with np.errstate(all="ignore"):  # what overflows is found
        prepare(model, request.outputs)
        return _Import(model, name, folder, request, symbols, problems).run()
