"""Search for the best schemes by accuracy, time and flash.

Tried are schemas, bias types, calibration, and single layers per channel or in float.

Every combination of the options that concern a whole network is tried first. Then single layers are changed, one at a
time, in the combinations that no other one surpasses, as long as that finds new ones: the Pareto front. Nothing here
runs a network: right answers and costs come from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from tinyglow.quant.schema import Schema
from tinyglow.quant.scheme import Scheme

DEFAULT_TRIALS = 200


@dataclass(frozen=True)
class Cost:
    """Of one inference: cycles; and of the bundle: bytes of flash."""

    cycles: int
    flash: int


@dataclass(frozen=True)
class Candidate:
    """A scheme, how many samples it gets right, and what it costs."""

    scheme: Scheme
    correct: int
    cost: Cost

    def surpasses(self, other: Candidate) -> bool:
        """Whether it is as good in every respect and better in one."""
        mine = (-self.correct, self.cost.cycles, self.cost.flash)
        theirs = (-other.correct, other.cost.cycles, other.cost.flash)
        return mine != theirs and all(a <= b for a, b in zip(mine, theirs, strict=True))


@dataclass(frozen=True)
class Limits:
    """What a candidate may cost at most; None: anything."""

    cycles: int | None = None
    flash: int | None = None

    def allow(self, cost: Cost) -> bool:
        """Whether a cost is within both."""
        within_cycles = self.cycles is None or cost.cycles <= self.cycles
        return within_cycles and (self.flash is None or cost.flash <= self.flash)


class Trials(Protocol):
    """What schemes are tried on."""

    def correct(self, scheme: Scheme) -> int | None:
        """How many samples a scheme gets right; None if the network cannot be quantized so."""

    def cost(self, scheme: Scheme) -> Cost | None:
        """What it costs, measured or predicted; None if it does not fit the board."""


@dataclass(frozen=True)
class Layers:
    """Names of the model's nodes that may be changed alone: convolutions, and all that have weights."""

    convolutions: tuple[str, ...]
    weighted: tuple[str, ...]


def network_schemes(base: Scheme, layers: Layers, calibration: bool) -> Iterator[Scheme]:
    """Every schema, type of biases, with and without a scale for each channel, and calibration if the profile allows.

    Then int16 activations, unless the graph must be Glow's. All else is as in ``base``.
    """
    base = replace(base, channelwise=False)
    for schema in Schema:
        for bias in ("int32", "int8"):
            for calibrate in (False, True) if calibration else (False,):
                for nodes in (frozenset[str](), frozenset(layers.convolutions)) if layers.convolutions else ((),):
                    yield replace(
                        base,
                        schema=schema,
                        bias_dtype=bias,
                        calibrate=calibrate,
                        channelwise_nodes=frozenset(nodes),
                    )
    for schema in () if base.like_glow else (Schema.SYMMETRIC, Schema.SYMMETRIC_WITH_POWER2_SCALE):
        yield replace(base, schema=schema, bias_dtype="int32", precision="int16", calibrate_constants=False)


def neighbours(scheme: Scheme, layers: Layers) -> Iterator[Scheme]:
    """The same scheme with one layer changed: per channel or not any more, in float or not any more."""
    for name in layers.convolutions if not scheme.int16 else ():  # weights of int16 layers are per channel anyway
        if name not in scheme.float_nodes:
            yield replace(scheme, channelwise_nodes=scheme.channelwise_nodes ^ {name})
    for name in layers.weighted:
        floats, channelwise = scheme.float_nodes ^ {name}, scheme.channelwise_nodes - {name}
        yield replace(scheme, float_nodes=floats, channelwise_nodes=channelwise)


def front(candidates: Sequence[Candidate], limits: Limits) -> list[Candidate]:
    """Those within the limits that no other one surpasses, cheapest first; of equal ones the first."""
    allowed = [candidate for candidate in candidates if limits.allow(candidate.cost)]
    best: dict[tuple[int, Cost], Candidate] = {}
    for candidate in allowed:
        if not any(other.surpasses(candidate) for other in allowed):
            best.setdefault((candidate.correct, candidate.cost), candidate)
    return sorted(best.values(), key=lambda found: (found.cost.cycles, found.cost.flash, -found.correct))


@dataclass
class _Search:
    trials: Trials
    limits: Limits
    left: int
    advance: Callable[[int], None]
    tried: dict[Scheme, Candidate | None] = field(default_factory=dict)

    def attempt(self, scheme: Scheme) -> None:
        """Try a scheme, unless it has been tried or no more trials are left."""
        if scheme in self.tried or self.left <= 0:
            return
        self.left -= 1
        correct = self.trials.correct(scheme)
        cost = None if correct is None else self.trials.cost(scheme)
        self.tried[scheme] = None if correct is None or cost is None else Candidate(scheme, correct, cost)
        self.advance(1)

    def front(self) -> list[Candidate]:
        """Of all that were tried."""
        return front([candidate for candidate in self.tried.values() if candidate], self.limits)


def search(
    trials: Trials,
    base: Scheme,
    layers: Layers,
    limits: Limits,
    calibration: bool = False,
    most: int = DEFAULT_TRIALS,
    advance: Callable[[int], None] = lambda trials: None,
) -> tuple[list[Candidate], list[Candidate]]:
    """(the Pareto front within the limits, all that can be built) after at most ``most`` trials; advance(1) after each.

    The order of trials depends on nothing but the results, which are the same every time.
    """
    state = _Search(trials, limits, most, advance)
    for scheme in network_schemes(base, layers, calibration):
        state.attempt(scheme)
    expanded: set[Scheme] = set()
    while state.left > 0:
        # The most accurate first: where trials run out, these are what is asked for.
        waiting = [found for found in state.front() if found.scheme not in expanded]
        if not waiting:
            break
        chosen = max(waiting, key=lambda found: (found.correct, -found.cost.cycles, -found.cost.flash))
        expanded.add(chosen.scheme)
        for scheme in neighbours(chosen.scheme, layers):
            state.attempt(scheme)
    return state.front(), [candidate for candidate in state.tried.values() if candidate]
