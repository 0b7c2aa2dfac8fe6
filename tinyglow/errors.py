"""Every error a user can cause or meet.

A :class:`TinyglowError` carries all problems found, not the first alone: each says where it is, what was found, what
would have been right and what to do. The command line prints it and exits with status 2, without a traceback.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    where: the node, file, option or address concerned.
    found: what is there.
    expected: what is supported or would have been right ("" if that is obvious).
    hint: what the user can do about it ("" if there is nothing to add).
    """

    where: str
    found: str
    expected: str = ""
    hint: str = ""

    def __str__(self) -> str:
        # Models may name their nodes anything: on one line, without control characters.
        where = self.where if self.where.isprintable() else repr(self.where)
        text = f"{where}: {self.found}" if where else self.found
        if self.expected:
            text += f"; expected {self.expected}"
        if self.hint:
            text += f" ({self.hint})"
        return text


class TinyglowError(Exception):
    """Base of all user-facing errors: a one-line summary and the problems behind it."""

    def __init__(self, summary: str, problems: Iterable[Problem] = ()) -> None:
        self.summary = summary
        self.problems: Sequence[Problem] = tuple(problems)
        super().__init__(summary)

    def __str__(self) -> str:
        return "\n".join([self.summary, *(f"  - {problem}" for problem in self.problems)])


class ModelError(TinyglowError):
    """A model file that cannot be read or contains something unsupported."""


class ProfileError(TinyglowError):
    """A profile file that cannot be read or does not fit the model."""


class InputError(TinyglowError):
    """Input data (arrays, options, file names) that do not fit."""


class BoardError(TinyglowError):
    """A board description that is missing or invalid, or a program that does not fit the board."""


class ToolError(TinyglowError):
    """A missing or failing external tool: a C compiler, an optional Python package."""


class SimulationError(TinyglowError):
    """An emulated program that faulted or ran away."""


class StackError(SimulationError):
    """An emulated program that overflowed its stack."""
