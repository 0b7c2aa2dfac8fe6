"""Image files: what is read, to the pixel, and what is refused, with an answer that helps."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tinyglow.errors import InputError
from tinyglow.images import ImageOptions, image_files, load_images, read_pixels
from tinyglow.images import decode as decoding

RNG = np.random.default_rng(7)


def _png(pixels: npt.NDArray[Any], color_type: int, interlace: int = 0) -> bytes:
    """A PNG of 8 or 16 bits, written here, so that Pillow is not its own judge."""
    height, width, _ = pixels.shape
    depth = 8 * pixels.dtype.itemsize
    rows = b"".join(b"\0" + row.astype(row.dtype.newbyteorder(">")).tobytes() for row in pixels)
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, interlace))]
    parts += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    chunks = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _ppm(pixels: npt.NDArray[Any], comment: str = "") -> bytes:
    height, width, channels = pixels.shape
    kind = "P5" if channels == 1 else "P6"
    data = pixels.astype(pixels.dtype.newbyteorder(">")).tobytes()
    return f"{kind}\n{comment}{width} {height}\n{np.iinfo(pixels.dtype).max}\n".encode() + data


def _random(channels: int, dtype: type[Any]) -> npt.NDArray[Any]:
    return RNG.integers(0, np.iinfo(dtype).max + 1, (5, 4, channels)).astype(dtype)


def _file(folder: Path, data: bytes, name: str = "image.png") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("channels", "color_type"), [(1, 0), (3, 2), (4, 6)])
def test_png(tmp_path: Path, channels: int, color_type: int, dtype: type[Any]) -> None:
    """Gray and colour PNGs of 8 and 16 bits are read to the last bit; transparency is dropped."""
    pixels = _random(channels, dtype)
    found = read_pixels(_file(tmp_path, _png(pixels, color_type)))
    assert found.dtype == dtype
    assert np.array_equal(found, pixels[:, :, :3])


def test_gray_png_with_transparency(tmp_path: Path) -> None:
    """The alpha channel of a gray PNG of 8 bits is dropped; that of one of 16 bits is refused, as none can read it."""
    pixels = _random(2, np.uint8)
    assert np.array_equal(read_pixels(_file(tmp_path, _png(pixels, 4))), pixels[:, :, :1])
    with pytest.raises(InputError, match="alpha"):
        read_pixels(_file(tmp_path, _png(_random(2, np.uint16), 4)))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("comment", ["", "# a comment\n"])
def test_ppm(tmp_path: Path, channels: int, dtype: type[Any], comment: str) -> None:
    """Binary PGM and PPM files of 8 and 16 bits are read to the last bit."""
    pixels = _random(channels, dtype)
    found = read_pixels(_file(tmp_path, _ppm(pixels, comment), "image.ppm"))
    assert found.dtype == dtype
    assert np.array_equal(found, pixels)


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg(tmp_path: Path, channels: int) -> None:
    """A JPEG of one colour has that colour, nearly."""
    color = (200, 100, 50)[:channels]
    Image.new("L" if channels == 1 else "RGB", (16, 8), color if channels == 3 else color[0]).save(tmp_path / "x.jpg")
    found = read_pixels(tmp_path / "x.jpg")
    assert found.shape == (8, 16, channels)
    assert np.abs(found.astype(int) - color).max() <= 3


def _saved(mode: str, kind: str) -> bytes:
    file = io.BytesIO()
    Image.new(mode, (4, 4)).save(file, kind)
    return file.getvalue()


GOOD = _png(_random(3, np.uint8), 2)
HUGE = GOOD[:16] + struct.pack(">II", 100_000, 100_000) + GOOD[24:29]
HUGE += struct.pack(">I", zlib.crc32(HUGE[12:29])) + GOOD[33:]


@pytest.mark.parametrize(
    ("data", "because"),
    [
        (b"", "is no image"),
        (b"GIF89a hello", "is no image"),
        (GOOD[:40], "is damaged"),
        (GOOD[:50] + bytes([GOOD[50] ^ 1]) + GOOD[51:], "is damaged"),
        (_ppm(_random(3, np.uint8))[:-1], "is damaged"),
        (b"P6 4 4 1000 " + bytes(96), "has 1000 as its brightest value"),
        (b"P6 0 4 255 ", "is damaged|has 0 x 4"),
        (b"P6 99999999999999999999 4 255 ", "is damaged"),
        (_saved("P", "PNG"), "is a palette image.*convert"),
        (_saved("CMYK", "JPEG"), "is a CMYK image.*convert"),
        (_saved("1", "PNG"), "one bit"),
        (HUGE, "too many pixels"),
        (_png(np.zeros((5000, 5000, 1), np.uint8), 0), "5000 x 5000 pixels"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_refused(tmp_path: Path, data: bytes, because: str) -> None:
    """Damaged files, palettes, CMYK and headers that promise too much get an answer that names file and fault."""
    with pytest.raises(InputError, match=because) as caught:
        read_pixels(_file(tmp_path, data, "bad.png"))
    assert "bad.png" in str(caught.value)


def test_any_damage_is_an_answer(tmp_path: Path) -> None:
    """A PNG with any one byte changed is read or refused, never anything else."""
    for place in range(len(GOOD)):
        broken = _file(tmp_path, GOOD[:place] + bytes([GOOD[place] ^ 0x41]) + GOOD[place + 1 :])
        try:
            assert read_pixels(broken).ndim == 3
        except InputError as error:
            assert error.problems


def test_a_large_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file beyond the limit is refused by its size."""
    monkeypatch.setattr(decoding, "MAX_FILE_BYTES", 10)
    with pytest.raises(InputError, match="larger than 10 bytes"):
        read_pixels(_file(tmp_path, GOOD))


def test_all_bad_images_are_reported_at_once(tmp_path: Path) -> None:
    """Missing, damaged and misfitting images stand in one error, each with what the network takes."""
    small = _png(RNG.integers(0, 256, (2, 2, 3)).astype(np.uint8), 2)
    paths = [
        tmp_path / "missing.png",
        _file(tmp_path, GOOD, "good.png"),
        _file(tmp_path, GOOD[:30], "damaged.png"),
        _file(tmp_path, small, "small.png"),
        _file(tmp_path, _png(_random(1, np.uint8), 0), "gray.png"),
    ]
    with pytest.raises(InputError) as caught:
        load_images(paths, ImageOptions(), (3, 5, 4))
    text = str(caught.value)
    assert [problem.where for problem in caught.value.problems] == [str(p) for p in paths if p.name != "good.png"]
    assert "2 x 2 pixels, RGB; expected 4 x 5 pixels, RGB, as the network takes (NCHW)" in text
    assert "4 x 5 pixels, gray" in text


def test_images_become_one_tensor(tmp_path: Path) -> None:
    """The tensor holds the images in their order; a flat shape is filled too; progress counts them."""
    pictures = [_random(3, np.uint8) for _ in range(3)]
    paths = [_file(tmp_path, _png(pixels, 2), f"{i}.png") for i, pixels in enumerate(pictures)]
    seen: list[int] = []
    options = ImageOptions(layout="NHWC", channel_order="RGB")
    tensor = load_images(paths, options, progress=seen.append)
    assert np.array_equal(tensor, np.stack(pictures).astype(np.float32))
    assert seen == [1, 1, 1]
    assert np.array_equal(load_images(paths, options, (60,)), tensor.reshape(3, 60))


def test_the_wrong_number_of_means_is_reported_once(tmp_path: Path) -> None:
    """Three means for gray images are refused once, however many images there are."""
    paths = [_file(tmp_path, _png(_random(1, np.uint8), 0), f"{i}.png") for i in range(3)]
    with pytest.raises(InputError) as caught:
        load_images(paths, ImageOptions(mean=(1.0, 2.0, 3.0)))
    assert len(caught.value.problems) == 1


def test_a_folder_gives_its_files_by_the_alphabet(tmp_path: Path) -> None:
    """Only files, sorted; a folder that is not there is an error."""
    for name in ("b.png", "a.png", "10.png"):
        _file(tmp_path, GOOD, name)
    (tmp_path / "folder").mkdir()
    assert [path.name for path in image_files(tmp_path)] == ["10.png", "a.png", "b.png"]
    with pytest.raises(InputError):
        image_files(tmp_path / "nowhere")
