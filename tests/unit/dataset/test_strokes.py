"""Lines become pictures in MNIST's frame, and pictures become .DAT files and come back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tinyglow.dataset.strokes import centre_of_mass, picture_of
from tinyglow.demo.digits import strokes_of
from tinyglow.errors import InputError
from tinyglow.images import image_bytes, read_pixels
from tinyglow.images.dat import MAX_BYTES, read_dat, write_dat


def _lines(digit: int, variant: int = 3) -> list[list[tuple[float, float]]]:
    return [[(float(x), float(y)) for x, y in line] for line in strokes_of(digit, variant)]


@pytest.mark.parametrize("digit", range(10))
def test_a_drawing_fills_mnists_frame(digit: int) -> None:
    """The larger side takes 20 pixels, the mass is in the middle, and the line is one pixel wide."""
    picture = picture_of(_lines(digit))
    rows, columns = np.flatnonzero(picture.any(axis=1)), np.flatnonzero(picture.any(axis=0))
    assert 19 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 21
    assert np.abs(centre_of_mass(picture.astype(np.float64)) - 14).max() < 0.3
    length = sum(float(np.hypot(*np.diff(np.array(line), axis=0).T).sum()) for line in _lines(digit))
    every = np.concatenate([np.array(line) for line in _lines(digit)])
    pixels = 19 * length / float(np.ptp(every, axis=0).max())
    assert 0.7 < picture.sum() / 255 / pixels < 1.3


def test_size_and_place_in_the_box_do_not_matter() -> None:
    """A small drawing in a corner gives the same picture, within rounding."""
    small = [[(0.1 + x / 4, 0.6 + y / 4) for x, y in line] for line in _lines(3)]
    difference = picture_of(small).astype(int) - picture_of(_lines(3)).astype(int)
    assert np.abs(difference).max() <= 2


def test_a_wider_pen_draws_a_wider_line() -> None:
    """As many pixels as the pen is wide."""
    line = [[(0.5, 0.1), (0.5, 0.9)]]
    for pen in (1.0, 2.0, 3.0):
        middle = picture_of(line, pen)[14].astype(float) / 255
        assert middle.sum() == pytest.approx(pen, abs=0.05)


def test_a_tap_is_a_dot_and_a_shaky_dot_is_not_enlarged() -> None:
    """Drawings without extent are drawings too."""
    tap = picture_of([[(0.2, 0.9)]])
    assert tap.max() > 200 and 0.5 < tap.sum() / 255 < 3
    shaky = picture_of([[(0.5, 0.5), (0.51, 0.5), (0.51, 0.51)]])
    assert np.ptp(np.flatnonzero(shaky.any(axis=1))) <= 4


@pytest.mark.parametrize("lines", [[], [[]], [[(0.5, 0.5)], []]])
def test_nothing_is_no_drawing(lines: list[list[tuple[float, float]]]) -> None:
    """It is refused rather than stored as a black picture."""
    with pytest.raises(ValueError, match="no line"):
        picture_of(lines)


def test_the_three_forms_of_dat_say_the_same() -> None:
    """Bytes, float32 and text."""
    picture = picture_of(_lines(8))
    floats = (picture.astype(np.float32) / np.float32(255)).astype("<f4").tobytes()
    text = "\n".join(", ".join(map(str, row)) + "," for row in picture).encode()
    assert len(write_dat(picture)) == 784
    for data in (write_dat(picture), floats, text):
        np.testing.assert_array_equal(read_dat(data), picture)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "text with 0 numbers"),
        (b"\1" * 783, "783 bytes"),
        (np.full(784, np.nan, "<f4").tobytes(), "not all from 0 to 1"),
        (np.full(784, 2, "<f4").tobytes(), "not all from 0 to 1"),
        (b"256 " + b"0 " * 783, "above 255"),
        (b"9" * 5000 + b" 0" * 783, "above 255"),
        (b"1 2 3", "3 numbers"),
        (b"0 " * (MAX_BYTES // 2 + 1), "more than 12,544 bytes"),
    ],
)
def test_other_files_are_refused(data: bytes, found: str, tmp_path: Path) -> None:
    """With what they hold and what was expected."""
    path = tmp_path / "a.DAT"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_pixels(path)
    assert found in str(caught.value)


def test_dat_is_one_more_kind_of_image(tmp_path: Path) -> None:
    """It is written by its suffix and read where images are."""
    picture = picture_of(_lines(5))[:, :, None]
    path = tmp_path / "a.DAT"
    path.write_bytes(image_bytes(picture, ".DAT"))
    np.testing.assert_array_equal(read_pixels(path), picture)
    with pytest.raises(InputError, match="cannot hold"):
        image_bytes(np.zeros((28, 29, 1), np.uint8), ".dat")
