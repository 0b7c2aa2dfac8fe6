"""Boards, and networks on boards, as tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.markup import escape

from tinyglow.pipeline.cycle_profile import CycleProfile, Share
from tinyglow.pipeline.fit import Fit
from tinyglow.report.console import stdout
from tinyglow.report.tables import table
from tinyglow.targets.boards import Board


def print_fits(fits: Sequence[Fit]) -> None:
    """Two lines a board: weights in flash, and in RAM."""
    rows: list[tuple[object, ...]] = []
    for fit in fits:
        known = [fit.stack, fit.cycles, fit.waits]
        figures = ["" if value is None else value for value in known]
        time = "" if fit.milliseconds is None else f"{fit.milliseconds:.2f}"
        where = "RAM" if fit.weights == "ram" else "flash"
        rows.append((fit.board, where, fit.flash, fit.ram, *figures, time, fit.problem or "yes"))
    columns = ("board", "weights in", ">flash", ">RAM", ">stack", ">cycles", ">waiting", ">ms", "fits")
    stdout().print(table(columns, rows))
    _print_places(fits)
    print("flash and RAM in bytes, of the bundle alone; ms: cycles and waiting for memories at the board's clock")


def _print_places(fits: Sequence[Fit]) -> None:
    """Where boards of several memories have what, and what each memory costs."""
    rows = []
    for fit in fits:
        if len(set(fit.places.values())) > 1:
            waits = ", ".join(f"{name} {cycles:,}" for name, cycles in fit.waits_by_memory.items() if cycles)
            rows.append((fit.board, "RAM" if fit.weights == "ram" else "flash", placed(fit.places), waits or "0"))
    if rows:
        stdout().print(table(("board", "weights in", "what lies where", "cycles waited for each memory"), rows))


def placed(places: Mapping[str, str]) -> str:
    """The areas of each memory, in words."""
    memories = dict.fromkeys(places.values())
    words = {area: "placeholders" if area == "mutable" else area for area in places}
    return "; ".join(
        f"{memory}: {', '.join(words[area] for area, name in places.items() if name == memory)}" for memory in memories
    )


def print_board(board: Board) -> None:
    """All that is known of a board, and from where."""
    print(f"{board.name}: {board.title}")
    if board.is_host:
        print("programs run in this process; nothing is counted")
        return
    core = board.core
    print(f"core {core.title} at {board.clock_hz / 1e6:g} MHz, {board.float_abi} floating point", end="")
    print(f"; cycles by tinyglow.sim.cycles.{core.cycles}")
    print(f"code and constants in {board.code_memory}; variables in {board.data_memory}", end="")
    print(f", the stack's {board.stack_bytes:,} bytes at its end")
    rows: list[tuple[object, ...]] = []
    for memory in board.memories:  # texts of a file of the user's own may look like markup
        place = f"{memory.start:#010x}..{memory.end:#010x}"
        rows.append((memory.name, memory.kind, place, memory.size, _waiting(board, memory.name), escape(memory.source)))
    for cache in board.caches:
        shape = f"lines of {cache.line} bytes, {cache.ways} ways"
        rows.append((cache.name, "cache", "", cache.size, shape, escape(cache.source)))
    stdout().print(table(("memory", "", "addresses", ">bytes", "time", "source"), rows))
    for fact in board.facts:
        print(f"{fact.name}: {fact.value}\n    ({fact.source})")


def _waiting(board: Board, name: str) -> str:
    memory = board.memory(name)
    if not memory.wait_states:
        return "at once"
    words = [f"{memory.wait_states} wait states"]
    words += [f"a line of {memory.line} bytes"] if not memory.code_cache else []
    words += ["prefetch of code"] if memory.prefetch else []
    caches = dict.fromkeys(cache for cache in (memory.code_cache, memory.data_cache) if cache)
    words += [f"behind {' and '.join(caches)}"] if caches else []
    return ", ".join(words)


def print_cycles(profile: CycleProfile, most_lines: int) -> None:
    """Layers in their order, then functions and source lines with the most cycles first."""
    whole, console = profile.whole, stdout()
    milliseconds = 1000 * profile.board.seconds(whole.total)
    where = "RAM" if profile.weights == "ram" else "flash"
    print(f"{whole.name} on {profile.board.title}, weights in {where}, built with {profile.compiler}")
    print(f"{whole.cycles:,} cycles of the core + {whole.waits:,} waiting for memories: {milliseconds:.3f} ms")
    figures = (">cycles", ">waiting", ">%", ">instructions")
    layers = [(layer.whole.name, layer.function, *_figures(layer.whole, whole)) for layer in profile.layers]
    console.print(table(("layer", "function", *figures), layers))
    if profile.most_cycles is not None:
        print(f"at most {profile.most_cycles:,} cycles of the core, whatever the input")
    bounds = [(layer.whole.name, layer.whole.cycles, layer.most_cycles or "unknown") for layer in profile.layers]
    console.print(table(("layer", ">cycles", ">at most"), bounds))
    functions = [(share.name, *_figures(share, whole)) for share in profile.functions]
    console.print(table(("function", *figures), functions))
    lines = [(line.whole.name, *_figures(line.whole, whole), escape(line.text)) for line in profile.lines[:most_lines]]
    if lines:
        console.print(table(("line", *figures, ""), lines))


def _figures(share: Share, whole: Share) -> tuple[object, ...]:
    percent = f"{100 * share.total / max(1, whole.total):.1f}"
    return (share.cycles, share.waits, percent, share.instructions)
