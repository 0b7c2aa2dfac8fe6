"""Writes small TFLite models with the schema's own builders. Needs the packages tflite and flatbuffers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
import tflite

from tinyglow.ir.graph import Array

_DTYPES = {"float32": "FLOAT32", "float16": "FLOAT16", "int8": "INT8", "uint8": "UINT8", "int32": "INT32"}
_DTYPES |= {"int64": "INT64", "int16": "INT16", "bool": "BOOL"}


@dataclass(frozen=True)
class Quant:
    """Scales and zero points of a tensor, along ``axis`` where there is more than one."""

    scales: Sequence[float]
    zero_points: Sequence[int]
    axis: int = 0


@dataclass
class _Tensor:
    name: str
    shape: Sequence[int] | None
    dtype: str
    data: bytes
    quant: Quant | None
    is_variable: bool = False


@dataclass
class TFLiteBuilder:
    """Collects tensors and operators; methods return the number of the tensor they add."""

    tensors: list[_Tensor] = field(default_factory=list)
    operators: list[tuple[str, Sequence[int], Sequence[int], str, Mapping[str, Any], int]] = field(default_factory=list)
    between: list[int] = field(default_factory=list)  # intermediates of an LSTM

    def tensor(
        self, name: str, shape: Sequence[int] | None, dtype: str = "FLOAT32", quant: Quant | None = None, **more: Any
    ) -> int:
        """An input, or what an operator makes."""
        self.tensors.append(_Tensor(name, shape, dtype, b"", quant, **more))
        return len(self.tensors) - 1

    def constant(self, name: str, data: npt.ArrayLike, quant: Quant | None = None) -> int:
        """A tensor with data; of integers int32, of floats float32, unless it is an array of its own type."""
        array = np.asarray(data)
        if not isinstance(data, np.ndarray):
            array = array.astype(np.float32 if array.dtype.kind == "f" else np.int32)
        raw = array.astype(array.dtype.newbyteorder("<")).tobytes()
        self.tensors.append(_Tensor(name, array.shape, _DTYPES[str(array.dtype)], raw, quant))
        return len(self.tensors) - 1

    def halves(self, name: str, data: Array, quant: Quant) -> int:
        """A tensor of type INT4 with integers from -8 to 7, two in a byte, the lower half first."""
        flat = np.append(data.ravel(), np.zeros(data.size % 2, np.int8)).astype(np.int8) & 15
        raw = (flat[::2] | flat[1::2] << 4).astype(np.uint8).tobytes()
        self.tensors.append(_Tensor(name, data.shape, "INT4", raw, quant))
        return len(self.tensors) - 1

    def node(
        self,
        op_type: str,
        inputs: Sequence[int],
        shape: Sequence[int] | None,
        name: str = "",
        options: str = "",
        version: int = 1,
        dtype: str = "FLOAT32",
        quant: Quant | None = None,
        **fields: Any,
    ) -> int:
        """An operator with one result. fields: of ``options``, a table of the schema, as it spells them."""
        result = self.tensor(name or f"{op_type.lower()}_{len(self.operators)}", shape, dtype, quant)
        self.operators.append((op_type, inputs, [result], options, fields, version))
        return result

    def effect(self, op_type: str, inputs: Sequence[int], options: str = "", **fields: Any) -> None:
        """An operator without results."""
        self.operators.append((op_type, inputs, [], options, fields, 1))

    def nodes(
        self, op_type: str, inputs: Sequence[int], shapes: Sequence[Sequence[int]], options: str = "", **fields: Any
    ) -> list[int]:
        """An operator with several results."""
        names = [f"{op_type.lower()}_{len(self.operators)}_{index}" for index in range(len(shapes))]
        results = [self.tensor(name, shape) for name, shape in zip(names, shapes, strict=True)]
        self.operators.append((op_type, inputs, results, options, fields, 1))
        return results

    def build(
        self,
        inputs: Sequence[int],
        outputs: Sequence[int],
        bodies: int = 0,
        other: TFLiteBuilder | None = None,
        others: Sequence[Body] = (),
    ) -> bytes:
        """The file.

        bodies: how many further subgraphs it has, which are all as the network; other: one more, without inputs and
        outputs; others: still more, with theirs.
        """
        return _Writer(self).model(inputs, outputs, bodies, [*([(other, [], [])] if other else []), *others])


Body = tuple[TFLiteBuilder, Sequence[int], Sequence[int]]  # a subgraph, its inputs and its outputs


class _Writer:
    def __init__(self, parts: TFLiteBuilder) -> None:
        self.parts = parts
        self.fb = flatbuffers.Builder(1024)

    def table(self, kind: str, fields: Mapping[str, Any]) -> int:
        """A table of the schema; lists and texts among its fields become vectors and strings."""
        ready = {name: self._value(kind, name, value) for name, value in fields.items()}
        getattr(tflite, f"{kind}Start")(self.fb)
        for name, value in ready.items():
            getattr(tflite, f"{kind}Add{name}")(self.fb, value)
        return int(getattr(tflite, f"{kind}End")(self.fb))

    def _value(self, kind: str, name: str, value: Any) -> Any:
        if isinstance(value, str):
            return self.fb.CreateString(value)
        if isinstance(value, bytes):
            return self.fb.CreateNumpyVector(np.frombuffer(value, np.uint8))
        if isinstance(value, list | tuple):
            dtype = {"Scale": np.float32, "ZeroPoint": np.int64}.get(name, np.int32)
            return self.fb.CreateNumpyVector(np.array(value, dtype))
        return value

    def tables(self, kind: str, field_name: str, offsets: Sequence[int]) -> int:
        """A vector of tables."""
        getattr(tflite, f"{kind}Start{field_name}Vector")(self.fb, len(offsets))
        for offset in reversed(offsets):
            self.fb.PrependUOffsetTRelative(offset)
        return int(self.fb.EndVector())

    def _tensor(self, buffer: int, tensor: _Tensor) -> int:
        fields: dict[str, Any] = {"Name": tensor.name, "Type": getattr(tflite.TensorType, tensor.dtype)}
        fields |= {"Buffer": buffer if tensor.data else 0, "IsVariable": tensor.is_variable}
        if tensor.shape is not None:
            fields["Shape"] = list(tensor.shape)
        if tensor.quant is not None:
            of = {"Scale": list(tensor.quant.scales), "ZeroPoint": list(tensor.quant.zero_points)}
            fields["Quantization"] = self.table(
                "QuantizationParameters", {**of, "QuantizedDimension": tensor.quant.axis}
            )
        return self.table("Tensor", fields)

    def _operator(
        self, code: int, inputs: Sequence[int], outputs: Sequence[int], options: str, of: Mapping[str, Any]
    ) -> int:
        fields: dict[str, Any] = {"OpcodeIndex": code, "Inputs": list(inputs), "Outputs": list(outputs)}
        if options == "UnidirectionalSequenceLSTMOptions" and self.parts.between:
            fields["Intermediates"] = self.fb.CreateNumpyVector(np.array(self.parts.between, np.int32))
        if not options and "custom" in of:  # the bytes of a custom operator's options
            fields["CustomOptions"] = self.fb.CreateByteVector(of["custom"])
        if options:
            fields["BuiltinOptions"] = self.table(options, of)
            fields["BuiltinOptionsType"] = getattr(tflite.BuiltinOptions, options)
        return self.table("Operator", fields)

    def _code(self, name: str, version: int) -> int:
        custom = name.removeprefix("CUSTOM ") if name.startswith("CUSTOM") else ""
        number = getattr(tflite.BuiltinOperator, "CUSTOM" if custom else name)
        fields = {"DeprecatedBuiltinCode": min(number, 127), "BuiltinCode": number, "Version": version}
        return self.table("OperatorCode", fields | ({"CustomCode": custom} if custom else {}))

    def _graph(
        self,
        parts: TFLiteBuilder,
        codes: list[tuple[str, int]],
        buffer: int,
        inputs: Sequence[int],
        outputs: Sequence[int],
    ) -> int:
        """A subgraph; buffer: the number of its first tensor's."""
        operators = [
            self._operator(codes.index((name, version)), sources, results, options, of)
            for name, sources, results, options, of, version in parts.operators
        ]
        tensors = [self._tensor(buffer + index, tensor) for index, tensor in enumerate(parts.tensors)]
        vectors = {"Operators": operators, "Tensors": tensors}
        fields: dict[str, Any] = {name: self.tables("SubGraph", name, offsets) for name, offsets in vectors.items()}
        return self.table("SubGraph", {**fields, "Inputs": list(inputs), "Outputs": list(outputs)})

    def model(self, inputs: Sequence[int], outputs: Sequence[int], bodies: int, others: Sequence[Body]) -> bytes:
        """The whole file."""
        every = [self.parts, *(parts for parts, _, _ in others)]
        codes = list(dict.fromkeys((item[0], item[5]) for parts in every for item in parts.operators))
        graphs = [self._graph(self.parts, codes, 1, inputs, outputs)] * (1 + bodies)
        buffer = 1 + len(self.parts.tensors)
        for parts, given, made in others:
            graphs.append(self._graph(parts, codes, buffer, given, made))
            buffer += len(parts.tensors)
        contents = [tensor.data for parts in every for tensor in parts.tensors]
        buffers = [self.table("Buffer", {"Data": data} if data else {}) for data in [b"", *contents]]
        vectors = {"Subgraphs": graphs, "Buffers": buffers}
        vectors["OperatorCodes"] = [self._code(*code) for code in codes]
        fields = {name: self.tables("Model", name, offsets) for name, offsets in vectors.items()}
        self.fb.Finish(self.table("Model", {**fields, "Version": 3}), b"TFL3")
        return bytes(self.fb.Output())
