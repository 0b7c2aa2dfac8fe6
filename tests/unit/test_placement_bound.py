"""The bound of the planner is what the best placement of an input and an output takes, found by trying all places."""

from __future__ import annotations

from itertools import product

from tinyglow.lowering.plan import Block, lower_bound


def _least(first: int, second: int, distance: int) -> int:
    """Bytes of two blocks in use at once; the second may lie over the first from ``distance`` after its start."""
    places = product(range(first + 12), range(second + 12))
    fitting = [
        max(at + first, over + second)
        for at, over in places
        if at + first <= over or over + second <= at or over <= at + distance
    ]
    return min(fitting)


def test_the_bound_of_two_blocks_is_their_least_extent() -> None:
    """Whichever is larger, and wherever the one may begin; working memory of their step comes to it."""
    for first, second, distance, memory in product(range(1, 9), range(1, 9), range(-4, 6), (0, 3)):
        blocks = [Block("input", first, 0, 1), Block("output", second, 1, 2), Block("memory", memory, 1, 1)]
        assert lower_bound(blocks, {("output", "input"): distance}) == _least(first, second, distance) + memory


def test_nothing_needs_nothing() -> None:
    """Without blocks, and of one without bytes."""
    assert lower_bound([]) == lower_bound([Block("nothing", 0, 0, 1)]) == 0
