"""Every kernel with numbers, called once in a bundle of its own: the proof holds, and none of them can be changed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinyglow
from tests.drawn_cases import DrawnCases
from tinyglow.checker.check import check_proof
from tinyglow.ir.kernel import Role
from tinyglow.ir.program import Buffer, KernelCall, Program, Region
from tinyglow.ir.types import TensorType
from tinyglow.kernels.intermediates import Ends
from tinyglow.lowering.plan import plan
from tinyglow.registry import KERNELS
from tinyglow.testing import Case, covered_kernels

# What changes at run time; all other operands that are read are tables or weights.
_GIVEN = ("input", "other", "product", "condition", "hidden", "cell", "state", "lhs", "rhs")
STATES = [symbol for symbol in covered_kernels() if (own := KERNELS[symbol]).numbers_of or own.table_numbers_of]


def program_of(case: Case) -> Program:
    """The program that consists of one call."""
    buffers = {}
    for operand in case.kernel.operands:
        given = case.inputs.get(operand.name)
        constant = operand.role is Role.IN and operand.name not in _GIVEN
        size = case.outputs[operand.name] if given is None else given.size
        region = Region.CONSTANT if constant else Region.MUTABLE
        # Constants of floats lie in a bundle as words.
        data = given.view("int32") if constant and given is not None and given.dtype == np.float32 else given
        dtype = "int32" if constant and operand.dtype == "float32" else operand.dtype
        buffers[operand.name] = Buffer(
            operand.name, TensorType((size,), dtype), region, data=data if constant else None
        )
    if case.scratch is not None:
        buffers["scratch"] = Buffer("scratch", TensorType((case.scratch,), "int8"), Region.ACTIVATION)
    call = KernelCall(case.kernel, tuple(o.name for o in case.kernel.operands), case.params, "one",
                      "scratch" if case.scratch is not None else "")  # fmt: skip
    inputs = tuple(name for name, b in buffers.items() if b.region is Region.MUTABLE and name in case.inputs)
    outputs = tuple(name for name in case.outputs)
    return plan(Program("net", buffers, (call,), inputs, outputs, {}, dict.fromkeys(Region, 0), 4))


class OneCall:
    """A bundle with one call, in which faults are planted one after the other."""

    def __init__(self, folder: Path, case: Case) -> None:
        self.folder, self.place = folder, folder / "net.proof.json"
        tinyglow.emit(program_of(case), folder)
        self.proof: Any = json.loads(self.place.read_text(encoding="ascii"))

    def faults(self, proof: Any = None) -> list[str]:
        """What the checker says."""
        proof = proof or self.proof
        for name in proof["files"]:
            proof["files"][name] = hashlib.sha256((self.folder / name).read_bytes()).hexdigest()
        self.place.write_text(json.dumps(proof), encoding="ascii")
        return [f"{fault.where}: {fault.found}; {fault.expected}" for fault in check_proof(self.folder).faults]

    def changed(self) -> Any:
        """A copy of the proof."""
        return json.loads(json.dumps(self.proof))


def _fits(case: Case) -> bool:
    """Whether lowering would let it pass: nothing leaves its type that may not."""
    constants = [case.inputs[o.name] if o.role is Role.IN else None for o in case.kernel.operands]
    return all(one.fits or one.may_wrap for one in (case.kernel.numbers(case.params, constants) or {}).values())


# Of each way to state numbers one; all of them with TINYGLOW_LONG=1.
SLICE = ("tg_avg_pool_tflite_s16", "tg_lstm_tflite_s8", "tg_resize_bilinear_s8", "tg_softmax_s8")


@pytest.mark.parametrize(
    "symbol", [symbol if symbol in SLICE else pytest.param(symbol, marks=pytest.mark.long) for symbol in STATES]
)
def test_a_changed_number_is_refused(symbol: str, drawn: DrawnCases, tmp_path: Path) -> None:
    """Each one lowered at both ends, and of other bits; or forgotten, of which others are too many."""
    case = next(case for case in drawn(symbol, 5) if _fits(case))
    bundle = OneCall(tmp_path / "bundle", case)
    assert bundle.faults() == []
    proof, numbers = bundle.changed(), bundle.proof["calls"][0]["numbers"]
    for one in proof["calls"][0]["numbers"].values():
        one.update(low=one["low"] + 1, high=one["high"] - 1, bits=one["bits"] + 1)
    found = bundle.faults(proof)
    for name in numbers:
        for key in ("low", "high", "bits"):
            assert any(f"numbers, {name}, {key};" in fault for fault in found), (name, key)
    proof["calls"][0]["numbers"] = {f"other {name}": one for name, one in numbers.items()}
    found = bundle.faults(proof)
    assert all(any(f"numbers, {name}" in fault for fault in found) for name in numbers)
    assert all(any(f"numbers, other {name}" in fault for fault in found) for name in numbers)


def test_a_range_holds_its_ends() -> None:
    """The sum and the product of ranges, by all pairs of some numbers."""
    a, b = range(-3, 6), range(-7, 3)
    one, other = Ends(-3, 5), Ends(-7, 2)
    products = [x * y for x in a for y in b]
    assert (one.times(other).low, one.times(other).high) == (min(products), max(products))
    assert (one.plus(other, -1).low, one.plus(other, -1).high) == (-5, 12)


def test_the_reciprocal_of_a_sum_stays_inside_of_32_bits() -> None:
    """gemmlowp's, of every number: by ranges of each step over 4096 pieces of its argument."""
    edges = np.linspace(0, 2**31, 4097).astype(np.int64)
    for low, high in zip(edges[:-1].tolist(), (edges[1:] - 1).tolist(), strict=True):
        half = Ends((low + 2**31) // 2, (high + 2**31 + 1) // 2)
        x = _high(half.times(Ends(-1010580540, -1010580540))).plus(Ends(1515870810, 1515870810))
        for _ in range(3):
            rest = Ends(2**29, 2**29).plus(_high(half.times(x)), -1)
            more = _high(x.times(rest))
            x = x.plus(Ends(4 * more.low, 4 * more.high))
            assert rest.number().fits and x.number().fits


def _high(product: Ends) -> Ends:
    """The upper word of a doubled product, whichever way it is rounded."""
    return Ends(product.low // 2**31, product.high // 2**31 + 1)
