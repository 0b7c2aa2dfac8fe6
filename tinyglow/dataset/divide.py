"""Choose samples: as many of each class, or parts for training, testing and validation that share nothing."""

from __future__ import annotations

import hashlib
import random
import shutil
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyglow.dataset.output import new_folder
from tinyglow.dataset.store import Sample, all_samples, class_names, samples_of
from tinyglow.errors import InputError, Problem
from tinyglow.images.decode import NotAnImageError, decode


def shuffled(samples: Sequence[Sample], seed: int, what: str) -> list[Sample]:
    """The samples in an order that depends on their own sequence, ``seed`` and ``what`` alone.

    Python promises the same numbers of ``random()`` for the same seed in all versions, but not the same shuffles.
    """
    numbers = random.Random(f"{seed} {what}")
    return sorted(samples, key=lambda _: numbers.random())  # asked for once for each, in their order


def balance(folder: Path, output: Path, count: int, seed: int = 1) -> dict[str, int]:
    """Copy ``count`` random samples of each class into a new folder.

    Returns:
        How many samples each class had.

    Raises:
        InputError: A class has fewer samples (all such are named), or the folder cannot be written.
    """
    if count < 1:
        raise InputError("the data set cannot be balanced", [Problem("count", f"is {count}", "1 or more")])
    classes = {label: samples_of(folder, label) for label in class_names(folder)}
    short = [
        Problem(f"class {label}", f"has {len(samples)} samples", str(count), f"{count - len(samples)} are missing")
        for label, samples in classes.items()
        if len(samples) < count
    ]
    if short or not classes:
        raise InputError("the data set cannot be balanced", short or [Problem(str(folder), "holds no classes")])
    with new_folder(output) as aside:
        for label, samples in classes.items():
            _copy(shuffled(samples, seed, label)[:count], aside)
    return {label: len(samples) for label, samples in classes.items()}


def _copy(samples: Sequence[Sample], folder: Path) -> None:
    for sample in samples:
        target = folder / sample.label / sample.path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(sample.path, target)


@dataclass(frozen=True)
class Split:
    """What became of a data set.

    Attributes:
        counts: Samples of each class, by part.
        repeated: How many samples have the pixels of another one; all such are in one part.
        contradictions: Pairs of samples with the same pixels in two classes.
    """

    counts: Mapping[str, Mapping[str, int]]
    repeated: int
    contradictions: tuple[tuple[Path, Path], ...]


def split(folder: Path, output: Path, shares: Mapping[str, float], seed: int = 1, by_writer: bool = False) -> Split:
    """Copy a data set into one folder for each part, class by class in the same shares.

    No two parts share anything: pictures of equal pixels go to the same part, whatever their names and
    classes, and with ``by_writer`` all pictures of one person.

    Args:
        folder: The data set.
        output: Gets a folder for each part; it must not be there yet, or be empty.
        shares: Of each part, in any unit; those of 0 are left out.
        seed: Another seed, another choice.
        by_writer: Whether to keep writers apart, whose names stand in the files' names before the last "_".

    Raises:
        InputError: A part would have no sample of a class, a picture is damaged, a file names no writer, or the folder
            cannot be written.
    """
    parts = {name: share for name, share in shares.items() if share > 0}
    if not parts or any(share < 0 for share in shares.values()):
        problem = Problem("shares", ", ".join(map(str, shares.values())), "numbers of 0 or more, not all of them 0")
        raise InputError("the data set cannot be split", [problem])
    samples = all_samples(folder)
    groups, repeated, contradictions = _groups(samples, by_writer)
    chosen = _deal(groups, samples, parts, seed)
    labels = list(dict.fromkeys(sample.label for sample in samples))
    counts = {name: Counter(sample.label for sample in chosen[name]) for name in parts}
    empty = [
        Problem(f"class {label}", f"has no sample in the part {name}", "", "gather more, or enlarge the part")
        for name in parts
        for label in labels
        if not counts[name][label]
    ]
    if empty:
        raise InputError("the data set cannot be split", empty)
    with new_folder(output) as aside:
        for name in parts:
            _copy(chosen[name], aside / name)
    return Split({name: {label: counts[name][label] for label in labels} for name in parts}, repeated, contradictions)


def _groups(
    samples: Sequence[Sample], by_writer: bool
) -> tuple[list[list[Sample]], int, tuple[tuple[Path, Path], ...]]:
    """Samples that must stay together, how many repeat another one, and which contradict each other."""
    parent = list(range(len(samples)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first: dict[tuple[str, str], int] = {}
    problems, contradictions, repeated = [], [], 0
    for index, sample in enumerate(samples):
        try:
            keys = [("pixels", _fingerprint(sample.path))]
        except NotAnImageError as error:
            problems.append(Problem(str(sample.path), error.found, error.expected, error.hint))
            continue
        if by_writer and not sample.writer:
            hint = "tinyglow collect --writer NAME names them"
            problems.append(Problem(str(sample.path), "does not name its writer", "NAME_NUMBER", hint))
        keys += [("writer", sample.writer)] if by_writer else []
        for kind, value in keys:
            other = first.setdefault((kind, value), index)
            if other != index and kind == "pixels":
                repeated += 1
                if samples[other].label != sample.label:
                    contradictions.append((samples[other].path, sample.path))
            parent[root(index)] = root(other)
    if problems:
        raise InputError("the data set cannot be split", problems)
    groups: defaultdict[int, list[Sample]] = defaultdict(list)
    for index, sample in enumerate(samples):
        groups[root(index)].append(sample)
    return list(groups.values()), repeated, tuple(contradictions)


def _fingerprint(path: Path) -> str:
    pixels = decode(path)
    return hashlib.sha256(f"{pixels.shape} {pixels.dtype}".encode() + pixels.tobytes()).hexdigest()


def _deal(
    groups: Sequence[Sequence[Sample]], samples: Sequence[Sample], shares: Mapping[str, float], seed: int
) -> dict[str, list[Sample]]:
    """The samples of each part: group by group, the largest first, to the part that lacks most of its classes."""
    group_of = {sample: group for group in groups for sample in group}
    order = {id(group_of[sample]): place for place, sample in enumerate(shuffled(samples, seed, "split"))}
    total, sizes = sum(shares.values()), Counter(sample.label for sample in samples)
    lacking = {name: {label: share / total * sizes[label] for label in sizes} for name, share in shares.items()}
    chosen: dict[str, list[Sample]] = {name: [] for name in shares}
    for group in sorted(groups, key=lambda group: (-len(group), order[id(group)])):
        part = max(shares, key=lambda name: sum(lacking[name][sample.label] for sample in group))
        chosen[part] += group
        for sample in group:
            lacking[part][sample.label] -= 1
    return chosen
