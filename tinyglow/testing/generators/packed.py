"""Layers of entropy-coded weights: the cases of the plain kernels, their weights and biases packed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from tinyglow.codegen.prefix_code import pack
from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import c_fields
from tinyglow.kernels.convolution.conv2d import CONV2D, CONV2D_CHANNELWISE
from tinyglow.kernels.convolution.conv2d_packed import CONV2D_PACKED, PackedConvParams
from tinyglow.kernels.convolution.geometry import ConvSizes
from tinyglow.kernels.fully_connected.fully_connected import FULLY_CONNECTED
from tinyglow.kernels.fully_connected.fully_connected_packed import FULLY_CONNECTED_PACKED, PackedDenseParams
from tinyglow.kernels.fully_connected.layer import FullyConnectedParams
from tinyglow.numerics import glow
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues.glow import GLOW
from tinyglow.testing.case import Case
from tinyglow.testing.layer_values import assume_holds
from tinyglow.testing.registry import cases, generates
from tinyglow.testing.values import offsets


@st.composite
def _narrowed(draw: st.DrawFn, weights: Array) -> Array:
    """int32 weights as they are, or with units of less spread, or all alike: codes long and short."""
    kind = draw(st.sampled_from(("any", "narrow", "narrow", "units", "constant")))
    if kind == "narrow":
        return weights // draw(st.sampled_from((4, 16, 64)))
    if kind == "units":
        return weights // (1 << np.arange(len(weights)) % 8).reshape(-1, 1)
    return np.full_like(weights, weights.flat[0]) if kind == "constant" else weights


def _packed(weights: Array, bias: Array, words: Array | None = None) -> tuple[Array, dict[str, Any]]:
    """The operand, and the fields of its format. Biases that fit it leave room for any sum of products here."""
    packed = pack(weights, bias, words)
    assume(packed is not None)
    assert packed
    return packed.data, asdict(packed.format)


@generates(CONV2D_PACKED)
@st.composite
def _conv2d_packed(draw: st.DrawFn, epilogue: Epilogue = GLOW) -> Case:
    plain = cases(CONV2D.with_epilogue(epilogue))
    # A channel's word has 15 bits for its multiplier, which are Glow's.
    case = draw(st.one_of(plain, cases(CONV2D_CHANNELWISE)) if epilogue is GLOW else plain)
    fields = dict(vars(case.params))
    assume(fields["group"] in (1, fields["in_c"]) and (fields["group"] == 1 or fields["in_c"] == fields["out_c"]))
    filters, words = case.inputs["filter"].reshape(fields["out_c"], -1).astype(np.int32), None
    if "filter_offset" in fields:
        filters -= fields["filter_offset"]
    else:
        multipliers, shifts = case.inputs["channels"].reshape(-1, 2).T
        filters -= (shifts >> 16).reshape(-1, 1)
        words = (multipliers.astype(np.int64) << 10) + ((shifts & 0xFF) << 5) + (shifts >> 8 & 0xFF)
        fields["out"] = glow.Requant(0, 0, 0, fields["out_offset"])
    filters, bias = draw(_narrowed(filters)), case.inputs["bias"]
    assume_holds(epilogue, filters, bias, [fields["out"]] * len(bias), 255)
    data, form = _packed(filters, bias, words)
    names = [name for name, _ in c_fields(ConvSizes)] + ["in_offset", "act_min", "act_max", "out"]
    params = PackedConvParams(**{name: fields[name] for name in names}, **form)
    return Case(CONV2D_PACKED, params, {"input": case.inputs["input"], "packed": data}, case.outputs)


@generates(FULLY_CONNECTED_PACKED)
@st.composite
def _fully_connected_packed(draw: st.DrawFn, epilogue: Epilogue = GLOW) -> Case:
    case = draw(cases(FULLY_CONNECTED.with_epilogue(epilogue)))
    p = case.params
    assert isinstance(p, FullyConnectedParams)
    weights = case.inputs["weights"].reshape(p.units, p.depth).astype(np.int32) - p.weights_offset
    weights, bias = draw(_narrowed(weights)), case.inputs["bias"]
    assume_holds(epilogue, weights, bias, [p.out] * p.units, 255)  # with other weights and another offset
    data, form = _packed(weights, bias)
    del form["word_bits"]
    params = PackedDenseParams(p.depth, p.units, draw(offsets()), p.act_min, p.act_max, **form, out=p.out)
    inputs = {"input": case.inputs["input"][: p.depth], "packed": data}
    return Case(FULLY_CONNECTED_PACKED, params, inputs, {"output": p.units})
