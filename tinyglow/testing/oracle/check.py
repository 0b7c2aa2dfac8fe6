"""The oracle: each pass and station must leave a network's meaning as it was, and int8 must be as good as it can be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyglow.errors import UnknownInGlowError
from tinyglow.frontend.request import AS_IN_FILE, Request
from tinyglow.ir.graph import Array
from tinyglow.testing.oracle.compare import Excess, bar, decibels, is_significant, power
from tinyglow.testing.oracle.stations import Finding, Form, Found, Stations

Samples = Callable[[int], Mapping[str, Array]]

_SAMPLES = 12
_MORE_SAMPLES = 192  # where few leave room for chance
_VARIATIONS = 6
_VARIANTS = 24
_WIDEST = 20.0  # dB that one variant's ratio counts at most


@dataclass(frozen=True)
class Draw:
    """One variant's noise of an output beside what it may have; all are parts of the signal's power."""

    noise: float
    allowed: float
    bar: float

    @property
    def excess(self) -> float:
        """How much more noise there is than the bar; negative where there is less."""
        return self.noise - self.bar

    @property
    def ratio(self) -> float:
        """The same as a ratio in dB, within 20 dB."""
        return float(np.clip(decibels(self.noise, self.bar) if self.noise > 0 else -_WIDEST, -_WIDEST, _WIDEST))


def _on_average(path: Path, inputs: Mapping[str, Array], form: Form, request: Request) -> Finding | None:
    """What is found on many variants of the network, each on samples of its own.

    One rounding may decide about many elements: all zeros after a ReLU, a bias where the input is zero, the end of a
    range. And a rare event may decide about all of an output's noise. So the noise of one network is one draw from a
    distribution, and a decibel more than another draw is no fault. Over variants, which have other constants, ranges
    and samples, two means are compared with their standard errors (one-sided t-tests): that of the noise over the bar,
    which a rare large error raises, and that of the ratio in dB, which an error in all variants raises, however
    different they are. Were there no fault, program and simulation would draw from the same distribution, and the mean
    ratio would be a decibel below the bar.
    """
    draws: dict[str, list[Draw]] = {}
    for variant in range(_VARIANTS):
        part = {name: array[variant::_VARIANTS] for name, array in inputs.items()}
        one = Stations(path, part, form, request, variant=variant)
        try:
            one.run()
        except Found as finding:
            return finding.finding
        for name, noise in one.found.items():
            exact, allowed = one.exact[name], one.allowed[name]
            if (signal := power(exact)) > 0:
                draw = Draw(noise / signal, allowed / signal, bar(exact, allowed) / signal)
                draws.setdefault(name, []).append(draw)
    worse = []
    for name, own in draws.items():
        excesses, ratios = [draw.excess for draw in own], [draw.ratio for draw in own]
        if len(own) > 1 and (is_significant(excesses) or is_significant(ratios)):
            found, allowed = (
                float(np.mean(values)) for values in zip(*((d.noise, d.allowed) for d in own), strict=True)
            )
            worse.append(Excess(name, decibels(1.0, found), decibels(1.0, allowed)))
    return Finding("int8", "; ".join(map(str, worse))) if worse else None


def check(path: Path, samples: Samples, form: Form | None = None, request: Request = AS_IN_FILE) -> Finding | None:
    """What is wrong with how tinyglow compiles a network; None if nothing is.

    samples(n): n float32 inputs [n, *shape] by name, or as many as there are. What looks too noisy on a few samples
    is looked at again on more of them, beside several simulations, and then on average over variants of the network.
    """
    try:
        return _check(path, samples, form, request)
    except UnknownInGlowError:
        return None  # said, and no numbers given


def _check(path: Path, samples: Samples, form: Form | None = None, request: Request = AS_IN_FILE) -> Finding | None:
    """``check``, of a network of which all is known."""
    form = form or Form()
    try:
        Stations(path, samples(_SAMPLES), form, request).run()
    except Found as few:
        if few.finding.station.startswith(("read", "simplify", "fuse")):
            return few.finding
        try:
            Stations(path, samples(_MORE_SAMPLES), form, request).run(_VARIATIONS)
        except Found as many:
            most = samples(_VARIANTS * _SAMPLES)
            if many.finding.station != "int8" or len(next(iter(most.values()))) < 2 * _VARIANTS:
                return many.finding
            return _on_average(path, most, form, request)
    return None
