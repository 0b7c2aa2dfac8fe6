"""Finding a graph's values in a profile: by Glow's name, else by the name's stem where that leaves no choice."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tinyglow.errors import Problem, ProfileError
from tinyglow.ir.graph import Array, Graph
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


def _own_range(data: Array) -> Range:
    return Range(float(data.min()), float(data.max())) if data.size else Range(0.0, 0.0)


def _number(name: str) -> int:
    found = re.search(r"__([0-9]+)$", name)
    return int(found.group(1)) if found else 0


def match_profile(graph: Graph, profile: Profile, needed: Iterable[str]) -> ProfileMatch:
    """Ranges for the values in ``needed``. Raises ProfileError with the list of those the profile lacks.

    Glow numbers the nodes that its optimizer makes, and a number may differ where its steps differ from ours. Values
    with the same stem are then matched in the order of their numbers, if there are as many on both sides.
    """
    by_name = {key.removesuffix(":0"): range_ for key, range_ in profile.ranges.items() if key.endswith(":0")}
    needed = list(needed)
    ranges = {name: by_name[name] for name in needed if name in by_name}
    constants = [name for name in needed if graph.values[name].data is not None]
    ranges.update(_constant_ranges(graph, constants, by_name))
    missing = [name for name in needed if name not in ranges]
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
            f"the profile does not fit the model: {len(absent)} of {len(needed)} values "
            "are missing; make it from this very model with 'tinyglow profile'",
            problems,
        )
    return ProfileMatch(ranges, renamed)


def _constant_ranges(graph: Graph, names: Iterable[str], by_name: Mapping[str, Range]) -> dict[str, Range]:
    """Ranges of constants: the profile's where it agrees with the data, the data's own where it says nothing.

    A range that was tuned (halved, maybe several times) agrees too. One that disagrees tells a model of the same shape
    with other weights apart. Glow numbers constants with the same stem in its own way, so any of them may be the one.
    """
    stems = defaultdict(list)
    for name in by_name:
        stems[_stem(name)].append(name)
    ranges = {}
    problems = []
    for name in names:
        data = graph.values[name].data
        assert data is not None
        own = _own_range(data)
        candidates = [by_name[name]] if name in by_name else []
        candidates += [by_name[other] for other in stems[_stem(name)]]
        agreeing = next((range_ for agree in (_agree, _is_tuned) for range_ in candidates if agree(range_, own)), None)
        ranges[name] = agreeing or own
        if name in by_name and agreeing is None:
            range_ = by_name[name]
            found = f"holds values from {own.low:g} to {own.high:g}, the profile says {range_.low:g} to {range_.high:g}"
            problems.append(Problem(name, found))
    if problems:
        raise ProfileError("the profile was made from a model with other weights", problems)
    return ranges


def _agree(one: Range, other: Range) -> bool:
    tolerance = _WEIGHT_TOLERANCE * max(abs(one.low), abs(one.high), abs(other.low), abs(other.high))
    return abs(one.low - other.low) <= tolerance and abs(one.high - other.high) <= tolerance


def _is_tuned(range_: Range, own: Range) -> bool:
    """Whether ``range_`` is what tuning makes of ``own``: half as wide, or a quarter ..., around 0 or some mean.

    Around a mean both ends move inwards; around 0 the end that is nearer to it may move outwards.
    """
    width, around_zero = range_.high - range_.low, range_.low == -range_.high
    full = 2 * max(abs(own.low), abs(own.high)) if around_zero else own.high - own.low
    if not 0 < width < full or not (around_zero or own.low <= range_.low < range_.high <= own.high):
        return False
    halvings = math.log2(full / width)
    return halvings > 0.5 and abs(halvings - round(halvings)) <= _WEIGHT_TOLERANCE
