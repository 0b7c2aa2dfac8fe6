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

ALL = (*KERNELS.values(), *WITH_EPILOGUES.values())


def runtime_sources(root: Path = resources.RUNTIME) -> list[Path]:
    """Every C file of the runtime."""
    return sorted((root / "src").rglob("*.c"))


def kernel_sources(folder: Path, kernels: Iterable[Kernel], root: Path = resources.RUNTIME) -> list[Path]:
    """The C file of each kernel, and, in ``folder``, the headers of all kernels.

    Args:
        folder: Where C files are written that are made of another kernel's.
        kernels: The kernels.
        root: The runtime.

    Returns:
        The C files in the order of ``kernels``.
    """
    for name, text in kernel_headers(ALL).items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
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
    folder: Path,
    compiler: Compiler | None = None,
    flags: Sequence[str] = (),
    root: Path = resources.RUNTIME,
    kernels: Iterable[Kernel] = ALL,
) -> Library:
    """Compile kernels of the runtime in ``root`` into ``folder`` with ``compiler`` (default: the first at hand)."""
    compiler = compiler or find_compiler(None, HOST)
    there = [kernel for kernel in kernels if (root / "src" / kernel.origin.c_file).is_file()]
    sources = [write_functions(folder), *kernel_sources(folder, there, root)]
    include = [folder, root / "include"]
    library = compiler.compile_shared(sources, folder / "runtime.so", include_dirs=include, flags=flags)
    return Library(library)
