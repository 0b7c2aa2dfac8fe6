"""Layers whose weights are code: the functions are few and fixed, all else is drawn."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from tinyglow.kernels.convolution.conv2d_code import CONV2D_CODE, CodeParams
from tinyglow.numerics import glow
from tinyglow.testing.case import Case
from tinyglow.testing.functions import specimens
from tinyglow.testing.registry import generates
from tinyglow.testing.values import int8_arrays, int32_arrays, offsets, requant_params


@st.composite
def _axis(draw: st.DrawFn, kernel: int, stride: int) -> tuple[int, int, int]:
    """Length of the input, padding before it, length of the output; taps and whole windows may lie in the padding."""
    before, after = draw(st.integers(0, kernel + 1)), draw(st.integers(0, kernel + 1))
    least = max(1, kernel - before - after)
    length = draw(st.integers(least, least + 8))
    return length, before, (length + before + after - kernel) // stride + 1


@generates(CONV2D_CODE)
@st.composite
def _conv2d_code(draw: st.DrawFn) -> Case:
    number = draw(st.integers(0, len(specimens()) - 1))
    specimen = specimens()[number]
    fields: dict[str, Any] = dict(specimen.fields)
    fields["stride_w"] = draw(st.integers(1, 4))
    fields["pool"] = draw(st.sampled_from((0, 0, 2)))
    for axis, side in (("h", "top"), ("w", "left")):
        length, before, size = draw(_axis(fields[f"kernel_{axis}"], fields[f"stride_{axis}"]))
        fields |= {f"in_{axis}": length, f"pad_{side}": before, f"out_{axis}": size // (fields["pool"] or 1)}
    assume(fields["out_h"] and fields["out_w"])
    out_offset = draw(offsets())
    low = draw(st.sampled_from((-128, out_offset)))
    fields |= {"act_min": low, "act_max": draw(st.integers(low, 127)), "leaky": 0, "dilation_h": 1, "dilation_w": 1}
    fields |= {"images": draw(st.integers(1, 2)), "in_offset": draw(offsets())}
    fields["at_once"] = draw(st.integers(1, 4)) * (fields["pool"] or 1)
    data = draw(int8_arrays(math.prod(fields[key] for key in ("images", "in_h", "in_w", "in_c")), fields["in_offset"]))
    weights = specimen.weights
    magnitudes = np.abs(weights).sum(axis=1)
    means = -weights.sum(axis=1) * float(data.mean())
    bias = draw(int32_arrays(glow.INT32_MAX - 2 * 128 * magnitudes, means, magnitudes * 64.0 + 1))
    out = draw(requant_params(max(float(magnitudes.max()) * 64, 1.0), out_offset))
    params = CodeParams(**fields, negative=glow.requantize_params(1.0, out_offset), out=out)
    elements = math.prod(fields[key] for key in ("images", "out_h", "out_w", "out_c"))
    inputs = {"input": data, "weights": weights.ravel(), "bias": bias}
    return Case(CONV2D_CODE, params, inputs, {"output": elements}, {"weights": number})
