"""Entropy-coded weights: what is packed is what is unpacked, and takes as few bytes as it should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyglow.codegen.prefix_code import (
    LONGEST,
    MOST_BIAS_BITS,
    MOST_WORD_BITS,
    code_lengths,
    pack,
    ranks_of,
    unpack,
    weights_of,
)
from tinyglow.ir.graph import Array
from tinyglow.testing import budget

_BIAS = 1 << MOST_BIAS_BITS - 1


@st.composite
def _layers(draw: st.DrawFn) -> tuple[Array, Array, Array]:
    """Weights free of offsets, biases and words of a layer: of any spread, each unit its own, few values, or none."""
    units, terms = draw(st.integers(0, 20)), draw(st.integers(0, 60))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    spreads = random.choice(draw(st.sampled_from(((0.0,), (1.0,), (30.0,), (0.0, 3.0, 100.0), (400.0,)))), (units, 1))
    weights = np.clip(np.rint(random.normal(draw(st.integers(-255, 255)), spreads, (units, terms))), -255, 255)
    width = draw(st.integers(0, MOST_BIAS_BITS - 1))
    bias = random.integers(-(1 << width), 1 << width, units).astype(np.int32)
    return weights.astype(np.int32), bias, random.integers(0, 1 << draw(st.integers(0, MOST_WORD_BITS)), units)


@budget(200, full=20_000)
@given(layer=_layers())
def test_what_is_packed_comes_back(layer: tuple[Array, Array, Array]) -> None:
    """Any weights, biases and words; and there are the two bytes that the decoder may read after them."""
    packed = pack(*layer)
    assert packed is not None
    for found, expected in zip(unpack(packed, *layer[0].shape), layer, strict=True):
        assert np.array_equal(found, expected)
    assert packed.data.dtype == np.int8 and not packed.data[-2:].any()
    assert packed.format.index_bits + packed.format.bias_bits <= 3 + MOST_BIAS_BITS


@budget(200, full=20_000)
@given(counts=st.lists(st.integers(0, 10**6), max_size=511))
def test_codes_are_complete(counts: list[int]) -> None:
    """Lengths never fall, are 16 at most, and leave no bits without a meaning (Kraft's sum is 1); bytes count them."""
    lengths = code_lengths(np.array(counts, np.int64))
    last = max((rank for rank, count in enumerate(counts) if count), default=0)
    assert len(lengths) == last + 1
    assert (np.diff(lengths) >= 0).all() and lengths[-1] <= LONGEST
    assert sum(1 << LONGEST - int(length) for length in lengths) == 1 << LONGEST
    assert np.bincount(lengths).max() <= 255


def test_weights_that_are_all_alike_take_no_bits() -> None:
    """One symbol needs no code; without biases nothing is left but the table."""
    packed = pack(np.full((9, 1000), 0, np.int32), np.zeros(9, np.int32))
    assert packed is not None and packed.data.size == 2 + 2
    assert pack(np.zeros((0, 5), np.int32), np.zeros(0, np.int32)) is not None


@pytest.mark.parametrize(("spread", "more"), [(2, 0.025), (12, 0.015), (30, 0.01), (60, 0.01)])
def test_codes_are_near_the_entropy(spread: float, more: float) -> None:
    """Weights of one normal distribution take little and a table more than their order-0 entropy."""
    weights = np.rint(np.random.default_rng(0).normal(0, spread, (64, 400))).clip(-255, 255).astype(np.int32)
    shares = np.unique(weights, return_counts=True)[1] / weights.size
    entropy = -weights.size * float((shares * np.log2(shares)).sum()) / 8
    packed = pack(weights, np.zeros(64, np.int32))
    assert packed is not None and entropy <= packed.data.size <= (1 + more) * entropy + 24


def test_units_of_different_spread_have_different_tables() -> None:
    """A layer whose units spread by 3 and by 60 takes as much as its two halves by themselves, and a bit a unit."""
    random = np.random.default_rng(1)
    parts = [np.rint(random.normal(0, spread, (50, 200))).clip(-255, 255).astype(np.int32) for spread in (3, 60)]
    none = np.zeros(50, np.int32)
    apart = [pack(part, none) for part in parts]
    mixed = np.stack(parts, axis=1).reshape(100, 200)
    together = pack(mixed, np.zeros(100, np.int32))
    assert together is not None and together.format.index_bits >= 1
    assert together.data.size <= sum(part.data.size for part in apart if part) + 100 // 8 + 20


def test_wide_numbers_are_not_packed() -> None:
    """Biases of more than 24 bits, words of more than 25."""
    one = np.zeros((1, 1), np.int32)
    assert pack(one, np.array([_BIAS - 1])) is not None and pack(one, np.array([-_BIAS])) is not None
    assert pack(one, np.array([_BIAS])) is None and pack(one, np.array([-_BIAS - 1])) is None
    assert pack(one, one[0], np.array([(1 << MOST_WORD_BITS) - 1])) is not None
    assert pack(one, one[0], np.array([1 << MOST_WORD_BITS])) is None


def test_ranks_number_all_weights() -> None:
    """0, -1, 1, -2, 2 and so on: every weight once, the nearest to zero first."""
    weights = np.arange(-255, 256)
    ranks = ranks_of(weights)
    assert np.array_equal(weights_of(ranks), weights) and len(set(ranks.tolist())) == 511
    assert weights_of(np.arange(5)).tolist() == [0, -1, 1, -2, 2]
