"""What runs a kernel under test: a Python callable, C on this machine, or C on an emulated core."""

from __future__ import annotations

import inspect
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tinyglow import resources
from tinyglow.bundle.harness import write_harness
from tinyglow.bundle.render import render
from tinyglow.errors import InputError, Problem, SimulationError
from tinyglow.ir.graph import Array
from tinyglow.sim.kernel_process import CrashError, KernelProcess
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import HOST, Board, load_board
from tinyglow.testing.kit.conventions import (
    CMSIS_NN,
    FLAT,
    TYPES_HEADER,
    letters_of,
    numbers_of,
    statement,
    tensors_of,
)
from tinyglow.testing.kit.layout import ALIGNMENT, Fault, difference, lay_out, number_words
from tinyglow.testing.kit.problem import OUTPUT, Question, operator

LIBRARIES = (".so", ".dll", ".dylib")
_CALL = "tg_kit_call"
_MEMORY_BYTES = 0x2_0000
_MOST_INSTRUCTIONS = 100_000_000

PythonKernel = Callable[..., Any]


@dataclass(frozen=True)
class CKernel:
    """A kernel in C, and how it is built and called.

    Attributes:
        path: A C file, which is included where it is called, or a shared library.
        symbol: The function.
        convention: "flat", "cmsis-nn", or a C statement that calls it.
        headers: Included before the C file.
        sources: Further C files, compiled with it.
        include_dirs: Folders of headers.
        flags: For the compiler.
        board: Name of a board; "" for this machine.
        compiler: As ``find_compiler`` takes it; None for the first at hand.
    """

    path: Path
    symbol: str
    convention: str = FLAT
    headers: tuple[str, ...] = ()
    sources: tuple[Path, ...] = ()
    include_dirs: tuple[Path, ...] = ()
    flags: tuple[str, ...] = ()
    board: str = ""
    compiler: str | None = None

    @property
    def is_library(self) -> bool:
        """Whether it is compiled already."""
        return self.path.suffix in LIBRARIES


class Runner(ABC):
    """Calls a kernel."""

    @abstractmethod
    def run(self, question: Question, in_place: str = "") -> tuple[Array | None, Fault | None]:
        """Call the kernel once.

        Args:
            question: With what.
            in_place: The input at whose address the output lies; "" for none.

        Returns:
            The output, or None of a kernel that gave none; and what is wrong, or None.
        """

    def close(self) -> None:  # noqa: B027  (most have nothing to close)
        """Let go of what it holds."""


@dataclass
class PythonRunner(Runner):
    """Calls a Python function with the arguments that its signature names."""

    function: PythonKernel
    _names: set[str] | None = field(init=False)  # None: all, by **
    _wants_output: bool = field(init=False)

    def __post_init__(self) -> None:
        parameters = inspect.signature(self.function).parameters.values()
        takes_all = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters)
        names = {parameter.name for parameter in parameters}
        self._names, self._wants_output = None if takes_all else names, OUTPUT in names

    def run(self, question: Question, in_place: str = "") -> tuple[Array | None, Fault | None]:
        """See ``Runner``; an exception is a crash. In place, the output is the input's own array."""
        inputs = {name: data.copy() for name, data in question.inputs.items()}
        arguments: dict[str, Any] = {**inputs, **question.numbers}
        given = inputs[in_place].reshape(question.shape) if in_place else np.bitwise_not(question.expected())
        if self._wants_output:
            arguments[OUTPUT] = given
        if self._names is not None:
            arguments = {name: value for name, value in arguments.items() if name in self._names}
        try:
            answer = self.function(**arguments)
        except Exception as error:
            return None, Fault("crash", f"it raised {type(error).__name__}: {error}")
        found = np.asarray(given if answer is None and self._wants_output else answer)
        for name, data in inputs.items():
            if name != in_place and not np.array_equal(data, question.inputs[name]):
                return None, Fault("write", f"it changed {name}, which it may only read", name)
        if found.size != question.expected().size or found.dtype.kind not in "iub":
            what = f"it returned {found.dtype} {list(found.shape)}, not {question.dtype} {list(question.shape)}"
            return None, Fault("shape", what)
        flat = found.ravel().astype(np.int64)
        ends = np.iinfo(question.dtype)
        answer = flat.clip(ends.min, ends.max).astype(question.dtype).reshape(question.shape)
        return answer, difference(flat, question.expected().ravel(), question.shape)


class NativeRunner(Runner):
    """Calls C on this machine, in a process of its own."""

    def __init__(self, kernel: CKernel, name: str, numerics: str, folder: Path) -> None:
        known = operator(name)
        if kernel.is_library and kernel.convention == FLAT:
            letters = letters_of(known, numerics) or "-"
            self._process = KernelProcess(kernel.path, kernel.symbol, letters)
            return
        if kernel.is_library:
            problem = Problem(str(kernel.path), f"is a library, called by {kernel.convention!r}", f"{FLAT!r}")
            raise InputError("this library cannot be called so", [problem])
        sources, include = _sources(kernel, name, numerics, folder)
        compiler = find_compiler(kernel.compiler, HOST)
        library = folder / "kernel.so"
        compiler.compile_shared(sources, library, include_dirs=include, flags=_flags(kernel))
        self._process = KernelProcess(library, _CALL)

    def run(self, question: Question, in_place: str = "") -> tuple[Array | None, Fault | None]:
        """See ``Runner``."""
        layout = lay_out(question, in_place)
        try:
            memory = self._process.call(layout.image, list(layout.starts.values()), number_words(question))
        except CrashError as error:
            return None, Fault("crash", str(error))
        return layout.output(memory), layout.fault(memory)

    def close(self) -> None:
        """End the process."""
        self._process.close()


class CoreRunner(Runner):
    """Calls C on an emulated core."""

    def __init__(self, kernel: CKernel, name: str, numerics: str, folder: Path) -> None:
        from tinyglow.sim.image import load_image
        from tinyglow.sim.machine import Machine
        from tinyglow.testing.emulated import roomy

        if kernel.is_library:
            problem = Problem(str(kernel.path), "is a library of this machine", "a C file")
            raise InputError(f"this cannot run on {kernel.board}", [problem])
        self._board: Board = roomy(load_board(kernel.board))
        compiler = find_compiler(kernel.compiler, self._board)
        harness = write_harness(folder, "kit", self._board)
        main = render("testing/kit_main.c.j2", memory_bytes=_MEMORY_BYTES, alignment=ALIGNMENT)
        harness.main.write_text(main, encoding="utf-8", newline="\n")
        sources, include = _sources(kernel, name, numerics, folder)
        if compiler.kind != "gcc":  # which has a C library of its own
            include.append(write_header("string.h", folder / "c_library"))
        sources = [*harness.sources, *sources]
        elf = compiler.compile_firmware(sources, include, harness.linker_script, self._board, folder / "kit.elf")
        self._machine = Machine(load_image(elf), self._board)
        self._machine.boot()

    def run(self, question: Question, in_place: str = "") -> tuple[Array | None, Fault | None]:
        """See ``Runner``; what the core faults on is a crash. Every access is checked for its alignment."""
        machine, layout = self._machine, lay_out(question, in_place)
        if len(layout.image) > _MEMORY_BYTES - ALIGNMENT:
            problem = Problem("tensors", f"{len(layout.image):,} bytes", f"at most {_MEMORY_BYTES:,}")
            raise InputError("this call is too large for an emulated core", [problem])
        base = -(-machine.address_of("tg_kit_memory") // ALIGNMENT) * ALIGNMENT
        tensors, numbers = (machine.address_of(symbol) for symbol in ("tg_kit_tensors", "tg_kit_numbers"))
        machine.write(base, layout.image)
        starts = [base + start for start in layout.starts.values()]
        machine.write(tensors, struct.pack(f"<{len(starts)}I", *starts))
        machine.write(numbers, number_words(question))
        try:
            machine.call(_CALL, tensors, numbers, max_instructions=_MOST_INSTRUCTIONS)
        except SimulationError as error:
            return None, Fault("crash", f"the core stopped: {str(error).replace(chr(10), ' ')}")
        memory = machine.read(base, len(layout.image))
        return layout.output(memory), layout.fault(memory)


def runner_of(kernel: CKernel | PythonKernel, name: str, numerics: str, folder: Path) -> Runner:
    """What calls this kernel; ``folder`` is for what is built."""
    if not isinstance(kernel, CKernel):
        return PythonRunner(kernel)
    runner = NativeRunner if kernel.board in ("", HOST.name) else CoreRunner
    return runner(kernel, name, numerics, folder)


def _flags(kernel: CKernel) -> tuple[str, ...]:
    return ("-Wno-unused-parameter", *kernel.flags)


def _sources(kernel: CKernel, name: str, numerics: str, folder: Path) -> tuple[list[Path], list[Path]]:
    """The C files, and the folders of headers; the kernel's own file is included in the first."""
    if not kernel.path.is_file():
        raise InputError("there is no such kernel", [Problem(str(kernel.path), "no such file", "a C file")])
    known = operator(name)
    folder.mkdir(parents=True, exist_ok=True)
    declared = kernel.path.read_text(encoding="utf-8", errors="replace")
    call = statement(known, numerics, kernel.convention, kernel.symbol, declared)
    headers = [*kernel.headers, kernel.path.resolve().as_posix()]
    text = render(
        "testing/kit_call.c.j2",
        operator=known.name,
        headers=headers,
        prototype="",
        tensors=tensors_of(known, numerics),
        numbers=numbers_of(known, numerics),
        call="\n".join(f"  {line}".rstrip() for line in call.splitlines()),
    )
    path = folder / "kit_call.c"
    path.write_text(text, encoding="utf-8", newline="\n")
    include = [*kernel.include_dirs, kernel.path.resolve().parent]
    if kernel.convention == CMSIS_NN:
        include.append(write_header(TYPES_HEADER, folder / "cmsis_nn"))
    return [path, *kernel.sources], include


def write_header(name: str, folder: Path) -> Path:
    """Write a header to a folder, which is returned: the types of CMSIS-NN's interface, or a part of C's library."""
    folder.mkdir(parents=True, exist_ok=True)
    text = (resources.TEMPLATES / "testing" / name).read_text(encoding="utf-8")
    (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return folder
