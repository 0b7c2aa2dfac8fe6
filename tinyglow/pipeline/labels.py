"""Labels: the right class of each sample, where a network classifies."""

from __future__ import annotations

from collections.abc import Mapping

from tinyglow.errors import InputError, Problem
from tinyglow.ir.graph import Array
from tinyglow.pipeline.fidelity import is_vector


def class_output(outputs: Mapping[str, Array], summary: str) -> str:
    """The name of the first output [samples, ...] that holds a value for each class.

    Args:
        outputs: By name.
        summary: What cannot be done where there is none.

    Raises:
        InputError: There is none.
    """
    name = next((name for name, array in outputs.items() if is_vector(array)), None)
    if name is None:
        raise InputError(summary, [Problem("", "no output of the network is a vector of classes")])
    return name


def label_problems(labels: Array, scores: Array, whose: str = "the network") -> list[Problem]:
    """Why ``labels`` are not integers [samples], the right class of each.

    Args:
        labels: What was given.
        scores: [samples, classes].
        whose: What has these classes.
    """
    samples, classes = scores.shape
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        found = f"are {labels.dtype} of shape {list(labels.shape)}"
        return [Problem("the labels", found, "one integer for each sample")]
    if len(labels) != samples:
        return [Problem("the labels", f"are {len(labels)} for {samples} samples", "one for each")]
    if labels.min() < 0 or labels.max() >= classes:
        found = f"range from {labels.min()} to {labels.max()}"
        return [Problem("the labels", found, f"0 to {classes - 1}: {whose} has so many classes")]
    return []
