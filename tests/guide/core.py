"""Chapter 8: what the Cortex-M0+ executes, instruction by instruction."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

import tinyglow
from tests.guide.text import code, short, table
from tinyglow.demo.answer import WORDS, answer
from tinyglow.demo.instructions import DOT_PRODUCT, cycles_of, meaning
from tinyglow.demo.walk import FOLLOWED, walk
from tinyglow.pipeline.cycle_profile import CodeLine, CycleProfile


@lru_cache(maxsize=1)
def measured() -> CycleProfile:
    """One inference of the followed picture, followed instruction by instruction."""
    found = walk()
    return tinyglow.profile_cycles(found.program, found.board, found.sample, listings=True)


def layers() -> str:
    """Cycles by layer."""
    profile = measured()
    rows = [
        (
            short(layer.whole.name),
            f"`{layer.function}`" if layer.function else "",
            layer.whole.instructions,
            layer.whole.cycles,
            layer.whole.waits,
        )
        for layer in profile.layers
    ]
    rows.append(("all", "", profile.whole.instructions, profile.whole.cycles, profile.whole.waits))
    return table(("layer", "function", ">instructions", ">cycles", ">waiting for flash"), rows)


def time() -> str:
    """What that is in milliseconds."""
    profile = measured()
    board, total = profile.board, profile.whole.total
    return (
        f"{profile.whole.cycles:,} cycles of the core and {profile.whole.waits:,} of waiting are {total:,} in all. At "
        f"{board.clock_hz / 1e6:g} MHz that takes {1000 * board.seconds(total):.3f} ms."
    )


def inner_loop() -> list[CodeLine]:
    """The loop of the last layer that runs most often: from the target of its closing branch to that branch."""
    function = measured().layers[-2].function
    # The kernel's own listing, and those of its parts.
    listings = [one.code for one in measured().listings if one.name.startswith(function)]
    loops = [loop for code in listings for loop in _loops(code)]
    return list(max(loops, key=lambda lines: sum(line.cycles for line in lines)))


def _loops(code: Sequence[CodeLine]) -> Iterator[Sequence[CodeLine]]:
    """From the target of each branch backwards to that branch."""
    at = {line.address: number for number, line in enumerate(code)}
    for number, line in enumerate(code):
        words = line.text.split()
        target = (
            int(words[1].lstrip("#").rstrip(";"), 16) if words[0].startswith("b") and words[1].startswith("#0x") else -1
        )
        if 0 <= target <= line.address and target in at and words[0] not in ("b", "bl"):
            yield code[at[target] : number + 1]


def loop() -> str:
    """The loop of the last layer: its first term, and its end."""
    lines = inner_loop()
    period = _period(lines)
    rows = [
        (f"`{_text(line)}`", meaning(line.text), cycles_of(line.text))
        for line in [*lines[:period], *lines[len(lines) // period * period :]]
    ]
    terms = len(lines) // period
    once = sum(cycles_of(line.text) for line in lines)
    one = answer(walk(), int(walk().labels[FOLLOWED]))
    plain = sum(map(cycles_of, DOT_PRODUCT))
    products = 4 * WORDS * terms
    return (
        f"{table(('instruction', 'what it does', '>cycles'), rows)}\n\nThe first {period} instructions are "
        f"there {terms} "
        f"times, for {terms} inputs. One round has {len(lines)} instructions and takes {once} cycles for "
        f"{products} products: "
        f"{once / products:.2f} cycles each. A plain loop takes {plain} for each. The {len(one.terms)} inputs "
        "of the last "
        f"layer take {len(one.terms) // terms} rounds for eight classes."
    )


# The listing's names of registers that have numbers too.
_NUMBERS = {"sb": "r9", "sl": "r10", "fp": "r11", "ip": "r12"}


def _text(line: CodeLine) -> str:
    text = re.sub(r"\b(sb|sl|fp|ip)\b", lambda match: _NUMBERS[match[0]], line.text.partition("  ;")[0])
    return re.sub(r"^(b\w*) #0x\w+$", r"\1 loop", text)


def _period(lines: list[CodeLine]) -> int:
    """The number of instructions after which the same ones come again, with other numbers."""
    words = [line.text.split()[0] for line in lines]
    for period in range(1, len(words) // 2 + 1):
        repeats = len(words) // period
        if (
            repeats > 1
            and words[: period * repeats] == words[:period] * repeats
            and len(words) - period * repeats < period
        ):
            return period
    return len(words)


def term() -> str:
    """The first input with a word of weights, number by number."""
    one = answer(walk(), int(walk().labels[FOLLOWED]))
    first = one.terms[0]
    rows = [
        (name, f"{factor:#010x}", f"{first.x} * {factor} = {first.x * factor}")
        for name, factor in zip(("all of it", "bytes 1 and 3", "the upper half"), first.factors, strict=True)
    ]
    return (
        f"The input is {first.x}. The word is {first.word:#010x}; in memory its bytes are "
        f"`{first.word.to_bytes(4, 'little').hex(' ')}`.\n\n"
        f"{table(('part of the word', '>as a number', '>added to its sum'), rows)}"
    )


def taken_apart() -> str:
    """From the three registers to the four integers."""
    found = walk()
    one = answer(found, int(found.labels[FOLLOWED]))
    p0, p1, p2, p3 = one.products
    registers = ", ".join(f"{value:#010x}" for value in one.sums)
    all_, odd, upper = one.signed
    text = f"""
sums in registers        {registers}
sum of all inputs        {one.inputs}, times 128 is {128 * one.inputs}
all                      {one.sums[0]:#010x} - 0x01010101 * ({128 * one.inputs}) = {all_:#010x}
odd                      {one.sums[1]:#010x} - 0x00010001 * ({128 * one.inputs}) = {odd:#010x}
upper                    {one.sums[2]:#010x} - 0x00000101 * ({128 * one.inputs}) = {upper:#010x}
low                      all - 65536 * upper = {(all_ - (upper << 16)) % 2**32:#010x}
class {one.first}                  lower 24 bits of low - 256 * odd = {p0}
class {one.first + 1}                  (low - ({p0})) / 256 = {p1}
class {one.first + 2}                  lower 24 bits of upper - (odd - ({p1})) / 256 = {p2}
class {one.first + 3}                  (upper - ({p2})) / 256 = {p3}
"""
    rows = [
        (one.first + number, product, total - product, total, one.shifts.of(total), result)
        for number, (product, total, result) in enumerate(zip(one.products, one.totals, one.results, strict=True))
    ]
    columns = (">class", ">sum of products", ">bias and offsets", ">sum", ">scaled", ">stored")
    label = int(found.labels[FOLLOWED])
    return (
        f"{code(text.strip())}\n\n{table(columns, rows)}\n\nThe integer of class {label} is "
        f"{one.results[label - one.first]}, the largest of all ten. The network says {label}."
    )
