"""All errors that a user can cause or meet.

A :class:`TinyglowError` carries all problems that were found, not only the first. Each says where it is, what was
found, what would have been right, and what to do. The command line prints it and exits with status 2, without a
traceback.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_MOST_CHARACTERS = 2_000  # of each part of a problem, when it is printed
_MOST_IN_ALL = 200_000  # of all problems together

# What POSIX says. Systems say it in their own words, Windows in the user's language.
_REASONS = {
    errno.ENOENT: "No such file or directory",
    errno.ENOTDIR: "Not a directory",
    errno.EISDIR: "Is a directory",
    errno.EEXIST: "File exists",
    errno.EACCES: "Permission denied",
    errno.EROFS: "Read-only file system",
    errno.ENOSPC: "No space left on device",
    errno.ENAMETOOLONG: "File name too long",
    errno.ELOOP: "Too many levels of symbolic links",
}


def reason(error: Exception) -> str:
    """What an error says; of a frequent OSError the cause alone, in the same words on every system."""
    if isinstance(error, OSError):
        return _REASONS.get(error.errno or 0) or error.strerror or str(error)
    return str(error)


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
        where = _short(self.where if self.where.isprintable() else repr(self.where))
        text = f"{where}: {_short(self.found)}" if where else _short(self.found)
        if self.expected:
            text += f"; expected {_short(self.expected)}"
        if self.hint:
            text += f" ({_short(self.hint)})"
        return text


def _short(text: str) -> str:
    """The text without its middle, if it is very long: a file may hold a name or a list of millions of characters."""
    half = _MOST_CHARACTERS // 2
    left_out = len(text) - 2 * half
    return text if left_out <= 0 else f"{text[:half]} ... {left_out:,} characters ... {text[-half:]}"


class TinyglowError(Exception):
    """Base of all user-facing errors: a one-line summary and the problems behind it."""

    def __init__(self, summary: str, problems: Iterable[Problem] = ()) -> None:
        self.summary = summary
        self.problems: Sequence[Problem] = tuple(problems)
        super().__init__(summary)

    def __str__(self) -> str:
        lines: list[str] = []
        left = _MOST_IN_ALL
        for problem in self.problems:
            lines.append(f"  - {problem}")
            left -= len(lines[-1])
            if left < 0:
                break
        more = len(self.problems) - len(lines)
        return "\n".join([_short(self.summary), *lines, *([f"  - and {more:,} more"] if more else [])])


class ModelError(TinyglowError):
    """A model file that cannot be read or contains something unsupported."""


class UnknownInGlowError(ModelError):
    """A model of which it is not known what Glow makes, where exactly that is asked for."""


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
