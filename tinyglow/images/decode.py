"""Image files -> pixels, and back. The only place that imports Pillow.

Files are not trusted: what their header promises is checked before anything is decoded, and only the decoders of PNG,
JPEG and PPM run. Files whose name ends in ``.DAT`` are pictures without a header (``images.dat``).
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyglow.errors import InputError, Problem, reason
from tinyglow.images import dat
from tinyglow.images.preprocess import Pixels
from tinyglow.resources import read_bounded, require_file

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "PPM")
SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".ppm": "PPM", ".pgm": "PPM"}
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"P1", b"P2", b"P3", b"P4", b"P5", b"P6")
MAX_PIXELS = 2**24  # 4096 x 4096
MAX_FILE_BYTES = 2**28
_MODES = {"L": "L", "LA": "L", "RGB": "RGB", "RGBA": "RGB", "I;16": "I;16", "I;16B": "I;16B", "I": "I"}
_KINDS = {"P": "a palette image", "PA": "a palette image", "CMYK": "a CMYK image", "1": "an image of one bit a pixel"}
_EXPECTED = "a grayscale or RGB image of 8 or 16 bits"
_CONVERT = "convert it, for instance with Pillow: Image.open(x).convert('RGB')"
_WIDE = 2**16 - 1


class NotAnImageError(Exception):
    """Carries the problem with one file."""

    def __init__(self, found: str, expected: str = "", hint: str = "") -> None:
        self.found, self.expected, self.hint = found, expected, hint
        super().__init__(found)


def image_files(folder: str | Path) -> list[Path]:
    """All regular files of a folder, by the alphabet, as Glow's -input-image-dir takes them. Raises InputError."""
    try:
        return sorted((path for path in Path(folder).iterdir() if path.is_file()), key=str)
    except OSError as error:
        problem = Problem(str(folder), reason(error), "a folder with images")
        raise InputError("the images cannot be read", [problem]) from error


def read_pixels(path: str | Path) -> Pixels:
    """The pixels [height, width, channels] of a file, gray or RGB, uint8 or uint16; an alpha channel is dropped.

    Raises InputError.
    """
    try:
        return decode(path)
    except NotAnImageError as error:
        problem = Problem(str(path), error.found, error.expected, error.hint)
        raise InputError("the image cannot be read", [problem]) from error


def decode(path: str | Path) -> Pixels:
    """As ``read_pixels``, but raises NotAnImageError."""
    try:
        if Path(path).stat().st_size > MAX_FILE_BYTES:
            raise NotAnImageError(f"is larger than {MAX_FILE_BYTES} bytes", "an image file")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes that are refused below
            return _decode(path)
    except NotAnImageError:
        raise
    except OSError as error:
        if error.errno is not None:
            raise NotAnImageError(reason(error)) from error
        raise NotAnImageError(f"is damaged: {error}", "a whole image file") from error
    except ModuleNotFoundError:
        raise
    except Exception as error:  # damaged files make decoders raise whatever they meet
        raise NotAnImageError(f"is damaged: {error}", "a whole image file") from error


def _decode(path: str | Path) -> Pixels:
    from PIL import Image, UnidentifiedImageError

    if Path(path).suffix.lower() == dat.SUFFIX:
        return _decode_dat(path)
    require_file(path)
    try:
        opened = Image.open(path, formats=FORMATS)
    except UnidentifiedImageError as error:
        with open(path, "rb") as file:
            known = file.read(8).startswith(_MAGIC)
        found = "is damaged: its header cannot be read" if known else "is no image"
        raise NotAnImageError(found, "a PNG, JPEG or PPM file") from error
    except Image.DecompressionBombError as error:
        raise NotAnImageError("has too many pixels", f"at most {MAX_PIXELS:,} in all") from error
    with opened as image:
        width, height = image.size
        if width < 1 or height < 1 or width * height > MAX_PIXELS:
            raise NotAnImageError(f"has {width} x {height} pixels", f"at most {MAX_PIXELS:,} in all")
        mode = _mode(image)
        wide = _wide_raw_mode(image)
        if wide:
            return _sixteen_bits(path, wide)
        pixels = np.asarray(image if _MODES[mode] == mode else image.convert(_MODES[mode]))
    pixels = pixels.astype(np.uint8 if mode in ("L", "LA", "RGB", "RGBA") else np.uint16)
    return pixels if pixels.ndim == 3 else pixels[:, :, np.newaxis]


def _decode_dat(path: str | Path) -> Pixels:
    try:
        return dat.read_dat(read_bounded(path, dat.MAX_BYTES))[:, :, np.newaxis]
    except ValueError as error:
        raise NotAnImageError(str(error), dat.EXPECTED) from error


def _mode(image: Image.Image) -> str:
    """Pillow's mode of the image, if it is one that networks take."""
    if image.mode not in _MODES:
        kind = _KINDS.get(image.mode, f"an image of mode {image.mode}")
        raise NotAnImageError(f"is {kind}", _EXPECTED, _CONVERT)
    if image.format == "PPM":
        _, args = _tile(image)
        white = args[1] if isinstance(args, Sequence) and len(args) == 2 and isinstance(args[1], int) else 255
        if white not in (255, _WIDE):
            raise NotAnImageError(f"has {white} as its brightest value", f"255 or {_WIDE}")
    return image.mode


def _tile(image: Any) -> tuple[str, Any]:
    """(decoder, its arguments) of an image that has not been decoded."""
    codec, _, _, args = image.tile[0]
    return codec, args


def _wide_raw_mode(image: Image.Image) -> str:
    """RGB or RGBA for colour of 16 bits, which Pillow would cut to 8; "" for everything else."""
    codec, args = _tile(image)
    raw = args[0] if isinstance(args, Sequence) and not isinstance(args, str) else args
    if image.format == "PNG" and raw in ("RGB;16B", "RGBA;16B"):
        return str(raw).partition(";")[0]
    if image.format == "PNG" and raw == "LA;16B":
        raise NotAnImageError(
            "is a grayscale image of 16 bits with transparency", _EXPECTED, "remove the alpha channel"
        )
    if image.format == "PPM" and image.mode == "RGB" and codec.startswith("ppm") and args[1] == _WIDE:
        if codec != "ppm":
            raise NotAnImageError("is a text PPM of 16 bits", "a binary one (P5 or P6)")
        return "RGB"
    return ""


def _sixteen_bits(path: str | Path, mode: str) -> Pixels:
    """Colour of 16 bits: the file is decoded twice, into its bytes' upper and its lower halves."""
    halves = [_half(path, f"{mode};16{end}").astype(np.uint16) for end in "BL"]
    return (halves[0] << 8 | halves[1]).astype(np.uint16)


def _half(path: str | Path, raw_mode: str) -> Pixels:
    """RGB of the bytes that Pillow's ``raw_mode`` picks: the first of each two (16B) or the second (16L)."""
    from PIL import Image

    with Image.open(path, formats=FORMATS) as image:
        codec, extents, offset, _ = image.tile[0]
        codec, args = ("raw", (raw_mode, 0, 1)) if codec == "ppm" else (codec, raw_mode)
        tile = type(image.tile[0])
        fields = (codec, extents, offset, args)
        image.tile = [fields if tile is tuple else tile(*fields)]
        return np.asarray(image)[:, :, :3]


def image_bytes(pixels: Pixels, suffix: str) -> bytes:
    """A file of pixels [height, width, 1 or 3] of 8 bits: PNG, JPEG or PPM, by the suffix (``.png``) of its name.

    ``.dat`` is 28 x 28 gray pixels without a header. Raises InputError for another suffix, or pixels it cannot hold.
    """
    from PIL import Image

    if suffix.lower() == dat.SUFFIX:
        try:
            return dat.write_dat(pixels)
        except ValueError as error:
            raise InputError("a .DAT file cannot hold the image", [Problem("", str(error))]) from error
    kind = SUFFIXES.get(suffix.lower())
    if kind is None:
        raise InputError("no such kind of image", [Problem(suffix, "is not known", ", ".join(SUFFIXES))])
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)).save(file, kind)
    return file.getvalue()
