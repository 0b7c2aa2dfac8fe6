"""States in a program: each has one buffer, which is read first and written last.

A call writes a state where it lies, if every call that reads it came before. Else it is copied there in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import dropwhile
from typing import Protocol

import numpy as np

from tinyglow.ir.graph import Array, Graph
from tinyglow.ir.kernel import Kernel, Params
from tinyglow.ir.program import Buffer, KernelCall, Region
from tinyglow.ir.types import TensorType
from tinyglow.kernels.reshape.copy import COPY, CopyParams
from tinyglow.numerics import glow


class Writing(Protocol):
    """What the lowering of nodes has made, and takes."""

    graph: Graph
    buffers: dict[str, Buffer]
    calls: list[KernelCall]

    def buffer(self, value: str) -> str:
        """Name of the buffer that holds a value at run time."""

    def call(self, kernel: Kernel, operands: Sequence[str], params: Params, origin: str = "") -> None:
        """Emit a kernel call."""

    def temporary(self, type_: TensorType) -> str:
        """A new buffer. Returns its name."""

    def take_over(self, name: str, buffer: Buffer) -> None:
        """Let what is computed into the buffer ``name`` be computed into ``buffer``."""


def first_elements(first: Array, type_: TensorType) -> Array:
    """What a state's buffer of ``type_`` holds after a reset. first: as ``ir.graph.State`` has it."""
    if type_.quant is not None and type_.dtype in ("int8", "int16"):
        return glow.quantize(first.astype(np.float32), type_.quant.scale, type_.quant.offset, type_.dtype)
    result: Array = first.astype(type_.dtype)
    return result


def write_states(lowering: Writing) -> Mapping[str, Array]:
    """Emit what lets each state be in its buffer at the end; gives the states' first elements, by buffer.

    All states change at once: what becomes of one may be what another one was.
    """
    graph, values = lowering.graph, {output.name: output.value for output in lowering.graph.outputs}
    pairs = {state.read: lowering.buffer(values[state.write]) for state in graph.states}
    late: list[Callable[[], None]] = []
    for read, source in pairs.items():
        if source in pairs and source != read:
            between = lowering.temporary(lowering.buffers[source].type)
            _copy(lowering, source, between, read)
            pairs[read] = between
    for read, source in pairs.items():
        if source == read:
            continue
        if _can_write_early(lowering, read, source, list(pairs.values())):
            lowering.take_over(source, lowering.buffers[read])
        else:
            late.append(lambda read=read, source=source: _copy(lowering, source, read, read))  # type: ignore[misc]
    for copy in late:
        copy()
    return {state.read: first_elements(state.first, graph.type_of(state.read)) for state in graph.states}


def _copy(lowering: Writing, source: str, target: str, origin: str) -> None:
    lowering.call(COPY, [source, target], CopyParams(lowering.buffers[source].type.nbytes), origin=origin)


def _can_write_early(lowering: Writing, read: str, source: str, sources: Sequence[str]) -> bool:
    """Whether nothing reads the state once the first call writes what becomes of it."""
    if lowering.buffers[source].region is not Region.ACTIVATION or sources.count(source) > 1:
        return False
    since = dropwhile(lambda call: source not in _touched(lowering, call), lowering.calls)
    return not any(read in _touched(lowering, call) for call in since)


def _touched(lowering: Writing, call: KernelCall) -> set[str]:
    """The buffers that a call reads and writes, in whole or in part."""
    buffers = lowering.buffers
    return {(buffers[name].part_of if name in buffers else "") or name for name in call.operands}
