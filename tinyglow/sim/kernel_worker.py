"""Calls a C function of a shared library again and again: run by ``tinyglow.sim.kernel_process`` as a program.

It reads calls from standard input and writes the memory after each to standard output. It needs Python alone, so that
it starts fast, and it may crash: then its parent starts another.
"""

from __future__ import annotations

import ctypes
import importlib
import struct
import sys
from typing import Any, BinaryIO

_ALIGNMENT = 16
_SECONDS = 10.0  # of processor time, for one call
_FLOAT = "f"


def _read(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        sys.exit(0)
    return data


def _words(stream: BinaryIO) -> tuple[int, ...]:
    (count,) = struct.unpack("<I", _read(stream, 4))
    return struct.unpack(f"<{count}I", _read(stream, 4 * count))


def _argument(word: int, kind: str) -> Any:
    if kind == _FLOAT:
        return ctypes.c_float(struct.unpack("<f", struct.pack("<I", word))[0])
    return ctypes.c_int32(word - (word >> 31 << 32))


def _limit_time(seconds: float) -> None:
    """End the process when it has computed for so long; 0: no limit. Nothing where the system can't."""
    signal = importlib.import_module("signal")
    set_timer = getattr(signal, "setitimer", None)
    if set_timer is not None:
        set_timer(signal.ITIMER_PROF, seconds)


def main(path: str, symbol: str, flat: str) -> None:
    """Serve calls.

    Args:
        path: The library.
        symbol: The function.
        flat: "" for a function that takes an array of pointers and one of words; else a letter for each number,
            "i" or "f": the function takes pointers and numbers as its arguments.
    """
    function = getattr(ctypes.CDLL(path), symbol)
    function.restype = None
    source, target = sys.stdin.buffer, sys.stdout.buffer
    while True:
        (size,) = struct.unpack("<I", _read(source, 4))
        image, starts, numbers = _read(source, size), _words(source), _words(source)
        memory = ctypes.create_string_buffer(size + _ALIGNMENT)
        base = -(-ctypes.addressof(memory) // _ALIGNMENT) * _ALIGNMENT
        ctypes.memmove(base, image, size)
        pointers = [ctypes.c_void_p(base + start) for start in starts]
        _limit_time(_SECONDS)
        if flat:
            function(*pointers, *map(_argument, numbers, flat))
        else:
            words = (ctypes.c_uint32 * max(1, len(numbers)))(*numbers)
            function((ctypes.c_void_p * len(pointers))(*pointers), words)
        _limit_time(0)
        target.write(ctypes.string_at(base, size))
        target.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3])
