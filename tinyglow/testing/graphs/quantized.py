"""A float ONNX model as converters quantize it: QuantizeLinear and DequantizeLinear around every operator (QDQ)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference

from tinyglow.ir.graph import Array
from tinyglow.testing.graphs.draw import RandomModel
from tinyglow.testing.oracle.reference import reference_outputs

FIRST_OPSET = 13  # scales for each channel need it
_LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_LIMITS = {"int8": (-128, 127), "uint8": (0, 255)}
_UNKNOWN_RANGE = (-4.0, 4.0)  # of inputs with a deviation of 1, where the reference implementation has no answer
_LEAST_SPAN = 2.0**-20
# Values that these give are their input's own elements: onnxruntime and converters keep the input's scale.
_SAME_SCALE = ("Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Slice", "MaxPool", "Identity", "Split")

Range = tuple[float, float]


@dataclass(frozen=True)
class Conversion:
    """How a model is quantized.

    Attributes:
        activations: "int8" or "uint8".
        weights: "int8", symmetric, or "uint8", asymmetric.
        channelwise: Whether weights have a scale for each output channel; int8 only.
        symmetric: Whether activations of int8 have the zero point 0, and scales that are powers of two.
        keeps: Whether operators that move elements keep their input's scale and zero point.
        pairs: Values with one scale and zero point: a state, and what it becomes.
    """

    activations: str = "int8"
    weights: str = "int8"
    channelwise: bool = False
    symmetric: bool = False
    keeps: bool = True
    pairs: Mapping[str, str] = field(default_factory=dict)


def conversion_of(seed: int) -> Conversion:
    """How the model of a seed is quantized."""
    rng = np.random.default_rng([seed, 19])
    activations = str(rng.choice(["int8", "uint8"]))
    weights = "uint8" if activations == "uint8" and rng.random() < 0.5 else "int8"
    return Conversion(
        activations,
        weights,
        channelwise=weights == "int8" and bool(rng.random() < 0.5),
        symmetric=activations == "int8" and bool(rng.random() < 0.2),
        keeps=bool(rng.random() < 0.7),
    )


def quantized_model(model: RandomModel, how: Conversion, samples: Mapping[str, Array]) -> RandomModel:
    """The model with conversions around every operator.

    Args:
        model: A float model of operator set 13 or later.
        how: Types and scales.
        samples: float32 [samples, *shape] by input: values get the ranges that these give.

    Returns:
        The model with the same inputs and outputs, which are float.
    """
    writer = _Writer(model.proto, how, _ranges(model.proto, samples))
    return replace(model, proto=writer.written())


def _ranges(proto: onnx.ModelProto, samples: Mapping[str, Array]) -> dict[str, Range]:
    """Least and largest element of each float value that the reference implementation can compute."""
    whole = onnx.ModelProto()
    whole.CopyFrom(proto)
    known = {output.name for output in whole.graph.output}
    names = [name for node in proto.graph.node for name in node.output if name and name not in known]
    whole.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    try:
        found = reference_outputs(whole, samples) or {}
    except Exception:  # onnx's reference lacks forms of some operators, and fails in its own ways
        found = {}
    arrays = {**samples, **found}
    return {name: (float(data.min()), float(data.max())) for name, data in arrays.items() if np.isfinite(data).all()}


class _Writer:
    def __init__(self, proto: onnx.ModelProto, how: Conversion, ranges: Mapping[str, Range]) -> None:
        self.proto, self.how, self.ranges = proto, how, ranges
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []
        self.constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
        for node in proto.graph.node:
            if node.op_type == "Constant":
                self.constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        inferred = shape_inference.infer_shapes(proto)
        every = [*inferred.graph.value_info, *inferred.graph.input, *inferred.graph.output]
        self.floats = {item.name for item in every if item.type.tensor_type.elem_type == TensorProto.FLOAT}
        self.scales: dict[str, float] = {}  # of what is dequantized
        self.parameters: dict[str, tuple[str, str]] = {}
        self.ready: dict[str, str] = {}  # what operators read in place of a value

    def written(self) -> onnx.ModelProto:
        """The model."""
        graph = self.proto.graph
        for value in graph.input:
            self.ready[value.name] = self.converted(value.name)
        for node in graph.node:
            if node.op_type != "Constant":
                self.node(node)
        outputs = {value.name for value in graph.output}
        renamed = {self.ready[name]: name for name in outputs if name in self.ready}
        for node in self.nodes:  # an output keeps its name after its conversion
            before = {name: f"{name}_exact" for name in outputs if name in self.ready}
            _rename(node, {**before, **renamed})
        used = {name for node in self.nodes for name in node.input}
        kept = [tensor for tensor in graph.initializer if tensor.name in used]
        kept += [numpy_helper.from_array(data, name) for name, data in self._from_nodes().items() if name in used]
        made = helper.make_graph(self.nodes, graph.name, list(graph.input), list(graph.output), [*kept, *self.tensors])
        return helper.make_model(made, opset_imports=list(self.proto.opset_import), ir_version=self.proto.ir_version)

    def _from_nodes(self) -> dict[str, Array]:
        named = {tensor.name for tensor in self.proto.graph.initializer}
        return {name: data for name, data in self.constants.items() if name not in named}

    def constant(self, name: str, data: Array) -> str:
        """A tensor of the file."""
        self.tensors.append(numpy_helper.from_array(data, name))
        return name

    def converted(self, name: str, source: str = "") -> str:
        """The value after QuantizeLinear and DequantizeLinear; with the parameters of ``source`` if that is given."""
        if name not in self.floats:
            return name
        if source not in self.parameters:
            scale, zero = self._activation(*self.ranges.get(name, _UNKNOWN_RANGE))
            twin = self.how.pairs.get(name, "")
            if twin:  # the parameters of what the state becomes, which is computed later
                scale, zero = self._activation(*self.ranges.get(twin, _UNKNOWN_RANGE))
            own = self.constant(f"{name}_scale", np.float32(scale)), self.constant(f"{name}_zero", zero)
            self.parameters[name], self.scales[name] = own, scale
        else:
            self.parameters[name], self.scales[name] = self.parameters[source], self.scales[source]
        return self._pair(name, self.parameters[name], self.scales[name])

    def _pair(self, name: str, own: tuple[str, str], scale: float) -> str:
        self.nodes.append(helper.make_node("QuantizeLinear", [name, *own], [f"{name}_q"], f"{name}_q"))
        self.nodes.append(helper.make_node("DequantizeLinear", [f"{name}_q", *own], [f"{name}_dq"], f"{name}_dq"))
        self.scales[f"{name}_dq"] = scale
        return f"{name}_dq"

    def _activation(self, low: float, high: float) -> tuple[float, Array]:
        """Scale and zero point of a range."""
        least, most = _LIMITS[self.how.activations]
        low, high = min(low, 0.0), max(high, 0.0)
        if self.how.symmetric:
            scale = 2.0 ** np.ceil(np.log2(max(-low, high, _LEAST_SPAN) / most))
            return float(scale), np.array(0, self.how.activations)
        scale = float(np.float32(max(high - low, _LEAST_SPAN) / (most - least)))
        return scale, np.array(np.clip(round(least - low / scale), least, most), self.how.activations)

    def node(self, node: onnx.NodeProto) -> None:
        """An operator that reads what is converted, and the conversion of what it gives."""
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        is_layer = node.op_type in _LAYERS
        for index, name in enumerate(node.input):
            data = self.constants.get(name)
            if name in self.ready:
                copy.input[index] = self.ready[name]
            elif data is None or data.dtype != np.float32 or node.op_type == "BatchNormalization":
                continue
            elif is_layer and index == 2:
                copy.input[index] = self._bias(node, data, copy)
            elif is_layer and index == 1:
                copy.input[index] = self._weights(node, name, data)
            elif data.size:
                copy.input[index] = self._operand(name, data)
        self.nodes.append(copy)
        source = node.input[0] if self.how.keeps and node.op_type in _SAME_SCALE and node.input else ""
        pairs = {twin: name for name, twin in self.how.pairs.items()}
        for name in node.output:
            if name and name in self.floats:
                self.ready[name] = self.converted(name, pairs.get(name, source))

    def _operand(self, name: str, data: Array) -> str:
        """A constant operand, quantized as an activation."""
        if f"{name}_dq" in self.scales:
            return f"{name}_dq"
        scale, zero = self._activation(float(data.min()), float(data.max()))
        own = self.constant(f"{name}_scale", np.float32(scale)), self.constant(f"{name}_zero", zero)
        least, most = _LIMITS[self.how.activations]
        whole = np.clip(np.rint(data / scale) + zero, least, most).astype(self.how.activations)
        self.nodes.append(
            helper.make_node("DequantizeLinear", [self.constant(f"{name}_q", whole), *own], [f"{name}_dq"])
        )
        self.scales[f"{name}_dq"] = scale
        return f"{name}_dq"

    def _weights(self, node: onnx.NodeProto, name: str, data: Array) -> str:
        """The weights of a layer, with a scale for each channel or one for all."""
        if f"{name}_dq" in self.scales:
            return self._operand(name, data)
        axis = _channel_axis(node, data)
        if self.how.weights == "uint8":
            return self._operand(name, data)
        many = self.how.channelwise and axis is not None
        others = tuple(index for index in range(data.ndim) if index != axis)
        largest = np.abs(data).max(axis=others, keepdims=True) if many else np.abs(data).max(keepdims=True)
        scale = np.maximum(largest / 127, _LEAST_SPAN).astype(np.float32)
        whole = np.clip(np.rint(data / scale), -127, 127).astype(np.int8)
        flat = scale.ravel() if many else scale.reshape(())
        own = (
            self.constant(f"{name}_q", whole),
            self.constant(f"{name}_scale", flat),
            self.constant(f"{name}_zero", np.zeros(flat.shape, np.int8)),
        )
        attributes: dict[str, Any] = {"axis": axis} if many else {}
        self.nodes.append(helper.make_node("DequantizeLinear", own, [f"{name}_dq"], **attributes))
        self.scales[f"{name}_dq"] = float(scale.max())
        return f"{name}_dq"

    def _bias(self, node: onnx.NodeProto, data: Array, copy: onnx.NodeProto) -> str:
        """The bias of a layer, int32 in steps of the products."""
        scale_of = {tensor.name: numpy_helper.to_array(tensor) for tensor in self.tensors}
        by_input = np.float32(self.scales.get(copy.input[0], 1.0))
        weight_scale = scale_of.get(f"{node.input[1]}_scale", np.float32(1.0))
        scale = np.asarray(by_input * weight_scale, np.float32)
        name = f"{node.input[2]}_{len(self.nodes)}"
        if scale.ndim and scale.size != data.size:
            scale = np.asarray(scale.max(), np.float32)
        whole = np.clip(np.rint(data / scale), -(2**31) + 1, 2**31 - 1).astype(np.int32)
        own = (
            self.constant(f"{name}_q", whole),
            self.constant(f"{name}_scale", scale),
            self.constant(f"{name}_zero", np.zeros(scale.shape, np.int32)),
        )
        attributes: dict[str, Any] = {"axis": 0} if scale.ndim else {}
        self.nodes.append(helper.make_node("DequantizeLinear", own, [f"{name}_dq"], **attributes))
        return f"{name}_dq"


def _rename(node: onnx.NodeProto, names: Mapping[str, str]) -> None:
    for field_names in (node.input, node.output):
        for index, name in enumerate(field_names):
            field_names[index] = names.get(name, name)


def _channel_axis(node: onnx.NodeProto, weights: Array) -> int | None:
    """The dimension of a layer's output channels; None where scales along it are not usual."""
    if node.op_type == "Conv":
        return 0
    attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    if node.op_type == "ConvTranspose":
        return 1 if attributes.get("group", 1) == 1 else None
    if node.op_type == "Gemm":
        return 0 if attributes.get("transB") else 1
    return weights.ndim - 1 if weights.ndim == 2 else None
