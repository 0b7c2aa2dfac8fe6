"""Run a bundle of machine code on given inputs and hold its answers against others'."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyglow.bundle.foreign import ForeignHeader, Tensor
from tinyglow.errors import InputError, Problem
from tinyglow.interp import fits
from tinyglow.ir.graph import Array
from tinyglow.ir.namer import legal_name
from tinyglow.numerics import glow
from tinyglow.pipeline.execute import simulate
from tinyglow.pipeline.execution import DEFAULTS, Execution, Options
from tinyglow.pipeline.foreign import BundleFiles, ForeignBundle, board_for, load_bundle
from tinyglow.pipeline.foreign_target import ForeignTarget, Kernel
from tinyglow.sim.disassemble import disassemble
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import Board

DEFAULT_INSTRUCTIONS = 2_000_000_000


@dataclass(frozen=True)
class KernelCost:
    """A function of the bundle and what it cost in the last inference, by itself."""

    kernel: Kernel
    cycles: int


@dataclass(frozen=True)
class Likeness:
    """Answers held against others.

    Attributes:
        against: What they are held against.
        output: Name of the output.
        vectors: Number of samples.
        elements: Number of elements of all.
        mismatches: Elements that differ at all; where types differ, real values farther apart than half a step of the
            coarser type.
        largest: The largest difference of real values.
        same_top: Vectors whose largest element is at the same place.
    """

    against: str
    output: str
    vectors: int
    elements: int
    mismatches: int
    largest: float
    same_top: int

    @property
    def equal(self) -> bool:
        """Whether no element differs."""
        return self.mismatches == 0


@dataclass(frozen=True)
class ForeignRun:
    """All that is known of a bundle after a run. ``given``: inputs, [vectors, ...]; {}: it ran once, on zeros."""

    bundle: ForeignBundle
    execution: Execution
    kernels: tuple[KernelCost, ...]
    given: Mapping[str, Array]
    likenesses: tuple[Likeness, ...] = ()
    other: Execution | None = None
    listing: str = ""


def run_bundle(
    files: BundleFiles,
    board: Board,
    inputs: Mapping[str, Array],
    expected: Mapping[str, Array] | None = None,
    *,
    entry: str | None = None,
    compiler: str | None = None,
    max_instructions: int = DEFAULT_INSTRUCTIONS,
    other: Path | None = None,
    listed: str | None = None,
    progress: Callable[[int], None] | None = None,
    options: Options = DEFAULTS,
) -> ForeignRun:
    """Link a bundle of machine code for a board, run it on every sample and compare.

    Args:
        files: Its parts.
        board: The emulated board.
        inputs: Arrays [samples, *shape] by placeholder name; without any it runs once, on zeros.
        expected: Right answers, by placeholder name.
        entry: Which function to call, where the header declares several.
        compiler: Which C compiler: see ``sim.toolchain.find_compiler``.
        max_instructions: A limit for one inference.
        other: Folder of a bundle of tinyglow's of the same model, run on the same inputs.
        listed: Function to disassemble, or "all".
        progress: Is called with 1 after each sample.
        options: Where the weights lie, whether waiting is counted, and whether sources are trusted.

    Returns:
        Answers, costs and comparisons.

    Raises:
        InputError: A part or an input does not fit.
        ToolError: There is no compiler or emulator, or it fails.
        BoardError: The bundle does not fit the board.
        SimulationError: It faults or does not end.
    """
    cc = find_compiler(compiler, board)
    with tempfile.TemporaryDirectory(prefix="tinyglow-") as folder:
        work = Path(folder)
        bundle = load_bundle(files, board, cc, work, entry, options.trusted)
        named = _by_placeholder(bundle.header, inputs, "--input")
        answers = _by_placeholder(bundle.header, expected or {}, "golden")
        rows = {name: _rows(_placeholder(bundle.header, name), array) for name, array in named.items()}
        if len({len(part) for part in rows.values()}) > 1:
            counts = [Problem(f"input {name}", f"{len(part)} samples") for name, part in rows.items()]
            raise InputError("the inputs have different numbers of samples", counts)
        target = ForeignTarget(bundle, board_for(board, bundle.code), cc, work, max_instructions, options)
        execution = _execute(target, board, rows, progress)
        kernels = _kernel_costs(target)
        listing = disassemble(target.alone, None if listed == "all" else listed) if listed else ""
    found = [_likeness("golden", bundle.header, execution, name, array) for name, array in answers.items()]
    theirs = None
    if other is not None:
        theirs, more = _against(other, board, compiler, bundle, execution, named, options)
        found += more
    return ForeignRun(bundle, execution, kernels, named, tuple(found), theirs, listing)


def _placeholder(header: ForeignHeader, name: str) -> Tensor:
    return next(p for p in header.placeholders if p.name == name)


def _by_placeholder(header: ForeignHeader, arrays: Mapping[str, Array], what: str) -> dict[str, Array]:
    """Arrays under the placeholders' own names; a network's name fits the placeholder that C made of it."""
    names = {legal_name(p.name): p.name for p in header.placeholders}
    unknown = [name for name in arrays if legal_name(name) not in names]
    if unknown:
        known = ", ".join(p.name for p in header.placeholders)
        raise InputError(
            "no such placeholder", [Problem(f"{what} {name}", "not in the header", known) for name in unknown]
        )
    return {names[legal_name(name)]: array for name, array in arrays.items()}


def _rows(placeholder: Tensor, array: Array) -> list[bytes]:
    """Each sample as the bundle takes it; floats are quantized by the placeholder's parameters."""
    flat = array.reshape(len(array), -1) if array.ndim else array
    if not array.ndim or not fits(array.shape[1:], placeholder.shape):
        problem = Problem(f"input {placeholder.name}", f"samples of shape {list(array.shape[1:])}", placeholder.text)
        raise InputError("the inputs do not fit the bundle", [problem])
    if str(array.dtype) != placeholder.dtype:
        if array.dtype.kind == "f" and placeholder.quant is not None and placeholder.dtype == "int8":
            quant = placeholder.quant
            flat = glow.quantize(flat.astype(np.float32), quant.scale, quant.offset, "int8")
        elif array.dtype.kind == "f" and placeholder.dtype == "float32":
            flat = flat.astype(np.float32)
        else:
            problem = Problem(f"input {placeholder.name}", f"elements of type {array.dtype}", placeholder.text)
            raise InputError("the inputs do not fit the bundle", [problem])
    return [np.ascontiguousarray(row).tobytes() for row in flat]


def _execute(
    target: ForeignTarget, board: Board, rows: Mapping[str, list[bytes]], progress: Callable[[int], None] | None
) -> Execution:
    header = target.bundle.header
    costs, memories = [], []
    target.clear()
    for index in range(len(next(iter(rows.values()))) if rows else 1):
        for name, samples in rows.items():
            target.write(_placeholder(header, name).offset, samples[index])
        costs.append(target.infer())
        memories.append(target.memory())
        if progress:
            progress(1)
    outputs = {p.name: _output(p, memories) for p in header.placeholders if p.name not in rows and not p.is_input}
    if not outputs:
        found = Problem(header.where, "every placeholder was given as an input", "one at least that is an output")
        raise InputError("there is nothing to read", [found])
    return Execution(board, target.compiler, outputs, tuple(costs), target.sizes, target.waits, target.weights)


def _output(placeholder: Tensor, memories: list[bytes]) -> Array:
    shape = placeholder.shape[1:] if placeholder.shape[:1] == (1,) else placeholder.shape
    pieces = [memory[placeholder.offset : placeholder.offset + placeholder.nbytes] for memory in memories]
    array: Array = np.frombuffer(b"".join(pieces), placeholder.dtype).reshape(len(pieces), *shape)
    return array


def _kernel_costs(target: ForeignTarget) -> tuple[KernelCost, ...]:
    cycles = target.last.by_function if target.last else {}
    costs = [KernelCost(kernel, cycles.get(kernel.name, 0)) for kernel in target.kernels()]
    return tuple(sorted(costs, key=lambda cost: (-cost.cycles, cost.kernel.name)))


def _real(array: Array, scale: float, offset: int) -> Array:
    real: Array = (array.astype(np.float64) - offset) * scale
    return real


def _likeness(against: str, header: ForeignHeader, execution: Execution, name: str, array: Array) -> Likeness:
    """The output ``name`` against ``array``, of the placeholder's own type."""
    ours, placeholder = execution.outputs.get(name), _placeholder(header, name)
    if ours is None:
        raise InputError("the answers do not fit", [Problem(name, "is an input", "an output")])
    if ours.size != array.size or ours.dtype != array.dtype:
        found = f"{array.dtype} {list(array.shape)}"
        raise InputError("the answers do not fit", [Problem(name, found, f"{ours.dtype} {list(ours.shape)}")])
    mine, theirs = ours.reshape(len(ours), -1), array.reshape(len(ours), -1)
    same = mine == theirs
    if mine.dtype.kind == "f":  # bit for bit: two zeros differ, a NaN is like itself
        bits = f"u{mine.dtype.itemsize}"
        same = np.ascontiguousarray(mine).view(bits) == np.ascontiguousarray(theirs).view(bits)
    quant = placeholder.quant
    scale, offset = (quant.scale, quant.offset) if quant else (1.0, 0)
    return _counted(against, name, _real(mine, scale, offset), _real(theirs, scale, offset), ~same)


def _counted(against: str, name: str, mine: Array, theirs: Array, differs: Array) -> Likeness:
    distance = np.where(differs, np.abs(mine - theirs), 0.0)
    largest = float(np.nan_to_num(distance, nan=np.inf).max()) if distance.size else 0.0
    same_top = int((mine.argmax(axis=1) == theirs.argmax(axis=1)).sum()) if mine.size else 0
    return Likeness(against, name, len(mine), mine.size, int(differs.sum()), largest, same_top)


def _against(
    folder: Path,
    board: Board,
    compiler: str | None,
    bundle: ForeignBundle,
    execution: Execution,
    inputs: Mapping[str, Array],
    options: Options,
) -> tuple[Execution, list[Likeness]]:
    """Run tinyglow's bundle in ``folder`` on the same inputs. If each has only one input, their names may differ."""
    from tinyglow.bundle.header import read_bundle

    if not inputs:
        raise InputError("nothing to compare on", [Problem("--with", "needs inputs", "--input or --golden")])
    info = read_bundle(folder)
    takes, gives = info.inputs, {p.name: p for p in info.outputs}
    given = {legal_name(name): array for name, array in inputs.items()}
    if len(takes) == len(given) == 1 and takes[0].name not in given:
        given = {takes[0].name: next(iter(given.values()))}
    theirs = simulate(folder, board, given, compiler, options=options)
    found = []
    for name, array in execution.outputs.items():
        key = name if name in gives else next(iter(gives)) if len(gives) == len(execution.outputs) == 1 else ""
        if not key:
            expected = f"one of {', '.join(gives)}"
            raise InputError("the bundles have different outputs", [Problem(name, "is not in the other", expected)])
        other = theirs.outputs[key]
        if other.size != array.size:
            shapes = Problem(name, f"{list(array.shape)}", f"{list(other.shape)}, as in {folder}")
            raise InputError("the bundles have different outputs", [shapes])
        quants = (_placeholder(bundle.header, name).quant, gives[key].type.quant)
        (mine, step), (real, other_step) = (
            (_real(values, q.scale, q.offset), q.scale) if q else (values.astype(np.float64), 0.0)
            for values, q in zip((array, other), quants, strict=True)
        )
        mine, real = mine.reshape(len(mine), -1), real.reshape(len(real), -1)
        # Two roundings of one real number to different steps may be half of each apart.
        limit = 0.0 if quants[0] == quants[1] else (step + other_step) / 2
        differs = ~(np.abs(mine - real) <= limit)
        found.append(_counted(f"tinyglow's {info.name}", name, mine, real, differs))
    return theirs, found
