"""A bundle on an emulated core without a board: its answers, instructions and stack, and no cycles."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from tinyglow.bundle.harness import Harness
from tinyglow.bundle.header import BundleInfo
from tinyglow.bundle.options import sources_of
from tinyglow.bundle.portable_harness import write_portable_harness
from tinyglow.pipeline.built import bundle_sizes, require_success
from tinyglow.pipeline.execution import VectorCost
from tinyglow.sim.toolchain import Compiler
from tinyglow.targets.boards import Board
from tinyglow.targets.memory_map import Places

MAX_INSTRUCTIONS = 1_600_000_000  # what qemu's counter on Xtensa can tell


class PortableTarget:
    """``execute.Target`` for the cores of ``targets.portable``."""

    waits: int | None = None
    waits_by_memory: Mapping[str, int] = MappingProxyType({})
    places: Places = MappingProxyType({})

    def __init__(self, folder: Path, info: BundleInfo, board: Board, compiler: Compiler, work: Path) -> None:
        """Build the bundle in ``folder`` and load it. Raises ToolError, BoardError, SimulationError."""
        from tinyglow.sim.image import load_image
        from tinyglow.sim.portable import open_machine

        self.compiler = compiler.version()
        self._info = info
        harness = write_portable_harness(work, info.name, board)
        sources = [*sources_of(folder), *harness.sources]
        elf = compiler.compile_firmware(sources, [folder], harness.linker_script, board, work / "program.elf")
        self.sizes = bundle_sizes(folder, info, board, compiler, work)
        self._machine = open_machine(load_image(elf, board.core.elf), board)
        areas = {Harness.mutable_weight: info.mutable, Harness.activations: info.activations}
        areas |= {Harness.tcm: info.tcm} if info.tcm else {}
        self._areas = {name: (self._machine.address_of(name), size) for name, size in areas.items()}

    def close(self) -> None:
        """End the emulator."""
        self._machine.close()

    def write(self, offset: int, data: bytes) -> None:
        """Into mutableWeight."""
        self._machine.write(self._areas[Harness.mutable_weight][0] + offset, data)

    def clear(self) -> None:
        """Zero mutableWeight, activations and TCM."""
        for address, size in self._areas.values():
            self._machine.write(address, bytes(size))

    def reset(self) -> None:
        """Give the bundle's states their first values, if it has any."""
        if self._info.states:
            self._machine.call(Harness.reset, MAX_INSTRUCTIONS)

    def infer(self) -> VectorCost:
        """Run one inference."""
        counts = self._machine.call(Harness.infer, MAX_INSTRUCTIONS)
        require_success(counts.value)
        return VectorCost(None, counts.instructions, counts.stack_bytes)

    def memory(self) -> tuple[bytes, bytes]:
        """Content of mutableWeight, and of activations with those in TCM after them."""
        mutable, *others = (self._machine.read(address, size) for address, size in self._areas.values())
        return mutable, b"".join(others)

    def set_steps(self, symbol: str, steps: int) -> None:
        """Set a traced bundle's step counter."""
        self._machine.write(self._machine.address_of(symbol), steps.to_bytes(4, "little", signed=True))
