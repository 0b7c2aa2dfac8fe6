"""A bundle on an emulated board with guards around its areas."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

import tinyglow
from tinyglow.bundle.harness import Harness, Placement, write_harness
from tinyglow.bundle.header import read_bundle
from tinyglow.bundle.options import sources_of
from tinyglow.errors import Problem, SimulationError
from tinyglow.ir.graph import Array
from tinyglow.ir.program import Program
from tinyglow.pipeline.vectors import input_vectors, output_of
from tinyglow.sim.image import load_image, stack_memory
from tinyglow.sim.machine import Machine
from tinyglow.sim.profile import CallProfile
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import Board

GUARD_BYTES = 64
_GUARD = 0xA5
_SECTIONS = {"*(.bss .bss.* COMMON)": (".bss.tg_mutable_weight", ".bss.tg_activations")}
_IN_RAM = {"*(.data .data.*)": (".data.tg_constant_weight",)}


def _with_guards(script: str, sections: Mapping[str, tuple[str, ...]]) -> str:
    """A linker script that leaves room before and after each of some sections."""
    for everything, apart in sections.items():
        assert script.count(everything) == 1, "the linker script has changed"
        room = f". = ALIGN(64); . += {GUARD_BYTES};"
        placed = "".join(f"{room} *({section}) . += {GUARD_BYTES}; " for section in apart)
        script = script.replace(everything, f"{placed} . = ALIGN(64); {everything}")
    return script


class Guarded:
    """A bundle in a firmware with guards."""

    def __init__(self, program: Program, board: Board, folder: Path, weights: Placement, spoil: str = "") -> None:
        """Build and boot it. ``spoil``: a statement of C to add to the firmware before it calls the network."""
        bundle = folder / "bundle"
        tinyglow.emit(program, bundle)
        self._info = read_bundle(bundle)
        harness = write_harness(folder, self._info.name, board, weights)
        script = harness.linker_script.read_text(encoding="utf-8")
        sections = _SECTIONS | (_IN_RAM if weights == "ram" else {})
        harness.linker_script.write_text(_with_guards(script, sections), encoding="utf-8")
        text = harness.main.read_text(encoding="utf-8")
        harness.main.write_text(
            text.replace("int tg_infer(void)\n{", f"int tg_infer(void)\n{{\n{spoil}"), encoding="utf-8"
        )
        compiler = find_compiler(None, board)
        sources = [*sources_of(bundle), *harness.sources]
        image = load_image(
            compiler.compile_firmware(sources, [bundle], harness.linker_script, board, folder / "firmware.elf")
        )
        self._machine = Machine(image, board).boot()
        self._stack, self._room = stack_memory(image, board).end, board.stack_bytes
        info, at = self._info, self._machine.address_of
        self._mutable = at(Harness.mutable_weight)
        self._areas = {
            "mutable": (self._mutable, info.mutable),
            "activations": (at(Harness.activations), info.activations),
        }
        if weights == "ram":
            self._areas["weights"] = (at(Harness.constant_weight), info.constant)
        self._constants = (at(Harness.constant_weight), info.constant)
        for address, size in self._guards().values():
            self._machine.write(address, bytes([_GUARD]) * size)

    def _guards(self) -> dict[str, tuple[int, int]]:
        """Address and size of each guard."""
        found = {}
        for name, (address, size) in self._areas.items():
            found[f"before {name}"] = (address - GUARD_BYTES, GUARD_BYTES)
            found[f"after {name}"] = (address + size, GUARD_BYTES)
        return found

    def profile(self, inputs: Mapping[str, Array]) -> CallProfile:
        """Where the cycles of the first sample go."""
        for placeholder, rows in input_vectors(self._info, inputs).items():
            self._machine.write(self._mutable + placeholder.offset, rows[0])
        return self._machine.profile(Harness.infer, self._info.name)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs of the first sample. Raises SimulationError if a guard or a constant has changed."""
        machine, vectors = self._machine, input_vectors(self._info, inputs)
        for placeholder, rows in vectors.items():
            machine.write(self._mutable + placeholder.offset, rows[0])
        before = machine.read(*self._constants)
        stack = (self._stack - self._room - GUARD_BYTES, self._room + GUARD_BYTES)
        machine.write(stack[0], bytes([_GUARD]) * stack[1])
        stats = machine.call(Harness.infer)
        broken = [name for name, place in self._guards().items() if set(machine.read(*place)) != {_GUARD}]
        if set(machine.read(*stack)[: -stats.stack_bytes]) != {_GUARD}:
            broken.append(f"below the {stats.stack_bytes} bytes of stack")
        if machine.read(*self._constants) != before:
            broken.append("the weights")
        if broken:
            raise SimulationError("a guard was overwritten", [Problem(name, "was overwritten") for name in broken])
        memory = [machine.read(self._mutable, self._info.mutable)]
        return {p.name: np.asarray(output_of(p, memory)) for p in self._info.placeholders if p not in vectors}
