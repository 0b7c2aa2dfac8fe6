"""What the checker of proofs knows of kernels is what their declarations say: operands' sizes, what may overlap."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from tests.drawn_cases import DrawnCases
from tinyglow.bundle.proof import _number
from tinyglow.checker.extents import extents, loop_of
from tinyglow.checker.layouts import layer_of
from tinyglow.checker.numbers import _KERNELS, numbers
from tinyglow.checker.overlaps import distance_of, in_place
from tinyglow.checker.source import Argument, Call
from tinyglow.checker.sums import form_of
from tinyglow.checker.table_numbers import TABLE_KERNELS
from tinyglow.checker.unstated import UNSTATED, reason_of
from tinyglow.ir.c_struct import struct_fields
from tinyglow.ir.kernel import Role
from tinyglow.numerics.glow import Requant
from tinyglow.registry import KERNELS
from tinyglow.testing import Case, covered_kernels

LAYERS = [symbol for symbol in covered_kernels() if loop_of(symbol) and not symbol.endswith("_f32")]


def _call(case: Case) -> Call:
    """A case as the checker would read it from a bundle's C."""
    values = {name: getattr(case.params, name) for name, _ in struct_fields(case.kernel)}
    params: dict[str, Any] = {n: asdict(v) if isinstance(v, Requant) else v for n, v in values.items()}
    arguments = [
        Argument(o.name, "constantWeight", o.name, np.dtype(o.dtype).itemsize, o.role is Role.OUT)
        for o in case.kernel.operands
    ]
    if case.kernel.scratch:
        arguments.append(Argument("scratch", "activations", "scratch", 4, written=True))
    return Call(1, case.kernel.symbol, params, tuple(arguments))


@pytest.mark.parametrize("symbol", covered_kernels())
def test_sizes_and_overlaps_are_the_declared_ones(symbol: str, drawn: DrawnCases) -> None:
    """Of every kernel with random parameters. A new kernel needs its sizes in ``tinyglow/checker/extents.py``."""

    def check(case: Case) -> None:
        call = _call(case)
        found = extents(call, lambda name: case.inputs[name].tobytes())
        for operand in case.kernel.operands:
            if operand.role is Role.CODE:
                continue
            size = case.outputs[operand.name] if operand.role is Role.OUT else case.inputs[operand.name].size
            assert found[operand.name] <= size, operand.name
            if operand.role is Role.OUT and "strided" not in symbol:
                assert found[operand.name] == size
        if case.scratch is not None:
            assert found["scratch"] == case.scratch
        declared = case.kernel.overlap(case.params) if case.kernel.overlap else None
        assert distance_of(call) == declared
        allowed = case.kernel.aliases(case.params) if case.kernel.aliases else True
        declares = any(operand.may_alias for operand in case.kernel.operands) and allowed
        assert in_place(call) == declares

    drawn.check(symbol, check, quick=5)


@pytest.mark.parametrize("symbol", LAYERS)
def test_weights_are_read_from_every_layout(symbol: str, drawn: DrawnCases) -> None:
    """As many units and terms as there are, and the declared way to requantize."""

    def check(case: Case) -> None:
        call = _call(case)
        if any(operand.role is Role.CODE for operand in case.kernel.operands):
            return
        data = {name: array.tobytes() for name, array in case.inputs.items()}
        bytes_of = {name: len(content) for name, content in data.items()}
        layer = layer_of(call, data.__getitem__, {}, bytes_of)
        assert layer is not None
        units = call.get("out_c", 0) or call.get("units", 0) or call.whole("in_c")
        assert len(layer.weights) == len(layer.start) == units
        loop = loop_of(symbol)
        assert loop is not None and form_of(loop[0]) == KERNELS[symbol].scaling

    drawn.check(symbol, check, quick=5)


def _stated(case: Case) -> Any:
    """What the compiler states of a case."""
    constants = [case.inputs[o.name] if o.role is Role.IN else None for o in case.kernel.operands]
    numbers = case.kernel.numbers(case.params, constants)
    assert numbers is not None
    return numbers


def _states(symbol: str) -> bool:
    return bool(KERNELS[symbol].numbers_of or KERNELS[symbol].table_numbers_of)


@pytest.mark.parametrize("symbol", [symbol for symbol in covered_kernels() if _states(symbol)])
def test_numbers_are_the_declared_ones(symbol: str, drawn: DrawnCases) -> None:
    """The checker finds the ranges of all intermediates that the compiler states."""

    def check(case: Case) -> None:
        declared = {name: _number(one) for name, one in _stated(case).items()}
        found = numbers(_call(case), lambda name: case.inputs[name].tobytes())
        assert found is not None and found.faults == []
        assert {
            name: one | ({"wraps": True} if name in found.unsound else {}) for name, one in found.stated.items()
        } == declared

    drawn.check(symbol, check, quick=20 if KERNELS[symbol].numbers_of else 4)


def test_every_kernel_states_its_numbers_or_has_a_reason() -> None:
    """The checker knows those that do, and states nothing of others; no reason is given for what states some."""
    known = {
        symbol for symbol in KERNELS if any(re.fullmatch(pattern, symbol) for pattern, _ in (*_KERNELS, *TABLE_KERNELS))
    }
    assert known == {symbol for symbol in KERNELS if _states(symbol)}
    layers = {symbol for symbol in KERNELS if loop_of(symbol) and not symbol.endswith("_f32")}
    for symbol, kernel in KERNELS.items():
        states = symbol in known or symbol in layers or kernel.sums_of is not None
        assert states != (reason_of(symbol) is not None), symbol
    written = ("tg_each_abs_s32", "tg_put_s64")  # for integer tensors of ONNX, by the compiler
    for pattern, _ in UNSTATED:
        assert any(re.fullmatch(pattern, symbol) for symbol in (*KERNELS, *written)), pattern
