"""Where an inference spends its cycles on a board: by layer, by function, by source line."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinyglow.bundle.harness import Harness, Placement, write_harness
from tinyglow.bundle.header import read_bundle
from tinyglow.bundle.layers import LayerCall, layer_calls
from tinyglow.bundle.options import sources_of
from tinyglow.bundle.provenance import buildable
from tinyglow.errors import InputError, Problem
from tinyglow.ir.graph import Array
from tinyglow.ir.program import Program
from tinyglow.pipeline.as_bundle import as_bundle
from tinyglow.pipeline.execute import MAX_INSTRUCTIONS
from tinyglow.pipeline.execution import Options, as_built
from tinyglow.pipeline.vectors import input_vectors
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import Board
from tinyglow.targets.memory_map import memory_map

if TYPE_CHECKING:
    from tinyglow.sim.image import Image
    from tinyglow.sim.lines import LineTable
    from tinyglow.sim.profile import CallCost, CallProfile

_LONGEST_LINE = 160
_LARGEST_SOURCE = 1_000_000
_FEW_BETWEEN = 12  # lines without instructions: comments, declarations, another branch of #if


@dataclass(frozen=True)
class Share:
    """Something that took time: cycles of the core, cycles waited for memories, instructions."""

    name: str
    cycles: int
    waits: int
    instructions: int

    @property
    def total(self) -> int:
        """Cycles with waiting."""
        return self.cycles + self.waits


@dataclass(frozen=True)
class LayerShare:
    """A layer: what it computes, the function called for it, and the functions that ran meanwhile, most first.

    most_cycles: an upper bound of the core's cycles for any data (``sim.bound``); None if there is none.
    """

    whole: Share
    function: str
    functions: tuple[Share, ...]
    most_cycles: int | None


@dataclass(frozen=True)
class LineShare:
    """A source line: file and number, its text if it is the bundle's own."""

    file: str
    number: int
    text: str
    whole: Share


@dataclass(frozen=True)
class CodeLine:
    """An instruction of the firmware: where it lies, its text, its source line, how often it ran and what that took."""

    address: int
    text: str
    file: str
    line: int
    times: int
    cycles: int
    waits: int


@dataclass(frozen=True)
class Listing:
    """A function that ran, instruction by instruction; ``source``: the bundle's own lines, by (file, number).

    These are the lines that instructions come from, and the few between them. Static functions of one name in several
    files are one, as in ``CycleProfile.functions``.
    """

    name: str
    code: tuple[CodeLine, ...]
    source: Mapping[tuple[str, int], str]


@dataclass(frozen=True)
class CycleProfile:
    """Where the cycles of one inference went.

    Attributes:
        board: The board.
        compiler: Name and version of the C compiler.
        weights: Where the weights lay.
        whole: The whole inference. ``layers``, ``functions`` and ``lines`` each add up to it.
        layers: In their order. The first and the last are what runs before the first kernel call and after the last.
        functions: The most cycles first.
        lines: The most cycles first.
        listings: The functions of ``functions``, in the same order; () unless they were asked for.
    """

    board: Board
    compiler: str
    weights: Placement
    whole: Share
    layers: tuple[LayerShare, ...]
    functions: tuple[Share, ...]
    lines: tuple[LineShare, ...]
    listings: tuple[Listing, ...] = ()

    @property
    def most_cycles(self) -> int | None:
        """An upper bound of the whole inference's cycles for any data, without waiting; None if a layer has none."""
        bounds = [layer.most_cycles for layer in self.layers]
        return None if None in bounds else sum(bound for bound in bounds if bound is not None)


def profile_cycles(
    bundle: str | Path | Program,
    board: Board,
    inputs: Mapping[str, Array],
    compiler: str | None = None,
    weights: Placement = "flash",
    trusted: bool = False,
    listings: bool = False,
) -> CycleProfile:
    """Follow one inference of the first sample and say where its cycles go.

    Args:
        bundle: A program, or the folder of a bundle. It is built for the board with source lines.
        board: An emulated board.
        inputs: Arrays [samples, *shape] by input name, as for ``simulate``.
        compiler: Which C compiler: see ``sim.toolchain.find_compiler``.
        weights: Where they lie: "flash" or "ram".
        trusted: Whether the folder is built as it is, whoever wrote it.
        listings: Whether the functions are wanted instruction by instruction too.

    Returns:
        Cycles, wait cycles and instructions by layer, by function and by source line.

    Raises:
        InputError: The board is this machine, where nothing is counted; or as ``simulate``.
        BoardError: As ``simulate``; likewise ToolError and SimulationError.
    """
    if board.is_host:
        raise InputError("nothing is counted on this machine", [Problem("--board host", "no emulated board")])
    with as_bundle(bundle, board, inputs) as (folder, given):
        return _profile(folder, board, given, compiler, weights, trusted, listings)


def _profile(
    folder: Path,
    board: Board,
    inputs: Mapping[str, Array],
    compiler: str | None,
    weights: Placement,
    trusted: bool,
    listings: bool,
) -> CycleProfile:
    from tinyglow.sim.image import load_image
    from tinyglow.sim.lines import read_lines
    from tinyglow.sim.machine import Machine

    info = read_bundle(folder)
    weights = as_built(Options(weights), info).weights
    vectors = input_vectors(info, inputs)
    chosen = find_compiler(compiler, board)
    with tempfile.TemporaryDirectory(prefix="tinyglow-") as place:
        work = Path(place)
        folder = buildable(folder, work / "bundle", native=False, trusted=trusted)
        places = memory_map(board, info.needs(weights))
        harness = write_harness(work, info.name, board, weights, debug=True, places=places)
        sources = [*sources_of(folder), *harness.sources]
        elf = work / "firmware.elf"
        chosen.compile_firmware(sources, [folder], harness.linker_script, board, elf, debug=True)
        image = load_image(elf)
        machine = Machine(image, board).boot()
        mutable = machine.address_of(Harness.mutable_weight)
        for placeholder, rows in vectors.items():
            machine.write(mutable + placeholder.offset, rows[0])
        found = machine.profile(Harness.infer, info.name, max_instructions=MAX_INSTRUCTIONS)
        table = read_lines(image)
        lines = _lines(found, table, folder)
        version = chosen.version()
        calls = layer_calls(folder, info.name)
        functions = _functions([found.before, *found.calls])
        code = tuple(_listing(image, share.name, found, table, folder) for share in functions) if listings else ()
    stats = found.stats
    whole = Share(info.name, stats.cycles, stats.waits, stats.instructions)
    return CycleProfile(board, version, weights, whole, _layers(found, calls), functions, lines, code)


def _layers(profile: CallProfile, calls: Sequence[LayerCall]) -> tuple[LayerShare, ...]:
    """The parts of a profile, named as in the bundle's source if that calls the same functions in the same order."""
    made = [call.function for call in profile.calls if call.function]
    named = made == [call.function for call in calls]
    layers = [_layer("(before the network)", profile.before)]
    for number, call in enumerate(profile.calls):
        if not call.function:
            layers.append(_layer("(after the last layer)", call))
        else:
            layers.append(_layer(calls[number].origin if named else f"call {number + 1}", call))
    return tuple(layer for layer in layers if layer.whole.instructions)


def _layer(name: str, part: CallCost) -> LayerShare:
    whole = Share(name, part.cost.cycles, part.cost.waits, part.cost.instructions)
    return LayerShare(whole, part.function, _functions([part]), part.most_cycles)


def _functions(parts: Sequence[CallCost]) -> tuple[Share, ...]:
    sums: dict[str, list[int]] = {}
    for part in parts:
        for name, cost in part.by_function.items():
            figures = sums.setdefault(name, [0, 0, 0])
            for index, figure in enumerate((cost.cycles, cost.waits, cost.instructions)):
                figures[index] += figure
    return _most_first(Share(name, *figures) for name, figures in sums.items())


def _most_first(shares: Any) -> tuple[Share, ...]:
    return tuple(sorted(shares, key=lambda share: (-share.total, share.name)))


def _lines(profile: CallProfile, table: LineTable, folder: Path) -> tuple[LineShare, ...]:
    sums: dict[tuple[str, int], list[int]] = {}
    for address, cost in profile.by_address.items():
        line = table.at(address)
        key = (line.file, line.number) if line else ("(compiler's library)", 0)
        figures = sums.setdefault(key, [0, 0, 0])
        for index, figure in enumerate((cost.cycles, cost.waits, cost.instructions)):
            figures[index] += figure
    texts: dict[str, list[str]] = {}
    shares = []
    for (file, number), figures in sums.items():
        text = _text(folder, file, texts)
        shown = text[number - 1].strip()[:_LONGEST_LINE] if 0 < number <= len(text) else ""
        shares.append(LineShare(file, number, shown, Share(f"{file}:{number}", *figures)))
    return tuple(sorted(shares, key=lambda share: (-share.whole.total, share.whole.name)))


def _listing(image: Image, name: str, profile: CallProfile, table: LineTable, folder: Path) -> Listing:
    from tinyglow.sim.disassemble import instructions
    from tinyglow.sim.profile import Cost

    texts: dict[str, list[str]] = {}
    code: list[CodeLine] = []
    source: dict[tuple[str, int], str] = {}
    symbols = [symbol for symbol in image.functions if symbol.name == name]
    for one in (one for symbol in symbols for one in instructions(image, symbol)):
        cost, line = profile.by_address.get(one.address, Cost()), table.at(one.address)
        file, number = (line.file, line.number) if line else ("", 0)
        text = f"{one.text}  ; {one.comment}" if one.comment else one.text
        code.append(CodeLine(one.address, text, file, number, cost.instructions, cost.cycles, cost.waits))
        if 0 < number <= len(_text(folder, file, texts) if file else []):
            source[file, number] = ""
    return Listing(name, tuple(code), _with_text(source, texts))


def _with_text(places: Mapping[tuple[str, int], str], texts: Mapping[str, Sequence[str]]) -> dict[tuple[str, int], str]:
    """Lines of C by place, with those between where they are few, in the order of the files."""
    found, last = {}, ("", 0)
    for file, number in sorted(places):
        near = file == last[0] and number - last[1] <= _FEW_BETWEEN
        for shown in range(last[1] + 1 if near else number, number + 1):
            found[file, shown] = texts[file][shown - 1].rstrip()[:_LONGEST_LINE]
        last = (file, number)
    return found


def _text(folder: Path, file: str, known: dict[str, list[str]]) -> list[str]:
    """The lines of one of the bundle's own files; [] for others."""
    if file not in known:
        path = folder / file
        own = path.suffix in (".c", ".h") and path.is_file() and path.stat().st_size <= _LARGEST_SOURCE
        known[file] = path.read_text(encoding="utf-8", errors="replace").splitlines() if own else []
    return known[file]


def as_json(profile: CycleProfile) -> dict[str, Any]:
    """All figures as plain data."""
    return {
        "board": profile.board.name,
        "compiler": profile.compiler,
        "weights": profile.weights,
        **_share(profile.whole),
        "milliseconds": 1000 * profile.board.seconds(profile.whole.total),
        "most_cycles": profile.most_cycles,
        "layers": [
            {
                **_share(layer.whole),
                "most_cycles": layer.most_cycles,
                "function": layer.function,
                "functions": [_share(f) for f in layer.functions],
            }
            for layer in profile.layers
        ],
        "functions": [_share(share) for share in profile.functions],
        "lines": [
            {**_share(line.whole), "file": line.file, "line": line.number, "text": line.text} for line in profile.lines
        ],
    }


def _share(share: Share) -> dict[str, Any]:
    return {
        "name": share.name,
        "cycles": share.cycles,
        "waits": share.waits,
        "instructions": share.instructions,
    }
