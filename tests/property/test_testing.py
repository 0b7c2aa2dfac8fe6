"""The public strategies reach what they promise: a parity test is worth what its cases are."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.drawn_cases import OF_CI, DrawnCases
from tinyglow.ir.kernel import In, Kernel, Out, Params
from tinyglow.kernels.reshape.copy import COPY, CopyParams
from tinyglow.numerics import glow
from tinyglow.registry import KERNELS
from tinyglow.testing import (
    Case,
    blocks,
    budget,
    cases,
    covered_kernels,
    fixed_cases,
    generates,
    registry,
    requant_params,
    scales,
)
from tinyglow.testing.frame import DamageError, frame, params_bytes


def _conv_reach() -> dict[str, Callable[[Any, Case], bool]]:
    return {
        "unequal padding": lambda p, c: len(set(p.window.pads)) > 2,
        "windows in the padding": lambda p, c: p.pad_top >= (p.kernel_h - 1) * p.dilation_h + 1,
        "unequal strides": lambda p, c: p.stride_h != p.stride_w,
        "strides beyond the window": lambda p, c: p.stride_h > p.kernel_h > 1,
        "unequal dilations": lambda p, c: p.dilation_h != p.dilation_w and p.kernel_h > 1 and p.kernel_w > 1,
        "several images": lambda p, c: p.images > 1,
        "groups": lambda p, c: p.group > 1 and p.in_c > p.group,
        "depthwise": lambda p, c: p.group > 1 and p.in_c == p.group == p.out_c,
        "one pixel": lambda p, c: (p.kernel_h, p.kernel_w) == (1, 1),
        "largest input offsets": lambda p, c: p.in_offset == 127,
        "extreme inputs": lambda p, c: set(c.inputs["input"].tolist()) == {-128, 127},
        "extreme filters": lambda p, c: set(c.inputs["filter"].tolist()) == {-128, 127},
        "bias near 2**31": lambda p, c: int(np.abs(c.inputs["bias"].astype(np.int64)).max()) > 2**31 - 2**24,
        "clamped to a part": lambda p, c: p.act_min > -128 and p.act_max < 127,
        "leaky": lambda p, c: bool(p.leaky) and len(set(c.expected()["output"].tolist())) > 10,
        "many different results": lambda p, c: len(set(c.expected()["output"].tolist())) > 30,
    }


def _numbered(params: Params, name: str) -> list[int]:
    """The fields name0, name1, ... of a params object."""
    return [getattr(params, field.name) for field in fields(params) if re.fullmatch(rf"{name}\d", field.name)]


CONV = _conv_reach()
REACH: dict[str, dict[str, Callable[[Any, Case], bool]]] = {
    "tg_conv2d_s8": {
        **CONV,
        "smallest filter offsets": lambda p, c: p.filter_offset == -128,
        "scale above 1": lambda p, c: p.out.multiplier > 2**p.out.post > 1,
        "both shifts": lambda p, c: p.out.pre > 0 and p.out.post > 0,
        "power of two": lambda p, c: p.out.multiplier == 1,
    },
    "tg_conv2d_channelwise_s8": {
        **CONV,
        "a scale of its own for each channel": lambda p, c: len(set(c.inputs["channels"][::2].tolist())) > 3,
        "offsets of both signs": lambda p, c: bool(np.ptp(c.inputs["channels"][1::2] >> 16) > 200),
    },
    "tg_fully_connected_s8": {
        "several rows": lambda p, c: p.rows > 1,
        "float32 sums": lambda p, c: p.depth <= 258,
        "float64 sums": lambda p, c: p.depth > 258,
        "bias near 2**31": lambda p, c: int(np.abs(c.inputs["bias"].astype(np.int64)).max()) > 2**31 - 2**24,
        "many different results": lambda p, c: len(set(c.expected()["output"].tolist())) > 12,
    },
    "tg_max_pool_s8": {
        "unequal padding": lambda p, c: p.pad_top != p.pad_left,
        "windows in the padding": lambda p, c: p.pad_top >= p.kernel_h and p.pad_left >= p.kernel_w,
        "several images": lambda p, c: p.images > 1,
        "overlap": lambda p, c: p.stride_h < p.kernel_h and p.stride_w < p.kernel_w,
    },
    "tg_transpose_s8": {
        "four dimensions and more": lambda p, c: sum(size > 1 for size in _numbered(p, "dim")) >= 4,
        "strides out of order": lambda p, c: _numbered(p, "stride") != sorted(_numbered(p, "stride"), reverse=True),
    },
    "tg_rescale_s8": {
        "relu": lambda p, c: p.in_min == p.in_offset != -128,
        "no element": lambda p, c: p.count == 0,
        "constants of no scale": lambda p, c: p.out.multiplier < 0,
        "many different results": lambda p, c: len(set(c.expected()["output"].tolist())) > 60,
    },
    "tg_quantize_f32_s8": {
        "NaN": lambda p, c: bool(np.isnan(c.inputs["input"]).any()),
        "infinite": lambda p, c: bool(np.isinf(c.inputs["input"]).any()),
        "subnormal": lambda p, c: bool(((c.inputs["input"] != 0) & (np.abs(c.inputs["input"]) < 1e-38)).any()),
        "ties": lambda p, c: bool(np.any(c.inputs["input"] / np.float32(p.scale) % 1 == 0.5)),
        "many different results": lambda p, c: len(set(c.expected()["output"].tolist())) > 60,
    },
    "tg_dequantize_s8_f32": {"infinite results": lambda p, c: bool(np.isinf(c.expected()["output"]).any())},
    "tg_copy_s8": {"no element": lambda p, c: p.count == 0, "odd sizes": lambda p, c: p.count % 4 == 3},
}


@pytest.mark.parametrize("symbol", sorted(REACH))
def test_cases_reach_every_corner(symbol: str, drawn: DrawnCases) -> None:
    """Among CI's cases of a kernel is at least one of each kind that is easy to get wrong."""
    found = drawn(symbol, OF_CI)
    with np.errstate(all="ignore"):
        missed = [name for name, holds in REACH[symbol].items() if not any(holds(case.params, case) for case in found)]
    assert missed == []


@pytest.mark.parametrize("symbol", covered_kernels())
def test_results_are_not_all_the_same(symbol: str, drawn: DrawnCases) -> None:
    """Of the quick run's cases of a kernel, one in five has results that no other has, or more."""
    results = [next(iter(case.expected().values())).tobytes() for case in drawn(symbol, 60)]
    assert len(set(results)) >= len(results) / 5


def test_a_kernel_without_generator_is_named() -> None:
    """To ask for the cases of a kernel that has none says where to add them."""
    with pytest.raises(LookupError, match="tg_unheard_of has no case generator: add one to"):
        cases("tg_unheard_of")


@pytest.mark.parametrize("symbol", covered_kernels())
def test_fixed_cases_are_the_same_again(symbol: str) -> None:
    """Two draws of fixed cases are equal to the byte, as many as asked for."""
    first, second = fixed_cases(symbol, 4), fixed_cases(symbol, 4)
    assert len(first) == 4
    assert [frame(case).image for case in first] == [frame(case).image for case in second]


@budget(100)
@given(scale=scales(-40, 20))
def test_scales_are_float32(scale: float) -> None:
    """A scale is a positive float32 within the magnitudes asked for."""
    assert 2.0**-40 <= scale < 2.0**21
    assert glow.float32(scale) == scale


def test_requant_params_cover_all_forms() -> None:
    """Constants are drawn for powers of two on both sides of 1, for scales above 1, and with and without each shift."""
    drawn: list[glow.Requant] = []

    @budget(200)
    @given(requant_params())
    def collect(r: glow.Requant) -> None:
        drawn.append(r)

    collect()
    assert any(r.post == r.pre == 0 and r.multiplier > 1 for r in drawn)
    assert any(r.multiplier == 1 and r.post > 0 for r in drawn)
    assert any(r.pre and r.post for r in drawn)
    assert any(not r.pre and r.post and r.multiplier > 2**r.post for r in drawn)
    assert any(r.multiplier == 0 for r in drawn)
    assert {-128, 127} <= {r.offset for r in drawn}


@budget(50)
@given(given=blocks())
def test_blocks_have_names_of_their_own(given: list[Any]) -> None:
    """No two blocks share a name, and none ends before it begins."""
    assert len({block.name for block in given}) == len(given)
    assert all(block.size >= 0 and 0 <= block.first <= block.last for block in given)


def test_a_second_generator_for_a_kernel_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel has one generator; a new one registers under its symbol and serves at once."""
    with pytest.raises(ValueError, match="already"):
        generates(COPY)(st.nothing)
    mine = Kernel("mine", "", CopyParams, (In("input", "int8"), Out("output", "int8")), COPY.reference)
    case = Case(mine, CopyParams(1), {"input": np.zeros(1, np.int8)}, {"output": 1})
    with monkeypatch.context() as patch:
        patch.setattr(registry, "_GENERATORS", {})
        generates(mine)(lambda: st.just(case))
        assert fixed_cases(mine, 1) == [case]
    assert "mine" not in covered_kernels()


# The frame that tells right from wrong


def _copy_frame() -> tuple[Any, bytearray]:
    case = Case(COPY, CopyParams(5), {"input": np.arange(5).astype(np.int8)}, {"output": 5})
    laid_out = frame(case)
    return laid_out, bytearray(laid_out.after)


def test_frame_accepts_the_right_result() -> None:
    """The expected memory passes; the memory before the call does not, in any byte of the output."""
    laid_out, memory = _copy_frame()
    laid_out.check(bytes(memory))
    with pytest.raises(AssertionError, match="5 of 5 elements of output differ"):
        laid_out.check(laid_out.image)


def test_every_single_byte_of_a_frame_is_checked() -> None:
    """A change of any byte is noticed: a wrong result inside of the output, damage everywhere else."""
    laid_out, memory = _copy_frame()
    output = range(laid_out.operands[1], laid_out.operands[1] + 5)
    for index in range(len(memory)):
        spoilt = bytearray(memory)
        spoilt[index] ^= 1
        with pytest.raises(AssertionError) as caught:
            laid_out.check(bytes(spoilt))
        assert isinstance(caught.value, DamageError) == (index not in output)


def test_damage_is_told_with_its_place() -> None:
    """The message names what was hit."""
    laid_out, memory = _copy_frame()
    for index, words in (
        (laid_out.params, "its parameters"),
        (laid_out.operands[0], "operand input"),
        (laid_out.operands[1] + 5, "5 bytes from the start of operand output"),
    ):
        spoilt = bytearray(memory)
        spoilt[index] ^= 1
        with pytest.raises(DamageError, match=words):
            laid_out.check(bytes(spoilt))


def test_structs_are_laid_out_as_c_does() -> None:
    """Parameters take the bytes that C's natural alignment gives them: worked out by hand for one struct."""
    kernel = KERNELS["tg_rescale_s8"]
    data = params_bytes(kernel, kernel.params(0x01020304, -2, 3, glow.Requant(5, 6, -7, 8)))
    requant = b"\xf9\xff\xff\xff" + b"\x08\0\0\0" + b"\x05\x06\0\0"
    assert data == b"\x04\x03\x02\x01" + b"\xfe\x03\0\0" + requant


# What users import


def test_import_of_tinyglow_leaves_hypothesis_alone() -> None:
    """Neither ``import tinyglow`` nor its pipeline loads hypothesis; ``tinyglow.testing`` alone loads no emulator."""
    code = (
        "import sys, tinyglow, tinyglow.pipeline\n"
        "assert 'hypothesis' not in sys.modules\n"
        "import tinyglow.testing\n"
        "assert 'hypothesis' in sys.modules and 'unicorn' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_missing_hypothesis_is_told_in_plain_words() -> None:
    """Without hypothesis, ``import tinyglow.testing`` says what to install."""
    code = (
        "import sys\nsys.modules['hypothesis'] = None\n"
        "from tinyglow.errors import ToolError\n"
        "try:\n    import tinyglow.testing\n"
        "except ToolError as error:\n    assert 'pip install tinyglow[test]' in str(error)\n"
        "else:\n    raise AssertionError('no error')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
