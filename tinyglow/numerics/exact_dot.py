"""Integer matrix products through floating-point BLAS, exact by proof.

BLAS has no integer product, and numpy's own is some fifty times slower. A float product of integers is exact in any
order of summation, fused or not, as long as no partial sum can leave the mantissa: 24 bits of float32, 53 of float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_FLOAT32_EXACT, _FLOAT64_EXACT, _INT32 = 2**24, 2**53, 2**31
# Multiplications up to which OpenBLAS has kernels that read matrices where they lie, on CPUs with AVX-512: a sixth
# faster than those that lay them out anew (OpenBLAS, sgemm_small_kernel_permit_skylakex.c). Blocks of fewer rows than
# the second number gain nothing.
_SMALL_PRODUCT, _FEWEST_ROWS = 10**6, 48

Integers = npt.NDArray[np.signedinteger]


def largest_sum(matrix: Integers, limit: int) -> int:
    """A bound on every partial sum of ``a @ matrix``.

    Args:
        matrix: Integers [..., terms, units].
        limit: No element of ``a``, of either sign, is larger.

    Returns:
        The bound.
    """
    largest = float(np.abs(matrix, dtype=np.float64).sum(axis=-2).max(initial=0))
    if largest < _FLOAT64_EXACT:  # the float sums are exact, and several times as fast
        return limit * int(largest)
    columns = np.moveaxis(matrix, -2, -1).reshape(-1, matrix.shape[-2])
    return limit * max(sum(map(abs, column)) for column in columns.tolist())


def exact_dtype(bound: int) -> type[np.float32] | type[np.float64]:
    """The smaller float type in which sums of integers up to ``bound`` are exact. Raises OverflowError beyond both."""
    if bound <= _FLOAT32_EXACT:
        return np.float32
    if bound <= _FLOAT64_EXACT:
        return np.float64
    raise OverflowError(f"sums of up to {bound} do not fit a float64 exactly")


def to_int32(sums: npt.NDArray[Any], bound: int) -> npt.NDArray[np.int32]:
    """Integers that are held in floats, of at most ``bound``, as int32. What does not fit wraps to two's complement."""
    return sums.astype(np.int32) if bound < _INT32 else sums.astype(np.int64).astype(np.int32)


def block_rows(terms: int, units: int, rows: int) -> int:
    """How many of ``rows`` rows of a matrix are multiplied fastest at a time, by one of [terms, units]."""
    most = _SMALL_PRODUCT // max(1, terms * units)
    return rows if most < _FEWEST_ROWS or rows <= most else -(-rows // -(-rows // most))


def product(a: npt.NDArray[Any], b: npt.NDArray[Any], out: npt.NDArray[Any] | None = None) -> npt.NDArray[Any]:
    """``a @ b`` of integers that are held in floats, all of their partial sums exact; into ``out``, if it is given.

    Nothing of it can be invalid. Some BLAS kernels raise that flag nevertheless, for parts of vectors that they do not
    use (numpy issue 24067, OpenBLAS issue 1924); numpy would warn of it.
    """
    with np.errstate(invalid="ignore"):
        result: npt.NDArray[Any] = np.matmul(a, b, out=out)
    return result


def product_by_blocks(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """``product`` of two matrices, the first one contiguous, in blocks of as many rows as are fastest."""
    (rows, terms), units = a.shape, b.shape[1]
    block = block_rows(terms, units, rows)
    whole = rows // block * block if block else 0
    if whole in (0, block):
        return product(a, b)
    result = np.empty((rows, units), a.dtype)
    product(a[:whole].reshape(-1, block, terms), b, result[:whole].reshape(-1, block, units))
    product(a[whole:], b, result[whole:])
    return result


def matmul(a: Integers, b: Integers, limit: int) -> npt.NDArray[np.int32]:
    """The product ``a @ b`` of integers, as int32 that wraps.

    Args:
        a: [..., rows, terms], with magnitudes of at most ``limit``.
        b: [..., terms, units].
        limit: See ``a``.

    Returns:
        int32 [..., rows, units].
    """
    return to_int32(*exact_product(a, b, limit))


def exact_product(a: Integers, b: Integers, limit: int) -> tuple[npt.NDArray[Any], int]:
    """``matmul`` as exact floats, before they wrap; and a bound on their magnitude."""
    bound = largest_sum(b, limit)
    dtype = exact_dtype(bound)
    return product(a.astype(dtype), b.astype(dtype)), bound
