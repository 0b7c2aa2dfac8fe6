"""What an option of a Glow-style tool is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

_LARGEST_COUNT = 2**32 - 1


class Kind(Enum):
    """What an option's value looks like."""

    FLAG = "flag"
    TEXT = "text"
    COUNT = "a whole number"
    NUMBER = "a number"


_BOOLS = {"true": "true", "1": "true", "false": "", "0": ""}
_COUNT = re.compile(r"(?P<hex>0[xX][0-9a-fA-F]{1,8})|[0-9]{1,10}")
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?")


def _count(value: str) -> int:
    match = _COUNT.fullmatch(value)
    if match is None or int(value, 16 if match["hex"] else 10) > _LARGEST_COUNT:
        raise ValueError(f"a whole number from 0 to {_LARGEST_COUNT}")
    return int(value, 16 if match["hex"] else 10)


@dataclass(frozen=True)
class Option:
    """One option of a tool.

    Attributes:
        name: Without dashes.
        help: Its meaning, in one sentence.
        kind: What its value looks like.
        aliases: Other names.
        choices: What its value may be; found whatever their case.
        default: What the tool takes if it is not given.
        metavar: What --help calls the value.
        many: Whether it may be given several times.
        comma: Whether its value is a list.
        required: Whether the tool needs it.
        unused: Why it means nothing here; "" if it means something.
        refused: Why it cannot be used, where ignoring it would change results; "" if it can.
    """

    name: str
    help: str
    kind: Kind = Kind.TEXT
    aliases: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    default: str = ""
    metavar: str = ""
    many: bool = False
    comma: bool = False
    required: bool = False
    unused: str = ""
    refused: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The name and all aliases."""
        return (self.name, *self.aliases)

    def checked(self, value: str) -> str:
        """``value`` in its normal form. Raises ValueError saying what was expected."""
        if self.kind is Kind.FLAG:
            return self._of(value, _BOOLS, "true or false")
        if not value:
            raise ValueError("a value")
        if self.choices:
            known = {choice.lower(): choice for choice in self.choices}
            return self._of(value, known, ", ".join(self.choices))
        if self.kind is Kind.COUNT:
            return str(_count(value))
        if self.kind is Kind.NUMBER and not _NUMBER.fullmatch(value):
            raise ValueError("a number")
        return value

    def _of(self, value: str, known: dict[str, str], expected: str) -> str:
        values = value.split(",") if self.comma else [value]
        if any(part.lower() not in known for part in values):
            raise ValueError(expected)
        return ",".join(known[part.lower()] for part in values)


def flag(name: str, help_: str, aliases: Sequence[str] = (), unused: str = "", refused: str = "") -> Option:
    """An option without a value."""
    return Option(name, help_, Kind.FLAG, tuple(aliases), unused=unused, refused=refused)
