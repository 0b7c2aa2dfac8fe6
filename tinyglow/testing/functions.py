"""Functions that the compiler generates for kernels' operands, for tests: a few, compiled once with the runtime."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tinyglow.bundle.render import render
from tinyglow.ir.graph import Array
from tinyglow.kernels.convolution.conv2d_code import CodeParams, code_of
from tinyglow.numerics import glow


@dataclass(frozen=True, eq=False)
class Specimen:
    """A function for weights int32 [out_c, terms], and the fields of CodeParams that it was made for."""

    symbol: str
    fields: dict[str, int]
    weights: Array

    @property
    def params(self) -> CodeParams:
        """Parameters with these fields; the others are of no consequence for the function."""
        others = dict.fromkeys(("in_h", "in_w", "out_h", "out_w", "stride_w", "dilation_h", "dilation_w", "images"), 1)
        zeros = dict.fromkeys(("pad_top", "pad_left", "in_offset", "act_min", "act_max", "leaky", "pool"), 0)
        requant = glow.requantize_params(1.0)
        values: dict[str, Any] = {**others, **zeros, **self.fields, "negative": requant, "out": requant}
        return CodeParams(**values, at_once=1)


# Height and width of the kernel, stride_h, inputs and outputs of a group, groups, largest |weight|, zeros in 100.
_MAKES = (
    (3, 3, 1, 1, 4, 1, 127, 0),
    (3, 3, 1, 4, 4, 1, 127, 75),
    (1, 1, 1, 7, 5, 1, 255, 10),
    (3, 3, 2, 1, 1, 6, 255, 0),
    (5, 2, 1, 2, 3, 2, 40, 30),
    (2, 5, 3, 3, 1, 1, 8, 0),
    (1, 3, 2, 40, 2, 1, 255, 50),  # words beyond the reach of an immediate offset
    (4, 4, 4, 2, 3, 1, 255, 95),  # channels without any weight
)


@cache
def specimens() -> tuple[Specimen, ...]:
    """The functions, the same in every process."""
    found = []
    for number, (height, width, stride, in_c, out_c, group, largest, zeros) in enumerate(_MAKES):
        random = np.random.default_rng(number)
        weights = random.integers(-largest, largest + 1, (out_c * group, height * width * in_c))
        # Neighbours of one another and powers of two are built by additions and shifts.
        special = random.choice(np.array([largest, -largest, 1, -1, 2, 64, 65, -66, -64]), weights.shape)
        weights = np.where(random.integers(0, 100, weights.shape) < 30, special.clip(-largest, largest), weights)
        weights[random.integers(0, 100, weights.shape) < zeros] = 0
        fields = {"kernel_h": height, "kernel_w": width, "stride_h": stride, "group": group}
        fields |= {"in_c": in_c * group, "out_c": out_c * group}
        found.append(Specimen(f"tg_code_{number}", fields, weights.astype(np.int32)))
    return tuple(found)


def described_functions() -> list[dict[str, Any]]:
    """What the template ``code.c.j2`` needs for each of ``specimens``."""
    return [{"name": s.symbol, "code": code_of(s.params, s.weights).generated} for s in specimens()]


def write_functions(folder: Path) -> Path:
    """Write ``functions.c``, which holds all of ``specimens``."""
    path = folder / "functions.c"
    path.write_text(render("testing/functions.c.j2", functions=described_functions()), encoding="utf-8", newline="\n")
    return path
