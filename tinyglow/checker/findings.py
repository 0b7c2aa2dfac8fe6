"""What the checker says: facts that it found to hold, and faults that refuse a bundle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_MOST_FAULTS = 1000


class BrokenError(Exception):
    """A file of the bundle that cannot be read as what it should be; ``where`` names the part."""

    def __init__(self, where: str, found: str, expected: str = "") -> None:
        super().__init__(f"{where}: {found}")
        self.where, self.found, self.expected = where, found, expected


def shown(value: object) -> str:
    """Something of the proof in a few words."""
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        return ", ".join(value)[:100] or "none"
    plain = value is None or isinstance(value, (bool, int, float, str))
    return str(value)[:60] if plain else f"a {type(value).__name__}"


@dataclass(frozen=True)
class Fault:
    """Something that a bundle's proof or its files get wrong.

    Attributes:
        where: The file, call or buffer.
        found: What is there.
        expected: What would hold.
    """

    where: str
    found: str
    expected: str = ""


@dataclass
class Findings:
    """What has been found so far.

    Attributes:
        facts: One sentence for each thing that holds.
        faults: All that refuses the bundle.
    """

    facts: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def require(self, holds: bool, where: str, found: str, expected: str = "") -> bool:
        """Note a fault unless ``holds``, which is returned. Raises BrokenError after very many."""
        if not holds:
            if len(self.faults) >= _MOST_FAULTS:
                raise BrokenError("the bundle", "has more faults", "none")
            self.faults.append(Fault(where, found, expected))
        return holds

    @contextmanager
    def part(self, where: str) -> Iterator[None]:
        """A part of the check: what cannot be read in it is a fault, and the rest goes on.

        Files of strangers may hold what nobody thought of. Whatever stops the check of a part refuses the bundle.
        """
        try:
            yield
        except BrokenError as error:
            self.faults.append(Fault(error.where, error.found, error.expected))
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            MemoryError,
            RecursionError,
            TypeError,
            ValueError,
        ) as error:
            text = f"cannot be checked: {type(error).__name__}, {str(error)[:100]}"
            self.faults.append(Fault(where, " ".join(text.split()), "a bundle that the compiler wrote"))
