"""Which entry of a profile holds which value of a graph: candidates by name, cut down by what the network implies.

Values that only move elements (Transpose, Reshape) have the range of what they move, so all of them together are one
unknown here, a group. An entry with a member's own name is its candidate; where there is none, every entry that differs
in Glow's number alone is. Interval arithmetic over the graph then strikes out candidates that cannot be. It proves or
it leaves the choice open; it never takes the likelier one. Ranges that were tuned or edited contradict each other too:
there the entries' histograms, which tuning keeps, still say that they are of the same elements.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from tinyglow.ir.graph import Array, Graph, Node
from tinyglow.operators.conv2d import Conv2D
from tinyglow.quant.implied import is_consistent, moved_from, own_range
from tinyglow.quant.profile import Range

# Combinations of candidates that are tried at one node; beyond, it strikes out nothing.
_MOST_COMBINATIONS = 4096
_TOLERANCE = 1e-4


def stem(name: str) -> str:
    """``name`` without Glow's number."""
    return re.sub(r"__[0-9]+$", "", name)


def agree(one: Range, other: Range) -> bool:
    """Whether two ranges are the same but for rounding."""
    tolerance = _TOLERANCE * max(abs(one.low), abs(one.high), abs(other.low), abs(other.high))
    return abs(one.low - other.low) <= tolerance and abs(one.high - other.high) <= tolerance


def is_tuned(range_: Range, own: Range) -> bool:
    """Whether ``range_`` is what tuning makes of ``own``: half as wide, or a quarter ..., around 0 or some mean.

    Around a mean both ends move inwards; around 0 the end that is nearer to it may move outwards.
    """
    width, around_zero = range_.high - range_.low, range_.low == -range_.high
    full = 2 * max(abs(own.low), abs(own.high)) if around_zero else own.high - own.low
    if not 0 < width < full or not (around_zero or own.low <= range_.low < range_.high <= own.high):
        return False
    halvings = math.log2(full / width)
    return halvings > 0.5 and abs(halvings - round(halvings)) <= _TOLERANCE


def _of_same_elements(one: Range, other: Range) -> bool:
    """Whether both may be ranges of the same elements: equal, tuned, or without a histogram that says otherwise."""
    if agree(one, other) or is_tuned(one, other) or is_tuned(other, one):
        return True
    return not (one.histogram and other.histogram) or one.histogram == other.histogram


def _group_ranges(data: Array | None, groups: int) -> list[Range]:
    """The range of each group's part of a convolution's filters or bias."""
    return [] if data is None else [own_range(part) for part in np.split(data, groups)]


@dataclass
class Candidates:
    """Which entries of a profile each group of values may have.

    Attributes:
        graph: The float graph.
        entries: The profile, by value name.
        group: The group of each value.
        members: The values of each group.
        domains: For each group, the entries that it may have.
    """

    graph: Graph
    entries: Mapping[str, Range]
    group: dict[str, str] = field(default_factory=dict)
    members: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    domains: dict[str, dict[str, Range]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._make_groups()
        self._stems: dict[str, list[str]] = defaultdict(list)
        for name in self.entries:
            self._stems[stem(name)].append(name)
        self._makers = {node.outputs[0]: node for node in self.graph.nodes}
        self._checked = [node for node in self.graph.nodes if moved_from(node) is None and node.inputs]
        for group in self.members:
            self.domains[group] = self._first_candidates(group)
        self._strike_out()
        for node in self._checked:
            self._doubt_names(node)

    def _make_groups(self) -> None:
        for name in self.graph.inputs:
            self.group[name] = name
        for node in self.graph.nodes:
            for name in (*node.inputs, *node.outputs):
                self.group.setdefault(name, name)
            source = moved_from(node)
            if source is not None:
                self.group[node.outputs[0]] = self.group[source]
        for name, group in self.group.items():
            if self.graph.values[name].data is None:
                self.members[group].append(name)

    def _namesakes(self, group: str) -> dict[str, Range]:
        """Entries that differ from a member's name in the number alone."""
        names = dict.fromkeys(other for name in self.members[group] for other in self._stems[stem(name)])
        return {name: self.entries[name] for name in names}

    def _unclaimed(self, group: str) -> dict[str, Range]:
        """Of the namesakes, those whose names no value of the graph has."""
        return {name: range_ for name, range_ in self._namesakes(group).items() if name not in self.graph.values}

    def _of_maker(self, group: str, named: Mapping[str, Range]) -> dict[str, Range]:
        """Entries under the name of what makes the elements, where none of them agrees with those of what moves them.

        Glow numbers the transposes of a network in the order in which it makes them, so a number that we have too may
        be that of another one.
        """
        names = [name for name in self._stems[stem(group)] if name not in self.graph.values]
        found = {name: self.entries[name] for name in names}
        agreeing = (agree(own, other) for own in found.values() for other in named.values())
        return {} if any(agreeing) else found

    def _wholes(self, group: str) -> dict[str, Range]:
        """Of the namesakes of a grouped convolution's result, those that may be all of it, not a part.

        Glow's profile has each group's slices and result under the convolution's name, with numbers that earlier passes
        left free: the convolution's own too, where a pass put another one in its place. All of the result is recorded
        twice, for the convolution and for the concatenation of the groups; a part is recorded once.
        """
        maker = self._makers.get(group)
        if maker is None or not isinstance(maker.op, Conv2D) or maker.op.group == 1:
            return {}
        constants = [self.graph.values[name].data for name in maker.inputs[1:]]
        parts = [range_ for data in constants for range_ in _group_ranges(data, maker.op.group)]
        named = {name: self.entries[name] for name in self._stems[stem(group)]}
        entries = {name: range_ for name, range_ in named.items() if not any(agree(range_, part) for part in parts)}
        return {
            name: range_
            for name, range_ in entries.items()
            if any(
                agree(range_, twin) and range_.histogram == twin.histogram
                for other, twin in entries.items()
                if other != name
            )
        }

    def _first_candidates(self, group: str) -> dict[str, Range]:
        if not self._stems[stem(group)]:
            return {}  # Glow has no node of the maker's name, and what moves there moves something else
        named = {name: self.entries[name] for name in self.members[group] if name in self.entries}
        if not named:
            return self._unclaimed(group)
        if group not in named:
            named |= self._of_maker(group, named)
        elif (wholes := self._wholes(group)) and group not in wholes:
            return wholes
        if self._is_one(group, named):
            return named
        # Of names that contradict each other, those of inputs, and those without namesakes, are sure.
        sure = {
            name: range_
            for name, range_ in named.items()
            if name in self.graph.inputs or len(self._stems[stem(name)]) == 1
        }
        return sure if sure and self._is_one(group, sure) else named | self._namesakes(group)

    def _is_one(self, group: str, domain: Mapping[str, Range]) -> bool:
        """Whether all candidates are ranges of the same elements; other names than the members' must be equal."""
        members = self.members[group]
        return all(
            (_of_same_elements if one in members and other in members else agree)(domain[one], domain[other])
            for one, other in itertools.combinations(domain, 2)
        )

    def range_of(self, value: str) -> Range | None:
        """The value's range, None if it is absent or in doubt."""
        group = self.group[value]
        domain = self.domains[group]
        if not domain or not self._is_one(group, domain):
            return None
        first, *others = domain.values()
        return domain.get(value) or (first if all(agree(first, other) for other in others) else None)

    def possible(self, value: str) -> list[str]:
        """Names of the entries that the value may have."""
        return list(self.domains[self.group[value]])

    def _choices(self, name: str) -> list[tuple[str, Range]]:
        """The candidates of a node's input or result; a constant is its own."""
        data = self.graph.values[name].data
        if data is not None:
            return [("", own_range(data))]
        return list(self.domains[self.group[name]].items())

    def _supported(self, node: Node) -> list[set[str]] | None:
        """Of the inputs and the result, the candidates that some choice of the others goes with; None if not known."""
        names = [*node.inputs, node.outputs[0]]
        choices = [self._choices(name) for name in names]
        if not all(choices) or math.prod(map(len, choices)) > _MOST_COMBINATIONS:
            return None
        found: list[set[str]] = [set() for _ in names]
        for combination in itertools.product(*choices):
            *inputs, result = (range_ for _, range_ in combination)
            if is_consistent(self.graph, node, inputs, result):
                for kept, (name, _) in zip(found, combination, strict=True):
                    kept.add(name)
        return found

    def _strike_out(self) -> None:
        """Take candidates away that cannot be, until nothing changes."""
        changed = True
        while changed:
            changed = self._claim()
            for node in self._checked:
                names = (*node.inputs, node.outputs[0])
                if all(self._is_one(self.group[name], self.domains.get(self.group[name], {})) for name in names):
                    continue
                supported = self._supported(node)
                for name, kept in zip(names, supported or [], strict=False):
                    changed |= self._keep(self.group[name], kept)

    def _keep(self, group: str, kept: set[str]) -> bool:
        """Leave a group whose candidates differ those of ``kept``, if any; True if that changes anything."""
        domain = self.domains.get(group, {})
        left = {name: range_ for name, range_ in domain.items() if name in kept}
        if not left or len(left) == len(domain) or self._is_one(group, domain):
            return False
        self.domains[group] = left
        return True

    def _claim(self) -> bool:
        """An entry is one value's: what is the only candidate of one is none of the others'."""
        owners = {next(iter(domain)): group for group, domain in self.domains.items() if len(domain) == 1}
        changed = False
        for group, domain in self.domains.items():
            changed |= self._keep(group, {name for name in domain if owners.get(name, group) == group})
        return changed

    def _doubt_names(self, node: Node) -> None:
        """Where values' own names contradict a node, an entry that would not puts the names in doubt.

        Without such an entry the ranges were tuned or edited, and the names hold.
        """
        groups = dict.fromkeys(self.group[name] for name in (*node.inputs, node.outputs[0]))
        others = {group: self._others(group) for group in groups if self.domains.get(group)}
        if not any(others.values()):
            return
        supported = self._supported(node)
        if supported is None or any(supported):
            return
        for group, ranges in others.items():
            fitting = {name: range_ for name, range_ in ranges.items() if self._fits(group, {name: range_})}
            self.domains[group] = self.domains[group] | fitting

    def _others(self, group: str) -> dict[str, Range]:
        """Of the unclaimed namesakes, those of other elements than the candidates."""
        own = self.domains[group].values()
        return {
            name: range_
            for name, range_ in self._unclaimed(group).items()
            if not any(_of_same_elements(range_, candidate) for candidate in own)
        }

    def _fits(self, group: str, domain: dict[str, Range]) -> bool:
        """Whether all nodes that read or make the group's values allow ``domain`` for it."""
        before, self.domains[group] = self.domains[group], domain
        around = [
            node for node in self._checked if group in (self.group[name] for name in (*node.inputs, node.outputs[0]))
        ]
        found = all(supported is None or any(supported) for supported in map(self._supported, around))
        self.domains[group] = before
        return found
