"""Checkpoints: every answer of a tuning is in a file as soon as it is known, so that a stopped tuning can go on.

The file has one JSON object a line; the first says which tuning it is of. A resumed tuning begins anew and is told what
the file knows. It takes the same steps, so its output is the same.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field, fields
from hashlib import blake2b
from pathlib import Path
from typing import Any

from tinyglow.errors import InputError, Problem, reason
from tinyglow.ir.graph import Array, Graph
from tinyglow.quant.profile import Profile
from tinyglow.quant.scheme import Scheme
from tinyglow.tuning.algorithm import Network, Ranges
from tinyglow.tuning.fingerprint import graph_key

_KIND = "tinyglow tuning, 1"  # to be counted up when the lines or what quantized networks compute change
_MAX_BYTES = 64 * 2**20
_FLOAT = "float"


def identity(graph: Graph, profile: Profile, scheme: Scheme, images: Array, labels: Array) -> str:
    """Equal for equal networks, profiles, schemes and samples, and for nothing else."""
    hash_ = blake2b(graph_key(graph), digest_size=16)
    for option in fields(scheme):
        value = getattr(scheme, option.name)
        hash_.update(repr((option.name, sorted(value) if isinstance(value, frozenset) else value)).encode())
    hash_.update(repr(list(profile.ranges.items())).encode())
    hash_.update(repr((images.shape, str(images.dtype), labels.tolist())).encode())
    hash_.update(images.tobytes())
    return hash_.hexdigest()


def _key(ranges: Ranges) -> str:
    low_and_high = [(name, range_.low, range_.high) for name, range_ in ranges.items()]
    return blake2b(repr(low_and_high).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class _Answer:
    correct: int
    seconds: float


@dataclass
class Journal:
    """The file of one tuning. ``found``: how many answers it had when it was opened."""

    path: Path
    identity: str
    found: int = 0
    _answers: dict[str, _Answer] = field(default_factory=dict)
    _spent: float = 0.0  # seconds, before this process
    _now: float = 0.0
    _start: float = field(default_factory=time.monotonic)

    @classmethod
    def open(cls, path: str | Path, identity: str) -> Journal:
        """The checkpoint at ``path``, or a new one there. One of another tuning is written over.

        Raises InputError if the file is no checkpoint, or cannot be read or written.
        """
        journal = cls(Path(path), identity)
        try:
            if journal.path.exists():
                header, *lines = journal._lines() or [{}]
                if header.get("kind") != _KIND:
                    raise InputError("the checkpoint cannot be used", [_no_checkpoint(path)])
                if header.get("identity") == identity:
                    journal._take(lines)
            journal._rewrite()
        except OSError as error:
            problem = Problem(str(path), reason(error))
            raise InputError("the checkpoint cannot be used", [problem]) from error
        return journal

    def _lines(self) -> list[dict[str, Any]]:
        """The objects in the file; a last line that was not finished is left out."""
        if self.path.stat().st_size > _MAX_BYTES:
            raise InputError("the checkpoint cannot be used", [_no_checkpoint(self.path)])
        found: list[dict[str, Any]] = []
        for line in self.path.read_bytes().splitlines():
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):
                break
            if not isinstance(entry, dict):
                break
            found.append(entry)
        return found

    def _take(self, lines: list[dict[str, Any]]) -> None:
        for line in lines:
            of, correct, seconds = line.get("of"), line.get("correct"), line.get("seconds")
            if not (isinstance(of, str) and isinstance(correct, int) and isinstance(seconds, int | float)):
                break
            self._answers[of] = _Answer(correct, float(seconds))
            self._spent = max(self._spent, float(seconds))
        self.found = len(self._answers)

    def _rewrite(self) -> None:
        """The file anew, without what was not understood."""
        header = json.dumps({"kind": _KIND, "identity": self.identity})
        lines = [_line(of, answer) for of, answer in self._answers.items()]
        aside = self.path.with_name(f".{self.path.name[:200]}.{os.getpid()}")
        try:
            aside.write_text("\n".join([header, *lines, ""]), encoding="utf-8")
            os.replace(aside, self.path)
        finally:
            aside.unlink(missing_ok=True)

    def known(self, of: str) -> int | None:
        """What the file says of the right answers of ``of``."""
        answer = self._answers.get(of)
        if answer is None:
            return None
        self._now = answer.seconds
        return answer.correct

    def add(self, of: str, correct: int) -> int:
        """Write an answer down; returns it."""
        self._now = self._spent + time.monotonic() - self._start
        self._answers[of] = _Answer(correct, self._now)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(_line(of, self._answers[of]) + "\n")
        return correct

    def clock(self) -> float:
        """Seconds that all processes have spent on this tuning up to the last answer."""
        return self._now

    def close(self) -> None:
        """The tuning is done: the file goes."""
        self.path.unlink(missing_ok=True)


def _line(of: str, answer: _Answer) -> str:
    return json.dumps({"of": of, "correct": answer.correct, "seconds": round(answer.seconds, 3)})


def _no_checkpoint(path: str | Path) -> Problem:
    return Problem(str(path), "is no checkpoint of a tuning", "", "remove it, or name another with -checkpoint")


@dataclass
class JournaledNetwork:
    """``algorithm.Network`` that asks the journal first."""

    network: Network
    journal: Journal

    @property
    def samples(self) -> int:
        """Number of samples."""
        return self.network.samples

    def float_correct(self) -> int:
        """How many samples the float network gets right."""
        known = self.journal.known(_FLOAT)
        return self.journal.add(_FLOAT, self.network.float_correct()) if known is None else known

    def correct(self, ranges: Ranges) -> int:
        """How many samples the network by these ranges gets right."""
        known = self.journal.known(_key(ranges))
        return self.journal.add(_key(ranges), self.network.correct(ranges)) if known is None else known
