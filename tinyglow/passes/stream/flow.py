"""Where the elements of a value come in a stream: which of them a call gives, and from which on they are right.

A sequence has elements 0, 1, 2 ... along one dimension of each value. Call n of the stream gives ``count`` of them,
from ``begin + n * count`` on. They may have numbers below 0: those are made of what was before the sequence, and mean
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Flow:
    """How a value comes.

    Attributes:
        axis: The dimension along which it comes.
        length: Its elements in the whole network.
        count: Those that a call gives.
        begin: Number of the first element that the first call gives.
        right: From this number on, elements are those of the whole network.
        tail: How many of the whole network's last elements depend on padding after the end, which no stream can know.
        ahead: The model's nodes that padded there.
        fill: What the elements from 0 up to ``begin`` are, which no call gives; None if they are not known.
    """

    axis: int
    length: int
    count: int
    begin: int = 0
    right: int = 0
    tail: int = 0
    ahead: tuple[str, ...] = ()
    fill: float | None = None

    @property
    def last_wrong(self) -> int | None:
        """The last element that an operator with zeros before the sequence would read wrong; None if there is none."""
        if self.right > max(self.begin, 0):
            return self.right - 1
        if self.begin > 0 and self.fill is None:
            return self.begin - 1
        return -1 if self.begin < 0 else None

    @property
    def warm_up(self) -> int:
        """Calls whose elements are not all right."""
        return max(0, -(-(self.right - self.begin) // self.count))

    def padded(self, before: int, after: int, value: float, origin: str) -> Flow:
        """The flow with elements more before the sequence, and after it (fewer where negative)."""
        wrong = self.last_wrong
        fill = value if self.begin <= 0 or self.fill == value else None
        flow = replace(
            self,
            length=self.length + before + after,
            begin=self.begin + before,
            right=0 if wrong is None else max(0, wrong + 1 + before),
            fill=fill if before > 0 else self.fill,
        )
        return flow.after_end(after, origin)

    def after_end(self, more: int, origin: str) -> Flow:
        """The flow with so many elements more (or fewer) that depend on what comes after the end."""
        tail = max(0, self.tail + more)
        return replace(self, tail=tail, ahead=_ahead(self.ahead, origin, tail, more))

    def delayed(self, begin: int) -> Flow:
        """The flow with its elements given later, from ``begin`` on."""
        wrong = self.last_wrong
        return replace(self, begin=begin, right=0 if wrong is None else max(0, wrong + 1), fill=None)


def _ahead(known: tuple[str, ...], origin: str, tail: int, more: int) -> tuple[str, ...]:
    if not tail:
        return ()
    return tuple(dict.fromkeys((*known, origin))) if more > 0 else known


@dataclass(frozen=True)
class Sliding:
    """A window that slides along the flow: ``taps`` elements, each ``dilation`` after the other.

    pads: elements before and after the sequence; fewer where they are negative.
    """

    taps: int
    stride: int = 1
    dilation: int = 1
    pads: tuple[int, int] = (0, 0)

    @property
    def span(self) -> int:
        """Elements from a window's first to its last."""
        return (self.taps - 1) * self.dilation

    def result(self, flow: Flow, origin: str) -> Flow:
        """The flow of what the windows give; ``flow.count`` is a multiple of the stride."""
        before, after = self.pads
        count = flow.count // self.stride
        newest = (flow.begin + flow.count - 1 + before - self.span) // self.stride
        length = (flow.length + before + after - self.span - 1) // self.stride + 1
        known = (flow.length - 1 - flow.tail + before - self.span) // self.stride + 1
        tail, wrong = max(0, length - known), flow.last_wrong
        right = 0 if wrong is None else max(0, (wrong + before) // self.stride + 1)
        ahead = _ahead(flow.ahead, origin, tail, after)
        return Flow(flow.axis, length, count, newest - count + 1, right, tail, ahead)

    def history(self, flow: Flow, result: Flow) -> int:
        """Elements of earlier calls that a call needs; if negative, how many of its own it does not need first."""
        return flow.begin + self.pads[0] - self.stride * result.begin

    def reach(self, result: Flow) -> int:
        """Elements that all windows of a call take together."""
        return (result.count - 1) * self.stride + self.span + 1
