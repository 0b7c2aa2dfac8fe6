"""Kernels that work element by element."""

from __future__ import annotations

from hypothesis import strategies as st

from tinyglow.kernels.elementwise.dequantize import DEQUANTIZE
from tinyglow.kernels.elementwise.quantize import QUANTIZE, QUANTIZE_FUSED, QuantizeFusedParams, QuantizeParams
from tinyglow.kernels.elementwise.rescale import RESCALE, RescaleParams
from tinyglow.testing.case import Case
from tinyglow.testing.registry import generates
from tinyglow.testing.values import (
    any_requant,
    counts,
    float32_arrays,
    int8_arrays,
    offsets,
    requant_params,
    scales,
    weighted,
)


@generates(RESCALE)
@st.composite
def _rescale(draw: st.DrawFn) -> Case:
    count, in_offset = draw(counts()), draw(offsets())
    in_min = draw(weighted((4, st.sampled_from((-128, in_offset))), (1, st.integers(-128, 127))))
    out = draw(weighted((5, requant_params(128)), (1, any_requant())))
    data = draw(int8_arrays(count, in_offset))
    return Case(RESCALE, RescaleParams(count, in_offset, in_min, out), {"input": data}, {"output": count})


def _float_scales() -> st.SearchStrategy[float]:
    """Mostly what models use; also subnormal ones, and those that make infinities of ordinary values."""
    return weighted((4, scales(-20, 4)), (1, scales(-149, -120)), (1, scales(115, 127)))


@generates(QUANTIZE)
@st.composite
def _quantize(draw: st.DrawFn) -> Case:
    params = QuantizeParams(draw(counts()), draw(_float_scales()), draw(offsets()))
    data = draw(float32_arrays(params.count, params.scale, params.offset))
    return Case(QUANTIZE, params, {"input": data}, {"output": params.count})


@generates(QUANTIZE_FUSED)
@st.composite
def _quantize_fused(draw: st.DrawFn) -> Case:
    inverse = draw(weighted((4, scales(-4, 20)), (1, scales(-126, -120)), (1, scales(115, 126))))
    params = QuantizeFusedParams(draw(counts()), inverse, draw(offsets()))
    data = draw(float32_arrays(params.count, 1.0 / inverse, params.offset))
    return Case(QUANTIZE_FUSED, params, {"input": data}, {"output": params.count})


@generates(DEQUANTIZE)
@st.composite
def _dequantize(draw: st.DrawFn) -> Case:
    params = QuantizeParams(draw(counts()), draw(_float_scales()), draw(offsets()))
    data = draw(int8_arrays(params.count, params.offset))
    return Case(DEQUANTIZE, params, {"input": data}, {"output": params.count})
