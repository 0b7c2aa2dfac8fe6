"""Programs as bytes, for other processes that have tinyglow: what tuning sends to those that evaluate them."""

from __future__ import annotations

import importlib
import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tinyglow.errors import Problem, ToolError
from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import Kernel
from tinyglow.ir.program import Program
from tinyglow.tuning.fingerprint import Fingerprint, Key

# Smaller constants travel with their program: a message of their own would take longer than they do.
_OWN_MESSAGE_BYTES = 4096


def _kernel(module: str, symbol: str) -> Kernel:
    found = vars(importlib.import_module(module)).values()
    return next(kernel for kernel in found if isinstance(kernel, Kernel) and kernel.symbol == symbol)


def _with_epilogue(symbol: str) -> Kernel:
    from tinyglow.registry import WITH_EPILOGUES

    return WITH_EPILOGUES[symbol]


class _Pickler(pickle.Pickler):
    """Sends a kernel by its name: the other side has the same.

    Its module comes along: to look for it in the registry, the other side would import every operator first, a quarter
    of the time in which it starts.
    """

    def reducer_override(self, thing: object) -> Any:
        if not isinstance(thing, Kernel):
            return NotImplemented
        from tinyglow.registry import MODULES, WITH_EPILOGUES

        if thing.symbol in MODULES:
            return _kernel, (MODULES[thing.symbol], thing.symbol)
        if thing.symbol in WITH_EPILOGUES:
            return _with_epilogue, (thing.symbol,)
        problem = Problem(thing.summary, f"is computed by {thing.symbol}", "", "use -jobs=1")
        raise ToolError("other processes do not have a kernel that is made for this network", [problem])


def packed(thing: object) -> bytes:
    """Bytes of which ``pickle.loads`` makes an equal thing, in a process that has the same tinyglow.

    Raises ToolError for a program with a kernel that is made for one network.
    """
    buffer = io.BytesIO()
    _Pickler(buffer, pickle.HIGHEST_PROTOCOL).dump(thing)
    return buffer.getvalue()


@dataclass(frozen=True)
class Parcel:
    """A program in parts. Programs that differ in one layer have all other parts in common.

    Attributes:
        key: A name for what it computes.
        frame: The packed program without its large constants.
        constants: These, by a name for their content.
        places: The buffer of each constant.
    """

    key: Key
    frame: bytes
    constants: Mapping[Key, Array]
    places: Mapping[str, Key]


def parcel(program: Program, print_: Fingerprint) -> Parcel:
    """A program and its fingerprint, in parts."""
    keys = {buffer.name: key for key, buffer in print_.given.items() if buffer.data is not None}
    buffers, constants, places = dict(program.buffers), {}, {}
    for name, buffer in program.buffers.items():
        key = keys.get(name)
        if key is not None and buffer.data is not None and buffer.data.nbytes >= _OWN_MESSAGE_BYTES:
            buffers[name] = replace(buffer, data=None)
            constants[key], places[name] = buffer.data, key
    return Parcel(print_.output, packed(replace(program, buffers=buffers)), constants, places)


def put_together(frame: bytes, places: Mapping[str, Array]) -> Program:
    """The program of a parcel's frame, with each constant by its buffer's name."""
    program: Program = pickle.loads(frame)  # made by ``packed``, on the side that asks for answers
    buffers = {
        name: replace(buffer, data=places[name]) if name in places else buffer
        for name, buffer in program.buffers.items()
    }
    return replace(program, buffers=buffers)
