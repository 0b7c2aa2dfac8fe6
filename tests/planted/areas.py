"""What is looked at: five areas, each with its files, and a draw of mutants from each."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from tests.planted import c_mutants, python_mutants
from tests.planted.imports import ROOT
from tests.planted.mutant import Mutant


@dataclass(frozen=True)
class Area:
    """A part of the project.

    Attributes:
        name: Of the area.
        patterns: Its files, from the root of the checkout.
        without: Files that are not among them.
    """

    name: str
    patterns: tuple[str, ...]
    without: tuple[str, ...] = ()

    def files(self) -> list[str]:
        """Its files, in the order of their names."""
        found = {path.relative_to(ROOT).as_posix() for pattern in self.patterns for path in ROOT.glob(pattern)}
        return sorted(file for file in found if file not in self.without)


_PLANNER = ("tinyglow/lowering/plan.py", "tinyglow/lowering/reuse.py", "tinyglow/lowering/tcm.py")
AREAS = {
    area.name: area
    for area in (
        Area("runtime_c", ("runtime_c/src/**/*.c", "runtime_c/include/*.h")),
        Area("numerics", ("tinyglow/numerics/**/*.py",)),
        Area("kernels", ("tinyglow/kernels/**/*.py",)),
        Area("planner", _PLANNER),
        Area("lowering", ("tinyglow/lowering/*.py",), _PLANNER),
    )
}


def mutants_of(file: str) -> Iterator[Mutant]:
    """All mutants of a file."""
    text = (ROOT / file).read_text(encoding="utf-8")
    yield from (python_mutants if file.endswith(".py") else c_mutants).mutants(file, text)


def draw(area: str, seed: int) -> list[Mutant]:
    """All mutants of an area, in an order that the seed says: the first so many are a draw without return."""
    found = [mutant for file in AREAS[area].files() for mutant in mutants_of(file)]
    random.Random(f"{seed} {area}").shuffle(found)
    return found
