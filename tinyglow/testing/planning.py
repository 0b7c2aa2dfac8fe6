"""Strategies for the memory planner."""

from __future__ import annotations

from hypothesis import strategies as st

from tinyglow.lowering.plan import Block

ALIGNMENTS = (1, 2, 4, 8, 16, 64)


def alignments() -> st.SearchStrategy[int]:
    """An alignment in bytes: a power of two."""
    return st.sampled_from(ALIGNMENTS)


@st.composite
def blocks(draw: st.DrawFn, max_blocks: int = 12, max_step: int = 8, max_size: int = 300) -> list[Block]:
    """Blocks of distinct names, sizes from 0, and lifetimes that meet, touch or miss each other. May be empty."""
    sizes = st.one_of(st.sampled_from((0, 1, 64)), st.integers(0, max_size))
    steps = st.lists(st.integers(0, max_step), min_size=2, max_size=2).map(sorted)
    drawn = draw(st.lists(st.tuples(sizes, steps), max_size=max_blocks))
    return [Block(f"b{number}", size, first, last) for number, (size, (first, last)) in enumerate(drawn)]


@st.composite
def overlaps(draw: st.DrawFn, given: list[Block]) -> dict[tuple[str, str], int]:
    """For some blocks that begin when another ends: how far over that they may start, or how far before."""
    handed_over = [(new.name, old.name) for old in given for new in given if new is not old and old.last == new.first]
    if not handed_over:
        return {}
    chosen = draw(st.lists(st.sampled_from(handed_over), unique=True, max_size=6))
    return {pair: draw(st.one_of(st.integers(-80, 80), st.just(0))) for pair in chosen}
