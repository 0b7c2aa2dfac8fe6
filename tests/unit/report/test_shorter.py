"""Charts are written in few bytes, and show the same."""

from __future__ import annotations

from tinyglow.report.page.shorter import shorter


def test_what_nobody_reads_is_left_out() -> None:
    """Names for screen readers, which take the chart as one picture; empty shapes; digits that nobody sees."""
    bar = '<path aria-label="a: 1" role="graphics-symbol" d="M0,5.25123h8.7v1Z" fill="var(--accent)"/>'
    assert shorter(bar) == '<path d="M0,5.25h8.7v1Z" fill="var(--accent)"/>'
    assert shorter('<g class="x"><path class="foreground" d="" display="none"/></g>') == "<g></g>"
    assert shorter("<text>0.12345</text>") == "<text>0.12345</text>"  # text is as it was


def test_equal_shapes_become_one() -> None:
    """Lines become paths; what looks different, or can be seen through, stays apart."""
    lines = "".join(f'<line transform="translate({x},0)" x2="0" y2="5" stroke="var(--rule)"/>' for x in (0, 40))
    assert shorter(lines) == '<path d="M0,0l0,5M40,0l0,5" stroke="var(--rule)"/>'
    mixed = '<path d="M0Z" fill="a"/><path d="M1Z" fill="a"/><path d="M2Z" fill="b"/>'
    assert shorter(mixed) == '<path d="M0ZM1Z" fill="a"/><path d="M2Z" fill="b"/>'
    clear = '<path d="M0Z" fill="a" opacity="0.8"/>' * 2
    assert shorter(clear) == clear
