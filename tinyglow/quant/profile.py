"""Profiles: the range and histogram of every value over calibration data, in Glow's YAML form."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tinyglow.errors import Problem, ProfileError, reason
from tinyglow.ir.graph import Array
from tinyglow.ir.record import Record
from tinyglow.quant.yaml_loader import NUMBERS_LOADER
from tinyglow.resources import read_bounded, write_file

_LARGEST = float(np.finfo(np.float32).max)
DEFAULT_BINS = 10  # Glow's -num-histogram-bins
MAX_BINS = 65536
MAX_FILE_BYTES = 64 * 2**20
_MAX_DEPTH = 8  # a profile has 3
_TOO_DEEP = f"more than {_MAX_DEPTH} lists and tables inside each other"
_FLOAT32_MAX = float(np.finfo(np.float32).max)
_MAX_PLAIN = 1_000  # characters of a number, or of a name without quotes
_WRAP_COLUMN = 70  # LLVM's YAML writer
_EXPECTED = "a profile as Glow's image-classifier or 'tinyglow profile' writes it"


class Range(Record):
    """Smallest and largest value seen (float32 values) and counts in equal bins between them."""

    low: float
    high: float
    histogram: tuple[float, ...] = ()


class Profile(Record):
    """Ranges by value name as Glow writes them (``<node>:<result>``), and what the file says of its maker."""

    ranges: Mapping[str, Range]
    graph_hash: int = 0
    tool_version: str = ""


@dataclass
class RangeRecorder:
    """Range and histogram of one value, updated sample by sample (Glow, lib/Quantization/Base/Profile.cpp)."""

    bins: int = DEFAULT_BINS
    low: float = 0.0
    high: float = 0.0
    counts: Array = field(init=False)

    def __post_init__(self) -> None:
        self.counts = np.zeros(self.bins)

    def update(self, sample: Array) -> None:
        """Count one sample, of any shape, float32 and finite."""
        flat = sample.ravel().astype(np.float32)
        low, high = float(flat.min()), float(flat.max())
        if not self.counts.any():
            self.low, self.high = low, high
        else:
            self.reach(low, high)
        self.counts += np.bincount(self._bin(flat), minlength=self.bins)

    def reach(self, low: float, high: float) -> None:
        """Widen the range to hold ``low`` and ``high`` (float32), without counting anything there."""
        if low < self.low or high > self.high:
            self._widen(min(low, self.low), max(high, self.high))

    def _real(self) -> type[np.float32] | type[np.float64]:
        """The type in which bins are found: Glow's, unless the range is wider than its largest number."""
        return np.float64 if self.high - self.low > _LARGEST else np.float32

    def _width(self) -> np.float32 | np.float64:
        real = self._real()
        width: np.float32 | np.float64 = (real(self.high) - real(self.low)) / real(self.bins)
        return width

    def _bin(self, values: Array) -> Array:
        width, real = self._width(), self._real()
        if width == 0:
            return np.zeros(len(values), np.int64)
        index: Array = ((values.astype(real) - real(self.low)) / width).astype(np.int64)
        return np.minimum(index, self.bins - 1)

    def _widen(self, low: float, high: float) -> None:
        """Spread the counts over a wider range: each old bin falls into one or two new ones, by its share."""
        old_low, old_width, old = np.float32(self.low), self._width(), self.counts
        self.low, self.high, self.counts = low, high, np.zeros(self.bins)
        real = self._real()
        new_low, new_width = real(low), self._width()
        for index in np.flatnonzero(old):
            begin = real(old_low) + old_width * real(index)
            new_end = new_low + new_width * real(int((begin - new_low) / new_width) + 1)
            share = old[index] if old_width == 0 else math.floor((new_end - begin) / old_width * old[index] + 0.5)
            share = min(share, old[index])
            self.counts[self._bin(np.array([begin]))[0]] += share
            if share < old[index]:
                self.counts[self._bin(np.array([begin + new_width]))[0]] += old[index] - share

    def finish(self) -> Range:
        """The range and its histogram."""
        return Range(self.low, self.high, tuple(float(count) for count in self.counts))


class _UnfitError(ValueError):
    """A file that is YAML, but has what no profile has. The text is ours."""


def _check_events(data: bytes) -> None:
    """Raises _UnfitError for what profiles have not and loading would not survive.

    A file of nested aliases can stand for any amount of data; nodes far inside each other exhaust the loader's stack;
    a tag names a type that the loader may not know; the time that a number takes grows with the square of its digits,
    of which YAML 1.1 has any number, with colons between them too.
    """
    depth = 0
    for event in yaml.parse(data, Loader=NUMBERS_LOADER):
        if isinstance(event, yaml.ScalarEvent):  # nearly all of them
            if event.implicit[0] and len(event.value) > _MAX_PLAIN:
                raise _UnfitError(f"it has a number or a plain word of {len(event.value):,} characters")
            if event.tag:
                raise _UnfitError(f"it has tags: {event.tag[:80]}")
            continue
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            raise _UnfitError("it has aliases")
        if depth > _MAX_DEPTH:
            raise _UnfitError(f"it has {_TOO_DEEP}")
        tag = getattr(event, "tag", None)
        if tag:
            raise _UnfitError(f"it has tags: {tag[:80]}")


def _explain(error: Exception) -> str:
    """What is wrong with a file that the YAML library refuses: our words, the place, and the library's own reason.

    Its reasons differ between its releases, and some have a limit of nesting that they meet before the first event.
    """
    if isinstance(error, _UnfitError):
        return str(error)
    mark = getattr(error, "problem_mark", None)
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    said = " ".join(str(getattr(error, "problem", None) or error).split())[:120]
    return f"it is not YAML, or it has {_TOO_DEEP} ({place}{said})"


def _parse(path: Path) -> list[Any]:
    try:
        data = read_bounded(path, MAX_FILE_BYTES)
        _check_events(data)
        return list(yaml.load_all(data, Loader=NUMBERS_LOADER))
    except OSError as error:
        raise ProfileError(f"cannot read the profile {path}", [Problem("", reason(error))]) from error
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise ProfileError(f"cannot read the profile {path}", [Problem("", _explain(error), _EXPECTED)]) from error


def _number(entry: Mapping[str, Any], key: str) -> float:
    value = entry[key]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{key} is {str(value)[:80]!r}, expected a finite number")
    if not abs(value) <= _FLOAT32_MAX:  # NaN is not either
        raise ValueError(f"{key} is {str(value)[:80]}, expected a finite float32")
    return float(np.float32(value))


def _entry(entry: Any) -> tuple[str, Range]:
    if not isinstance(entry, dict) or not {"NodeOutputName", "Min", "Max"} <= entry.keys():
        raise ValueError("lacks NodeOutputName, Min or Max")
    low, high = _number(entry, "Min"), _number(entry, "Max")
    if low > high:
        raise ValueError(f"Min {low} is above Max {high}")
    histogram = entry.get("Histogram") or []
    if not isinstance(histogram, list):
        raise ValueError("Histogram is not a list of counts")
    return str(entry["NodeOutputName"]), Range(low, high, tuple(map(_read_count, histogram)))


def _read_count(count: object) -> float:
    # A million is 1e+06 in Glow's files, which for YAML 1.1 is a text.
    if isinstance(count, str) and re.fullmatch(r"[1-9]e\+[0-9]{2}", count):
        count = float(count)
    if not (isinstance(count, int | float) and 0 <= count <= _FLOAT32_MAX):
        raise ValueError("Histogram is not a list of counts")
    return float(count)


def load_profile(path: str | Path) -> Profile:
    """Read a profile file, Glow's or ours.

    Args:
        path: A YAML file with the range and histogram of each value.

    Returns:
        The profile.

    Raises:
        ProfileError: With every faulty entry.
    """
    path = Path(path)
    head: dict[str, Any] = {}
    entries: list[Any] = []
    has_list = False  # that of a network without floats is empty, but Glow says what it is of
    for document in _parse(path):
        if isinstance(document, dict):
            head.update(document)
        elif isinstance(document, list):
            entries += document
            has_list = True
    ranges: dict[str, Range] = {}
    problems = []
    for index, entry in enumerate(entries):
        try:
            name, range_ = _entry(entry)
            if name in ranges:
                raise ValueError("is there twice")
            ranges[name] = range_
        except ValueError as error:
            name = entry.get("NodeOutputName", "") if isinstance(entry, dict) else ""
            problems.append(Problem(f"entry {index + 1} {name}".rstrip(), str(error)))
    if not entries and not (has_list and head):
        problems.append(Problem("", "no NodeOutputName entries", _EXPECTED))
    if problems:
        raise ProfileError(f"cannot use the profile {path}", problems)
    hash_ = head.get("GraphPreLowerHash", 0)
    return Profile(ranges, hash_ if isinstance(hash_, int) else 0, str(head.get("GlowToolsVersion", "")))


def _decimal(value: float) -> str:
    """All digits of a float32, as Glow prints it: never an exponent, at least one decimal."""
    text = format(Decimal(float(np.float32(value))), "f")
    return text if "." in text else text + ".0"


def _count(count: float) -> str:
    """A count as Glow prints it (C's %g), unless six digits are too few for it."""
    return f"{count:g}" if float(f"{count:g}") == count else f"{count:.0f}"


def _histogram(counts: Sequence[float]) -> str:
    """A list of counts as LLVM's YAML writer breaks it: before a count that would begin after column 70."""
    name = "  Histogram:       [ "
    text, column = name, len(name)
    for index, count in enumerate(counts):
        comma = ", " if index else ""
        text, column = text + comma, column + len(comma)
        if column > _WRAP_COLUMN:
            text, column = text + "\n" + " " * len(name), len(name)
        text, column = text + _count(count), column + len(_count(count))
    return text + " ]"


def save_profile(profile: Profile, path: str | Path) -> None:
    """Write a profile in Glow's YAML form, sorted by name as Glow sorts it (lib/Quantization/Serialization.cpp).

    Args:
        profile: What ``profile`` or ``tune`` returned.
        path: The file to write.

    Raises:
        ProfileError: The file cannot be written.
    """
    lines = ["---", f"GlowToolsVersion: '{profile.tool_version}'", "...", "---"]
    lines += [f"GraphPreLowerHash: 0x{profile.graph_hash:X}", "...", "---"]
    for name in sorted(profile.ranges):
        range_ = profile.ranges[name]
        lines += [
            f"- NodeOutputName:  '{name}'",
            f"  Min:             {_decimal(range_.low)}",
            f"  Max:             {_decimal(range_.high)}",
            _histogram(range_.histogram),
        ]
    text = "\n".join([*lines, "...", ""])
    try:
        write_file(path, text.encode("utf-8"))
    except OSError as error:
        raise ProfileError(f"cannot write the profile {path}", [Problem("", reason(error))]) from error
