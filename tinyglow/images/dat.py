"""``.DAT`` files: one gray picture of 28 x 28 pixels without a header, as an application on a board writes it.

What this project writes is ``SIDE * SIDE`` bytes, row by row from the top left: 0 is background, 255 the middle of a
line. NXP's AN12892 gathers its digits in files with this ending. No public description of their content was found,
so two other plain forms are read too, told apart by their size and characters: little-endian float32 from 0 to 1, and
text with a number for each pixel.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from tinyglow.images.preprocess import Pixels

SIDE = 28
SUFFIX = ".dat"  # in any case; files are written with capitals, as on the memory card of a board
PIXELS = SIDE * SIDE
MAX_BYTES = 16 * PIXELS  # of a text form: a number, a comma, and room for spaces
EXPECTED = f"{PIXELS} bytes, {PIXELS} float32 from 0 to 1, or {PIXELS} numbers from 0 to 255 as text"

Gray = npt.NDArray[np.uint8]


def write_dat(pixels: Pixels) -> bytes:
    """The file of pixels [28, 28] or [28, 28, 1], uint8. Raises ValueError for any other size or type."""
    if pixels.dtype != np.uint8 or pixels.shape not in ((SIDE, SIDE), (SIDE, SIDE, 1)):
        raise ValueError(f"is {pixels.dtype} of shape {list(pixels.shape)}; expected uint8 [{SIDE}, {SIDE}]")
    return pixels.tobytes()


def read_dat(data: bytes) -> Gray:
    """The pixels [28, 28], uint8, of a file's content in any of the three forms. Raises ValueError."""
    if len(data) == PIXELS:
        return np.frombuffer(data, np.uint8).reshape(SIDE, SIDE)
    if len(data) == 4 * PIXELS and not _is_text(data):
        return _from_floats(np.frombuffer(data, "<f4"))
    if _is_text(data):
        return _from_text(data.decode("ascii"))
    raise ValueError(f"has {len(data):,} bytes")


def _is_text(data: bytes) -> bool:
    return re.fullmatch(rb"[0-9\s,;]*", data) is not None


def _from_floats(values: npt.NDArray[np.float32]) -> Gray:
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
        raise ValueError("holds float32 that are not all from 0 to 1")
    return np.rint(values * np.float32(255)).astype(np.uint8).reshape(SIDE, SIDE)


def _from_text(text: str) -> Gray:
    numbers = re.findall("[0-9]+", text)
    if len(numbers) != PIXELS:
        raise ValueError(f"is text with {len(numbers):,} numbers")
    if any(len(number.lstrip("0")) > 3 or int(number) > 255 for number in numbers):
        raise ValueError("is text with numbers above 255")
    return np.array([int(number) for number in numbers], np.uint8).reshape(SIDE, SIDE)
