"""A bundle of machine code, linked with a small firmware and ready to run on an emulated board."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from tinyglow.bundle.foreign import AreaSizes, Tensor, absurd, beyond
from tinyglow.bundle.harness import Harness, write_foreign_harness
from tinyglow.errors import InputError, Problem, SimulationError
from tinyglow.pipeline.execution import DEFAULTS, Options, Sizes, VectorCost
from tinyglow.pipeline.foreign import ForeignBundle, require_weights
from tinyglow.sim.elf import ObjectFile
from tinyglow.sim.image import Image, load_image
from tinyglow.sim.machine import CallStats, Machine
from tinyglow.sim.objects import load_program, missing, needed, require_core
from tinyglow.sim.support import require_provided, support_aliases, support_sources
from tinyglow.sim.toolchain import Compiler
from tinyglow.targets.boards import Board, Memory
from tinyglow.targets.memory_map import memory_map

# Two ranges that no board has memory in (Arm leaves them to the vendor; checked against the program's own sections).
_LAUNCHER_CODE, _LAUNCHER_DATA = 0x1100_0000, 0x3100_0000
_TCM = "glow_tcm_addr"
_MAX_SYMBOLS, _MAX_NAME = 65_536, 1_000


@dataclass(frozen=True)
class Kernel:
    """A function of the linked bundle. ``bytes_``: of code; ``origin``: the object it is from."""

    name: str
    bytes_: int
    origin: str


class ForeignTarget:
    """The bundle on the board. Raises ToolError, BoardError, InputError, SimulationError for what does not fit."""

    def __init__(
        self,
        bundle: ForeignBundle,
        board: Board,
        compiler: Compiler,
        work: Path,
        max_instructions: int,
        options: Options = DEFAULTS,
    ) -> None:
        self.compiler = compiler.version()
        self.bundle = bundle
        self._max_instructions = max_instructions
        self.weights = options.weights
        self.waits: int | None = None
        self._timed = options.timed
        self.objects = self._needed()
        require_core(self.objects, board.core)
        if bundle.code.executable:
            image = self._program(board, compiler, work)
        else:
            image = self._firmware(board, compiler, work)
        self.image = image
        self._machine = Machine(image, self.board).boot()
        self._mutable = self._machine.address_of(Harness.mutable_weight)
        self._activations = self._machine.address_of(Harness.activations)
        self._strict = not board.core.unaligned
        self.last: CallStats | None = None

    def _needed(self) -> tuple[ObjectFile, ...]:
        roots = [self.bundle.entry]
        if self.bundle.header.api == "dynamic":
            config = self.bundle.header.config
            if not any(config in part.defined for part in self.bundle.code.objects):
                found, header = f"does not define {config}", self.bundle.header.where
                problem = Problem(self.bundle.code.path.name, found, f"it, as {header} declares")
                raise InputError("the header and the object are of different bundles", [problem])
            roots.append(config)
        return needed(self.bundle.code, roots)

    def _firmware(self, board: Board, compiler: Compiler, work: Path) -> Image:
        """Link the bundle alone, for its size and tables, and then with the firmware."""
        self.board = board
        lacking = missing(self.objects)
        fast = self.bundle.header.sizes.tcm if self.bundle.header.sizes else 0
        if fast:
            lacking.pop(_TCM, None)  # of tinyglow's own interface: the firmware defines it
        require_provided(lacking)
        paths = []
        for number, part in enumerate(self.objects):
            paths.append(work / f"bundle_{number:03}.o")
            paths[-1].write_bytes(part.data)
        # More than the objects name may be needed by what is provided: comparisons of floats by mathematics, say.
        sources = support_sources(lacking)
        commands = support_aliases(lacking)
        keep = f"EXTERN({self.bundle.header.config})\n" if self.bundle.header.api == "dynamic" else ""
        keep += f"PROVIDE({_TCM} = 0x20000000);\n" if fast else ""  # wherever: only its sizes are looked at
        self.alone = load_image(
            compiler.link_bundle(
                sources, self.bundle.entry, board, work / "alone.elf", objects=paths, assignments=commands + keep
            )
        )
        self.areas = self._area_sizes(self.alone)
        self.sizes = self._sizes_of(self.alone)
        needs = {"tcm": self.areas.tcm, "activations": self.areas.activations, "mutable": self.areas.mutable}
        needs |= {"weights": self.areas.constant} if self.weights == "ram" else {}
        harness, weights = write_foreign_harness(
            work,
            self.bundle.entry,
            self.bundle.weights,
            self.areas,
            board,
            assignments=commands,
            placement=self.weights,
            places=memory_map(board, needs),
        )
        elf = compiler.compile_firmware(
            [*harness.sources, weights, *sources],
            [],
            harness.linker_script,
            board,
            work / "firmware.elf",
            objects=paths,
        )
        return load_image(elf)

    def _program(self, board: Board, compiler: Compiler, work: Path) -> Image:
        """A linked program stays where it is; a launcher with the memory areas is linked into addresses of its own."""
        self.alone = load_program(self.bundle.code.path, board)
        self.areas = self._area_sizes(self.alone)
        self.sizes = self._sizes_of(self.alone)
        total = len(self.bundle.weights) + self.areas.mutable + self.areas.activations + board.stack_bytes + (1 << 16)
        size = -(-total // 4096) * 4096
        extra = (
            Memory("launcher_code", _LAUNCHER_CODE, size, "flash", 0),
            Memory("launcher_data", _LAUNCHER_DATA, size, "ram", 0),
        )
        taken = [m.name for m in board.memories for e in extra if m.start < e.end and e.start < m.end]
        if taken:
            problem = Problem(board.name, f"has {', '.join(taken)} where the launcher goes", "a bare core: --cpu")
            raise InputError(f"{self.bundle.code.path.name} cannot be launched", [problem])
        memories = (*board.memories, *extra)
        launching = replace(board, memories=memories, code_memory="launcher_code", data_memory="launcher_data")
        self.board = launching
        function = self.alone.symbol(self.bundle.entry).address
        harness, weights = write_foreign_harness(
            work, "", self.bundle.weights, self.areas, launching, address=function, placement=self.weights
        )
        elf = compiler.compile_firmware(
            [*harness.sources, weights], [], harness.linker_script, launching, work / "firmware.elf"
        )
        return _together(load_image(elf), self.alone)

    def _area_sizes(self, image: Image) -> AreaSizes:
        header = self.bundle.header
        if header.sizes is not None:
            return header.sizes
        sizes, table = read_config(image, header.config)
        problems = absurd(header.config, sizes) + beyond(header.where, header.placeholders, sizes.mutable)
        problems += _contradictions(header.where, header.placeholders, table)
        if problems:
            raise InputError("the header and the object are of different bundles", problems)
        require_weights(replace(self.bundle.files, header=Path(header.config)), sizes, len(self.bundle.weights))
        return sizes

    def _sizes_of(self, image: Image) -> Sizes:
        parts, areas = image.sizes, self.areas
        return Sizes(
            code=parts.text,
            constants=parts.rodata + parts.data,
            weights=areas.constant,
            mutable=areas.mutable,
            activations=areas.activations,
            variables=parts.data + parts.bss,
            weights_in_ram=areas.constant if self.weights == "ram" else 0,
            tcm=areas.tcm,
        )

    def kernels(self) -> tuple[Kernel, ...]:
        """Every function of the bundle and of what it calls, in the order of their addresses."""
        origins: dict[str, str] = {}
        for part in self.objects:
            for symbol in part.symbols:
                if symbol.section and symbol.is_function:
                    origins.setdefault(symbol.name, part.name)
        return tuple(
            Kernel(function.name, self.alone.size_of(function), origins.get(function.name, "provided"))
            for function in self.alone.functions
        )

    def write(self, offset: int, data: bytes) -> None:
        """Into mutableWeight."""
        self._machine.write(self._mutable + offset, data)

    def clear(self) -> None:
        """Zero mutableWeight and activations."""
        self._machine.write(self._mutable, bytes(self.areas.mutable))
        self._machine.write(self._activations, bytes(self.areas.activations))

    def infer(self) -> VectorCost:
        """One inference. The first also checks the alignment of every access, where the core insists on it."""
        stats = self._machine.call(
            Harness.infer, max_instructions=self._max_instructions, strict=self._strict, timed=self._timed
        )
        self.waits = stats.waits if self._timed else self.waits
        self._strict = self._timed = False
        self.last = stats
        if stats.value and self.returns_int:
            problem = Problem(self.bundle.entry, f"it returned {stats.value}", "0, GLOW_SUCCESS")
            raise SimulationError("the inference failed", [problem])
        return VectorCost(stats.cycles, stats.instructions, stats.stack_bytes)

    @property
    def returns_int(self) -> bool:
        """Whether the entry function returns a status; those of early releases return nothing."""
        return self.bundle.header.returns_int

    def memory(self) -> bytes:
        """Content of mutableWeight."""
        return self._machine.read(self._mutable, self.areas.mutable)


def _together(launcher: Image, program: Image) -> Image:
    """Both programs in one image; of names that both have, the launcher's are kept. InputError if they overlap."""
    for section in program.sections:
        for start in (_LAUNCHER_CODE, _LAUNCHER_DATA):
            if section.end > start and section.address < start + (1 << 24):
                found = f"lies at {section.address:#010x}"
                problem = Problem(f"section {section.name}", found, "addresses other than the launcher's")
                raise InputError(f"{program.path.name} cannot be launched", [problem])
    names = {symbol.name for symbol in launcher.symbols if not symbol.name.startswith("$")}
    kept = tuple(symbol for symbol in program.symbols if symbol.name not in names)
    # Initial values of variables are put where the program's own start would copy them to.
    copies = tuple(
        replace(segment, address=section.address + (segment.address - section.load))
        for section in program.sections
        for segment in program.segments
        if section.load != section.address and section.load <= segment.address < section.load + section.size
    )
    symbols = tuple(sorted((*launcher.symbols, *kept), key=lambda symbol: symbol.address))
    return Image(
        path=program.path,
        segments=(*launcher.segments, *program.segments, *copies),
        sections=(*launcher.sections, *program.sections),
        symbols=symbols,
    )


def read_config(image: Image, name: str) -> tuple[AreaSizes, dict[str, tuple[int, int, bool]]]:
    """The BundleConfig ``name``: sizes, and the table of symbols as name: (offset, elements, mutable).

    The layout on a 32-bit Arm core: five 64-bit numbers (constant, mutable, activations, alignment, symbols) and a
    pointer to entries of 32 bytes: pointer to the name, offset and size of 64 bits, kind of 8 bits
    (Glow, lib/LLVMIRCodeGen/BundleSaver.cpp).
    """
    try:
        constant, mutable, activations, alignment, count, table = struct.unpack(
            "<5QI", image.bytes_at(image.symbol(name).address, 44)
        )
        if count > _MAX_SYMBOLS:
            raise ValueError(f"its table has {count:,} symbols, more than {_MAX_SYMBOLS:,}")
        symbols = {}
        for index in range(count):
            text, offset, elements, kind = struct.unpack("<I4xQQB", image.bytes_at(table + 32 * index, 25))
            symbols[image.text_at(text, _MAX_NAME)] = (offset, elements, kind == 1)
    except ValueError as error:
        raise InputError("cannot read the bundle's configuration", [Problem(name, str(error))]) from None
    return AreaSizes(constant, mutable, activations, alignment), symbols


def _contradictions(
    where: str, placeholders: Iterable[Tensor], table: dict[str, tuple[int, int, bool]]
) -> list[Problem]:
    """Placeholders that the object's table has elsewhere, in another size or not at all."""
    found = []
    for p in placeholders:
        offset, elements, mutable = table.get(p.name, (-1, -1, True))
        if (offset, elements, mutable) != (p.offset, p.elements, True):
            there = f"{elements} elements at {offset}" if offset >= 0 else "nothing"
            found.append(
                Problem(f"{where}, {p.name}", f"{p.elements} elements at {p.offset}", f"{there} by the object")
            )
    return found
