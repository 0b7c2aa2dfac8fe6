"""Which input of a network each given array is for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tinyglow.errors import InputError, Problem
from tinyglow.interp import fits
from tinyglow.ir.graph import Array
from tinyglow.ir.namer import legal_name
from tinyglow.ir.types import QuantParams

NAMELESS = ""  # what an array is given under that is for a network's only input


def bind_inputs(
    names: Mapping[str, tuple[int, ...]],
    source_names: Mapping[str, str],
    given: Mapping[str, Array],
    pixels: Mapping[str, QuantParams] | None = None,
) -> dict[str, Array]:
    """Find the placeholder of each given array.

    Arrays may be given under the model's own names. An array under ``NAMELESS`` is for the only input.

    Args:
        names: The shape of each input placeholder, by its name.
        source_names: The name in the model file of each placeholder, by its name.
        given: Arrays [samples, ...] by name.
        pixels: What uint8 elements of some inputs stand for; arrays of these become float32.

    Returns:
        The arrays under the placeholders' names.

    Raises:
        InputError: With all inputs that are missing, unknown or misshapen.
    """
    by_any_name = {source_names.get(name, name): name for name in names} | {name: name for name in names}
    bound: dict[str, Array] = {}
    problems = []
    if len(names) == 1:
        by_any_name.setdefault(NAMELESS, next(iter(names)))
    for name, array in given.items():
        target = by_any_name.get(name) or (by_any_name.get(legal_name(name)) if name else None)
        said = f"input {name}" if name else "an input without a name"
        if target is None:
            found = "the network has no such input" if name else f"the network has {len(names)} inputs"
            problems.append(Problem(said, found, ", ".join(names), "" if name else "give each by its name, NAME=FILE"))
        elif target in bound:
            problems.append(Problem(said, f"stands for {target}, which is given already", "each input once"))
        elif array.ndim < 1 or len(array) < 1 or not fits(array.shape[1:], names[target]):
            expected = f"[samples, {', '.join(map(str, names[target]))}] with or without the batch dimension of 1"
            problems.append(Problem(said, f"has shape {list(array.shape)}", expected))
        else:
            bound[target] = _real_pixels(array, (pixels or {}).get(target))
    missing = [] if problems else [name for name in names if name not in bound]
    problems += [Problem(f"input {name}", "is missing", "one array for each input") for name in missing]
    if not problems and len({len(array) for array in bound.values()}) > 1:
        counts = ", ".join(f"{name}: {len(array)}" for name, array in bound.items())
        problems.append(Problem("", f"the inputs hold different numbers of samples ({counts})"))
    if problems:
        raise InputError("the inputs do not fit the network", problems)
    return bound


def _real_pixels(array: Array, params: QuantParams | None) -> Array:
    """uint8 elements as the float32 that they stand for; other arrays as they are."""
    if params is None or array.dtype != np.uint8:
        return array
    real: Array = (array.astype(np.float32) - np.float32(params.offset)) * np.float32(params.scale)
    return real
