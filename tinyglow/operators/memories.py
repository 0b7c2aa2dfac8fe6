"""What operators with a memory share: variable tensors of TFLite files, and several results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

import numpy as np

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Declared, Value
from tinyglow.ir.op import Importer
from tinyglow.ir.types import QuantParams

# The attribute of a source node that names the tensors with the parameters of what it computes on its way.
INTERMEDIATES = "intermediates"


@runtime_checkable
class WithMemory(Importer, Protocol):
    """An importer of files whose operators keep values from one inference to the next."""

    def write_memory(self, name: str, value: Value) -> None:
        """Say which value a variable tensor of the file holds after the operator."""


def results_of(first: Value, edit: GraphEditor) -> Sequence[Value]:
    """All results of the node that makes ``first``."""
    node = edit.producer(first.name)
    assert node is not None
    return [edit.value(name) for name in node.outputs]


def as_integers(bias: Value, edit: GraphEditor) -> Value:
    """A bias with the integers that the file declares; zeros where it has none."""
    if bias.declared is not None:
        return bias
    assert bias.data is not None
    none = np.zeros(bias.data.shape, np.int32)
    return edit.declare(bias.name, replace(Declared("int32", QuantParams(1.0, 0)), data=none))
