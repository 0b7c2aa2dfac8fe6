"""Constants of an ONNX file as arrays, in the file itself or in one beside it (external data). Files are untrusted."""

from __future__ import annotations

import math
import stat
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from tinyglow.errors import reason
from tinyglow.frontend.importing import MAX_FILE_BYTES
from tinyglow.ir.graph import Array
from tinyglow.ir.op import UnsupportedError

# All floats become float32: what quantizes a network cannot tell them apart.
FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16, onnx.TensorProto.DOUBLE)
# Integers that may be quantized values. Others, and these where nothing dequantizes them, are shapes and indices.
SMALL_INTEGERS = tuple(
    number
    for name in ("INT8", "UINT8", "INT16", "UINT16", "INT4", "UINT4")
    if (number := dict(onnx.TensorProto.DataType.items()).get(name)) is not None
)
_INTEGERS = (onnx.TensorProto.INT64, onnx.TensorProto.INT32, onnx.TensorProto.BOOL, *SMALL_INTEGERS)


def type_name(number: int) -> str:
    """What ONNX calls an element type."""
    known = onnx.TensorProto.DataType.items()
    return next((name for name, value in known if value == number), f"number {number}")


def is_external(tensor: onnx.TensorProto) -> bool:
    """Whether its data lie in another file."""
    return bool(tensor.data_location == onnx.TensorProto.EXTERNAL)


class Tensors:
    """Reads the constants of a model file in ``folder``.

    external_bytes: how much was read from files beside it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.external_bytes = 0

    def array(self, tensor: onnx.TensorProto) -> Array:
        """The data, floats as float32. Raises UnsupportedError for what is missing, malformed or of another type."""
        data = self._as_stored(tensor)
        if tensor.data_type not in FLOATS:
            return data.astype(np.int64)
        with np.errstate(over="ignore"):
            return data.astype(np.float32)

    def integers(self, tensor: onnx.TensorProto) -> tuple[str, Array]:
        """What ONNX calls the elements' type, and the elements as int64. Raises UnsupportedError."""
        return type_name(tensor.data_type), self._as_stored(tensor).astype(np.int64)

    def _as_stored(self, tensor: onnx.TensorProto) -> Array:
        if tensor.data_type not in (*FLOATS, *_INTEGERS):
            expected = "FLOAT, FLOAT16, BFLOAT16, DOUBLE, BOOL or an integer type of at most 64 bits"
            raise UnsupportedError(f"is of type {type_name(tensor.data_type)}", expected)
        if is_external(tensor):
            tensor = self._inside(tensor)
        try:
            # Of its own shape: numpy would make a vector of a scalar here.
            data: Array = np.array(numpy_helper.to_array(tensor), order="C")
        except (ValueError, TypeError, OverflowError, MemoryError) as error:
            raise UnsupportedError(f"has malformed data: {error}") from error
        return data

    def _inside(self, tensor: onnx.TensorProto) -> onnx.TensorProto:
        """The tensor with its data inside."""
        entries = {entry.key: entry.value for entry in tensor.external_data}
        item = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        if min(tensor.dims, default=0) < 0:
            raise UnsupportedError(f"has shape {list(tensor.dims)}", "dimensions of at least 0 elements")
        needed = item * math.prod(tensor.dims)
        if type_name(tensor.data_type) in ("INT4", "UINT4"):  # two to a byte
            needed = -(-math.prod(tensor.dims) // 2)
        offset, length = _count(entries, "offset", 0), _count(entries, "length", needed)
        if length != needed:
            found = f"has {length} bytes of external data for shape {list(tensor.dims)}"
            raise UnsupportedError(found, f"{needed}")
        copy = onnx.TensorProto()
        copy.data_type, copy.name = tensor.data_type, tensor.name
        copy.dims.extend(tensor.dims)
        copy.raw_data = self._read(entries.get("location", ""), offset, length)
        self.external_bytes += length
        return copy

    def _read(self, location: str, offset: int, length: int) -> bytes:
        """A part of a file in the model's folder, or in one inside it: links and ".." lead nowhere else."""
        where, hint = f"its data in the file {location!r}", "keep that file beside the model's"
        folder = self.folder.resolve()
        try:
            path = (folder / location).resolve()
            if not location or not path.is_relative_to(folder):
                raise UnsupportedError(f"has {where}", "a file in the model's folder", hint)
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise UnsupportedError(f"has {where}, which is no file", "a file in the model's folder", hint)
            if offset + length > status.st_size or status.st_size > _MOST_EXTERNAL:
                found = f"has {where} from byte {offset} to {offset + length}, which has {status.st_size}"
                raise UnsupportedError(found, "a whole file", "copy it again")
            with open(path, "rb") as file:
                file.seek(offset)
                return file.read(length)
        except (OSError, ValueError) as error:
            raise UnsupportedError(f"has {where}, which cannot be read: {reason(error)}", "", hint) from error


_MOST_EXTERNAL = 4 * MAX_FILE_BYTES
_DIGITS = 18  # of a number that fits 64 bits


def _count(entries: dict[str, str], name: str, default: int) -> int:
    text = entries.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise UnsupportedError(f"has the {name} {text[:40]!r} of external data", "a number of bytes")
    return int(text)
