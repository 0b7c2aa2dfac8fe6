"""Many image files -> one tensor."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tinyglow.errors import InputError, Problem
from tinyglow.images.decode import NotAnImageError, decode
from tinyglow.images.preprocess import Floats, ImageOptions, Pixels, count_problems, preprocess

MAX_TENSOR_BYTES = 2**31
_SHOWN = 20  # problems; a wrong folder would fill the screen


def _text(pixels: Pixels) -> str:
    height, width, channels = pixels.shape
    return f"{width} x {height} pixels, {'gray' if channels == 1 else 'RGB'}"


def _wanted(shape: Sequence[int], layout: str) -> str:
    """What a network expects, in a user's words."""
    if len(shape) != 3:
        return f"{math.prod(shape)} values"
    channels, height, width = shape if layout == "NCHW" else (shape[2], shape[0], shape[1])
    kind = {1: "gray", 3: "RGB"}.get(channels, f"{channels} channels")
    return f"{width} x {height} pixels, {kind}, as the network takes ({layout})"


def _hint(pixels: Pixels, shape: Sequence[int], layout: str) -> str:
    """The other layout, if the image would fit with that."""
    height, width, channels = pixels.shape
    other, wanted = ("NHWC", (height, width, channels)) if layout == "NCHW" else ("NCHW", (channels, height, width))
    return f"try -image-layout={other}" if tuple(shape) == wanted else ""


def load_images(
    paths: Sequence[str | Path],
    options: ImageOptions,
    shape: Sequence[int] = (),
    progress: Callable[[int], None] | None = None,
) -> Floats:
    """Image files as one tensor [images, *one image], float32.

    shape: of one image as the network takes it ([C, H, W] for NCHW, [H, W, C] for NHWC, or flat); () for whatever the
    first image has. progress(n) is called when n more images are done. Raises InputError with every image that cannot
    be read or does not fit.
    """
    if not paths:
        raise InputError("there are no images", [Problem("", "an empty list of images")])
    result: Floats | None = None
    problems: list[Problem] = []
    wanted = _wanted(shape, options.layout) if shape else ""
    for index, path in enumerate(paths):
        try:
            pixels = decode(path)
        except NotAnImageError as error:
            problems.append(Problem(str(path), error.found, error.expected, error.hint))
            continue
        one = preprocess(pixels, options) if not count_problems(options, pixels.shape[2]) else None
        if one is None:
            problems += [problem for problem in count_problems(options, pixels.shape[2]) if problem not in problems]
            continue
        shape, wanted = shape or one.shape, wanted or f"{_text(pixels)}, as {path}"
        if one.size != math.prod(shape) or (len(shape) == 3 and one.shape != tuple(shape)):
            problems.append(Problem(str(path), f"has {_text(pixels)}", wanted, _hint(pixels, shape, options.layout)))
            continue
        if result is None:
            result = _room(len(paths), tuple(shape))
        result[index] = one.reshape(tuple(shape))
        if progress:
            progress(1)
    if problems:
        more = [Problem("", f"and {len(problems) - _SHOWN} more")] if len(problems) > _SHOWN else []
        raise InputError("the images cannot be used", [*problems[:_SHOWN], *more])
    assert result is not None
    return result


def _room(count: int, shape: tuple[int, ...]) -> Floats:
    if 4 * count * math.prod(shape) > MAX_TENSOR_BYTES:
        found = f"{count} images of {math.prod(shape)} values"
        raise InputError("the images are too many", [Problem("", found, "less than 2 GiB in all", "use fewer images")])
    return np.empty((count, *shape), np.float32)
