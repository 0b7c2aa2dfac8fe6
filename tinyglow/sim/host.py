"""A bundle on this machine: compiled into a shared library and called in this process."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinyglow.errors import Problem, SimulationError, ToolError
from tinyglow.sim.toolchain import Compiler

Bytes = npt.NDArray[np.uint8]

# Around each area lie bytes that nobody may change.
_GUARD_BYTES = 64
_GUARD = 0xA5
_SUFFIXES = {"win32": ".dll", "darwin": ".dylib"}


@dataclass(frozen=True)
class _Area:
    """``size`` bytes aligned to ``align``, with guards on both sides."""

    name: str
    whole: Bytes
    used: Bytes

    @staticmethod
    def of(name: str, size: int, align: int) -> _Area:
        raw = np.full(size + 2 * _GUARD_BYTES + align, _GUARD, np.uint8)
        first = _GUARD_BYTES + -(raw.ctypes.data + _GUARD_BYTES) % align
        whole = raw[first - _GUARD_BYTES : first + size + _GUARD_BYTES]
        return _Area(name, whole, whole[_GUARD_BYTES : _GUARD_BYTES + size])

    @property
    def address(self) -> int:
        return self.whole.ctypes.data + _GUARD_BYTES

    def is_intact(self) -> bool:
        guards = (self.whole[:_GUARD_BYTES], self.whole[_GUARD_BYTES + self.used.size :])
        return all(bool((guard == _GUARD).all()) for guard in guards)


class HostBundle:
    """A bundle in a shared library, with its three memory areas.

    ``constant``, ``mutable`` and ``activations`` are uint8 arrays of the areas' sizes that may be read and written;
    inputs and outputs lie in ``mutable``. A bundle that goes wild may take the whole process down: that is what the
    emulated boards and the sanitizers are for.
    """

    def __init__(self, library: Path, net: str, constant: bytes, mutable_bytes: int, activation_bytes: int) -> None:
        """Load the function ``int net(uint8_t *, uint8_t *, uint8_t *)``; ToolError if the library has none."""
        try:
            self._library = ctypes.CDLL(str(library.resolve()))
            self._function = getattr(self._library, net)
        except (OSError, AttributeError) as error:
            problem = Problem(str(library), str(error), f"a shared library with the function {net}")
            raise ToolError("cannot load the bundle", [problem]) from error
        self._function.argtypes = [ctypes.c_void_p] * 3
        self._function.restype = ctypes.c_int
        self._net = net
        sizes = {"constant": len(constant), "mutable": mutable_bytes, "activations": activation_bytes}
        self._areas = [_Area.of(name, size, align=64) for name, size in sizes.items()]
        self.constant, self.mutable, self.activations = (area.used for area in self._areas)
        self.constant[:] = np.frombuffer(constant, np.uint8)

    def set_int32(self, symbol: str, value: int) -> None:
        """Set an int32_t variable of the library; ToolError if there is none of that name."""
        try:
            ctypes.c_int32.in_dll(self._library, symbol).value = value
        except ValueError as error:
            raise ToolError("cannot prepare the bundle", [Problem(symbol, str(error))]) from error

    def lend_tcm(self, size: int) -> Bytes:
        """Give the bundle its fast memory, ``size`` bytes at ``glow_tcm_addr``; ToolError if it wants none."""
        area = _Area.of("tcm", size, align=64)
        try:
            ctypes.c_void_p.in_dll(self._library, "glow_tcm_addr").value = area.address
        except ValueError as error:
            raise ToolError("cannot prepare the bundle", [Problem("glow_tcm_addr", str(error))]) from error
        self._areas.append(area)
        return area.used

    def reset(self) -> None:
        """Give the bundle's states their first values; ToolError if it has none."""
        try:
            function = getattr(self._library, f"{self._net}_reset")
        except AttributeError as error:
            raise ToolError("cannot reset the bundle", [Problem(f"{self._net}_reset", str(error))]) from error
        function.argtypes, function.restype = [ctypes.c_void_p], None
        function(self._areas[1].address)

    def infer(self) -> int:
        """Run the network once; what it returned (0: success).

        Raises SimulationError if it wrote just outside of one of its areas.
        """
        result = int(self._function(*(area.address for area in self._areas[:3])))
        broken = [area for area in self._areas if not area.is_intact()]
        if broken:
            problems = [Problem(area.name, f"bytes next to its {area.used.size} were overwritten") for area in broken]
            raise SimulationError(f"{self._net} on the host wrote outside of its memory", problems)
        return result


def build_host_bundle(
    compiler: Compiler,
    sources: Sequence[Path],
    net: str,
    folder: Path,
    *,
    constant: bytes,
    mutable_bytes: int,
    activation_bytes: int,
    include_dirs: Sequence[Path] = (),
) -> HostBundle:
    """Compile a bundle's C files into a shared library in ``folder`` and load it.

    The library must be a new file each time: a process keeps a library it has loaded once. Raises ToolError.
    """
    library = folder / f"lib{net}{_SUFFIXES.get(sys.platform, '.so')}"
    compiler.compile_shared(sources, library, include_dirs=include_dirs)
    return HostBundle(library, net, constant, mutable_bytes, activation_bytes)
