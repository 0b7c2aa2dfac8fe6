"""Cases of fully connected layers."""

from __future__ import annotations

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from tinyglow.kernels.fully_connected.fully_connected import FULLY_CONNECTED
from tinyglow.kernels.fully_connected.fully_connected_dsp import FULLY_CONNECTED_DSP
from tinyglow.kernels.fully_connected.fully_connected_dsp import pack as pack_dense
from tinyglow.kernels.fully_connected.fully_connected_eight_units_dsp import FULLY_CONNECTED_EIGHT_UNITS_DSP
from tinyglow.kernels.fully_connected.fully_connected_eight_units_dsp import pack as pack_eight_units
from tinyglow.kernels.fully_connected.fully_connected_four_units import FULLY_CONNECTED_FOUR_UNITS, fits
from tinyglow.kernels.fully_connected.fully_connected_four_units import pack as pack_four_units
from tinyglow.kernels.fully_connected.layer import FullyConnectedParams
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues.glow import GLOW
from tinyglow.testing.case import Case
from tinyglow.testing.epilogues import constants_of
from tinyglow.testing.layer_values import (
    activation_bounds,
    assume_holds,
    fitting_biases,
)
from tinyglow.testing.registry import generates
from tinyglow.testing.values import int8_arrays, offsets


@generates(FULLY_CONNECTED)
@st.composite
def _fully_connected(draw: st.DrawFn, epilogue: Epilogue = GLOW) -> Case:
    rows, units = draw(st.integers(1, 4)), draw(st.integers(1, 24))
    # 258 products of 255 * 255 are the most whose sum the reference may form in float32.
    depth = draw(st.one_of(st.integers(1, 40), st.integers(255, 262)))
    weights_offset = draw(offsets())
    data, weights = draw(int8_arrays(rows * depth)), draw(int8_arrays(units * depth, weights_offset))
    # The input's offset is part of the bias here: products are with the input itself.
    bias, spread = draw(fitting_biases(data, 0, weights.reshape(units, depth), [weights_offset] * units))
    out = draw(constants_of(epilogue, max(spread), draw(offsets())))
    assume_holds(epilogue, weights.reshape(units, depth).astype(np.int32) - weights_offset, bias, [out] * units)
    params = FullyConnectedParams(rows, depth, units, weights_offset, *draw(activation_bounds(out.offset)), out)
    inputs = {"input": data, "weights": weights, "bias": bias}
    return Case(FULLY_CONNECTED, params, inputs, {"output": rows * units})


@generates(FULLY_CONNECTED_DSP)
@st.composite
def _fully_connected_dsp(draw: st.DrawFn, epilogue: Epilogue = GLOW) -> Case:
    case = draw(_fully_connected(epilogue))
    params = case.params
    assert isinstance(params, FullyConnectedParams)
    packed = pack_dense(case.inputs["weights"].reshape(params.units, params.depth))
    return Case(FULLY_CONNECTED_DSP, params, {**case.inputs, "weights": packed}, case.outputs)


@generates(FULLY_CONNECTED_FOUR_UNITS)
@st.composite
def _fully_connected_four_units(draw: st.DrawFn, epilogue: Epilogue = GLOW) -> Case:
    case = draw(_fully_connected(epilogue))
    params = case.params
    assert isinstance(params, FullyConnectedParams)
    weights = case.inputs["weights"].reshape(params.units, params.depth)
    assume(fits(weights))
    return Case(FULLY_CONNECTED_FOUR_UNITS, params, {**case.inputs, "weights": pack_four_units(weights)}, case.outputs)


@generates(FULLY_CONNECTED_EIGHT_UNITS_DSP)
@st.composite
def _fully_connected_eight_units(draw: st.DrawFn, epilogue: Epilogue = GLOW) -> Case:
    case = draw(_fully_connected(epilogue))
    params = case.params
    assert isinstance(params, FullyConnectedParams)
    weights = case.inputs["weights"].reshape(params.units, params.depth)
    assume(fits(weights))
    packed = {**case.inputs, "weights": pack_eight_units(weights)}
    return Case(FULLY_CONNECTED_EIGHT_UNITS_DSP, params, packed, case.outputs)
