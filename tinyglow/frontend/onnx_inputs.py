"""The inputs of an ONNX file: their shapes, as far as the file, --define and --input-shape say."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Sequence

import onnx

from tinyglow.errors import Problem
from tinyglow.frontend.importing import fault_of_shape
from tinyglow.frontend.names import shown
from tinyglow.frontend.onnx_elements import NAMES
from tinyglow.frontend.onnx_tensors import FLOATS, type_name
from tinyglow.frontend.request import Request
from tinyglow.ir.namer import legal_name
from tinyglow.ir.op import UnsupportedError
from tinyglow.ir.types import QuantParams, Shape, TensorType

PIXELS = QuantParams(1.0, 0)  # what the elements of a UINT8 input stand for: themselves


def is_uint8(info: onnx.ValueInfoProto) -> bool:
    """Whether an input's elements are pixels, or as small integers."""
    return bool(info.type.tensor_type.elem_type == onnx.TensorProto.UINT8)


# Operators after which small integers stand for real numbers.
_REAL = ("DequantizeLinear", "QuantizeLinear", "Cast", "Shape", "Size")


def plain_inputs(graph: onnx.GraphProto, moving: Collection[str]) -> frozenset[str]:
    """The inputs whose integers or truth values are computed with as they are.

    Small integers that are dequantized by constant scales, or become floats, stand for real numbers; so do those
    that a quantized operator reads.

    Args:
        graph: The model.
        moving: Operators that only move elements.
    """
    real: set[str] = set()
    known = {"", *(tensor.name for tensor in graph.initializer)}
    known.update(name for node in graph.node if node.op_type == "Constant" for name in node.output)
    for node in reversed(graph.node):
        quantized = node.op_type.startswith("QLinear") or node.domain == "com.microsoft"
        if (node.op_type in _REAL or quantized) and known.issuperset(node.input[1:3]):
            real.update(node.input)
        elif node.op_type in moving and real.intersection(node.output):
            real.update(node.input[:1])
    types = {info.name: info.type.tensor_type.elem_type for info in graph.input}
    small = {onnx.TensorProto.UINT8, onnx.TensorProto.INT8}
    return frozenset(
        name
        for name, number in types.items()
        if number in NAMES and number not in FLOATS and not (number in small and name in real)
    )


class Inputs:
    """The inputs of a model, whose open dimensions a request closes; problems are collected in ``problems``.

    symbols: the names of open dimensions in the whole model, of which the network may be a part.
    plain: names of inputs whose elements are integers or truth values as they are.
    """

    def __init__(
        self,
        infos: Sequence[onnx.ValueInfoProto],
        request: Request,
        symbols: Collection[str],
        plain: Collection[str] = (),
    ) -> None:
        self.infos = infos
        self._plain = plain
        self.request = request
        self.problems: list[Problem] = []
        self._shapes: dict[str, Shape] = {}
        for name, shape in request.shapes.items():
            known = next((info.name for info in infos if name in (info.name, legal_name(info.name))), None)
            if known is None:
                expected = ", ".join(shown(info.name) for info in infos)
                self.problems.append(Problem(f"--input-shape {name}", "the model has no such input", expected))
            else:
                self._shapes[known] = shape
        self._sizes = dict(request.define)
        for info in infos:
            self._bind(info)
        for symbol in request.define:
            if symbol not in symbols:
                known_symbols = ", ".join(sorted(symbols)) or "no symbolic dimensions"
                self.problems.append(Problem(f"--define {symbol}", "the model has no such dimension", known_symbols))

    def _bind(self, info: onnx.ValueInfoProto) -> None:
        """Take the sizes of symbols from the shape that the request gives an input."""
        shape, dims = self._shapes.get(info.name, ()), _dims(info)
        if len(shape) != len(dims):
            return
        for size, dim in zip(shape, dims, strict=True):
            if dim.dim_param and self._sizes.setdefault(dim.dim_param, size) != size:
                found = f"is {self._sizes[dim.dim_param]} and {size}"
                self.problems.append(Problem(f"dimension {shown(dim.dim_param)}", found, "one size"))

    def type_of(self, info: onnx.ValueInfoProto) -> TensorType:
        """The type of an input. Raises UnsupportedError where it is open, or cannot be."""
        tensor = info.type.tensor_type
        if not info.type.HasField("tensor_type"):
            raise UnsupportedError("is no tensor", "a tensor input with a known shape")
        shape = self._shape_of(info)
        is_plain = info.name in self._plain and tensor.elem_type not in FLOATS  # two inputs may have one name
        if is_plain and tensor.elem_type in NAMES and not fault_of_shape(shape):
            return TensorType(shape, NAMES[tensor.elem_type])
        if tensor.elem_type not in (*FLOATS, onnx.TensorProto.UINT8, onnx.TensorProto.INT8):
            raise UnsupportedError(f"is an input of type {type_name(tensor.elem_type)}", "FLOAT, UINT8 or INT8")
        if fault := fault_of_shape(shape):
            raise UnsupportedError(f"has shape {list(shape)}", fault)
        return TensorType(shape)

    def _shape_of(self, info: onnx.ValueInfoProto) -> Shape:
        given, dims = self._shapes.get(info.name), _dims(info)
        name = shlex.quote(shown(info.name))
        if not info.type.tensor_type.HasField("shape"):
            if given is None:
                hint = f"give it with --input-shape {name}=1,3,32,32"
                raise UnsupportedError("has no shape", "a tensor input with a known shape", hint)
            return given
        own = [self._sizes.get(dim.dim_param, 0) if dim.dim_param else max(0, dim.dim_value) for dim in dims]
        if given is not None:
            fits = len(given) == len(own) and all(a in (0, b) for a, b in zip(own, given, strict=True))
            if not fits:
                expected = f"{[size or shown(dim.dim_param) for size, dim in zip(own, dims, strict=True)]}"
                raise UnsupportedError(f"has the shape {list(given)} by --input-shape", f"{expected} as the file has")
            return given
        if own and not own[0] and not dims[0].dim_param:
            own[0] = 1  # a batch that has neither a size nor a name
        if unbound := [index for index, size in enumerate(own) if not size]:
            self._refuse_open(info, own, unbound)
        return tuple(own)

    def _refuse_open(self, info: onnx.ValueInfoProto, own: Sequence[int], unbound: Sequence[int]) -> None:
        dims = _dims(info)
        names = ", ".join(shown(dims[index].dim_param or f"number {index}") for index in unbound)
        symbols = dict.fromkeys(dims[index].dim_param for index in unbound)
        hint = "bind it with " + " ".join(f"--define {shlex.quote(shown(symbol))}=1" for symbol in symbols)
        if "" in symbols:
            example = ",".join(str(size or "SIZE") for size in own)
            hint = f"give the shape with --input-shape {shlex.quote(shown(info.name))}={example}"
        raise UnsupportedError(f"has the dynamic dimension {names}", "", hint)


def symbols_of(infos: Iterable[onnx.ValueInfoProto]) -> frozenset[str]:
    """The names of open dimensions."""
    return frozenset(dim.dim_param for info in infos for dim in _dims(info) if dim.dim_param)


def _dims(info: onnx.ValueInfoProto) -> Sequence[onnx.TensorShapeProto.Dimension]:
    dims: Sequence[onnx.TensorShapeProto.Dimension] = info.type.tensor_type.shape.dim
    return dims


def input_dimensions(model: onnx.ModelProto) -> dict[str, tuple[int | str, ...] | None]:
    """For each input, by its C-legal name, the size of each dimension, or its symbol ("" if it has neither).

    None stands for an input without a shape.
    """
    return {
        legal_name(info.name): tuple(
            dim.dim_param or (dim.dim_value if dim.dim_value > 0 else "") for dim in info.type.tensor_type.shape.dim
        )
        if info.type.tensor_type.HasField("shape")
        else None
        for info in model.graph.input
    }
