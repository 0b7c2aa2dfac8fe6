"""Finding a graph's values in a profile: by Glow's name, else by the name's stem where that leaves no choice."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tinyglow.errors import Problem, ProfileError
from tinyglow.ir.graph import Graph
from tinyglow.quant.profile import Profile, Range

# Constants that another compiler has folded (BatchNorm into filters) may differ in float rounding, not in more.
_WEIGHT_TOLERANCE = 1e-4


@dataclass(frozen=True)
class ProfileMatch:
    """Range of each value of the graph; ``renamed`` maps a value to the profile's other name for it."""

    ranges: Mapping[str, Range]
    renamed: Mapping[str, str]


def _stem(name: str) -> str:
    return re.sub(r"__[0-9]+$", "", name)


def _number(name: str) -> int:
    found = re.search(r"__([0-9]+)$", name)
    return int(found.group(1)) if found else 0


def match_profile(graph: Graph, profile: Profile, needed: Iterable[str]) -> ProfileMatch:
    """Ranges for the values in ``needed``. Raises ProfileError with the list of those the profile lacks.

    Glow numbers the nodes that its optimizer makes, and a number may differ where its steps differ from ours. Values
    with the same stem are then matched in the order of their numbers, if there are as many on both sides.
    """
    by_name = {key.removesuffix(":0"): range_ for key, range_ in profile.ranges.items() if key.endswith(":0")}
    ranges = {name: by_name[name] for name in needed if name in by_name}
    missing = [name for name in needed if name not in by_name]
    unclaimed = defaultdict(list)
    for name in by_name:
        if name not in graph.values:
            unclaimed[_stem(name)].append(name)
    wanted = defaultdict(list)
    for name in missing:
        wanted[_stem(name)].append(name)
    renamed: dict[str, str] = {}
    for stem, names in wanted.items():
        candidates = sorted(unclaimed[stem], key=_number)
        if len(candidates) == len(names):
            renamed.update(zip(sorted(names, key=_number), candidates, strict=True))
    ranges.update({name: by_name[other] for name, other in renamed.items()})
    absent = [name for name in missing if name not in renamed]
    if absent:
        problems = [Problem(name, f"has no entry '{name}:0' in the profile") for name in absent]
        raise ProfileError(
            f"the profile does not fit the model: {len(absent)} of {len(missing) + len(ranges) - len(renamed)} values "
            "are missing; make it from this very model with 'tinyglow profile'",
            problems,
        )
    _check_constants(graph, ranges)
    return ProfileMatch(ranges, renamed)


def _check_constants(graph: Graph, ranges: Mapping[str, Range]) -> None:
    """A profile holds the ranges of the weights too: they tell a model of the same shape with other weights apart."""
    problems = []
    for name, range_ in ranges.items():
        data = graph.values[name].data
        if data is None or not data.size:
            continue
        low, high = float(data.min()), float(data.max())
        tolerance = _WEIGHT_TOLERANCE * max(abs(low), abs(high), abs(range_.low), abs(range_.high))
        if abs(low - range_.low) > tolerance or abs(high - range_.high) > tolerance:
            found = f"holds values from {low:g} to {high:g}, the profile says {range_.low:g} to {range_.high:g}"
            problems.append(Problem(name, found))
    if problems:
        raise ProfileError("the profile was made from a model with other weights", problems)
