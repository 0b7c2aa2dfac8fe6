"""Variants of a network, on which an accident of its numbers does not happen again, but a fault does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Graph
from tinyglow.quant.profile import Profile

_FACTORS = 0.6, 1.4


def with_other_constants(graph: Graph, variant: int) -> Graph:
    """Multiply each element of the float constants by a factor of its own, between 0.6 and 1.4.

    So each is rounded anew, and the errors of weights add up otherwise. What passes look for in constants stays: zeros,
    signs, elements that are equal, and whole constants of one number.
    """
    edit, rng = GraphEditor.of(graph), np.random.default_rng(variant)
    for name, value in graph.values.items():
        if value.data is None or value.data.dtype != np.float32:
            continue
        numbers, places = np.unique(value.data, return_inverse=True)
        if len(numbers) > 1:
            changed = numbers * rng.uniform(*_FACTORS, len(numbers)).astype(np.float32)
            edit.values[name] = replace(value, data=changed[places].reshape(value.data.shape))
    return edit.finish()


def widened(profile: Profile, graph: Graph, most: float, variant: int) -> Profile:
    """Make the range of each computed value wider, by a factor of its own between 1 and 1 + ``most``."""
    constants = {f"{name}:0" for name, value in graph.values.items() if value.data is not None}
    rng, ranges = np.random.default_rng(variant), {}
    for name, range_ in profile.ranges.items():
        factor = 1.0 if name in constants else rng.uniform(1, 1 + most)
        ranges[name] = replace(range_, low=range_.low * factor, high=range_.high * factor)
    return replace(profile, ranges=ranges)
