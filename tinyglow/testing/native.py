"""Kernels on this machine: all of runtime_c as one shared library, called through ctypes."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from pathlib import Path

from tinyglow import resources
from tinyglow.bundle.kernel_header import kernel_headers
from tinyglow.bundle.kernel_source import kernel_source
from tinyglow.ir.kernel import Kernel, Role
from tinyglow.registry import KERNELS, WITH_EPILOGUES
from tinyglow.sim.toolchain import Compiler, find_compiler
from tinyglow.targets.boards import HOST
from tinyglow.testing.case import Case
from tinyglow.testing.frame import FRAME_ALIGNMENT, frame
from tinyglow.testing.functions import specimens, write_functions


def runtime_sources(root: Path = resources.RUNTIME) -> list[Path]:
    """Every C file of the runtime."""
    return sorted((root / "src").rglob("*.c"))


def write_made_sources(folder: Path, root: Path = resources.RUNTIME) -> list[Path]:
    """Write the C files of all kernels that are made of other kernels' files, and the headers of all kernels.

    Returns:
        The C files of those kernels whose origin is in the runtime in ``root``.
    """
    kernels = [*KERNELS.values(), *WITH_EPILOGUES.values()]
    for name, text in kernel_headers(kernels).items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    there = [kernel for kernel in kernels if kernel.loop and (root / "src" / kernel.origin.c_file).is_file()]
    return kernel_sources(folder, there, root)


def kernel_sources(folder: Path, kernels: Iterable[Kernel], root: Path = resources.RUNTIME) -> list[Path]:
    """The C file of each kernel, in the order of ``kernels``: the runtime's, or what is made of one, in ``folder``."""
    paths = []
    for kernel in kernels:
        paths.append(folder / f"{kernel.symbol}.c" if kernel.loop else root / "src" / kernel.c_file)
        if kernel.loop:
            paths[-1].write_text(kernel_source(kernel, root), encoding="utf-8", newline="\n")
    return paths


class Library:
    """The runtime as a shared library."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._functions = ctypes.CDLL(str(path))

    def run(self, case: Case, in_place: bool = False) -> None:
        """Call the case's kernel and compare with numpy. Raises AssertionError, DamageError for a stray write."""
        laid_out = frame(case, in_place)
        size = len(laid_out.image)
        memory = ctypes.create_string_buffer(size + FRAME_ALIGNMENT)
        base = -(-ctypes.addressof(memory) // FRAME_ALIGNMENT) * FRAME_ALIGNMENT
        ctypes.memmove(base, laid_out.image, size)
        function = getattr(self._functions, case.kernel.symbol)
        function.restype = None
        places = [ctypes.c_void_p(base + offset) for offset in (laid_out.params, *laid_out.operands)]
        for index, operand in enumerate(case.kernel.operands, 1):
            if operand.role is Role.CODE:
                code = getattr(self._functions, specimens()[case.functions[operand.name]].symbol)
                places[index] = ctypes.cast(code, ctypes.c_void_p)
        function(*places)
        laid_out.check(ctypes.string_at(base, size))


def build_library(
    folder: Path, compiler: Compiler | None = None, flags: Sequence[str] = (), root: Path = resources.RUNTIME
) -> Library:
    """Compile the runtime in ``root`` into ``folder`` with ``compiler`` (default: the first at hand) and load it."""
    compiler = compiler or find_compiler(None, HOST)
    sources = [*runtime_sources(root), write_functions(folder), *write_made_sources(folder, root)]
    include = [folder, root / "include"]
    library = compiler.compile_shared(sources, folder / "runtime.so", include_dirs=include, flags=flags)
    return Library(library)
