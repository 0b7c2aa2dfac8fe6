"""Traffic of each kind of call, counted by the loops that the call stands for, one product after the other."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any

import pytest

from tinyglow.ir.kernel import Role
from tinyglow.ir.program import Buffer, KernelCall, Program, Region
from tinyglow.ir.types import DTYPE_BYTES, QuantParams, TensorType
from tinyglow.lowering.traffic import call_traffic
from tinyglow.testing import Case
from tinyglow.testing.registry import fixed_cases


def _program(case: Case) -> tuple[Program, KernelCall]:
    """The case as the one call of a program; buffers have the names of their operands."""
    sizes = {name: data.size for name, data in case.inputs.items()} | case.outputs
    buffers = {
        operand.name: Buffer(
            operand.name,
            TensorType((sizes[operand.name],), operand.dtype, QuantParams(1.0, 0)),
            Region.CONSTANT if operand.name in ("filter", "bias", "packed") else Region.ACTIVATION,
            data=case.inputs.get(operand.name),
        )
        for operand in case.kernel.operands
    }
    scratch = ""
    if case.scratch:
        scratch = "scratch"
        buffers[scratch] = Buffer(scratch, TensorType((case.scratch,), "int8", QuantParams(1.0, 0)), Region.ACTIVATION)
    call = KernelCall(
        case.kernel, tuple(operand.name for operand in case.kernel.operands), case.params, "node", scratch
    )
    return Program("net", buffers, (call,), (), (), {}, dict.fromkeys(Region, 0), 4), call


def _taps(p: Any) -> int:
    """Taps of all windows that lie inside of their images."""
    factor, count = getattr(p, "pool", 0) or 1, 0
    across = getattr(p, "dilation_h", 1), getattr(p, "dilation_w", 1)
    windows = product(range(p.images), range(p.out_h * factor), range(p.out_w * factor))
    for _, y, x in windows:
        for row, column in product(range(p.kernel_h), range(p.kernel_w)):
            top = y * p.stride_h - p.pad_top + row * across[0]
            left = x * p.stride_w - p.pad_left + column * across[1]
            count += 0 <= top < p.in_h and 0 <= left < p.in_w
    return count


def _reads(case: Case) -> Counter[str]:
    """Elements that the plain loops read of each input; of the working memory, bytes."""
    p: Any = case.params
    found = Counter({name: data.size for name, data in case.inputs.items()})
    names, results, memory = set(vars(p)), 0, case.scratch or 0
    if {"kernel_h", "out_c", "group"} <= names:
        taps, factor = _taps(p), getattr(p, "pool", 0) or 1
        products = taps * p.out_c * (p.in_c // p.group)
        results = p.images * p.out_h * p.out_w * factor * factor
        laid_out = memory and "packed" not in found
        own = {"input": taps * p.in_c if laid_out else products, "filter": products}
        memory = 2 * (taps * p.in_c + products) if laid_out else memory and 2 * products + p.out_c * memory
    elif {"kernel_h", "channels"} <= names:
        own, memory = {"input": _taps(p) * p.channels}, 2 * memory
    elif {"depth", "units"} <= names:
        results = getattr(p, "rows", 1)
        own, memory = dict.fromkeys(("input", "weights"), results * p.depth * p.units), 2 * memory
    elif {"batch", "rows", "depth", "columns"} <= names:
        pairs = product(range(p.batch), range(p.rows), range(p.columns), range(p.depth))
        own, memory = dict.fromkeys(("lhs", "rhs"), sum(1 for _ in pairs)), 2 * memory
    else:
        own, memory = {}, 2 * memory
    for name in found:
        if name == "packed" or not results:
            found[name] = own.get(name, found[name])
        else:
            found[name] = own.get(name, results * found[name])
    return found + Counter({"scratch": memory})


@pytest.mark.parametrize(
    "symbol",
    [
        *("tg_conv2d_s8", "tg_conv2d_dsp_s8", "tg_conv2d_packed_s8", "tg_depthwise_3x3_s8", "tg_max_pool_s8"),
        *("tg_avg_pool_s8", "tg_fully_connected_s8", "tg_fully_connected_packed_s8", "tg_lstm_tflm_s8", "tg_add_s8"),
        *("tg_matmul_s8", "tg_reduce_sum_s8", "tg_softmax_s8", "tg_transpose_s8", "tg_rescale_s8"),
    ],
)
def test_a_call_reads_what_its_loops_do(symbol: str) -> None:
    """Each element as often, of images and rows of any number; working memory is written once and read."""
    for case in fixed_cases(symbol, 4):
        program, call = _program(case)
        found, due = call_traffic(program, call), _reads(case)
        for operand in case.kernel.operands:
            size = DTYPE_BYTES[operand.dtype]
            count = due[operand.name] if operand.role is Role.IN else case.outputs[operand.name]
            assert found[operand.name] == count * size, operand.name
        assert found["scratch"] == due["scratch"]
