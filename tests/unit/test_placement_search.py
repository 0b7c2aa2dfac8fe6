"""The planner's search: what it tries and how often, and that the addresses that it finds stay as they are."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from zlib import crc32

import pytest

from tinyglow.lowering import plan
from tinyglow.lowering.plan import Block, place


def _network(seed: int) -> tuple[list[Block], int, dict[tuple[str, str], int]]:
    """Blocks as a network with branches has them: many die soon, some live long, several are alike."""
    draw = random.Random(seed)
    blocks, steps = [], draw.choice((5, 9, 40))
    for index in range(draw.randint(7, 16)):
        first = draw.randrange(steps)
        last = min(steps, first + draw.choice((0, 1, 2, 3, steps // 3)))
        size = draw.choice((8, 24, 40, draw.randint(0, 99), draw.randint(1, 99)))
        blocks.append(Block(f"b{draw.randrange(10**6)}_{index}", size, first, last))
    alignment = draw.choice((1, 4, 4, 8))
    pairs = [(a, b) for a in blocks for b in blocks if a is not b and a.first == b.last]
    overlaps = {(a.name, b.name): draw.randint(-40, 40) for a, b in pairs if draw.random() < 0.5}
    return blocks, alignment, overlaps


def _placed(seeds: Sequence[int]) -> tuple[int, int]:
    """Bytes of all arenas together, and a check sum of all addresses."""
    total, addresses = 0, []
    for seed in seeds:
        blocks, alignment, overlaps = _network(seed)
        for allowed in (None, overlaps):
            offsets, size = place(blocks, alignment, allowed)
            total += size
            addresses.append(sorted(offsets.items()))
    return total, crc32(repr(addresses).encode())


@pytest.mark.parametrize(
    ("networks", "trials", "placed"), [(80, 0, (29552, 2379812207)), (40, 30, (13755, 3803854173))]
)
def test_addresses_stay_as_they_are(
    networks: int, trials: int, placed: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same network has the same addresses in every release; who finds better ones changes these figures.

    Of the orders alone, and of a short search after them.
    """
    monkeypatch.setattr(plan, "_MOST_TRIALS", trials)
    assert _placed(range(networks)) == placed


@pytest.mark.parametrize(
    ("blocks", "trials"),
    [(1, 0), (2, 1500), (3, 1500), (16, 1500), (17, 1384), (20, 1000), (40, 250), (100, 40), (700, 0)],
)
def test_the_search_ends(blocks: int, trials: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the bound is not reached: 1500 trials, fewer the more blocks there are, as each then takes longer."""
    tried = 0

    def wasteful(given: Sequence[Block], _: int, __: object, most: float = math.inf) -> dict[str, int] | None:
        nonlocal tried
        tried += most != math.inf
        return None if most != math.inf else {block.name: 2 * index + 1 for index, block in enumerate(given)}

    monkeypatch.setattr(plan, "_first_fit", wasteful)
    monkeypatch.setattr(plan, "_from_both_ends", lambda *_: None)
    place([Block(f"b{index}", 1, 0, 0) for index in range(blocks)])
    assert tried == trials


def test_what_cannot_be_better_is_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """A placement that takes what no other can do without is the answer."""
    monkeypatch.setattr(plan, "Random", lambda _: None)
    given = [Block("a", 3, 0, 1), Block("b", 2, 1, 2), Block("c", 4, 0, 2)]
    assert place(given)[1] == 9
    assert place(given[:1]) == ({"a": 0}, 3)
    assert place([]) == ({}, 0)


def test_a_chain_lies_at_both_ends_by_turns() -> None:
    """Also where the two that meet touch each other, with no byte between."""
    chain = [Block(f"b{index}", size, index, index + 1) for index, size in enumerate((3, 5, 3, 5, 2))]
    assert place(chain) == ({"b0": 0, "b1": 3, "b2": 0, "b3": 3, "b4": 0}, 8)


def test_nothing_lies_before_the_beginning() -> None:
    """Also where an output may begin after its input, and is placed first, at the bottom."""
    given = [Block("input", 4, 0, 1), Block("output", 6, 1, 2)]
    for distance in (1, 2, 3):
        offsets, size = place(given, 1, {("output", "input"): distance})
        assert offsets["output"] - offsets["input"] <= distance and min(offsets.values()) == 0
        assert size == 6
