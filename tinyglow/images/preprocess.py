"""Pixels -> float32 values, by the formula of Glow's image loader (lib/Base/Image.cpp), to the last bit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tinyglow.errors import InputError, Problem

Floats = npt.NDArray[np.float32]
_Scalar = TypeVar("_Scalar", bound=np.generic)
Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

# The ends that black and white are mapped to, by the names of -image-mode (normModeToRange). neg1to1i8 is not Glow's
# but that of NXP's glow_process_image.py: -128/128 to 127/128, what int8 pixels stand for at a scale of 1/128.
RANGES: Mapping[str, tuple[float, float]] = {
    "neg1to1": (-1.0, 1.0),
    "neg1to1i8": (-1.0, 127.0 / 128.0),
    "0to1": (0.0, 1.0),
    "0to255": (0.0, 255.0),
    "neg128to127": (-128.0, 127.0),
    "U16": (0.0, 65535.0),
    "S16": (-32768.0, 32767.0),
}
LAYOUTS = ("NCHW", "NHWC")
CHANNEL_ORDERS = ("BGR", "RGB")
# Of -use-imagenet-normalization (Image.h), in float32 as there, for pixels of 0 to 255.
IMAGENET_MEAN = (0.485 * 255.0, 0.456 * 255.0, 0.406 * 255.0)
IMAGENET_STDDEV = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class ImageOptions:
    """How images become tensors. The defaults are Glow's.

    Attributes:
        mode: A key of ``RANGES``, or "" to pass pixels through as they are.
        layout: "NCHW" or "NHWC".
        channel_order: Of colour images: "BGR" or "RGB".
        mean: One number for each channel, in units of pixels and in ``channel_order``; () for 0.
        stddev: As ``mean``; () for 1.

    Raises:
        InputError: With everything that is wrong.
    """

    mode: str = ""
    layout: str = "NCHW"
    channel_order: str = "BGR"
    mean: tuple[float, ...] = ()
    stddev: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        problems = []
        for option, value, known in (
            ("image-mode", self.mode, ("", *RANGES)),
            ("image-layout", self.layout, LAYOUTS),
            ("image-channel-order", self.channel_order, CHANNEL_ORDERS),
        ):
            if value not in known:
                problems.append(Problem(f"-{option}={value}", "is not known", ", ".join(filter(None, known))))
        for option, values in (("mean", self.mean), ("stddev", self.stddev)):
            bad = [value for value in values if not math.isfinite(np.float32(value))]
            problems += [Problem(f"-{option}", f"has the value {value}", "a finite number") for value in bad]
        if any(np.float32(value) == 0 for value in self.stddev):
            problems.append(Problem("-stddev", "has the value 0", "numbers to divide by"))
        if problems:
            raise InputError("the image options are not understood", problems)


def count_problems(options: ImageOptions, channels: int) -> list[Problem]:
    """What is wrong with the number of means and standard deviations for images of so many channels."""
    expected = f"{channels}, one for each channel"
    # Glow's own ImageNet normalization serves gray images too, by its first value.
    three = (3,) if options.stddev == IMAGENET_STDDEV else ()
    return [
        Problem(f"-{name}", f"has {len(values)} values", expected)
        for name, values in (("mean", options.mean), ("stddev", options.stddev))
        if values and len(values) not in (channels, *three)
    ]


def _by_channel(values: Sequence[float], default: float, channels: int, reverse: bool) -> Floats:
    """One float32 for each channel of a picture in RGB order."""
    ordered = tuple(reversed(values)) if reverse else tuple(values)
    return np.asarray(ordered[:channels] or (default,) * channels, np.float32)


def preprocess(pixels: Pixels, options: ImageOptions) -> Floats:
    """Pixels [..., height, width, channels], RGB, of 8 or 16 bits, as float32 in the layout and order of ``options``.

    value = (pixel - mean) / stddev * ((high - low) / white) + low, each step rounded to float32 as there; white is 255
    or, for pixels of 16 bits, 65535. The result is [..., channels, height, width] for NCHW.
    """
    white = float(np.iinfo(pixels.dtype).max)
    low, high = RANGES.get(options.mode, (0.0, white))
    scale, bias = np.float32((high - low) / white), np.float32(low)
    channels, reverse = pixels.shape[-1], options.channel_order == "BGR"
    mean = _by_channel(options.mean, 0.0, channels, reverse)
    stddev = _by_channel(options.stddev, 1.0, channels, reverse)
    values: Floats = (pixels.astype(np.float32) - mean) / stddev * scale + bias
    return arrange(values, options)


def arrange(values: npt.NDArray[_Scalar], options: ImageOptions) -> npt.NDArray[_Scalar]:
    """[..., height, width, channels] in RGB order, moved into the layout and channel order of ``options``."""
    ordered = values[..., ::-1] if options.channel_order == "BGR" else values
    moved = np.moveaxis(ordered, -1, -3) if options.layout == "NCHW" else ordered
    return np.ascontiguousarray(moved)
