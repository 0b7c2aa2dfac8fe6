"""Checks a kernel against the reference: many calls, and the smallest one that shows a fault."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis.errors import NoSuchExample, Unsatisfiable

from tinyglow.errors import InputError, Problem
from tinyglow.ir.graph import Array
from tinyglow.numerics.names import TFLITE
from tinyglow.testing.kit.conventions import FLAT
from tinyglow.testing.kit.kernels import LIBRARIES, CKernel, PythonKernel, Runner, runner_of
from tinyglow.testing.kit.layout import Fault
from tinyglow.testing.kit.problem import Numbers, Question, Tensors, operator, problems, question, require_numerics
from tinyglow.testing.kit.report import pytest_test, unity_test
from tinyglow.testing.kit.shrink import simplest
from tinyglow.testing.kit.sources import needed_sources

EXAMPLES = 300
MOST_SHRINKS = 250

KernelLike = PythonKernel | str | Path


class KernelFault(AssertionError):
    """A kernel gives another answer than the reference, or writes where it must not, or crashes.

    Attributes:
        question: The smallest call that was found to show it.
        fault: What is wrong.
        in_place: The input at whose address the output lies, or "".
        unity_test: A C file for the Unity test framework that shows it.
        pytest_test: A Python file for pytest that shows it.
        examples: How many calls were tried until the first that showed a fault.
    """

    def __init__(self, question: Question, fault: Fault, in_place: str, texts: tuple[str, str], examples: int) -> None:
        self.question, self.fault, self.in_place = question, fault, in_place
        self.unity_test, self.pytest_test = texts
        self.examples = examples
        place = f", output over {in_place}" if in_place else ""
        head = f"{question.operator} ({question.numerics}){place}: {fault}\n  {question!r}"
        rule = "-" * 72
        super().__init__(f"{head}\n{rule}\n{self.unity_test}{rule}\n{self.pytest_test}")

    def write(self, folder: str | Path) -> tuple[Path, Path]:
        """Write both tests to a folder, as ``test_<operator>.c`` and ``test_<operator>.py``; their paths."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        paths = folder / f"test_{self.question.operator}.c", folder / f"test_{self.question.operator}.py"
        for path, text in zip(paths, (self.unity_test, self.pytest_test), strict=True):
            path.write_text(text, encoding="utf-8", newline="\n")
        return paths


@dataclass(frozen=True)
class Checked:
    """What ``check_kernel`` did when it found nothing.

    Attributes:
        operator: The operator.
        numerics: The numerics.
        calls: How many calls of the kernel gave the reference's answer.
    """

    operator: str
    numerics: str
    calls: int


def check_kernel(
    kernel: KernelLike,
    op: str,
    numerics: str = TFLITE,
    *,
    symbol: str = "",
    convention: str = FLAT,
    headers: Sequence[str] = (),
    sources: Sequence[str | Path] = (),
    include_dirs: Sequence[str | Path] = (),
    flags: Sequence[str] = (),
    board: str = "",
    compiler: str | None = None,
    in_place: bool = False,
    examples: int = EXAMPLES,
    seed: int = 0,
    shrinks: int = MOST_SHRINKS,
    only: Callable[[Question], bool] | None = None,
) -> Checked:
    """Compare a kernel with the reference on many calls of all kinds.

    Args:
        kernel: A Python function; the path of a C file or of a shared library; or C text. A Python function gets the
            inputs and numbers that its signature names, and returns the output or fills ``output``.
        op: The operator that it computes: one of ``operators()``.
        numerics: Whose arithmetic: "glow", "tflite", "tflm" or "onnx".
        symbol: The C function (default: the operator's name).
        convention: How C gets its arguments: "flat" (see ``prototype``), "cmsis-nn" (CMSIS-NN's own signature), or a C
            statement that calls the kernel and may use all names of the flat convention as variables.
        headers: Headers to include before the C file.
        sources: Further C files, or folders, of which those are taken that define what is called.
        include_dirs: Folders of headers.
        flags: For the compiler on this machine, such as sanitizers.
        board: A board or core in the simulator; "" for this machine.
        compiler: "gcc", "clang", "zig" or a program (default: the first at hand).
        in_place: Whether the output may also lie over an input, where the operator works element by element.
        examples: How many calls are drawn.
        seed: Draws others.
        shrinks: How many smaller calls are tried after one that shows a fault.
        only: A predicate of a ``Question``: calls for which it is false are left out, as those that a kernel refuses.

    Returns:
        How many calls gave the right answer.

    Raises:
        KernelFault: One did not; it carries the smallest call found, and two tests that show it.
        InputError: There is no such operator, numerics, file or convention.
        ToolError: The compiler failed.
    """
    known = operator(op)
    require_numerics(known, numerics)
    build = _Build(symbol or op, convention, headers, sources, include_dirs, flags, board, compiler)
    places = ("", *known.in_place) if in_place else ("",)
    with _runner(kernel, op, numerics, build) as (runner, described):
        search = _Search(runner, places, shrinks, only)
        found = search.smallest(op, numerics, examples, seed)
        if found is None:
            return Checked(op, numerics, search.calls)
        asked, place = found
        if shrinks:
            asked = simplest(asked, lambda other: search.fault(other, place) is not None)
        fault = search.fault(asked, place)
        assert fault is not None
        texts = unity_test(described, asked, fault, place), pytest_test(described, asked, fault, place)
        raise KernelFault(asked, fault, place, texts, search.first)


def run_kernel(
    kernel: KernelLike,
    op: str,
    numerics: str,
    numbers: Numbers,
    inputs: Tensors,
    shape: Sequence[int],
    *,
    symbol: str = "",
    convention: str = FLAT,
    headers: Sequence[str] = (),
    sources: Sequence[str | Path] = (),
    include_dirs: Sequence[str | Path] = (),
    flags: Sequence[str] = (),
    board: str = "",
    compiler: str | None = None,
    in_place: str = "",
) -> Array:
    """Call a kernel once, with arguments that were written down. What is printed for a fault does so.

    Args:
        kernel: As ``check_kernel`` takes it, and all options after ``shape`` that it shares with it.
        op: The operator.
        numerics: Whose arithmetic.
        numbers: By name.
        inputs: Arrays by name.
        shape: Of the output.
        symbol: The C function.
        convention: How C gets its arguments.
        headers: Headers to include before the C file.
        sources: Further C files.
        include_dirs: Folders of headers.
        flags: For the compiler.
        board: A board in the simulator; "" for this machine.
        compiler: The compiler.
        in_place: The input at whose address the output lies.

    Returns:
        The output, of ``shape``.

    Raises:
        AssertionError: The kernel crashed, or wrote outside of its output.
        InputError: An argument is missing, or of another name.
    """
    asked = question(op, numerics, numbers, inputs, tuple(shape))
    build = _Build(symbol or op, convention, headers, sources, include_dirs, flags, board, compiler)
    with _runner(kernel, op, numerics, build) as (runner, _):
        output, fault = runner.run(asked, in_place)
    if output is None or (fault is not None and fault.kind != "result"):
        raise AssertionError(f"{op}: {fault}")
    return output


@dataclass(frozen=True)
class _Build:
    """How a kernel in C is built and called; see ``check_kernel``."""

    symbol: str
    convention: str
    headers: Sequence[str]
    sources: Sequence[str | Path]
    include_dirs: Sequence[str | Path]
    flags: Sequence[str]
    board: str
    compiler: str | None

    def kernel(self, path: Path) -> CKernel:
        """The kernel in this file."""
        return CKernel(
            path=path,
            symbol=self.symbol,
            convention=self.convention,
            headers=tuple(self.headers),
            sources=tuple(needed_sources(path, self.sources)),
            include_dirs=tuple(Path(folder) for folder in self.include_dirs),
            flags=tuple(self.flags),
            board=self.board,
            compiler=self.compiler,
        )


@contextlib.contextmanager
def _runner(
    kernel: KernelLike, op: str, numerics: str, build: _Build
) -> Iterator[tuple[Runner, CKernel | PythonKernel]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        described = build.kernel(_path_of(kernel, folder)) if isinstance(kernel, str | Path) else kernel
        runner = runner_of(described, op, numerics, folder / "build")
        try:
            yield runner, described
        finally:
            runner.close()


def _path_of(kernel: str | Path, folder: Path) -> Path:
    """The C file or library; C text is written to a file."""
    if isinstance(kernel, str) and "{" in kernel:
        path = folder / "kernel.c"
        path.write_text(kernel, encoding="utf-8", newline="\n")
        return path
    path = Path(kernel)
    if path.suffix not in (".c", *LIBRARIES):
        raise InputError("this is no kernel", [Problem(str(path), "no C file", f".c, {', '.join(LIBRARIES)}")])
    return path


class _Enough(BaseException):
    """Ends hypothesis's search for a smaller call: it catches no exception of this kind."""


class _Search:
    """Tries calls and remembers the smallest one that shows a fault."""

    def __init__(
        self, runner: Runner, places: Sequence[str], shrinks: int, only: Callable[[Question], bool] | None
    ) -> None:
        self._runner, self._places, self._shrinks, self._only = runner, places, shrinks, only
        self.calls = self.first = self._after = 0
        self._best: tuple[Question, str] | None = None

    def fault(self, asked: Question, place: str) -> Fault | None:
        """What is wrong with one call."""
        return self._runner.run(asked, place)[1]

    def smallest(self, op: str, numerics: str, examples: int, seed: int) -> tuple[Question, str] | None:
        """The smallest call that shows a fault, and where its output lies; None if there is none."""
        chosen = settings(
            max_examples=examples,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        calls = problems(op, numerics)
        calls = calls if self._only is None else calls.filter(self._only)  # so that others take their places
        with contextlib.suppress(NoSuchExample, Unsatisfiable, _Enough):
            find(calls, self._shows, settings=chosen, random=Random(seed))
        return self._best

    def _shows(self, asked: Question) -> bool:
        """Whether a call shows a fault. Raises _Enough after so many calls that were to be smaller."""
        for place in self._places:
            if place and asked.inputs[place].size != asked.expected().size:
                continue
            self.calls += 1
            if self.fault(asked, place) is not None:
                self.first = self.first or self.calls
                if self._best is None or _size(asked) <= _size(self._best[0]):
                    self._best = asked, place
                self._count()
                return True
        self._count()
        return False

    def _count(self) -> None:
        """Count a call after the first that showed a fault."""
        self._after += self._best is not None
        if self._after > self._shrinks:
            raise _Enough


def _size(asked: Question) -> tuple[int, float]:
    """How large a call is: elements of its inputs, and its numbers."""
    return sum(data.size for data in asked.inputs.values()), sum(abs(value) for value in asked.numbers.values())
