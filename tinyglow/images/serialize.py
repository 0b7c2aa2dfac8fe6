"""Images as C text or bytes for a program to include, and back: what NXP's glow_process_image.py writes.

The values of an image are written as bytes in memory order, little-endian: ``0X00, 0X00, 0X80, 0X3F,`` is 1.0. Such a
file is included into a ``uint8_t`` array. The comment above the bytes says what they are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyglow.images.preprocess import RANGES, ImageOptions, Pixels, arrange, preprocess

TYPES = ("int8", "uint8", "float32")
_BYTES_PER_LINE = 20
_RULE = "// " + "-" * 117


@dataclass(frozen=True)
class Form:
    """What the values of a serialized image are.

    Attributes:
        type: One of ``TYPES``.
        mode: Range of the values, for float32.
        layout: "NCHW" or "NHWC".
        channel_order: Of colour images: "BGR" or "RGB".
        shape: [n, ...]; () if it is not known.
    """

    type: str = "float32"
    mode: str = "0to255"
    layout: str = "NHWC"
    channel_order: str = "RGB"
    shape: tuple[int, ...] = ()

    @property
    def options(self) -> ImageOptions:
        """The same for the preprocessing."""
        return ImageOptions(self.mode, self.layout, self.channel_order)


def serialize(pixels: Pixels, form: Form, batch: int = 1) -> tuple[bytes, Form]:
    """(bytes, form with the shape) of pixels [height, width, channels], repeated ``batch`` times.

    int8 is pixel - 128 and uint8 the pixel, whatever the mode; float32 as images are preprocessed. Raises ValueError
    for pixels of 16 bits as integers.
    """
    values: npt.NDArray[Any]
    if form.type == "float32":
        values = preprocess(pixels, form.options).astype("<f4")
    elif pixels.dtype != np.uint8:
        raise ValueError(f"has pixels of 16 bits, which do not fit {form.type}")
    else:
        values = arrange(pixels, form.options)
        values = (values.astype(np.int16) - 128).astype(np.int8) if form.type == "int8" else values
    shaped = Form(form.type, form.mode, form.layout, form.channel_order, (batch, *values.shape))
    return values.tobytes() * batch, shaped


def as_text(data: bytes, form: Form, source: str) -> str:
    """The bytes as C text with a comment that says what they are; ``source``: the image's name, for the comment."""
    # A comment of one line stays one: no line ends, and no backslash at the end, nor what trigraphs make one of.
    name = "".join(c if c.isprintable() else "?" for c in source.replace("\\", "/")).replace("??/", "?/")
    lines = [_RULE, f"// Image: {name}", f"// Shape: [{', '.join(map(str, form.shape))}]", f"// Type: {form.type}"]
    lines += [f"// Size: {len(data)} [bytes]"]
    lines += [f"// Mode: {form.mode}"] if form.type == "float32" else []
    lines += [f"// Layout: {form.layout}", f"// Channel order: {form.channel_order}", _RULE]
    for begin in range(0, len(data), _BYTES_PER_LINE):
        lines.append("".join(f"0X{byte:02X}, " for byte in data[begin : begin + _BYTES_PER_LINE]))
    return "\n".join(lines) + "\n"


def parse_text(text: str) -> tuple[bytes, dict[str, str]]:
    """The bytes of C text with numbers from 0 to 255, separated by commas, and what its comment says of them.

    Raises ValueError for anything else.
    """
    facts = dict(re.findall(r"^// (Shape|Type|Mode|Layout|Channel order): ([^\r\n]*?)\s*$", text, re.MULTILINE))
    code = re.sub(r"//[^\n]*|/\*.*?(\*/|\Z)", " ", text, flags=re.DOTALL)
    fields = [field.strip() for field in code.split(",")]
    fields = fields[:-1] if fields[-1] == "" else fields
    bad = next((field for field in fields if not re.fullmatch(r"0[xX][0-9a-fA-F]{1,4}|[0-9]{1,3}", field)), None)
    if bad is not None or not fields:
        raise ValueError(f"holds {bad!r:.40}; expected bytes with commas between" if fields else "holds no bytes")
    numbers = [int(field, 16) if field[:2] in ("0x", "0X") else int(field) for field in fields]
    if max(numbers) > 255:
        raise ValueError(f"holds {max(numbers)}; expected bytes, 0 to 255")
    return bytes(numbers), facts


def form_of(facts: Mapping[str, str], chosen: Mapping[str, str], shape: tuple[int, ...]) -> Form:
    """The form that options say (``chosen``), else the comment in the file, else the defaults.

    Raises ValueError for a comment that is none of ours.
    """
    default = Form()
    said = {
        "type": facts.get("Type", default.type),
        "mode": facts.get("Mode", default.mode),
        "layout": facts.get("Layout", default.layout),
        "channel_order": facts.get("Channel order", default.channel_order),
    }
    known = {"type": TYPES, "mode": tuple(RANGES), "layout": ("NHWC", "NCHW"), "channel_order": ("RGB", "BGR")}
    form = {**said, **chosen}
    for name, value in form.items():
        if value not in known[name]:
            raise ValueError(f"says {value!r:.40} of its {name.replace('_', ' ')}; expected {', '.join(known[name])}")
    if not shape and "Shape" in facts:
        if not re.fullmatch(r"\[[0-9]{1,6}(, ?[0-9]{1,6}){3}\]", facts["Shape"]):
            raise ValueError(f"says {facts['Shape']!r:.40} of its shape; expected four sizes")
        shape = tuple(int(size) for size in facts["Shape"][1:-1].split(","))
    return Form(**form, shape=shape)


def deserialize(data: bytes, form: Form) -> npt.NDArray[np.uint8]:
    """The pixels [height, width, channels] of the first image of serialized ones; values are rounded to pixels.

    Raises ValueError where data and form do not fit.
    """
    if len(form.shape) != 4 or min(form.shape) < 1:
        raise ValueError(
            "does not say its shape; expected -image-shape=1,HEIGHT,WIDTH,CHANNELS, or as the layout has it"
        )
    dtype = np.dtype({"float32": "<f4"}.get(form.type, form.type))
    if len(data) != math.prod(form.shape) * dtype.itemsize:
        expected = f"{math.prod(form.shape) * dtype.itemsize}, for {form.type} of shape {list(form.shape)}"
        raise ValueError(f"has {len(data)} bytes; expected {expected}")
    first = np.frombuffer(data, dtype).reshape(form.shape)[0]
    image = np.moveaxis(first, 0, -1) if form.layout == "NCHW" else first
    if image.shape[2] not in (1, 3):
        raise ValueError(f"has {image.shape[2]} channels; expected 1 or 3")
    values = image[:, :, ::-1] if form.channel_order == "BGR" else image
    if form.type == "int8":
        return (values.astype(np.int16) + 128).astype(np.uint8)
    if form.type == "uint8":
        return values.astype(np.uint8)
    if not np.isfinite(values).all():
        raise ValueError("holds NaN or infinite values")
    low, high = RANGES[form.mode]
    pixels = (values.astype(np.float64) - low) * (255.0 / (high - low))
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
