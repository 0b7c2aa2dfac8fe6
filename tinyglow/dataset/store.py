"""A data set on disk: a folder with one folder for each class, and a file for each sample."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyglow.dataset.files import create_file, move_file, remove_abandoned
from tinyglow.dataset.names import is_plain_name
from tinyglow.errors import InputError, Problem, reason
from tinyglow.images import dat
from tinyglow.images.decode import SUFFIXES

SAMPLE_SUFFIXES = frozenset({*SUFFIXES, dat.SUFFIX})
_NUMBER = re.compile(r"(?:.*_)?([0-9]{1,9})\.[^.]*")
_MOST_TRIES = 10_000


@dataclass(frozen=True)
class Sample:
    """One file of a data set: ``label`` is the name of its class."""

    label: str
    path: Path

    @property
    def writer(self) -> str:
        """Who drew it, by the file's name: what stands before the last "_"; "" if there is none."""
        return self.path.stem.rpartition("_")[0]


def class_names(folder: Path) -> tuple[str, ...]:
    """Names of the folders inside a folder: by number if all are numbers, else by the alphabet. Raises InputError."""
    try:
        names = [entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    except OSError as error:
        raise InputError("the data set cannot be read", [Problem(str(folder), reason(error))]) from error
    numbered = all(name.isascii() and name.isdigit() for name in names)
    return tuple(sorted(names, key=lambda name: (int(name), name) if numbered else (0, name)))


def _is_sample(path: Path) -> bool:
    """Whether a file in a class's folder is a sample: a picture by its name, not hidden, and no link."""
    kind = path.suffix.lower() in SAMPLE_SUFFIXES and not path.name.startswith(".")
    return kind and path.is_file() and not path.is_symlink()


def samples_of(folder: Path, label: str) -> list[Sample]:
    """The samples of a class, by the alphabet; files of other kinds and links are left out. Raises InputError."""
    try:
        return [Sample(label, path) for path in sorted((folder / label).iterdir()) if _is_sample(path)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError("the data set cannot be read", [Problem(str(folder / label), reason(error))]) from error


def all_samples(folder: Path) -> list[Sample]:
    """The samples of all classes of a data set. Raises InputError, also for a data set without any."""
    found = [sample for label in class_names(folder) for sample in samples_of(folder, label)]
    if not found:
        expected = "a folder with one folder of .DAT, PNG, JPEG or PPM files for each class"
        raise InputError("the data set is empty", [Problem(str(folder), "holds no samples", expected)])
    return found


class Store:
    """A data set that threads add to, move in and remove from. Its folders are made when it is opened.

    Nothing outside of ``root`` is written: the classes' names are plain, and their folders are no links.
    """

    def __init__(self, root: Path, labels: Sequence[str]) -> None:
        """Open a data set, with a folder for each label. Raises InputError."""
        self.root, self.labels = root, tuple(labels)
        self._lock = threading.Lock()
        self._next: dict[tuple[str, str], int] = {}
        problems = []
        for label in self.labels:
            if not is_plain_name(label):
                problems.append(Problem(str(root / label), "is no name of a class"))
                continue
            try:
                (root / label).mkdir(parents=True, exist_ok=True)
                self._require_own(label)
                remove_abandoned(root / label)
            except OSError as error:
                problems.append(Problem(str(root / label), reason(error)))
        if problems:
            raise InputError("the data set cannot be written", problems)

    def _require_own(self, label: str) -> Path:
        folder = self.root / label
        if folder.is_symlink() or not folder.is_dir():
            raise OSError(0, "is a link or no folder; expected a folder of the data set itself", str(folder))
        return folder

    def counts(self) -> list[int]:
        """How many samples each class has, in the order of ``labels``."""
        return [len(samples_of(self.root, label)) for label in self.labels]

    def sample(self, label: str, name: str) -> Sample | None:
        """The sample of a class whose file is called ``name``; None if there is none, or the name is a path."""
        if label not in self.labels or any(mark in name for mark in "/\\:\0") or name != Path(name).name:
            return None
        path = self._require_own(label) / name
        return Sample(label, path) if _is_sample(path) else None

    def add(self, label: str, data: bytes, writer: str = "", suffix: str = ".DAT") -> Path:
        """Write a new sample; its file, which no other sample had. Raises OSError."""
        folder = self._require_own(label)
        for _ in range(_MOST_TRIES):
            path = folder / self._free_name(label, writer, suffix)
            try:
                create_file(path, data)
            except FileExistsError:  # another program took the number
                continue
            return path
        raise OSError(0, "has no free number for a new sample", str(folder))

    def move(self, sample: Sample, label: str) -> Path:
        """Give a sample another class; its new file. Raises OSError."""
        folder = self._require_own(label)
        self._require_own(sample.label)
        for _ in range(_MOST_TRIES):
            path = folder / self._free_name(label, sample.writer, sample.path.suffix)
            try:
                move_file(sample.path, path)
            except FileExistsError:
                continue
            return path
        raise OSError(0, "has no free number for a new sample", str(folder))

    def restore(self, path: Path, data: bytes) -> None:
        """Write a sample that was removed, under the name it had. Raises OSError."""
        self._require_own(path.parent.name)
        create_file(path, data)

    def remove(self, path: Path) -> None:
        """Remove a sample. Raises OSError."""
        self._require_own(path.parent.name)
        path.unlink()

    def _free_name(self, label: str, writer: str, suffix: str) -> str:
        """A name that no sample of the class has, nor will have: a number is given once."""
        with self._lock:
            key = (label, writer)
            if key not in self._next:
                matches = (_NUMBER.fullmatch(entry.name) for entry in (self.root / label).iterdir())
                self._next[key] = 1 + max((int(match[1]) for match in matches if match), default=0)
            number = self._next[key]
            self._next[key] = number + 1
        return f"{writer}_{number:05d}{suffix}" if writer else f"{number:05d}{suffix}"
