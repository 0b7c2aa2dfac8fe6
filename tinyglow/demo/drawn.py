"""A data set of digits that the project draws itself, as ``tinyglow collect`` would store what people draw."""

from __future__ import annotations

from pathlib import Path

from tinyglow.dataset.names import DIGITS
from tinyglow.dataset.store import Store
from tinyglow.dataset.strokes import PEN, picture_of
from tinyglow.demo.digits import strokes_of
from tinyglow.images.dat import write_dat


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
            lines = [[(float(x), float(y)) for x, y in line] for line in strokes_of(digit, hand)]
            store.add(label, write_dat(picture_of(lines, pen)), f"hand{hand:04d}")
    return store.root
