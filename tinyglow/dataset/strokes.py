"""Lines drawn by a finger -> a picture of 28 x 28 pixels.

The frame is MNIST's (LeCun, Cortes and Burges, "The MNIST database of handwritten digits"): the drawing keeps its
proportions, its larger side takes 20 pixels, and its centre of mass lies at pixel (14, 14). The line is ``pen`` pixels
wide in the finished picture, whatever the size of the drawing was.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tinyglow.images.dat import SIDE

Float64 = npt.NDArray[np.float64]

EXTENT = 20.0  # pixels of the larger side
CENTRE = 14.0  # pixel (14, 14) of 0..27 holds the centre of mass, not the geometric middle 13.5
PEN = 1.0  # pixels
# A drawing smaller than this share of its box, such as a dot, is not enlarged further.
_SMALLEST = 0.15
_THIN = 0.25  # pixels: points nearer to each other add nothing that can be seen


def coverage(strokes: Sequence[Float64], pen: float, edge: float = 1.0) -> Float64:
    """Picture [28, 28] in 0..1 of round-pen ``strokes``, each points [n, 2] as (x, y) in pixels.

    The value of a pixel falls linearly with its distance to the nearest stroke: 1 to 0 over ``edge`` pixels, 1/2 where
    the pen ends.
    """
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    pixels = np.stack([columns, rows], axis=-1)[:, :, None, :]
    nearest = np.full((SIDE, SIDE), np.inf)
    for points in strokes:
        start, along = points[:-1], np.diff(points, axis=0)
        squared = np.maximum((along**2).sum(axis=1), 1e-12)  # two equal points are a dot, not a division by zero
        foot = np.clip(((pixels - start) * along).sum(axis=-1) / squared, 0.0, 1.0)
        distance = np.sqrt(((pixels - start - foot[..., None] * along) ** 2).sum(axis=-1))
        nearest = np.minimum(nearest, distance.min(axis=-1))
    return np.clip(0.5 + (pen / 2 - nearest) / edge, 0.0, 1.0)


def centre_of_mass(picture: Float64) -> Float64:
    """(x, y) of a picture [28, 28], in pixels; it must not be black all over."""
    places = np.arange(SIDE, dtype=np.float64)
    mass = np.array([picture.sum(axis=0) @ places, picture.sum(axis=1) @ places], dtype=np.float64)
    return mass / float(picture.sum())


def _thinned(points: Float64) -> Float64:
    """``points`` [n, 2] without those that hardly move, at least two: a tap is a line of no length."""
    kept = [points[0]]
    for point in points[1:]:
        if math.dist(point, kept[-1]) >= _THIN:
            kept.append(point)
    return np.array([*kept, points[-1]])


def picture_of(strokes: Sequence[Sequence[Sequence[float]]], pen: float = PEN) -> npt.NDArray[np.uint8]:
    """The picture of a drawing.

    Args:
        strokes: Lines of at least one point (x, y) each, in any unit that is 1 over the box's side; y goes down.
        pen: Width of the line in the picture, in pixels.

    Returns:
        uint8 [28, 28]: 0 is background, 255 the middle of a line. Equal drawings give equal pictures.

    Raises:
        ValueError: There is no stroke, or one has no point.
    """
    if not strokes or not all(strokes):
        raise ValueError("holds no line")
    lines = [np.array(stroke, np.float64).reshape(-1, 2) for stroke in strokes]
    every = np.concatenate(lines)
    low, high = every.min(axis=0), every.max(axis=0)
    scale = (EXTENT - pen) / max(float((high - low).max()), _SMALLEST)
    placed = [_thinned((line - (low + high) / 2) * scale + CENTRE) for line in lines]
    # Drawn once to find where its mass lies, and once where it belongs.
    shift = CENTRE - centre_of_mass(coverage(placed, pen))
    picture = coverage([line + shift for line in placed], pen)
    return np.rint(picture * 255).astype(np.uint8)
