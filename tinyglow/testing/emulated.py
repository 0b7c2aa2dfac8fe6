"""Kernels on an emulated board: one firmware with all of them, to which cases are written at run time."""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from tinyglow import resources
from tinyglow.bundle.harness import write_harness
from tinyglow.bundle.portable_harness import write_portable_harness
from tinyglow.bundle.render import render
from tinyglow.ir.kernel import Kernel
from tinyglow.sim.image import load_image
from tinyglow.sim.machine import Machine
from tinyglow.sim.portable import open_machine
from tinyglow.sim.portable.machine import PortableMachine
from tinyglow.sim.toolchain import Compiler, find_compiler
from tinyglow.targets.boards import Board
from tinyglow.testing.case import Case
from tinyglow.testing.dispatch import ALL, kernel_numbers, write_dispatch
from tinyglow.testing.frame import FRAME_ALIGNMENT, frame
from tinyglow.testing.native import kernel_sources

_CASE_BYTES = 0x2_2000  # for one case; the largest of the tests has 65,793 inputs and as many weights
_MOST_INSTRUCTIONS = 200_000_000


def roomy(board: Board) -> Board:
    """``board`` with enough memory for all kernels and a case: parity is of the core, not of the part."""
    least = {board.code_memory: 0x10_0000, board.data_memory: 0x4_0000}
    memories = tuple(replace(memory, size=max(memory.size, least.get(memory.name, 0))) for memory in board.memories)
    return replace(board, memories=memories)


class Core:
    """An emulated board that runs cases."""

    def __init__(self, machine: Machine | PortableMachine, kernels: Collection[Kernel] = ALL) -> None:
        self._machine = machine
        self._numbers = kernel_numbers(kernels)
        self._table = machine.address_of("tg_operands")
        self._memory = -(-machine.address_of("tg_case") // FRAME_ALIGNMENT) * FRAME_ALIGNMENT

    def run(self, case: Case, in_place: bool = False, strict: bool = False) -> int:
        """Call the case's kernel and compare with numpy.

        Args:
            case: The kernel, its parameters and its data.
            in_place: Whether outputs lie over the inputs that they may overwrite.
            strict: Whether to check the alignment of every access too, which is slower.

        Returns:
            Cycles of the call.

        Raises:
            AssertionError: The results differ from numpy's; DamageError where something else was written.
            SimulationError: The core stopped.
        """
        laid_out = frame(case, in_place)
        if len(laid_out.image) > _CASE_BYTES:
            raise ValueError(f"a case of {len(laid_out.image)} bytes, at most {_CASE_BYTES} are supported")
        machine, base = self._machine, self._memory
        machine.write(base, laid_out.image)
        addresses = [base + offset for offset in laid_out.operands]
        machine.write(self._table, struct.pack(f"<{len(addresses)}I", *addresses))
        count = self._call(self._numbers[case.kernel.symbol], base + laid_out.params, strict)
        laid_out.check(machine.read(base, len(laid_out.image)))
        return count

    def _call(self, number: int, params: int, strict: bool) -> int:
        assert isinstance(self._machine, Machine)
        arguments = (number, params, self._table)
        return self._machine.call("tg_dispatch", *arguments, max_instructions=_MOST_INSTRUCTIONS, strict=strict).cycles


class PortableCore(Core):
    """A core of ``targets.portable`` that runs cases: ``run`` returns instructions, and looks at no alignment."""

    def _call(self, number: int, params: int, strict: bool) -> int:
        assert isinstance(self._machine, PortableMachine)
        self._machine.write(self._machine.address_of("tg_request"), struct.pack("<2I", number, params))
        return self._machine.call("tg_infer", _MOST_INSTRUCTIONS).instructions

    def close(self) -> None:
        """End the emulator."""
        assert isinstance(self._machine, PortableMachine)
        self._machine.close()


def build_core(folder: Path, board: Board, compiler: Compiler | None = None, kernels: Collection[Kernel] = ALL) -> Core:
    """Build a firmware with ``kernels`` and load it.

    Args:
        folder: Where to build it.
        board: The board. It is given the memory that this takes.
        compiler: Default: the first at hand.
        kernels: Those that the cases call.

    Returns:
        The emulated board, booted.
    """
    board = roomy(board)
    compiler = compiler or find_compiler(None, board)
    harness = write_harness(folder, "cases", board)
    main = render("testing/main.c.j2", monitored=False, case_bytes=_CASE_BYTES, alignment=FRAME_ALIGNMENT)
    harness.main.write_text(main, encoding="utf-8", newline="\n")
    sources = [*harness.sources, write_dispatch(folder, kernels), *kernel_sources(folder, kernels)]
    include = [folder, resources.RUNTIME / "include"]
    elf = compiler.compile_firmware(sources, include, harness.linker_script, board, folder / "cases.elf")
    machine = Machine(load_image(elf), board)
    machine.boot()
    return Core(machine, kernels)


def build_portable_core(
    folder: Path, board: Board, kernels: Collection[Kernel], compiler: Compiler | None = None
) -> PortableCore:
    """As ``build_core``, for a core of ``targets.portable``."""
    compiler = compiler or find_compiler(None, board)
    harness = write_portable_harness(folder, "cases", board)
    main = render("testing/main.c.j2", monitored=True, case_bytes=_CASE_BYTES, alignment=FRAME_ALIGNMENT)
    (folder / "main.c").write_text(main, encoding="utf-8", newline="\n")
    sources = [*harness.sources, write_dispatch(folder, kernels), *kernel_sources(folder, kernels)]
    include = [folder, resources.RUNTIME / "include"]
    elf = compiler.compile_firmware(sources, include, harness.linker_script, board, folder / "cases.elf")
    return PortableCore(open_machine(load_image(elf, board.core.elf), board), kernels)
