"""What commands write: results into files that the user names."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tinyglow.errors import InputError, Problem, reason
from tinyglow.resources import write_file

if TYPE_CHECKING:
    from tinyglow.ir.graph import Array


def write_result(path: str, data: bytes) -> None:
    """Write a file in one step; InputError."""
    try:
        write_file(path, data)
    except OSError as error:
        raise InputError(f"cannot write {path}", [Problem("", reason(error))]) from error


def write_outputs(path: str, arrays: Mapping[str, Array]) -> None:
    """Write arrays as a .npz file, in one step; InputError.

    ``numpy.savez`` takes names as keyword arguments: an output called ``file`` would be an argument of its own.
    """
    import numpy as np

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getbuffer())
    write_result(path, content.getvalue())
