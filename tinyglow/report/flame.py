"""A picture of where cycles went, as SVG that needs nothing else: layers side by side, their functions below."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from tinyglow.pipeline.cycle_profile import CycleProfile, LayerShare, Share

_WIDTH, _ROW, _TOP, _MARGIN = 1200, 34, 46, 10
_CHARACTER = 6.6  # width of one at the size of _STYLE
_STYLE = (
    "text{font:11px monospace;pointer-events:none}.head{font:13px sans-serif}"
    "rect{stroke:#fff;stroke-width:1}rect:hover{stroke:#000}"
)
# Core cycles in colours that tell neighbours apart; the part that memories take is darker.
_COLOURS = ("#8dd3c7", "#fdb462", "#b3de69", "#fccde5", "#80b1d3", "#ffed6f", "#bc80bd", "#ccebc5")


def flame_svg(profile: CycleProfile) -> str:
    """The whole inference on top, its layers in their order, and the functions of each below, as wide as their time."""
    height = _TOP + 3 * _ROW + _MARGIN
    time = 1000 * profile.board.seconds(profile.whole.total)
    head = (
        f"{profile.whole.name} on {profile.board.title}: {profile.whole.cycles:,} cycles"
        f" + {profile.whole.waits:,} waiting = {time:.3f} ms, weights in {profile.weights}"
    )
    body = "\n".join(_boxes(profile))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}">\n'
        f"<style>{_STYLE}</style>\n"
        f'<rect width="{_WIDTH}" height="{height}" fill="#fafafa"/>\n'
        f'<text class="head" x="{_MARGIN}" y="26">{escape(head)}</text>\n{body}\n</svg>\n'
    )


def _boxes(profile: CycleProfile) -> Iterator[str]:
    whole = max(1, profile.whole.total)
    scale = (_WIDTH - 2 * _MARGIN) / whole
    yield _box(profile.whole, profile.whole.name, 0, 0, scale, whole, "#d9d9d9")
    start = 0
    for number, layer in enumerate(profile.layers):
        colour = _COLOURS[number % len(_COLOURS)]
        yield _box(layer.whole, _label(layer), start, 1, scale, whole, colour)
        inner = start
        for function in layer.functions:
            yield _box(function, function.name, inner, 2, scale, whole, colour)
            inner += function.total
        start += layer.whole.total


def _label(layer: LayerShare) -> str:
    return f"{layer.whole.name} ({layer.function})" if layer.function else layer.whole.name


def _box(share: Share, label: str, start: int, row: int, scale: float, whole: int, colour: str) -> str:
    """A bar with its waiting shaded at the right, a label if there is room, and all figures on hovering."""
    x, y, width = _MARGIN + start * scale, _TOP + row * _ROW, share.total * scale
    room = int((width - 6) / _CHARACTER)
    shown = label if len(label) <= room else label[: max(0, room - 1)] + "…" if room > 3 else ""
    figures = f"{share.cycles:,} cycles + {share.waits:,} waiting, {share.instructions:,} instructions"
    title = f"{label}: {figures}, {100 * share.total / whole:.1f} %"
    shade = share.waits * scale
    return (
        f"<g><title>{escape(title)}</title>"
        f'<rect x="{x:.2f}" y="{y}" width="{width:.2f}" height="{_ROW}" fill="{colour}"/>'
        f'<rect x="{x + width - shade:.2f}" y="{y + _ROW - 8}" width="{shade:.2f}" height="8" fill="#555"/>'
        f'<text x="{x + 3:.2f}" y="{y + 16}">{escape(shown)}</text></g>'
    )
