"""Run a bundle: on this machine or on an emulated board, vector by vector."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import numpy as np

from tinyglow.bundle.harness import Harness, write_harness
from tinyglow.bundle.header import BundleInfo, read_bundle
from tinyglow.bundle.layers import layer_calls
from tinyglow.bundle.options import sources_of
from tinyglow.bundle.provenance import buildable
from tinyglow.errors import Problem, SimulationError
from tinyglow.interp import turns
from tinyglow.ir.graph import Array
from tinyglow.ir.program import Program
from tinyglow.pipeline.as_bundle import as_bundle
from tinyglow.pipeline.built import bundle_sizes, require_success, with_tcm
from tinyglow.pipeline.execution import DEFAULTS, Execution, Options, Sizes, VectorCost, as_built
from tinyglow.pipeline.placing import near_sizes, places_of
from tinyglow.pipeline.vectors import input_vectors, output_of
from tinyglow.sim.host import build_host_bundle
from tinyglow.sim.toolchain import Compiler, find_compiler
from tinyglow.targets.boards import Board
from tinyglow.targets.memory_map import Places

# A stop for programs that never return; the largest network measured so far takes a hundredth of it.
MAX_INSTRUCTIONS = 20_000_000_000


class Target(Protocol):
    """A bundle that is ready to run, with its memory."""

    @property
    def compiler(self) -> str:
        """Name and version of the C compiler."""

    @property
    def sizes(self) -> Sizes | None:
        """What the bundle takes; None on the host."""

    def write(self, offset: int, data: bytes) -> None:
        """Into mutableWeight."""

    def clear(self) -> None:
        """Zero mutableWeight, activations and TCM."""

    def reset(self) -> None:
        """Give the bundle's states their first values, if it has any."""

    def infer(self) -> VectorCost | None:
        """Run one inference; its cost, None on the host."""

    @property
    def waits(self) -> int | None:
        """What the memories made the core wait in the first inference, if that was asked for."""

    @property
    def waits_by_memory(self) -> Mapping[str, int]:
        """The same by memory."""

    @property
    def places(self) -> Places:
        """The memory of each area."""

    def memory(self) -> tuple[bytes, bytes]:
        """Content of mutableWeight, and of activations with those in TCM after them."""

    def set_steps(self, symbol: str, steps: int) -> None:
        """Set a traced bundle's step counter."""


class _HostTarget:
    sizes: Sizes | None = None
    waits: int | None = None
    places: Places = MappingProxyType({})
    waits_by_memory: Mapping[str, int] = MappingProxyType({})

    def __init__(self, folder: Path, info: BundleInfo, compiler: Compiler, work: Path) -> None:
        self.compiler = compiler.version()
        self._bundle = build_host_bundle(
            compiler,
            with_tcm(sources_of(folder), info, work),
            info.name,
            work,
            constant=(folder / f"{info.name}.weights.bin").read_bytes(),
            mutable_bytes=info.mutable,
            activation_bytes=info.activations,
        )
        self._tcm = self._bundle.lend_tcm(info.tcm) if info.tcm else np.empty(0, np.uint8)
        self._has_states = info.states > 0

    def write(self, offset: int, data: bytes) -> None:
        self._bundle.mutable[offset : offset + len(data)] = np.frombuffer(data, np.uint8)

    def clear(self) -> None:
        self._bundle.mutable[...] = 0
        self._bundle.activations[...] = 0
        self._tcm[...] = 0

    def reset(self) -> None:
        if self._has_states:
            self._bundle.reset()

    def infer(self) -> VectorCost | None:
        require_success(self._bundle.infer())
        return None

    def memory(self) -> tuple[bytes, bytes]:
        return self._bundle.mutable.tobytes(), self._bundle.activations.tobytes() + self._tcm.tobytes()

    def set_steps(self, symbol: str, steps: int) -> None:
        self._bundle.set_int32(symbol, steps)


class _BoardTarget:
    waits: int | None = None
    waits_by_memory: Mapping[str, int] = MappingProxyType({})

    def __init__(
        self, folder: Path, info: BundleInfo, board: Board, compiler: Compiler, work: Path, options: Options
    ) -> None:
        # Not needed, and maybe not installed, where bundles run on this machine alone.
        from tinyglow.sim.image import check_fits, load_image
        from tinyglow.sim.machine import Machine

        self.compiler = compiler.version()
        self._info = info
        sources = sources_of(folder)
        near = near_sizes(board, info)
        self.places = places_of(board, info.needs(options.weights), near)
        memories = [one.memory for one in info.near]
        harness = write_harness(work, info.name, board, options.weights, places=self.places, near=memories)
        elf = compiler.compile_firmware(
            [*sources, *harness.sources], [folder], harness.linker_script, board, work / "firmware.elf"
        )
        image = load_image(elf)
        check_fits(image, board)
        sizes = bundle_sizes(folder, info, board, compiler, work, options.weights)
        copied = sum(one.size for one in info.near if one.memory in near and board.memory(one.memory).kind != "flash")
        self.sizes = replace(sizes, weights_in_ram=sizes.weights_in_ram + copied)
        self._machine = Machine(image, board)
        self._machine.boot()
        self._machine.watch(info.name)
        self._layers = layer_calls(folder, info.name)
        self._strict = not board.core.unaligned
        self._timed = options.timed
        self._mutable = self._machine.address_of(Harness.mutable_weight)
        self._activations = self._machine.address_of(Harness.activations)
        self._tcm = self._machine.address_of(Harness.tcm) if info.tcm else 0

    def write(self, offset: int, data: bytes) -> None:
        self._machine.write(self._mutable + offset, data)

    def clear(self) -> None:
        self._machine.write(self._mutable, bytes(self._info.mutable))
        self._machine.write(self._activations, bytes(self._info.activations))
        if self._tcm:
            self._machine.write(self._tcm, bytes(self._info.tcm))

    def reset(self) -> None:
        if self._info.states:
            self._machine.call(Harness.reset, max_instructions=MAX_INSTRUCTIONS)

    def infer(self) -> VectorCost:
        # Where the core faults on unaligned access, which the emulator does not, the first call checks every
        # access; that is slow, and the other calls take the same path. So it is with waiting.
        try:
            stats = self._machine.call(
                Harness.infer, max_instructions=MAX_INSTRUCTIONS, strict=self._strict, timed=self._timed
            )
        except SimulationError as error:
            raise self._in_layer(error) from error
        if self._timed:
            self.waits, self.waits_by_memory = stats.waits, stats.waits_by_memory
        self._strict = self._timed = False
        require_success(stats.value)
        return VectorCost(stats.cycles, stats.instructions, stats.stack_bytes)

    def _in_layer(self, error: SimulationError) -> SimulationError:
        """The error with the layer that was being computed."""
        number = self._machine.calls_returned
        if number < 0:
            return error
        count = len(self._layers)
        layer = self._layers[number] if number < count else None
        what = f"{layer.origin}, computed by {layer.function}" if layer else "the network's function itself"
        found = f"{what}: call {number + 1} of {count}" if layer else f"{what}, behind {number} calls"
        return type(error)(error.summary, [*error.problems, Problem("layer", found)])

    def memory(self) -> tuple[bytes, bytes]:
        mutable = self._machine.read(self._mutable, self._info.mutable)
        tcm = self._machine.read(self._tcm, self._info.tcm) if self._tcm else b""
        return mutable, self._machine.read(self._activations, self._info.activations) + tcm

    def set_steps(self, symbol: str, steps: int) -> None:
        self._machine.write(self._machine.address_of(symbol), steps.to_bytes(4, "little", signed=True))


@contextmanager
def open_target(
    folder: Path, info: BundleInfo, board: Board, compiler: str | None = None, options: Options = DEFAULTS
) -> Iterator[Target]:
    """The bundle in ``folder``, built for ``board`` and ready to run.

    Raises ToolError, BoardError, SimulationError, and InputError if it may not be built (``bundle.provenance``).
    """
    options = as_built(options, info)
    with tempfile.TemporaryDirectory(prefix="tinyglow-") as work:
        sources = buildable(folder, Path(work) / "bundle", native=board.is_host, trusted=options.trusted)
        chosen = find_compiler(compiler, board)
        if board.is_host:
            yield _HostTarget(sources, info, chosen, Path(work))
        elif not board.core.counts_cycles:
            from tinyglow.pipeline.portable_target import PortableTarget

            with closing(PortableTarget(sources, info, board, chosen, Path(work))) as target:
                yield target
        else:
            yield _BoardTarget(sources, info, board, chosen, Path(work), options)


def simulate(
    bundle: str | Path | Program,
    board: Board,
    inputs: Mapping[str, Array],
    compiler: str | None = None,
    progress: Callable[[int], None] | None = None,
    options: Options = DEFAULTS,
    sequence: int | None = None,
) -> Execution:
    """Build a bundle for a board and run it on every sample.

    Args:
        bundle: A program, or the folder of a bundle.
        board: Where it runs: an emulated board, or this machine.
        inputs: Arrays [samples, *shape] by input name: float32, quantized first where the placeholder is int8, or of
            the placeholder's dtype.
        compiler: Which C compiler: see ``sim.toolchain.find_compiler``.
        progress: Is called with 1 after each sample.
        options: Where the weights lie, and whether wait states are counted.
        sequence: Of a bundle with states, how many samples come one after the other before a reset (default: all).

    Returns:
        The outputs [samples, *shape] in the placeholders' dtypes, cycles, instructions, stack and sizes.

    Raises:
        InputError: An input is missing, unknown or misshapen, or the folder holds no bundle.
        BoardError: The program does not fit the board.
        ToolError: There is no compiler or emulator, or it fails.
        SimulationError: The program faults or does not end.
    """
    with as_bundle(bundle, board, inputs) as (folder, given):
        return _simulate(folder, board, given, compiler, progress, options, sequence)


def _simulate(
    folder: Path,
    board: Board,
    inputs: Mapping[str, Array],
    compiler: str | None,
    progress: Callable[[int], None] | None,
    options: Options,
    sequence: int | None,
) -> Execution:
    info = read_bundle(folder)
    options = as_built(options, info)
    vectors = input_vectors(info, inputs)
    costs: list[VectorCost] = []
    memories: list[bytes] = []
    with open_target(folder, info, board, compiler, options) as target:
        samples = len(next(iter(vectors.values())))
        begins = set(turns(samples, info.states > 0, sequence)[:, 0].tolist())
        for index in range(samples):
            if index in begins:
                target.reset()
            for placeholder, rows in vectors.items():
                target.write(placeholder.offset, rows[index])
            cost = target.infer()
            costs += [cost] if cost else []
            memories.append(target.memory()[0])
            if progress:
                progress(1)
        outputs = {p.name: output_of(p, memories) for p in info.placeholders if p not in vectors}
        return Execution(
            board,
            target.compiler,
            outputs,
            tuple(costs),
            target.sizes,
            target.waits,
            options.weights,
            {area: memory.name for area, memory in target.places.items()},
            target.waits_by_memory,
        )
