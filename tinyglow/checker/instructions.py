"""Weights that are instructions of ARMv6-M: run on many words at once, and compared with those of the C beside them.

They are straight-line code that is linear in the words, so that one wrong number shows with any words.
Source of what each does: ARMv6-M Architecture Reference Manual, A6.7.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyglow.checker.findings import BrokenError

Array = npt.NDArray[Any]
_SAMPLES = 64
_MASK = 0xFFFFFFFF
_REGISTER = r"(r[2-7]|r12|lr)"


class _Core:
    """Registers of 32 bits, each as int64 [samples]; r0 and r1 as offsets from the words and from the sums."""

    def __init__(self, words: Array) -> None:
        self.words, self.sums = words, dict[int, Array]()
        self.base = {"r0": 0, "r1": 0}
        self.registers: dict[str, Array] = {}
        self.carry = np.zeros(words.shape[1], np.int64)
        self.saved = 0

    def get(self, name: str) -> Array:
        if name not in self.registers:
            raise ValueError(f"{name} holds nothing")
        return self.registers[name]

    def put(self, name: str, value: Array, carry: Array | None = None) -> None:
        self.registers[name] = value & _MASK
        if carry is not None:
            self.carry = carry

    def add(self, to: str, a: Array, b: Array, more: Array | int = 0) -> None:
        total: Array = a + b + more
        self.put(to, total, total >> 32)

    def load(self, offset: int) -> None:
        place = self.base["r0"] + offset
        if place % 4 or not 0 <= place // 4 < len(self.words):
            raise ValueError(f"byte {place} of its input is read")
        self.registers["r2"] = self.words[place // 4]

    def store(self, register: str, offset: int) -> None:
        place = self.base["r1"] + offset
        if place % 4 or place < 0:
            raise ValueError(f"byte {place} of its sums is written")
        self.sums[place // 4] = self.get(register)


def _signed(x: Array, bits: int = 32) -> Array:
    return ((x & ((1 << bits) - 1)) ^ (1 << (bits - 1))) - (1 << (bits - 1))


def _move_base(core: _Core, kind: str, base: str, _: str, step: str) -> None:
    core.base[base] += int(step) if kind == "adds" else -int(step)


def _sum(core: _Core, kind: str, to: str, a: str, b: str) -> None:
    own, other = core.get(a), core.get(b)
    if kind == "adds":
        core.add(to, own, other)
    else:  # a + ~b + 1
        core.add(to, own, ~other & _MASK, 1)


def _store_many(core: _Core, *registers: str) -> None:
    for place, register in enumerate(registers):
        core.store(register, 4 * place)
    core.base["r1"] += 4 * len(registers)


def _stack(core: _Core, kind: str) -> None:
    core.saved += 1 if kind == "push" else -1
    if not 0 <= core.saved <= 1:
        raise ValueError("the stack is not what it was")
    core.registers.pop("r7", None)


def _ones(core: _Core, number: int) -> Array:
    return np.full_like(core.carry, number)


_STEPS: tuple[tuple[str, Callable[..., None]], ...] = (
    (r"(push|pop) \{r7\}", _stack),
    (r"ldr r2, \[r0, #(\d+)\]", lambda core, at: core.load(int(at))),
    (r"(adds|subs) (r[01]), (\2), #(\d+)", _move_base),
    (rf"(adds|subs) {_REGISTER}, {_REGISTER}, {_REGISTER}", _sum),
    (
        rf"adcs {_REGISTER}, (\1), {_REGISTER}",
        lambda core, to, _, b: core.add(to, core.get(to), core.get(b), core.carry),
    ),
    (
        rf"lsls {_REGISTER}, {_REGISTER}, #(\d+)",
        lambda core, to, a, by: core.put(to, core.get(a) << int(by), core.get(a) >> (32 - int(by)) & 1),
    ),
    (
        rf"asrs {_REGISTER}, {_REGISTER}, #16",
        lambda core, to, a: core.put(to, _signed(core.get(a)) >> 16, core.get(a) >> 15 & 1),
    ),
    (rf"movs {_REGISTER}, #(\d+)", lambda core, to, number: core.put(to, _ones(core, int(number)))),
    (rf"movs? {_REGISTER}, {_REGISTER}", lambda core, to, a: core.put(to, core.get(a))),
    (rf"muls {_REGISTER}, {_REGISTER}, (\1)", lambda core, to, a, _: core.put(to, core.get(to) * core.get(a))),
    (rf"rsbs {_REGISTER}, {_REGISTER}, #0", lambda core, to, a: core.add(to, ~core.get(a) & _MASK, _ones(core, 1))),
    (rf"sxth {_REGISTER}, {_REGISTER}", lambda core, to, a: core.put(to, _signed(core.get(a), 16))),
    (rf"add {_REGISTER}, {_REGISTER}", lambda core, to, a: core.put(to, core.get(to) + core.get(a))),
    (r"stmia r1!, \{(r3), (r4), (r5), (r6)\}", _store_many),
    (r"str (r[35]), \[r1, #(\d+)\]", lambda core, register, at: core.store(register, int(at))),
)


def check_instructions(where: str, lines: Sequence[str], weights: Array) -> None:
    """Check that instructions compute what weights say.

    Args:
        where: The call.
        lines: The instructions.
        weights: int64 [channels, words]: what each channel's sums multiply the words' halves by.

    Raises:
        BrokenError: They compute something else, read or write elsewhere, or are of another kind.
    """
    random = np.random.default_rng(1)
    # Those of each channel's largest and smallest sum are among them: no chunk of its weights goes further.
    ends = np.concatenate([np.where(weights > 0, 127, -128), np.where(weights > 0, -128, 127)]).T
    halves = random.integers(-128, 128, (2, weights.shape[1], _SAMPLES))
    halves = np.concatenate([halves, np.stack([ends, ends])], axis=2)
    core = _Core((halves[0] + (halves[1] << 16)) & _MASK)
    for line in lines:
        for pattern, step in _STEPS:
            match = re.fullmatch(pattern, line)
            if match is None:
                continue
            try:
                step(core, *match.groups())
            except ValueError as error:
                raise BrokenError(where, f"its instruction {line!r}: {error}", "inputs and sums of its own") from None
            break
        else:
            raise BrokenError(where, f"has the instruction {line[:60]!r}", "those of weights")
    wanted = {
        channel // 2 * 8 + 2 * pixel + channel % 2: row @ halves[pixel]
        for channel, row in enumerate(weights)
        for pixel in range(2)
    }
    same = core.sums.keys() == wanted.keys() and all(
        np.array_equal(_signed(core.sums[place]), total) for place, total in wanted.items()
    )
    if not same or core.saved:
        raise BrokenError(where, "its instructions compute something else than its C", "the same weights")
