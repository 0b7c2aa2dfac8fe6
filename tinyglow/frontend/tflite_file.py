"""TFLite files as plain data: every offset and length checked, every list bounded.

Files are untrusted flatbuffers: their offsets may lead anywhere, and many of them to the same place, so that a small
file describes something huge. What is read is therefore counted, and may not exceed the file by much.
"""

from __future__ import annotations

import contextlib
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from tinyglow.errors import ModelError, Problem
from tinyglow.frontend.importing import read_bytes
from tinyglow.frontend.tflite_custom import CUSTOM_FIELDS, custom_attributes
from tinyglow.frontend.tflite_schema import fields, names, newer_fields, plain, schema
from tinyglow.ir.graph import Array
from tinyglow.ir.op import Attribute
from tinyglow.ir.record import Record

IDENTIFIER = b"TFL3"  # from byte 4 on (TensorFlow Lite's schema, file_identifier)
MAX_PARTS = 2**16  # operators, and tensors
_MOST_ITEMS = 2**20  # of a list of numbers that is not a tensor's data
_CALLS = {f"{part}_subgraph_index" for part in ("init", "then", "else", "cond", "body")}
_SHARING = 8  # how many times a byte of the file may be read as a part of something: names are shared
_EXPECTED = "a TFLite model, whose bytes 4 to 7 are TFL3"


class DamagedError(Exception):
    """What a file says of itself cannot be."""


class Quantization(Record):
    """Scales and zero points of a tensor: one each, or one for each index along ``axis``."""

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int


class FileTensor(Record, eq=False):
    """A tensor as the file has it.

    Attributes:
        name: Its name.
        shape: Its dimensions.
        dtype: As its schema calls it ("FLOAT32").
        data: Its bytes, if it is constant.
        quantization: Its scales and zero points, if it has any.
        fault: What it has that nothing here can read; "" if nothing.
        is_variable: Whether it keeps its value from one inference to the next.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    data: Array | None
    quantization: Quantization | None
    fault: str = ""
    is_variable: bool = False


class FileOperator(Record):
    """An operator as the file has it.

    Attributes:
        op_type: Its name in the schema.
        version: Of the operator.
        inputs: Numbers of tensors; -1 for an absent one.
        outputs: Numbers of tensors.
        options: The schema's table that its attributes are in; "" without one.
        attributes: By name.
        fault: What it has that nothing here can read; "" if nothing.
        intermediates: Numbers of tensors that hold the parameters of what it computes on its way.
    """

    op_type: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: str
    attributes: Mapping[str, Attribute]
    fault: str = ""
    intermediates: tuple[int, ...] = ()


class FileModel(Record):
    """The first subgraph of a file, which is the network.

    Attributes:
        tensors: All of them.
        operators: In the file's order.
        inputs: Numbers of tensors.
        outputs: Numbers of tensors.
        file_bytes: Size of the file.
        bodies: Further subgraphs that its operators refer to, by number.
    """

    tensors: tuple[FileTensor, ...]
    operators: tuple[FileOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    file_bytes: int
    bodies: Mapping[int, FileModel] = field(default_factory=dict)


class _Reader:
    """Reads a file's tables, counting what it reads."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.left = _SHARING * len(data)

    def _count(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise DamagedError("its parts are larger than the file")

    def text(self, raw: bytes | None) -> str:
        self._count(len(raw or b""))
        return (raw or b"").decode("utf-8")

    def numbers(self, table: Any, field: str) -> list[Any]:
        """A list of numbers."""
        length = getattr(table, f"{field}Length")()
        if length > _MOST_ITEMS:
            raise DamagedError(f"it holds a list of {length} numbers")
        self._count(4 * length)
        return [] if not length else getattr(table, f"{field}AsNumpy")().tolist()

    def tables(self, table: Any, field: str) -> list[Any]:
        """A list of tables."""
        length = getattr(table, f"{field}Length")()
        if length > MAX_PARTS:
            raise DamagedError(f"it holds {length:,} {re.sub('(?<!^)(?=[A-Z])', ' ', field).lower()}")
        self._count(4 * length)
        return [getattr(table, field)(index) for index in range(length)]

    def model(self) -> FileModel:
        model = schema().Model.GetRootAs(self.data, 0)
        subgraphs = self.tables(model, "Subgraphs")
        if not subgraphs:
            raise DamagedError("it holds no subgraph")
        buffers = [self._buffer(buffer) for buffer in self.tables(model, "Buffers")]
        codes = [self._operator_code(code) for code in self.tables(model, "OperatorCodes")]
        result = self._subgraph(subgraphs[0], buffers, codes)
        lacking = [name for name in ("operators", "outputs") if not getattr(result, name)]
        if lacking:
            raise DamagedError(f"its graph has no {' and no '.join(lacking)}")
        bodies: dict[int, FileModel] = {}
        asked = _called(result)
        while asked:
            number = asked.pop()
            if 0 < number < len(subgraphs) and number not in bodies:
                bodies[number] = self._subgraph(subgraphs[number], buffers, codes)
                asked += _called(bodies[number])
        return replace(result, bodies=dict(sorted(bodies.items())))

    def _subgraph(self, graph: Any, buffers: list[tuple[Array | None, str]], codes: list[tuple[str, int]]) -> FileModel:
        result = FileModel(
            tuple(self._tensor(tensor, buffers) for tensor in self.tables(graph, "Tensors")),
            tuple(self._operator(operator, codes) for operator in self.tables(graph, "Operators")),
            tuple(self.numbers(graph, "Inputs")),
            tuple(self.numbers(graph, "Outputs")),
            len(self.data),
        )
        self._check_references(result)
        return result

    def _check_references(self, model: FileModel) -> None:
        uses = [(-1, operator.inputs) for operator in model.operators]
        uses += [(0, operator.outputs) for operator in model.operators]
        uses += [(-1, operator.intermediates) for operator in model.operators]
        for least, tensors in [*uses, (0, model.inputs), (0, model.outputs)]:
            for index in tensors:
                if not least <= index < len(model.tensors):
                    raise DamagedError(f"it uses tensor {index} of {len(model.tensors)}")

    def _buffer(self, buffer: Any) -> tuple[Array | None, str]:
        """A buffer's bytes, and what is wrong with them."""
        if buffer.Offset() > 1:  # 1 stands for a place that is not known yet
            return None, "its data lies outside of the flatbuffer"
        if not buffer.DataLength():
            return None, ""
        data: Array = buffer.DataAsNumpy()
        self._count(len(data))
        return data, ""

    def _operator_code(self, code: Any) -> tuple[str, int]:
        """The operator's name and version; a custom operator's own name."""
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())  # the newer field is 0 in older files
        name = names("BuiltinOperator").get(number, f"number {number}")
        name = f"CUSTOM {self.text(code.CustomCode())}" if name == "CUSTOM" else name
        return name, code.Version()

    def _tensor(self, tensor: Any, buffers: list[tuple[Array | None, str]]) -> FileTensor:
        if not 0 <= tensor.Buffer() < max(1, len(buffers)):
            raise DamagedError(f"a tensor uses buffer {tensor.Buffer()} of {len(buffers)}")
        data, fault = buffers[tensor.Buffer()] if buffers else (None, "")
        if tensor.Sparsity() is not None:
            fault = "it is sparse"
        quantization = self._quantization(tensor.Quantization())
        if quantization is not None and tensor.Quantization().DetailsType():
            fault = "it has a quantization of its own kind"
        dtype = names("TensorType").get(tensor.Type(), f"number {tensor.Type()}")
        name, shape = self.text(tensor.Name()), tuple(self.numbers(tensor, "Shape"))
        return FileTensor(name, shape, dtype, data, quantization, fault, bool(tensor.IsVariable()))

    def _quantization(self, table: Any) -> Quantization | None:
        if table is None:
            return None
        scales, zero_points = self.numbers(table, "Scale"), self.numbers(table, "ZeroPoint")
        if not scales or not zero_points:
            return None
        return Quantization(tuple(scales), tuple(zero_points), table.QuantizedDimension())

    def _operator(self, operator: Any, codes: list[tuple[str, int]]) -> FileOperator:
        if not 0 <= operator.OpcodeIndex() < len(codes):
            raise DamagedError(f"an operator uses code {operator.OpcodeIndex()} of {len(codes)}")
        name, version = codes[operator.OpcodeIndex()]
        inputs, outputs = self.numbers(operator, "Inputs"), self.numbers(operator, "Outputs")
        operands = tuple(inputs), tuple(outputs)
        kind, table = operator.BuiltinOptionsType(), operator.BuiltinOptions()
        fault = "has options of the schema's second kind" if operator.BuiltinOptions2Type() else ""
        if operator.CustomOptionsLength() and not name.startswith("CUSTOM"):
            fault = "has options of a custom operator"
        if kind == 0 or table is None:
            attributes: dict[str, Attribute] = {}
            if name in CUSTOM_FIELDS and operator.CustomOptionsLength():
                raw = operator.CustomOptionsAsNumpy().tobytes()
                fault, attributes = custom_attributes(raw, CUSTOM_FIELDS[name])
            return FileOperator(name, version, *operands, "", attributes, fault)
        options = names("BuiltinOptions").get(kind)
        if options is None:
            return FileOperator(name, version, *operands, "", {}, f"has options of kind {kind}")
        newer = ", ".join(str(number) for number in newer_fields(options, table))
        fault = f"has a field number {newer} in its {options}" if newer else fault
        between = tuple(self.numbers(operator, "Intermediates"))
        return FileOperator(name, version, *operands, options, self._attributes(options, table), fault, between)

    def _attributes(self, name: str, table: Any) -> dict[str, Attribute]:
        """The fields of an options table, under the schema's names; enumerations as texts."""
        options = getattr(schema(), name)()
        options.Init(table.Bytes, table.Pos)
        return {
            field: self.numbers(options, method) if is_list else plain(field, getattr(options, method)())
            for field, (method, is_list) in fields(name).items()
        }


def _called(model: FileModel) -> list[int]:
    """The numbers of the subgraphs that a subgraph's operators refer to."""
    values = (value for item in model.operators for key, value in item.attributes.items() if key in _CALLS)
    return [value for value in values if isinstance(value, int)]


def is_tflite(path: str | Path) -> bool:
    """Whether a file is a TFLite model by its first bytes, or by its name if it cannot be read or is shorter."""
    start = b""
    with contextlib.suppress(OSError):
        if Path(path).is_file():  # a pipe might keep us waiting
            with open(path, "rb") as file:
                start = file.read(8)
    return start[4:8] == IDENTIFIER or Path(path).suffix.lower() == ".tflite"


def read_tflite(path: str | Path) -> FileModel:
    """The parsed file. Raises ModelError if it cannot be read or is no TFLite model; ToolError."""
    data = read_bytes(path)
    schema()
    if data[4:8] != IDENTIFIER:
        raise ModelError(f"cannot read the model {path}", [Problem("", "not a TFLite file", _EXPECTED)])
    return _guarded(path, _Reader(data).model)


def _guarded(path: str | Path, read: Callable[[], FileModel]) -> FileModel:
    try:
        return read()
    except DamagedError as error:
        found = f"a TFLite file that cannot be used: {error}"
    except UnicodeDecodeError:
        found = "a damaged TFLite file: it holds names that are not UTF-8"
    except (struct.error, ValueError, TypeError, IndexError, OverflowError, AttributeError):
        # What the flatbuffers package raises for offsets that lead outside of the file.
        found = "a truncated or damaged TFLite file"
    raise ModelError(f"cannot read the model {path}", [Problem("", found, _EXPECTED)])
