"""Arrays of a .npz file that anybody may have made: no more is unpacked than its headers and a bound allow."""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path

import numpy as np

from tinyglow.errors import InputError, Problem, reason
from tinyglow.ir.graph import Array
from tinyglow.resources import read_bounded

MOST_BYTES = 1 << 28  # of the file, and of what it unpacks to: a few packed bytes may stand for a thousand
_MOST_ARRAYS = 1_000


def read_npz(path: str | Path, what: str, most: int = MOST_BYTES) -> dict[str, Array]:
    """Read all arrays of numbers of a .npz file; scalars are left out.

    Args:
        path: The file.
        what: What the file is, for messages.
        most: Bytes that it may have, and unpack to.

    Returns:
        Arrays by name.

    Raises:
        InputError: It is no such file, is damaged, or unpacks to too much.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(read_bounded(path, most))) as archive:
            parts = archive.infolist()
            total = sum(part.file_size for part in parts)
            if len(parts) > _MOST_ARRAYS or total > most:
                raise ValueError(f"holds {len(parts):,} arrays of {total:,} bytes, more than {most:,}")
            found = {part.filename.removesuffix(".npy"): _array(archive.read(part)) for part in parts}
    except OSError as error:
        raise InputError(f"cannot read {what}", [Problem(str(path), reason(error))]) from error
    except Exception as error:  # a damaged archive or header raises whatever its parser does
        said = " ".join(str(error).split())[:200]
        raise InputError(f"cannot read {what}", [Problem(str(path), f"is damaged, or no .npz: {said}")]) from error
    return {name: array for name, array in found.items() if array.dtype.kind in "fiub" and array.ndim}


def _array(data: bytes) -> Array:
    """The array in a .npy file. Raises ValueError if its header promises more data than the file has."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"an array of version {version}")
    shape, is_fortran, dtype = read(file)
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(data) - file.tell():
        raise ValueError(f"an array of {len(data):,} bytes that is to be {dtype} of shape {list(shape)[:8]}")
    flat: Array = np.frombuffer(data, dtype, offset=file.tell())
    return flat.reshape(shape, order="F" if is_fortran else "C")
