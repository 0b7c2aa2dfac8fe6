"""What the user asks of a model in addition to its file: sizes and shapes that it leaves open, and where it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from tinyglow.ir.record import Record
from tinyglow.ir.types import Shape


class Request(Record):
    """What a user asks of a model file.

    Attributes:
        define: Sizes of symbolic dimensions.
        shapes: Shapes of inputs, by the model's names.
        outputs: Values that the network gives instead of its own outputs, by the model's names. What only feeds the
            outputs after them is left out.
        like_glow: Whether to make the nodes that Glow's importer makes, in its order and under its names.
        states: Inputs that live from one call to the next, each with the output that it becomes, by the model's names.
        weights: The second file of a network that has two (Caffe2, Caffe), where it does not lie beside the first.
    """

    define: Mapping[str, int] = field(default_factory=dict)
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    like_glow: bool = False
    states: Mapping[str, str] = field(default_factory=dict)
    weights: str = ""


AS_IN_FILE = Request()
