"""Pictures of figures that the project draws: five kinds to learn, and ten others to learn seeing with.

    python examples/label_image/draw.py -o images --count 40

Figures differ in place, size, turn, colours, line and background; 128 x 128 pixels, RGB.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIDE = 128
KINDS = ("arrow", "cross", "moon", "star", "tree")
OTHERS = ("bars", "circle", "grid", "hexagon", "house", "ring", "spiral", "square", "triangle", "wave")
Points = Sequence[tuple[float, float]]
Rng = np.random.Generator


def _polygon(corners: int, first: float = 0.0) -> Points:
    angles = [first + 2 * math.pi * i / corners for i in range(corners)]
    return [(math.cos(a), math.sin(a)) for a in angles]


def _star(rng: Rng) -> list[Points]:
    inner = rng.uniform(0.35, 0.5)
    return [[(x * s, y * s) for (x, y), s in zip(_polygon(10), (1, inner) * 5, strict=True)]]


def _moon(rng: Rng) -> list[Points]:
    depth, angles = rng.uniform(0.3, 0.6), np.linspace(-2, 2, 20)
    outer = [(-math.cos(a), math.sin(a)) for a in angles]
    return [[*outer, *((-math.cos(a) * depth, math.sin(a)) for a in angles[::-1])]]


def _bar(x: float, y: float, w: float, h: float) -> Points:
    return [(x - w, y - h), (x + w, y - h), (x + w, y + h), (x - w, y + h)]


def _tree(rng: Rng) -> list[Points]:
    width = rng.uniform(0.6, 0.9)
    return [[(0, -1), (width, 0.1), (-width, 0.1)], [(0, -0.4), (width, 0.6), (-width, 0.6)], _bar(0, 0.8, 0.12, 0.2)]


def _spiral(rng: Rng) -> list[Points]:
    turns = np.linspace(0.5, rng.uniform(11, 15), 60)
    line = [(t / 15 * math.cos(t), t / 15 * math.sin(t)) for t in turns]
    return [[*line, *((x * 0.85, y * 0.85) for x, y in line[::-1])]]


def _wave(rng: Rng) -> list[Points]:
    xs, high = np.linspace(-1, 1, 40), rng.uniform(0.3, 0.6)
    top = [(x, high * math.sin(6 * x)) for x in xs]
    return [[*top, *((x, y + 0.25) for x, y in top[::-1])]]


def _ring(rng: Rng) -> list[Points]:
    hole = rng.uniform(0.4, 0.7)
    edge = [*_polygon(40), (1.0, 0.0)]
    return [[*edge, *((x * hole, y * hole) for x, y in edge[::-1])]]


_FIGURES: dict[str, Callable[[Rng], list[Points]]] = {
    "arrow": lambda rng: [_bar(-0.3, 0, 0.6, rng.uniform(0.12, 0.25)), [(0.2, -0.6), (1, 0), (0.2, 0.6)]],
    "cross": lambda rng: [_bar(0, 0, 0.9, w := rng.uniform(0.15, 0.3)), _bar(0, 0, w, 0.9)],
    "moon": _moon,
    "star": _star,
    "tree": _tree,
    "bars": lambda rng: [_bar(x, 0, rng.uniform(0.1, 0.2), 0.9) for x in (-0.7, 0.0, 0.7)],
    "circle": lambda rng: [_polygon(40)],
    "grid": lambda rng: [_bar(x, y, 0.2, 0.2) for x in (-0.7, 0.0, 0.7) for y in (-0.7, 0.0, 0.7)],
    "hexagon": lambda rng: [_polygon(6)],
    "house": lambda rng: [_bar(0, 0.35, rng.uniform(0.5, 0.7), 0.5), [(-0.9, -0.1), (0.9, -0.1), (0, -0.9)]],
    "ring": _ring,
    "spiral": _spiral,
    "square": lambda rng: [_bar(0, 0, 0.75, 0.75)],
    "triangle": lambda rng: [_polygon(3)],
    "wave": _wave,
}


def picture(kind: str, seed: int) -> Image.Image:
    """A figure of ``KINDS`` or ``OTHERS``; equal seeds draw equally."""
    rng = np.random.default_rng([(*KINDS, *OTHERS).index(kind), seed])
    back = rng.integers(0, 256, 3)
    colour = (back + rng.integers(90, 167, 3)) % 256
    ground = back + rng.normal(0, rng.uniform(2, 30), (SIDE // 8, SIDE // 8, 3))
    image = Image.fromarray(np.uint8(np.clip(ground, 0, 255))).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    size, turn = rng.uniform(28, 52), math.radians(rng.uniform(-25, 25))
    x0, y0 = rng.uniform(size + 4, SIDE - size - 4, 2)
    pen = ImageDraw.Draw(image)
    for shape in _FIGURES[kind](rng):
        turned = [(x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)) for x, y in shape]
        pen.polygon([(x0 + size * x, y0 + size * y) for x, y in turned], fill=tuple(int(c) for c in colour))
    image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.2)))
    noisy = np.asarray(image) + rng.normal(0, rng.uniform(0, 10), (SIDE, SIDE, 3))
    return Image.fromarray(np.uint8(np.clip(noisy, 0, 255)))


def main() -> None:
    """Write folders of pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--count", type=int, default=40, help="pictures of each kind (default: %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="number of the first picture (default: 0)")
    parser.add_argument("--side", type=int, default=SIDE, help="pixels (default: %(default)s)")
    parser.add_argument("--others", action="store_true", help="the ten other kinds")
    arguments = parser.parse_args()
    for kind in OTHERS if arguments.others else KINDS:
        folder = arguments.output / kind
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(arguments.first, arguments.first + arguments.count):
            drawn = picture(kind, number).resize((arguments.side, arguments.side), Image.Resampling.LANCZOS)
            drawn.save(folder / f"{kind}_{number:05}.png")
    print(f"{arguments.output}: {arguments.count} pictures of each kind")


if __name__ == "__main__":
    main()
