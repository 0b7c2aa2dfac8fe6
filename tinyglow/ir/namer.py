"""Names of values and nodes: C identifiers, unique, numbered as Glow numbers them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator

# Names of the header's own macros, which a placeholder of the same name would redefine.
_SIZES = ("CONSTANT_MEM_SIZE", "MUTABLE_MEM_SIZE", "ACTIVATIONS_MEM_SIZE", "TCM_MEM_SIZE")
_BY_ROWS = ("PUSHES", "PUSH_ROWS", "PUSH_MUTABLE_MEM_SIZE", "ROWS_MEM_SIZE")
RESERVED = (*_SIZES, *_BY_ROWS, "MEM_ALIGN", "CONSTANT_MEM_TYPE")


def legal_name(name: str) -> str:
    """A name as a C identifier, made as Glow does it (Glow, lib/Support/Support.cpp, legalizeName).

    Every character but ASCII letters, digits and underscores becomes an underscore. A leading digit or an empty name
    gets an "A" in front.
    """
    if name.isascii() and name.isidentifier():  # as most names are: what C and Python take is the same in ASCII
        return name
    legal = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return legal if legal and not legal[0].isdigit() else "A" + legal


def numbered(name: str) -> Iterator[str]:
    """``name``, and then names made of it."""
    yield name
    yield from (f"{name}__{number}" for number in itertools.count(1))


class Namer:
    """Unique names, numbered as Glow numbers them (Glow, lib/Graph/Graph.cpp, Module::uniqueName).

    A name that is taken gets the suffix ``__N`` with the smallest free N >= 1. It replaces a suffix that the name
    already has, unless the model file itself has the name with it. Names are never given back.
    """

    def __init__(self, original: Iterable[str] = (), used: Iterable[str] = ()) -> None:
        self.original = {legal_name(name) for name in original}
        self.used = set(used)
        self._next: dict[str, int] = {}

    def copy(self) -> Namer:
        """Another namer with the same names."""
        namer = Namer()
        namer.original, namer.used, namer._next = set(self.original), set(self.used), dict(self._next)
        return namer

    def unique(self, name: str) -> str:
        """A C-legal name made of ``name`` that is not used yet; it is used from now on."""
        legal = legal_name(name)
        if legal not in self.used:
            self.used.add(legal)
            return legal
        prefix = legal if legal in self.original else re.sub(r"__[0-9]+$", "", legal)
        number = self._next.get(prefix, 1)
        while f"{prefix}__{number}" in self.used:
            number += 1
        self._next[prefix] = number + 1
        self.used.add(f"{prefix}__{number}")
        return f"{prefix}__{number}"
