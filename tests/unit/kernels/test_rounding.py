"""Divisions and shifts of kernels, number by number, by integers of any size as their sources have them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tinyglow.ir.op import UnsupportedError
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.kernels.convolution.conv2d_dual_mac import TAPS, chunks_of, offset_of, pack, unpack
from tinyglow.kernels.matmul.matmul import lower_product
from tinyglow.kernels.pooling.avg_pool import _divide_rounded
from tinyglow.kernels.softmax.softmax import _scaled
from tinyglow.kernels.softmax.softmax_tflm import MAX_COLUMNS, exponentials


def test_libjit_divides_by_the_taps() -> None:
    """``libjit_div_round_i32``: half the divisor is added away from zero, and C cuts off; nothing without taps."""
    x = np.arange(-40, 41, dtype=np.int32)
    for taps in range(1, 9):
        half = taps // 2
        due = [(n + half) // taps if n > 0 else -((half - n) // taps) for n in x.tolist()]
        assert _divide_rounded(x, np.full(x.shape, taps)).tolist() == due
    assert not _divide_rounded(x, np.zeros(x.shape, np.int32)).any()
    ends = np.array([-(2**31) + 4, 2**31 - 5], np.int32)
    assert _divide_rounded(ends, np.array([3, 3])).tolist() == [-715827881, 715827881]


def test_libjit_rounds_its_softmax() -> None:
    """Half of 2**(shift + 16) as 32 bits have it: negative at 16, and 0 beyond, to a number without its low 16 bits."""
    x = np.array([0, 1, 2, 3, 0x7FFF, 0x8000, 0x8001, 0xFFFF, 0x10000, 123456789, 2**31, 2**32 - 1], np.int64)
    for shift in range(1, 32):
        half = 1 << (shift + 15) if shift < 16 else -(1 << 31) if shift == 16 else 0
        due = [((n << 16) + half) >> (shift + 16) for n in x.tolist()]
        assert _scaled(x, np.full(x.shape, shift)).tolist() == due


def test_weights_in_chunks_are_read_back() -> None:
    """Chunks of many lengths: large weights end one."""
    lengths = set()
    for large in range(1, TAPS + 2):
        row = np.ones(3 * TAPS, np.int32)
        row[::large] = 120
        weights = np.stack([row, row[::-1], -row])
        lengths |= set(chunks_of(row))
        offset = offset_of(weights)
        assert offset is not None
        stream, counts = pack(weights, offset)
        params: Any = SimpleNamespace(out_c=3, terms=len(row), filter_offset=offset)
        found, numbers = unpack(stream, params)
        assert np.array_equal(found, weights) and numbers.tolist() == counts.tolist()
    assert len(lengths) >= TAPS // 2


def test_exponentials_end_at_their_radius() -> None:
    """5 bits of a scaled distance are whole ones: from e ** -32 on all are 0, and none is negative."""
    for scale in (0.13, 0.25, 0.5, 1.0, 3.0):
        found, ends = exponentials(scale), int(np.ceil(32 / scale))
        assert len(found) == 256 and ends < 255
        assert not found[ends:].any() and (found >= 0).all() and found[0] == 2**31 - 1
        real = 2.0**31 * np.exp(-scale * np.arange(256))
        assert np.abs(found - real).max() < 2**31 * 2.0**-20


def test_as_many_columns_as_sums_hold() -> None:
    """Exponentials of CMSIS-NN's softmax, up to 1, are added up in 32 bits with 12 whole ones."""
    assert MAX_COLUMNS == 4095


@pytest.mark.parametrize(("depth", "refused"), [(131071, ""), (131072, "up to 2147483648")])
def test_the_longest_product_of_matrices(depth: int, refused: str) -> None:
    """Its sums fit 32 bits, whatever the elements are."""
    quant = QuantParams(2.0**-20, 0)
    types = {
        "x": TensorType((1, 1, depth), "int8", quant),
        "y": TensorType((1, depth, 1), "int8", quant),
        "z": TensorType((1, 1, 1), "int8", QuantParams(1.0, 0)),
    }
    calls: list[Any] = []
    lowering: Any = SimpleNamespace(
        type_of=types.__getitem__, buffer=lambda name: name, call=lambda *given: calls.append(given)
    )
    node: Any = SimpleNamespace(inputs=("x", "y"), outputs=("z",))
    if not refused:
        lower_product(node, lowering, 1)
        assert len(calls) == 1
        return
    with pytest.raises(UnsupportedError, match=f"sums of {depth} products, {refused}"):
        lower_product(node, lowering, 1)
