"""One trial: a network is compiled with some options and run on a core; its outputs must be the interpreter's."""

from __future__ import annotations

import tempfile
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tinyglow.checker.check import check_proof
from tinyglow.checker.findings import BrokenError
from tinyglow.errors import SimulationError, TinyglowError, ToolError
from tinyglow.ir.graph import Array, Graph
from tinyglow.ir.program import Program
from tinyglow.pipeline.execute import simulate
from tinyglow.pipeline.stations import emit, interpret, load, lower, profile, quantize
from tinyglow.pipeline.streams import as_frames, stream
from tinyglow.quant.profile import Profile
from tinyglow.targets.boards import load_board
from tinyglow.testing.fuzz.networks import Network
from tinyglow.testing.fuzz.options import Options

EQUAL, REFUSED = "equal", "refused"
NAME = "net"
RUNS = 3  # of the samples
_MOST_CALLS = 24  # of a stream

Arrays = Mapping[str, Array]


@dataclass(frozen=True)
class Outcome:
    """What became of a trial.

    Attributes:
        kind: EQUAL; REFUSED, with an error that says why; or what is wrong: "difference", "crash" of the compiler,
            "proof" that the checker refuses, "C" that does not compile, "simulation" that stopped.
        text: The first difference, or the error.
    """

    kind: str
    text: str = ""

    @property
    def is_fault(self) -> bool:
        """Whether something is wrong."""
        return self.kind not in (EQUAL, REFUSED)


@dataclass(frozen=True, eq=False)
class Compiled:
    """A network that was compiled.

    Attributes:
        graph: As it was read and simplified.
        profile: Its ranges; None of one that comes quantized.
        quantized: The integer graph of the whole network.
        program: What runs.
        inputs: Arrays by input for its calls.
        sequence: After how many calls states are reset; None for never.
    """

    graph: Graph
    profile: Profile | None
    quantized: Graph
    program: Program
    inputs: Arrays
    sequence: int | None


def read_network(network: Network, options: Options) -> tuple[Graph, Profile | None]:
    """The graph of a network, and its profile if it is float."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{NAME}{network.suffix}"
        path.write_bytes(network.data)
        graph = load(path, NAME, like_glow=options.graph == "glow", states=options.states)
    return graph, None if graph.is_quantized else profile(graph, network.samples)


def compile_network(network: Network, options: Options) -> Compiled:
    """Compile a network, by the ranges that its samples have if it is float."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph, found = read_network(network, options)
        scheme, numerics = None if graph.is_quantized else options.scheme, options.numerics or None
        quantized = quantize(graph, found, scheme, options.float_io, numerics=numerics)
        inputs, sequence = {name: array[:RUNS] for name, array in network.samples.items()}, None
        streamed = quantized
        if options.stream is not None:
            streamed = stream(quantized, options.stream, options.hop)
            inputs, sequence = as_frames(inputs, graph, options.stream, options.hop)
            whole = _MOST_CALLS // sequence * sequence if sequence else 0  # one sequence may be cut short
            inputs = {name: array[: whole or _MOST_CALLS] for name, array in inputs.items()}
            sequence = sequence if whole else None
        program = lower(streamed, target=options.target, tcm_bytes=options.tcm_size)
        return Compiled(graph, found, quantized, program, inputs, sequence)


def try_network(network: Network, options: Options, compiler: str | None = None) -> Outcome:
    """Compile a network, check its proof, run it, and compare its outputs with the interpreter's, bit for bit.

    Args:
        network: The network.
        options: How it is compiled, and where it runs.
        compiler: The C compiler, as ``sim.toolchain.find_compiler`` takes it.

    Returns:
        What became of it. No exception that a network can cause leaves this function.
    """
    try:
        made = compile_network(network, options)
        expected = interpret(_at_once(made, options), made.inputs, sequence=made.sequence)
    except TinyglowError as error:
        kind = "crash" if "internal error" in str(error) else REFUSED
        return Outcome(kind, str(error))
    except Exception as error:
        return Outcome("crash", _where(error))
    board = load_board(options.board)
    try:
        with tempfile.TemporaryDirectory() as folder:
            emit(made.program, Path(folder) / NAME, board)
            unproved = _unproved(Path(folder) / NAME)
        if unproved:
            return Outcome("proof", unproved)
        found = simulate(made.program, board, made.inputs, compiler, sequence=made.sequence).outputs
    except ToolError as error:
        return Outcome("C", str(error))
    except SimulationError as error:
        return Outcome("simulation", str(error))
    except TinyglowError as error:
        return Outcome(REFUSED, str(error))
    except Exception as error:
        return Outcome("crash", _where(error))
    text = _difference(expected, found)
    return Outcome("difference", text) if text else Outcome(EQUAL)


def _at_once(made: Compiled, options: Options) -> Program:
    """The program whose answers count: one that computes layer by layer."""
    if not made.program.chains:
        return made.program
    return lower(made.quantized, target=replace(options.target, line_buffers=False))


def _unproved(folder: Path) -> str:
    """What the checker finds wrong with a bundle's proof, or ""."""
    try:
        faults = check_proof(folder).faults
    except BrokenError as error:
        return str(error)
    return "; ".join(f"{fault.where}: {fault.found}, not {fault.expected}" for fault in faults[:3])


def _difference(expected: Arrays, found: Arrays) -> str:
    """The first output that differs in its bits, or ""."""
    for name, array in expected.items():
        other = found[name].reshape(array.shape).astype(array.dtype)
        width = f"u{array.dtype.itemsize}"
        differs = np.ascontiguousarray(array).view(width) != np.ascontiguousarray(other).view(width)
        if differs.any():
            first = tuple(int(index) for index in np.argwhere(differs)[0])
            counts = f"{int(differs.sum())} of {array.size} elements differ"
            return f"output {name}: {counts}; {list(first)} is {other[first]}, not {array[first]}"
    return ""


def _where(error: Exception) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "tinyglow" in frame.filename]
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"
