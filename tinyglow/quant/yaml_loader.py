"""YAML of many whole numbers: a profile's histograms have hundreds of thousands.

PyYAML tries patterns on each word to know its type, and makes each object by a table of functions. Most of the time
that it takes to read a profile would be for that.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

_INT = "tag:yaml.org,2002:int"
# What YAML 1.1 takes for a decimal number and Python's int() reads the same.
_WHOLE = re.compile(r"0|[1-9][0-9]*")


def numbers_loader(base: Any) -> Any:
    """A loader that loads what ``base`` loads, lists of whole numbers several times as fast.

    Args:
        base: One of PyYAML's loaders.

    Returns:
        A class of its kind.
    """

    def resolve(self: Any, kind: Any, value: Any, implicit: Any) -> Any:
        """The tag of a node that has none; see ``yaml.resolver``."""
        if kind is yaml.ScalarNode and implicit[0] and _WHOLE.fullmatch(value):
            return _INT
        return base.resolve(self, kind, value, implicit)

    def construct_sequence(self: Any, node: Any, deep: bool = False) -> Any:
        """The list that a node stands for; see ``yaml.constructor``."""
        if not isinstance(node, yaml.SequenceNode):
            return base.construct_sequence(self, node, deep=deep)
        # The very tag of ``resolve``: of a decimal number.
        return [
            int(child.value) if child.tag is _INT else self.construct_object(child, deep=deep) for child in node.value
        ]

    return type("NumbersLoader", (base,), {"resolve": resolve, "construct_sequence": construct_sequence})


NUMBERS_LOADER = numbers_loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader))
