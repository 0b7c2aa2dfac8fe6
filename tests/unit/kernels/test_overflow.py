"""Layers whose sums 32 bits do not hold: refused with the channel, and with inputs for which they really overflow."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyglow.ir.op import UnsupportedError
from tinyglow.ir.types import QuantParams
from tinyglow.kernels.accumulator import bias_overflows, check_accumulator, overflow_of
from tinyglow.kernels.convolution.conv2d_dual_mac import dual_mac_constants, offset_of, pack
from tinyglow.kernels.fully_connected.fully_connected import FULLY_CONNECTED
from tinyglow.kernels.fully_connected.layer import FullyConnectedParams
from tinyglow.numerics.glow import INT32_MAX, INT32_MIN, Requant
from tinyglow.testing import budget

OFFSETS = st.sampled_from([-128, -7, 0, 1, 127])


@budget(50)
@given(st.integers(0, 2**32 - 1), OFFSETS, OFFSETS, st.integers(1, 200), st.floats(0.9, 1.1))
def test_what_is_refused_really_overflows(seed: int, offset: int, in_offset: int, terms: int, size: float) -> None:
    """A witness has the sum that is named; where there is none, the extreme inputs of no unit leave 32 bits."""
    random = np.random.default_rng(seed)
    weights = random.integers(-128, 128, (3, terms)).astype(np.int8)
    centred = weights.astype(np.int64) - offset
    reach = np.abs(centred).sum(axis=1) * 255
    bias = np.clip((INT32_MAX - reach) * size, INT32_MIN, INT32_MAX).astype(np.int64) * random.choice([-1, 1], 3)
    found = overflow_of(weights, QuantParams(1.0, offset), QuantParams(1.0, in_offset), bias)
    if found is not None:
        total = int(centred[found.unit] @ (found.inputs.astype(np.int64) - in_offset))
        assert found.total in (total, total + int(bias[found.unit]))
        assert not INT32_MIN <= found.total <= INT32_MAX
        assert np.array(found.total).astype(np.int32) == found.wrapped
        return
    for ends in ((127, -128), (-128, 127)):
        totals = (centred * (np.where(centred > 0, *ends) - in_offset)).sum(axis=1)
        assert (np.abs(totals) <= INT32_MAX).all() and (np.abs(totals + bias) <= INT32_MAX + 1).all()


def test_the_witness_wraps_when_it_is_run() -> None:
    """The kernel's definition gives the wrapped sum's sign: the largest sum comes out as the least output."""
    weights = np.full((2, 3), 127, np.int8)
    bias = np.array([0, INT32_MAX - 100], np.int32)
    found = overflow_of(weights, QuantParams(1.0, 0), QuantParams(1.0, 0), bias)
    assert found is not None and found.unit == 1 and found.total == INT32_MAX - 100 + 3 * 127 * 127
    assert found.wrapped == found.total - 2**32 < 0
    params = FullyConnectedParams(1, 3, 2, 0, -128, 127, Requant(16, 0, 1, 0))
    out = np.zeros((1, 2), np.int8)
    FULLY_CONNECTED.run(params, [found.inputs.reshape(1, 3), weights.reshape(1, -1), bias.reshape(1, -1), out])
    assert out.tolist() == [[0, -128]]


def test_the_message_names_channel_sum_and_witness() -> None:
    """What to feed the layer, and what comes of it."""
    bias = np.array([0, INT32_MAX - 100], np.int32)
    with pytest.raises(UnsupportedError) as caught:
        check_accumulator(np.full((2, 3), 127, np.int8), QuantParams(1.0, 0), QuantParams(1.0, 0), bias, 5)
    assert caught.value.found == "channel 6: a sum of 2147531934, which 32 bits wrap to -2147435362"
    hint = "inputs of 127 where its weight is above 0, -128 elsewhere give it; use fewer inputs per output, or --wrap"
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize(("end", "total"), [(INT32_MAX - 127, INT32_MAX), (INT32_MIN + 128, INT32_MIN)])
def test_sums_may_reach_the_ends_of_32_bits(end: int, total: int) -> None:
    """And no further by one."""
    params = QuantParams(1.0, 0)
    weights, away = np.array([[1]], np.int8), 1 if end > 0 else -1
    assert overflow_of(weights, params, params, np.array([end])) is None
    found = overflow_of(weights, params, params, np.array([end + away]))
    assert found is not None and found.total == total + away


@pytest.mark.parametrize(
    ("ratio", "largest"), [(1.0, 2**31 - 2), (2.0, 2**30 - 2), (0.5, 2**31 - 3), (0.25, 2**31 - 4)]
)
def test_the_largest_bias_of_a_layer(ratio: float, largest: int) -> None:
    """One more step, times the scale's multiplier and with half of what the shift takes off, stays within 32 bits."""
    steps, whole = QuantParams(ratio, 0), QuantParams(1.0, 0)
    assert [bias_overflows(np.array([n], np.int32), steps, whole, whole) for n in (largest, largest + 1)] == [
        False,
        True,
    ]
    assert bias_overflows(np.array([1, -largest - 1], np.int32), steps, whole, whole)


@pytest.mark.parametrize("below", [0, 1])
def test_even_pixels_begin_within_32_bits(below: int) -> None:
    """Of two products at once: the sums of even pixels begin lower by 2**15 for each chunk of a channel's weights."""
    weights = np.array([[1, -2, 3]])
    counts = pack(weights, offset_of(weights))[1]
    begin = np.array([INT32_MIN + (int(counts[0]) << 15) - below])
    layer: Any = SimpleNamespace(folded_bias=begin, weights=weights, is_dense=True)
    lowering: Any = SimpleNamespace(target=SimpleNamespace(runs=lambda _: True))
    found = dual_mac_constants(layer, lowering)
    assert (found is None) == bool(below)
    assert found is None or found[2].tolist() == [[INT32_MIN, begin[0]]]
