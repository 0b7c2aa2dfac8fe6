"""Kernels that move elements without changing them."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from tinyglow.kernels.reshape.copy import COPY, COPY_WORDS, CopyParams, CopyWordsParams
from tinyglow.kernels.reshape.transpose import MAX_RANK, TRANSPOSE, TransposeParams
from tinyglow.testing.case import Case
from tinyglow.testing.registry import generates
from tinyglow.testing.values import counts, int8_arrays


@generates(TRANSPOSE)
@st.composite
def _transpose(draw: st.DrawFn) -> Case:
    shape = draw(st.lists(st.integers(1, 5), min_size=1, max_size=MAX_RANK))
    perm = draw(st.permutations(range(len(shape))))
    axes = [(shape[axis], math.prod(shape[axis + 1 :])) for axis in perm]
    axes = [(1, 0)] * (MAX_RANK - len(axes)) + axes
    params = TransposeParams(*(dim for dim, _ in axes), *(stride for _, stride in axes))
    size = math.prod(shape)
    return Case(TRANSPOSE, params, {"input": draw(int8_arrays(size))}, {"output": size})


@generates(COPY)
@st.composite
def _copy(draw: st.DrawFn) -> Case:
    count = draw(counts())
    return Case(COPY, CopyParams(count), {"input": draw(int8_arrays(count))}, {"output": count})


@generates(COPY_WORDS)
@st.composite
def _copy_words(draw: st.DrawFn) -> Case:
    count = draw(counts())
    words = draw(int8_arrays(4 * count)).view(np.int32)
    return Case(COPY_WORDS, CopyWordsParams(count), {"input": words}, {"output": count})
