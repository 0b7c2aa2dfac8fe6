"""A data set of digits that the project draws itself, as ``tinyglow collect`` would store what people draw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinyglow.dataset.names import DIGITS
from tinyglow.dataset.store import Store
from tinyglow.dataset.strokes import PEN, picture_of
from tinyglow.demo.digits import strokes_of
from tinyglow.images.dat import write_dat


def drawn_picture(digit: int, hand: int, pen: float = PEN) -> npt.NDArray[np.uint8]:
    """The picture [28, 28] that ``tinyglow collect`` makes of ``digit`` as hand number ``hand`` draws it.

    Raises ValueError for a digit or hand that does not exist.
    """
    return picture_of([line.tolist() for line in strokes_of(digit, hand)], pen)


def write_data_set(folder: str | Path, count: int, first_hand: int = 0, pen: float = PEN) -> Path:
    """Draw each digit ``count`` times and add the pictures to a data set.

    Args:
        folder: Gets a folder of .DAT files for each digit.
        count: Pictures of each digit, each by a hand of its own; the hands' numbers are the writers' names.
        first_hand: Number of the first hand. Equal hands draw equal pictures.
        pen: Width of a line, in pixels.

    Returns:
        The folder.

    Raises:
        InputError: The folder cannot be written.
    """
    store = Store(Path(folder), DIGITS)
    for hand in range(first_hand, first_hand + count):
        for digit, label in enumerate(DIGITS):
            store.add(label, write_dat(drawn_picture(digit, hand, pen)), f"hand{hand:04d}")
    return store.root
