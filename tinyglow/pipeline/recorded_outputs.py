"""A network's outputs beside recorded ones, each in its own units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tinyglow.errors import InputError, Problem
from tinyglow.ir.graph import Array
from tinyglow.ir.types import QuantParams
from tinyglow.pipeline.golden import GlowType

FLOAT_TOLERANCE = 1e-5  # relative to a vector's largest element, for outputs that are compared as reals


@dataclass(frozen=True)
class OutputComparison:
    """One output.

    Attributes:
        name: The placeholder.
        unit: What ``largest`` counts: "steps" of two integer outputs, or "real" units where one of both is float.
        wrong: For each vector, whether it differs.
        mismatches: Differing elements.
        largest: The largest difference.
    """

    name: str
    unit: str
    wrong: Array
    mismatches: int
    largest: float


def _real(data: Array, params: QuantParams | None) -> Array:
    """What elements stand for, in double precision."""
    wide: Array = data.astype(np.float64)
    return wide if params is None or data.dtype.kind == "f" else (wide - params.offset) * params.scale


def _require_same_network(
    expected: Mapping[str, Array], actual: Mapping[str, Array], params: Mapping[str, QuantParams | None]
) -> None:
    """Raises InputError with all outputs that are missing, of another size, or numbers of which the unit is unknown."""
    problems = []
    for name, theirs in expected.items():
        found = f"{theirs.dtype} {list(theirs.shape)} is recorded"
        if name not in actual or actual[name].size != theirs.size:
            ours = str(list(actual[name].shape)) if name in actual else f"one of {', '.join(actual)}"
            problems.append(Problem(f"output {name}", found, ours))
    if problems:
        raise InputError("the recording is of another network", problems)


def compare_outputs(
    expected: Mapping[str, Array],
    actual: Mapping[str, Array],
    recorded: Mapping[str, GlowType],
    params: Mapping[str, QuantParams | None],
) -> tuple[OutputComparison, ...]:
    """Compare like with like: integers with integers in steps; where one side is float, both as reals.

    Args:
        expected: The recorded outputs [vectors, *shape].
        actual: The network's.
        recorded: The recorded placeholders' types.
        params: Scale and offset of the network's outputs; None of float ones.

    Returns:
        One comparison for each recorded output. Reals are equal up to ``FLOAT_TOLERANCE``.

    Raises:
        InputError: The outputs are not of the same network.
    """
    _require_same_network(expected, actual, params)
    found = []
    for name, theirs in expected.items():
        ours, of_theirs = actual[name], recorded[name].params
        steps = theirs.dtype.kind != "f" and ours.dtype.kind != "f"
        if steps:
            left, right = theirs.astype(np.float64), ours.astype(np.float64)
        else:
            left, right = _real(theirs, of_theirs), _real(ours, params.get(name))
        left, right = left.reshape(len(left), -1), right.reshape(len(left), -1)
        difference = np.abs(right - left)
        slack = 0.0 if steps else FLOAT_TOLERANCE * np.abs(left).max(axis=1, keepdims=True, initial=0.0).clip(1e-30)
        different = ~(difference <= slack)
        largest = float(difference.max(initial=0))
        unit = "steps" if steps else "real"
        wrong: Array = np.asarray(different.any(axis=1))
        found.append(OutputComparison(name, unit, wrong, int(different.sum()), largest))
    return tuple(found)
