"""What runs on the workers of a cluster. Every task depends on its arguments alone: it may be run again anywhere."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from functools import cache
from hashlib import blake2b
from importlib import metadata
from pathlib import Path
from threading import Lock

from tinyglow import resources
from tinyglow.ir.graph import Array
from tinyglow.tuning.evaluator import Evaluator
from tinyglow.tuning.packing import put_together

Software = dict[str, str]


@cache
def _sources() -> str:
    """A digest of tinyglow's own modules: of two checkouts of one version only the same compute the same."""
    root, found = Path(resources.__file__).resolve().parent, blake2b(digest_size=6)
    for path in sorted(root.rglob("*.py"), key=lambda path: path.relative_to(root).as_posix()):
        found.update(path.relative_to(root).as_posix().encode() + b"\n" + path.read_bytes())
    return found.hexdigest()


@cache
def _software() -> tuple[tuple[str, str], ...]:
    python = ".".join(platform.python_version_tuple()[:2])
    packages = tuple((name, metadata.version(name)) for name in ("numpy", "distributed"))
    return (("tinyglow", f"{resources.VERSION} ({_sources()})"), ("python", python), *packages)


def software() -> Software:
    """Versions of all that decides about answers and messages, by name."""
    return dict(_software())


class OtherSoftwareError(Exception):
    """A worker that joined later has other software. Arguments: its own, and what was expected."""


class Share:
    """A share of the samples on the worker that has it, and what has been computed of them.

    What has been computed stays where it is: on its way to another worker or to a disk a share is its samples alone.
    """

    def __init__(self, images: Array, labels: Array, memory: int) -> None:
        self._given = (images, labels, memory)
        self._evaluator = Evaluator(images, labels, memory)
        self._lock = Lock()

    def __reduce__(self) -> tuple[type[Share], tuple[Array, Array, int]]:
        return Share, self._given

    def __sizeof__(self) -> int:
        # Dask leaves a task where its largest argument is, and keeps account of memory by this.
        return int(self._given[0].nbytes) + int(self._given[1].nbytes)

    def correct(self, frame: bytes, places: dict[str, Array]) -> int:
        """How many of the samples the program of a parcel gets right."""
        with self._lock:  # a worker may have several threads
            return self._evaluator.correct(put_together(frame, places))


def _check(expected: Software) -> None:
    if software() != expected:
        raise OtherSoftwareError(software(), expected)


def share(expected: Software, images: Array, labels: Array, memory: int) -> Share:
    """Samples become a share. Raises OtherSoftwareError."""
    _check(expected)
    return Share(images, labels, memory)


def constant(data: Array) -> Array:
    """A constant of programs, which stays on the worker for those that follow."""
    return data


def count(expected: Software, share: Share, frame: bytes, names: Sequence[str], *constants: Array) -> int:
    """How many samples of a share a program gets right.

    Args:
        expected: The software of whoever asks.
        share: The samples.
        frame: The program without its large constants.
        names: The buffers of these.
        constants: Their contents.

    Raises:
        OtherSoftwareError: This worker has other software.
    """
    _check(expected)
    return share.correct(frame, dict(zip(names, constants, strict=True)))
