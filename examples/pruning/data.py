"""Digits to train on and to test with: MNIST, where a file of it is at hand, or digits that the project draws."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "digits"))

import numpy as np
from network import Array, Labels

from tinyglow.demo.drawn import drawn_picture

Set = tuple[Array, Labels]
_FIRST_TEST_HAND = 100_000


def _drawn(first: int, count: int) -> Set:
    """Each digit once by each of ``count`` hands."""
    pictures = [drawn_picture(digit, hand) for hand in range(first, first + count) for digit in range(10)]
    images = np.stack(pictures)[..., None].astype(np.float32) / np.float32(255)
    return images, np.arange(len(pictures), dtype=np.int64) % 10


def digits(mnist: str | None, train: int, test: int) -> tuple[Set, Set, str]:
    """(to train on, to test with, what it is): images [n, 28, 28, 1] in 0..1 and labels [n].

    Args:
        mnist: Keras' file mnist.npz, with x_train uint8 [60000, 28, 28], y_train, x_test and y_test; None to draw.
        train: Pictures to train on at most.
        test: Pictures to test with at most.
    """
    if mnist is None:
        return _drawn(0, -(-train // 10)), _drawn(_FIRST_TEST_HAND, -(-test // 10)), "drawn digits"
    found = []
    with np.load(mnist, allow_pickle=False) as file:
        for part, count in (("train", train), ("test", test)):
            images, labels = file[f"x_{part}"][:count], file[f"y_{part}"][:count]
            found.append((images[..., None].astype(np.float32) / np.float32(255), labels.astype(np.int64)))
    return found[0], found[1], "MNIST"
