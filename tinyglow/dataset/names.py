"""Names of classes and writers: each becomes a folder or a part of a file's name on any system."""

from __future__ import annotations

from collections.abc import Sequence

from tinyglow.errors import InputError, Problem

DIGITS = tuple("0123456789")
MOST_LABELS = 100
_LONGEST = 40  # characters
_BESIDE_LETTERS = "_-.+ "
# Devices of Windows, which no folder can be called there.
_DEVICES = {"con", "prn", "aux", "nul"} | {f"{port}{number}" for port in ("com", "lpt") for number in range(10)}
EXPECTED = f"at most {_LONGEST} letters, digits or any of '{_BESIDE_LETTERS}', a letter or digit at both ends"


def is_plain_name(name: str) -> bool:
    """Whether ``name`` can be that of a folder on any system, without a path, a hidden name or a device in it."""
    return (
        0 < len(name) <= _LONGEST
        and len(name.encode("utf-8", "replace")) <= 4 * _LONGEST
        and all(character.isalnum() or character in _BESIDE_LETTERS for character in name)
        and name[0].isalnum()
        and name[-1].isalnum()
        and name.partition(".")[0].lower() not in _DEVICES
    )


def checked_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """The names of classes, if each can be a folder's and no two are the same one. Raises InputError."""
    problems = [
        Problem(f"label {name[:80]!r}", "is no name of a class", EXPECTED) for name in labels if not is_plain_name(name)
    ]
    folded = [name.casefold() for name in labels]
    problems += [
        Problem(f"label {name[:80]!r}", "is given twice, or differs in capitals only")
        for index, name in enumerate(labels)
        if name.casefold() in folded[:index]
    ]
    if not 2 <= len(labels) <= MOST_LABELS:
        problems.append(Problem("labels", f"are {len(labels)}", f"2 to {MOST_LABELS}"))
    if problems:
        raise InputError("the labels cannot be used", problems)
    return tuple(labels)


def checked_writer(name: str) -> str:
    """The name of who draws, "" for nobody's: it begins the names of files, up to the last "_". Raises InputError."""
    if name and not is_plain_name(name):
        raise InputError("the writer's name cannot be used", [Problem(f"writer {name[:80]!r}", "is no name", EXPECTED)])
    return name
