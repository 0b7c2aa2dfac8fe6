"""The classes' names, from a file with one on each line or the folder of images. Files are untrusted."""

from __future__ import annotations

from pathlib import Path

from tinyglow.errors import InputError, Problem, reason
from tinyglow.resources import read_bounded

_MAX_BYTES = 2**20


def read_class_names(path: str) -> tuple[str, ...]:
    """The names in the order of the classes; "" for an empty line between others. Raises InputError.

    path: A text file in UTF-8, or a folder whose folders are the classes.
    """
    try:
        if Path(path).is_dir():
            return _of_folders(Path(path))
        text = read_bounded(path, _MAX_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refusal(path, "is no text in UTF-8") from error
    except (OSError, ValueError) as error:
        raise _refusal(path, reason(error)) from error
    return tuple(line.strip() for line in text.rstrip().split("\n"))


def _of_folders(folder: Path) -> tuple[str, ...]:
    from tinyglow.dataset.store import class_names

    names = class_names(folder)
    if not names:
        raise ValueError("holds no folders, expected one for each class")
    if all(name.isascii() and name.isdigit() for name in names) and [int(n) for n in names] != list(range(len(names))):
        raise ValueError(f"holds folders numbered {', '.join(names[:20])}, expected 0 to {len(names) - 1}")
    return names


def _refusal(path: str, found: str) -> InputError:
    expected = "a file with the name of a class on each line, or a folder with one folder for each class"
    return InputError("the names of the classes cannot be read", [Problem(f"--class-names {path}", found, expected)])
