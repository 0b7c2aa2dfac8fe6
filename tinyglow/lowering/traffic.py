"""How many bytes each buffer reads and writes in one inference: how useful fast memory is for it.

The counts are those of the kernels' plain loops, from a call's parameters. A multiply-accumulate reads one element of
each operand, a window reads each of its taps, and everything else is read or written once. A convolution with working
memory lays out its im2col tile there, and its products read that instead of the input; one with entropy-coded weights
decodes them there, and reads them there. Kernels that keep values in registers read less, of both operands alike: the
counts serve to compare buffers with each other.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

import numpy as np

from tinyglow.ir.kernel import Params, Role
from tinyglow.ir.program import KernelCall, Program
from tinyglow.ir.types import DTYPE_BYTES


def _taps(fields: Mapping[str, int]) -> int:
    """Taps of all windows of one image that lie inside of it."""
    inside = 1
    for axis, begin in (("h", "pad_top"), ("w", "pad_left")):
        first = np.arange(fields[f"out_{axis}"]) * fields[f"stride_{axis}"] - fields[begin]
        taps = first[:, np.newaxis] + np.arange(fields[f"kernel_{axis}"]) * fields.get(f"dilation_{axis}", 1)
        inside *= int(np.count_nonzero((taps >= 0) & (taps < fields[f"in_{axis}"])))
    return inside


def _whole_numbers(params: Params) -> dict[str, int]:
    """The integers among the parameters; sizes of an output that is pooled are those in front of the pool."""
    p = {name: value for name, value in vars(params).items() if isinstance(value, int)}
    factor = p.get("pool") or 1
    return p | {name: p[name] * factor for name in ("out_h", "out_w") if name in p}


_WINDOW = {f"{name}_{axis}" for name in ("in", "out", "kernel", "stride") for axis in "hw"} | {"pad_top", "pad_left"}
_CONV = _WINDOW | {"out_c", "in_c", "group"}
_POOL = _WINDOW | {"channels"}


def _products(p: Mapping[str, int]) -> int:
    """Multiply-accumulates of a convolution."""
    return p["images"] * _taps(p) * p["out_c"] * (p["in_c"] // p["group"])


def _laid_out(p: Mapping[str, int]) -> int:
    """Elements of all windows of a convolution, each channel once."""
    return p["images"] * _taps(p) * p["in_c"]


def _is_packed(call: KernelCall) -> bool:
    """Whether the weights are a stream that is read once."""
    return any(operand.name == "packed" for operand in call.kernel.operands)


def _reads(call: KernelCall, elements: Mapping[str, int]) -> dict[str, int]:
    """Elements read of each input of ``call``, by operand; ``elements``: how many each has."""
    p = _whole_numbers(call.params)
    results, most = 1, {}
    if _CONV.issubset(p):  # beside image and filters, constants of each channel
        results = p["images"] * p["out_h"] * p["out_w"]
        lays_out = call.scratch and not _is_packed(call)
        most = {"input": _laid_out(p) if lays_out else _products(p), "filter": _products(p)}
    elif _POOL.issubset(p):  # pools
        most = {"input": p["images"] * _taps(p) * p["channels"]}
    elif {"depth", "units"}.issubset(p):  # fully connected: beside rows and matrix, constants of each unit
        results = p.get("rows", 1)
        most = dict.fromkeys(("input", "weights"), results * p["depth"] * p["units"])
    elif {"batch", "rows", "depth", "columns"}.issubset(p):  # products of two matrices
        products = math.prod(p[name] for name in ("batch", "rows", "depth", "columns"))
        most = dict.fromkeys(("lhs", "rhs"), products)
    once = {"packed": elements["packed"]} if _is_packed(call) else {}
    return {name: (most | once).get(name, results * count) for name, count in elements.items()}


def call_traffic(program: Program, call: KernelCall) -> Counter[str]:
    """Bytes read and written of each buffer by one call."""
    types = {operand: program.buffers[name].type for operand, name in call.named(Role.IN)}
    counts = _reads(call, {operand: type_.elements for operand, type_ in types.items()})
    traffic: Counter[str] = Counter()
    for operand, name in call.named(Role.IN):
        traffic[name] += counts[operand] * DTYPE_BYTES[types[operand].dtype]
    for name in call.writes:
        traffic[name] += program.buffers[name].type.nbytes
    if call.scratch:
        traffic[call.scratch] += _scratch_traffic(call, program.buffers[call.scratch].type.nbytes)
    return traffic


def _scratch_traffic(call: KernelCall, size: int) -> int:
    """Bytes; windows are laid out as 16-bit elements, and anything else is written and read once."""
    p = _whole_numbers(call.params)
    if _is_packed(call):
        return 2 * _products(p) + p["out_c"] * size
    return 2 * (_laid_out(p) + _products(p)) if _CONV.issubset(p) else 2 * size


def buffer_traffic(program: Program) -> Counter[str]:
    """Bytes read and written of each buffer by one inference."""
    found: Counter[str] = Counter()
    for call in program.calls:
        for name, traffic in call_traffic(program, call).items():
            found[program.whole(name)] += traffic
    return found
