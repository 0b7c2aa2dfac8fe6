"""The result lines of Glow's image-classifier (tools/loader/ImageClassifier.cpp), to the character."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyglow.errors import InputError, Problem

Floats = npt.NDArray[np.float32]


def class_scores(output: npt.NDArray[Any]) -> Floats:
    """[images, classes] of an output [images, ...] whose other dimensions are all 1 but one. Raises InputError."""
    if sum(size > 1 for size in output.shape[1:]) != 1:
        problem = Problem("output", f"has shape {list(output.shape[1:])}", "one dimension, that of the classes")
        raise InputError("the network does not classify", [problem])
    return output.reshape(len(output), -1).astype(np.float32)


def softmax(row: Floats) -> Floats:
    """exp(x) over its sum, in float32, without subtracting the maximum, as there."""
    with np.errstate(over="ignore", invalid="ignore"):
        exponentials = np.exp(row)
        total = np.float32(0)
        for value in exponentials:
            total += value
        result: Floats = exponentials / total
    return result


def top_classes(row: Floats, count: int) -> list[int]:
    """The ``count`` classes of the highest scores, highest first; of equal scores as Glow's queue has them.

    There a class enters only for a lower score than its own, and of equal ones the higher number comes first.
    """
    queue: list[tuple[float, int]] = []
    for index, score in enumerate(row.tolist()):
        if len(queue) < count:
            heapq.heappush(queue, (score, index))
        elif queue and queue[0][0] < score:
            heapq.heapreplace(queue, (score, index))
    return [index for _, index in sorted(queue, reverse=True)]


def result_lines(file: str, row: Floats, best: list[int], label_offset: int = 0) -> str:
    """`` File: x.png<tab>Label-K1: 4 (probability: 0.1234)``, and a line for each further class."""
    lines = []
    for place, index in enumerate(best, 1):
        label = (index - label_offset) % 2**64  # a size_t there
        lines.append(f"\tLabel-K{place}: {label} (probability: {row[index]:.4f})")
    return f" File: {file}" + "\n\t\t\t\t\t".join(lines)
