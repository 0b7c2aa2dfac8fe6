"""Narrowing a range so that the int8 distribution loses least against the profiled one (Kullback-Leibler divergence).

Glow's algorithm (lib/Quantization/Base/Calibration.cpp and Profile.cpp), itself that of TVM and MXNet, in its float32
steps: the choice between two nearly equal windows may hang on the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from tinyglow.numerics.libm import log_float32

QUANTIZED_BINS = 255
_EPSILON = np.float32(0.0001)

Floats = npt.NDArray[np.float32]


def _rounded(value: np.float32) -> np.float32:
    """C's round() of a value >= 0."""
    return np.float32(np.floor(value + np.float32(0.5)))


def rescale_histogram(counts: Sequence[float], source: tuple[float, float], target: tuple[float, float]) -> Floats:
    """``counts`` over ``source`` (low, high) as whole counts in as many bins over ``target``.

    Each bin's count goes to the target bins in proportion to their overlap, rounded, never more than is left.
    """
    histogram = np.asarray(counts, np.float32)
    if not len(histogram) or source == target:
        return histogram
    bins = len(histogram)
    source_low, target_low = np.float32(source[0]), np.float32(target[0])
    width = (np.float32(source[1]) - source_low) / np.float32(bins)
    target_width = (np.float32(target[1]) - target_low) / np.float32(bins)
    result = np.zeros(bins, np.float32)
    for index in np.flatnonzero(histogram):
        count = left = histogram[index]
        start, stop = source_low + np.float32(index) * width, source_low + np.float32(index + 1) * width
        first = int(max(np.floor((start - target_low) / target_width), 0))
        last = int(max(np.ceil((stop - target_low) / target_width), 0))
        for bin_ in range(min(first, bins - 1), min(last, bins - 1) + 1):
            begin = target_low + np.float32(bin_) * target_width
            end = target_low + np.float32(bin_ + 1) * target_width
            overlap = np.clip((min(stop, end) - max(start, begin)) / width, np.float32(0), np.float32(1))
            share = min(_rounded(overlap * count), left)
            result[bin_] += share
            left -= share
    return result


def _conditioned(histogram: Floats) -> Floats:
    """Zeros become a small epsilon, taken from the other bins, so that the divergence is defined."""
    zero = histogram == 0
    zeros = int(zero.sum())
    if zeros == len(histogram):
        return histogram
    taken = _EPSILON * np.float32(zeros) / np.float32(len(histogram) - zeros)
    if taken >= 1:
        return histogram
    result: Floats = np.where(zero, histogram + _EPSILON, histogram - taken)
    return result


def _total(values: Floats) -> np.float32:
    """The sum in order, one float32 addition after the other."""
    return np.float32(np.add.accumulate(values)[-1])


def _divergence(p: Floats, q: Floats) -> np.float32:
    """D(P || Q) of two histograms, normalized here."""
    sum_p, sum_q = _total(p), _total(q)
    if sum_p == 0 or sum_q == 0:
        return np.float32(0)
    p, q = (p / sum_p).astype(np.float32), (q / sum_q).astype(np.float32)
    both = (p > 0) & (q > 0)
    return _total(np.concatenate([np.zeros(1, np.float32), p[both] * log_float32(p[both] / q[both])]))


def _distributions(histogram: Floats, start: int, stop: int) -> tuple[Floats, Floats]:
    """The histogram saturated to the bins start..stop, and the same squeezed into 255 bins and spread out again."""
    window = histogram[start : stop + 1]
    p = window.copy()
    p[0] = histogram[: start + 1].sum(dtype=np.float64)
    p[-1] = histogram[stop:].sum(dtype=np.float64)
    merged = len(window) // QUANTIZED_BINS
    starts = np.arange(QUANTIZED_BINS) * merged
    sums = np.add.reduceat(window, starts, dtype=np.float64).astype(np.float32)
    nonzero = np.add.reduceat((window != 0).astype(np.int64), starts)
    means = np.divide(sums, nonzero.astype(np.float32), out=np.zeros_like(sums), where=nonzero != 0)
    lengths = np.diff(np.append(starts, len(window)))
    q: Floats = np.where(p != 0, np.repeat(means, lengths), np.float32(0))
    return p, q


def _next_window(histogram: Floats, start: int, stop: int, symmetric: bool) -> tuple[int, int]:
    """The window two bins smaller: on the side, or sides, where fewest counts are lost."""
    if symmetric:
        return start + 1, stop - 1
    both = histogram[start] + histogram[stop]
    left, right = histogram[start] + histogram[start + 1], histogram[stop] + histogram[stop - 1]
    choice = int(np.argmin([both, left, right]))
    return [(start + 1, stop - 1), (start + 2, stop), (start, stop - 2)][choice]


def optimize_range(histogram: Floats, low: float, high: float, symmetric: bool) -> tuple[float, float]:
    """The range within low..high (float32) with the smallest divergence; the range itself below 255 bins."""
    bins = len(histogram)
    if bins < QUANTIZED_BINS:
        return low, high
    low32, high32 = np.float32(low), np.float32(high)
    width = (high32 - low32) / np.float32(bins)
    best, best_low, best_high = np.float32(np.inf), low32, high32
    start, stop = 0, bins - 1
    while stop - start + 1 >= QUANTIZED_BINS:
        p, q = _distributions(histogram, start, stop)
        divergence = _divergence(_conditioned(p), _conditioned(q))
        if divergence < best:
            best = divergence
            best_low, best_high = low32 + np.float32(start) * width, low32 + np.float32(stop + 1) * width
        start, stop = _next_window(histogram, start, stop, symmetric)
    if symmetric:
        # Keep the ratio of the two ends, which maps zero to 0.
        ratio_low, ratio_high = float(best_low) / float(low32), float(best_high) / float(high32)
        if ratio_low > ratio_high:
            best_high = np.float32(ratio_low * float(high32))
        else:
            best_low = np.float32(ratio_high * float(low32))
    return float(best_low), float(best_high)


@lru_cache(maxsize=4096)  # tuning quantizes the same values again and again
def calibrated_range(
    counts: tuple[float, ...], profiled: tuple[float, float], target: tuple[float, float], symmetric: bool
) -> tuple[float, float]:
    """The range within ``target`` with the smallest divergence from ``counts`` in equal bins over ``profiled``."""
    return optimize_range(rescale_histogram(counts, profiled, target), *target, symmetric)
