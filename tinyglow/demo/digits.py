"""Handwritten-looking digits, drawn by the project itself, so that a demonstration needs no data set.

A digit is a few strokes, as a finger draws them on a touch screen: smooth curves through control points. A variant of
it is the same strokes by another hand: slant, proportions, size, wobble, stroke width and position vary. The picture
follows the conventions of MNIST: white on black, the strokes fit a box of 20 x 20 pixels, and their centre of mass is
within about half a pixel of the middle of a 28 x 28 frame.

The jitter comes from :class:`random.Random`, whose ``random()`` is documented to give the same sequence for the same
integer seed in every Python version; numpy promises that only for raw bits, not for its distributions.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyglow.dataset.strokes import CENTRE, centre_of_mass, coverage

Float64 = npt.NDArray[np.float64]
Point = tuple[float, float]

DEMO_VARIANTS = 2
# Pixels over which a stroke's edge fades: a pixel's own width (anti-aliasing), and the smear of scaling to 20 x 20.
_EDGE = 1.4

# Control points "x,y" in hundredths of the digit's height, x to the right, y down. "|" is where the pen turns a sharp
# corner or is lifted. Each digit has the forms in which people write it; its place in the list is the digit itself.
_GLYPHS = (
    ("58,2 28,12 8,44 14,80 42,99 72,84 86,50 76,16 50,1",),
    (
        "50,0 50,50 50,100",
        "51,0 47,35 47,70 50,100",
    ),
    (  # a sharp turn before the base, or a loop
        "12,24 30,4 58,2 74,22 62,50 36,76 8,97 | 8,97 45,95 90,96",
        "14,20 36,2 66,8 72,34 52,68 26,96 8,90 18,74 46,84 92,98",
    ),
    ("14,10 42,0 70,12 64,36 32,48 | 32,48 66,54 78,76 54,98 10,94",),
    (  # open above, or closed by two lines
        "16,2 10,28 14,50 44,54 82,46 | 78,0 72,45 66,100",
        "26,0 6,56 | 6,56 45,55 90,52 | 74,6 70,50 66,100",
    ),
    ("88,2 56,3 28,5 | 28,5 20,42 | 20,42 52,40 76,60 66,88 36,100 4,90",),
    ("62,0 34,24 12,60 20,92 48,100 74,82 62,60 36,62 16,82",),
    ("6,10 45,6 84,6 | 84,6 62,44 40,100",),
    (  # one stroke that crosses itself
        "74,14 50,0 24,12 34,38 62,62 64,90 38,100 16,84 30,60 60,40 76,18 66,4",
    ),
    (  # the downstroke leaves the loop where it closed
        "76,12 48,0 18,14 14,38 40,48 66,34 76,12 | 76,12 72,55 62,100",
    ),
)


@dataclass(frozen=True)
class _Hand:
    """How one variant is written: lengths in heights of the digit, pen and position in pixels."""

    slant: float  # shift of the top against the bottom
    aspect: float  # stretch in x
    turn: float  # radians
    wobble: tuple[float, float, float, float]  # amplitude and phase of a slow wave in x, then in y
    extent: float  # larger side of the finished strokes, pixels
    pen: float  # width of a stroke, pixels
    position: Point  # offset of the centre of mass, pixels


def _hand(rng: random.Random) -> _Hand:
    def between(low: float, high: float) -> float:
        return low + (high - low) * rng.random()

    return _Hand(
        slant=between(-0.10, 0.35),
        aspect=between(0.75, 1.10),
        turn=between(-0.10, 0.10),
        wobble=(between(0.0, 0.06), between(0.0, math.tau), between(0.0, 0.05), between(0.0, math.tau)),
        extent=between(18.5, 20.0),
        pen=between(1.8, 3.4),
        position=(between(-0.4, 0.4), between(-0.4, 0.4)),
    )


def _strokes(form: str) -> list[list[Point]]:
    """Control points of each stroke of a form in ``_GLYPHS``, in heights of the digit."""

    def point(text: str) -> Point:
        x, y = text.split(",")
        return int(x) / 100, int(y) / 100

    return [[point(text) for text in stroke.split()] for stroke in form.split("|")]


def _curve(stroke: Sequence[Point], steps: int = 8) -> Float64:
    """Points [n, 2] along the Catmull-Rom spline through ``stroke``; a stroke of two points is a line."""
    points = np.array([stroke[0], *stroke, stroke[-1]], dtype=np.float64)
    t = (np.arange(steps) / steps)[:, None]
    pieces = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(points, points[1:], points[2:], points[3:], strict=False)
    ]
    return np.concatenate([*pieces, points[-1:]])


def _written(points: Float64, hand: _Hand) -> Float64:
    """``points`` [n, 2] as ``hand`` would place them, still in heights of the digit."""
    x, y = points[:, 0] * hand.aspect, points[:, 1]
    amplitude_x, phase_x, amplitude_y, phase_y = hand.wobble
    x, y = x + amplitude_x * np.sin(5 * y + phase_x), y + amplitude_y * np.sin(5 * x + phase_y)
    x = x + hand.slant * (0.5 - y)
    cos, sin = math.cos(hand.turn), math.sin(hand.turn)
    return np.stack([cos * x - sin * y, sin * x + cos * y], axis=1)


def _lines(digit: int, variant: int) -> tuple[list[Float64], _Hand]:
    """The strokes of ``digit`` by hand number ``variant``, in heights of the digit, and the hand. Raises ValueError."""
    if not 0 <= digit < len(_GLYPHS) or variant < 0:
        raise ValueError(f"no digit {digit} in variant {variant}: digits are 0 to 9, variants start at 0")
    rng = random.Random(len(_GLYPHS) * variant + digit)
    hand = _hand(rng)
    forms = _GLYPHS[digit]
    form = forms[int(rng.random() * len(forms))]
    return [_written(_curve(stroke), hand) for stroke in _strokes(form)], hand


def strokes_of(digit: int, variant: int) -> list[Float64]:
    """The lines of ``digit`` by hand number ``variant`` as a finger draws them in a box: each [n, 2] as (x, y) in 0..1.

    Equal arguments give equal lines. Raises ValueError for a digit or variant that does not exist.
    """
    lines, _ = _lines(digit, variant)
    every = np.concatenate(lines)
    low, high = every.min(axis=0), every.max(axis=0)
    scale = 0.8 / float((high - low).max())
    return [(points - (low + high) / 2) * scale + 0.5 for points in lines]


def draw(digit: int, variant: int) -> npt.NDArray[np.float32]:
    """The picture of ``digit`` (0 to 9) by hand number ``variant`` (from 0), float32 [28, 28].

    Background 0, strokes up to 1, every value a multiple of 1/255. Equal arguments give equal pictures.
    Raises ValueError for a digit or variant that does not exist.
    """
    strokes, hand = _lines(digit, variant)
    every = np.concatenate(strokes)
    low, high = every.min(axis=0), every.max(axis=0)
    scale = (hand.extent - hand.pen) / float((high - low).max())
    strokes = [(points - (low + high) / 2) * scale + CENTRE for points in strokes]
    # Drawn once to find where its mass lies, and once where it belongs.
    shift = CENTRE + np.array(hand.position) - centre_of_mass(coverage(strokes, hand.pen, _EDGE))
    picture = coverage([points + shift for points in strokes], hand.pen, _EDGE)
    drawn: npt.NDArray[np.float32] = np.rint(picture * 255).astype(np.float32) / np.float32(255)
    return drawn


def _several(count: int, first_variant: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    labels = np.arange(count, dtype=np.int64) % len(_GLYPHS)
    pictures = [draw(int(label), first_variant + i // len(_GLYPHS)) for i, label in enumerate(labels)]
    return np.stack(pictures)[..., None], labels


def demo_set() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """(images float32 [20, 28, 28, 1] in 0..1, labels int64 [20]): 0 to 9, twice."""
    return _several(DEMO_VARIANTS * len(_GLYPHS), 0)


def calibration_set(count: int = 100) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """(images float32 [count, 28, 28, 1] in 0..1, labels int64 [count]) by other hands than those of the demo."""
    return _several(count, DEMO_VARIANTS)
