"""Finding a graph's values in a profile: by Glow's name, else by what leaves no other choice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from tinyglow.errors import Problem, ProfileError
from tinyglow.ir.graph import Graph
from tinyglow.ir.record import Record
from tinyglow.quant.candidates import Candidates, agree, is_tuned, stem
from tinyglow.quant.implied import own_range
from tinyglow.quant.profile import Profile, Range


class ProfileMatch(Record):
    """Range of each value of the graph; ``renamed`` maps a value to the profile's other name for it."""

    ranges: Mapping[str, Range]
    renamed: Mapping[str, str]


def match_profile(graph: Graph, profile: Profile, needed: Iterable[str]) -> ProfileMatch:
    """Ranges for the values in ``needed``. Raises ProfileError with all that the profile lacks or leaves in doubt.

    Glow numbers the nodes that its optimizer makes, and a number may differ where its steps differ from ours. Entries
    that differ in the number alone are then candidates (``quant.candidates``); a value gets a range only where the
    network itself leaves no other.
    """
    by_name = _by_name(profile)
    needed = list(needed)
    ranges = constant_ranges(graph, [name for name in needed if graph.values[name].data is not None], by_name)
    candidates = Candidates(graph, by_name)
    renamed: dict[str, str] = {}
    problems: list[Problem] = []
    absent = 0
    for name in needed:
        if name in ranges:
            continue
        range_, possible = candidates.range_of(name), candidates.possible(name)
        if range_ is not None:
            ranges[name] = range_
            if name not in possible:
                renamed[name] = possible[0]
        elif not possible:
            absent += 1
            problems.append(Problem(name, f"has no entry '{name}:0' in the profile"))
        else:
            problems.append(_doubt(name, possible, by_name))
    if problems:
        found = f"{absent} of {len(needed)} values are missing" if absent else "it leaves the ranges of values in doubt"
        summary = f"the profile does not fit the model: {found}; make it from this very model with 'tinyglow profile'"
        raise ProfileError(summary, problems)
    return ProfileMatch(ranges, renamed)


def recorded_ranges(graph: Graph, profile: Profile) -> Callable[[str], Range | None]:
    """A function from the name of a computed value to its recorded range, or None where that is absent or in doubt."""
    return Candidates(graph, _by_name(profile)).range_of


def _by_name(profile: Profile) -> dict[str, Range]:
    return {key.removesuffix(":0"): range_ for key, range_ in profile.ranges.items() if key.endswith(":0")}


def _doubt(name: str, possible: Iterable[str], by_name: Mapping[str, Range]) -> Problem:
    listed = [f"'{other}:0' ({by_name[other].low:g} to {by_name[other].high:g})" for other in possible]
    return Problem(name, f"may have the range of {' or of '.join(listed)}", "one entry that it can be")


def constant_ranges(graph: Graph, names: Iterable[str], by_name: Mapping[str, Range]) -> dict[str, Range]:
    """Ranges of constants: the profile's where it agrees with the data, the data's own where it says nothing.

    A range that was tuned (halved, maybe several times) agrees too. One that disagrees tells a model of the same shape
    with other weights apart. Glow numbers constants with the same stem in its own way, so any of them may be the one.
    """
    stems = defaultdict(list)
    for name in by_name:
        stems[stem(name)].append(name)
    ranges = {}
    problems = []
    for name in names:
        data = graph.values[name].data
        assert data is not None
        own = own_range(data)
        named = [by_name[name]] if name in by_name else []
        others = [by_name[other] for other in stems[stem(name)]]
        agreeing = next((range_ for range_ in [*named, *others] if agree(range_, own)), None)
        # Another constant's range may look like a tuned one; only the constant's own name says that it is.
        agreeing = agreeing or next((range_ for range_ in named if is_tuned(range_, own)), None)
        ranges[name] = agreeing or own
        if name in by_name and agreeing is None:
            range_ = by_name[name]
            found = f"holds values from {own.low:g} to {own.high:g}, the profile says {range_.low:g} to {range_.high:g}"
            problems.append(Problem(name, found))
    if problems:
        raise ProfileError("the profile was made from a model with other weights", problems)
    return ranges
