"""Results as tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tinyglow.ir.program import MEMORIES, NEAR, Program, Region
from tinyglow.lowering.traffic import buffer_traffic
from tinyglow.report.console import stdout
from tinyglow.report.plain import cells_of, print_table
from tinyglow.targets.boards import Board

if TYPE_CHECKING:  # each command has its own kind of result, and starts without what makes the others
    from rich.table import Table

    from tinyglow.pipeline.compare import Comparison
    from tinyglow.pipeline.crosscheck import Crosscheck
    from tinyglow.pipeline.execution import Execution
    from tinyglow.report.explain import Decision


def table(columns: Iterable[str], rows: Iterable[Sequence[object]], title: str | None = None) -> Table:
    """A table; columns whose name begins with ">" are aligned to the right."""
    from rich import box
    from rich.table import Table

    result = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for column in columns:
        right = column.startswith(">")
        result.add_column(column.removeprefix(">"), justify="right" if right else "left", overflow="fold")
    for row in rows:
        result.add_row(*cells_of(row))
    return result


def memory_map(program: Program) -> Table:
    """Every buffer with its address range, by region."""
    rows: list[tuple[object, ...]] = []
    for region in (*MEMORIES, Region.TCM):
        buffers = [buffer for buffer in program.buffers.values() if buffer.region is region]
        for index, buffer in enumerate(sorted(buffers, key=lambda b: (b.offset, b.end))):
            type_, label = buffer.type, "" if index else f"{region.value} {program.sizes[region]:,}"
            numbers = (f"{type_.quant.scale:.6g}", f"{type_.quant.offset}") if type_.quant else ("", "")
            shape = " x ".join(map(str, type_.shape))
            rows.append((label, f"{buffer.offset:,}..{buffer.end:,}", buffer.name, type_.dtype, shape, *numbers))
    return table(("memory", ">bytes", "buffer", "", "shape", ">scale", ">offset"), rows)


def print_bundle(program: Program, board: Board, folder: Path, files: Mapping[str, bytes]) -> None:
    """What ``compile`` wrote."""
    print(f"{folder}: bundle '{program.name}' for {board.title}")
    sizes = [(region.value, program.sizes[region]) for region in MEMORIES]
    sizes += [(region.value, program.sizes[region]) for region in (Region.TCM, *NEAR) if program.sizes.get(region)]
    print_table(("memory", ">bytes"), sizes)
    _print_packed(program)
    if program.sizes[Region.TCM]:
        stdout().print(_in_tcm(program))
    print_table(("file", ">bytes"), [(name, len(data)) for name, data in sorted(files.items())])


def _print_packed(program: Program) -> None:
    """How much smaller entropy-coded weights are, if there are any."""
    layers, plain, stored = 0, 0, 0
    for call in program.calls:
        if call.kernel.plain_bytes:
            layers, plain = layers + 1, plain + call.kernel.plain_bytes(call.params)
            constants = [program.buffers[name] for name in call.reads if program.buffers[name].data is not None]
            stored += sum(buffer.type.nbytes for buffer in constants)
    if layers:
        print(f"weights and biases of {layers} layers are entropy-coded: {plain:,} bytes in {stored:,}")


def _in_tcm(program: Program) -> Table:
    """The buffers in fast memory, hottest first, and what is left of the traffic in the other memories."""
    traffic = buffer_traffic(program)
    total = max(1, traffic.total())
    hot = [buffer for buffer in program.buffers.values() if buffer.region is Region.TCM]
    rows: list[tuple[object, ...]] = [
        (buffer.name, buffer.type.nbytes, traffic[buffer.name], f"{traffic[buffer.name] / total:.1%}")
        for buffer in sorted(hot, key=lambda b: (-traffic[b.name], b.name))
    ]
    rest = total - sum(traffic[buffer.name] for buffer in hot)
    rows.append(("(all others)", "", rest, f"{rest / total:.1%}"))
    return table(("in tcm", ">bytes", ">read and written", ">of all"), rows)


def _milliseconds(execution: Execution) -> str:
    return "" if execution.milliseconds is None else f"{execution.milliseconds:.3f}"


def print_execution(execution: Execution) -> None:
    """Costs of a run, and the first outputs."""
    console = stdout()
    samples = len(next(iter(execution.outputs.values())))
    print(f"{execution.board.title}: {samples} vectors, built with {execution.compiler}")
    if execution.sizes is not None:
        sizes = execution.sizes
        columns = ("", ">cycles", ">instructions", ">ms", ">stack")
        cycles = execution.most("cycles")
        row = ("slowest", "" if cycles is None else cycles, execution.most("instructions"), _milliseconds(execution))
        console.print(table(columns, [(*row, execution.most("stack"))]))
        if not execution.board.is_host and not execution.board.core.cycles:
            print(f"portable C; there is no cycle model of {execution.board.core.title}: instructions are no time")
        if execution.waits is not None:
            print(f"memories make the core wait {execution.waits:,} cycles more", end="")
            where = "RAM" if execution.weights == "ram" else "flash"
            print(f": {execution.board_milliseconds:.3f} ms, weights in {where}")
        flash = f"code {sizes.code:,} + its constants {sizes.constants:,} + weights {sizes.weights:,}"
        ram = f"placeholders {sizes.mutable:,} + activations {sizes.activations:,} + variables {sizes.variables:,}"
        ram += f" + copy of the weights {sizes.weights_in_ram:,}" if sizes.weights_in_ram else ""
        ram += f" + in TCM {sizes.tcm:,}" if sizes.tcm else ""
        print(f"flash {sizes.flash:,} bytes: {flash}\nRAM {sizes.ram:,} bytes: {ram}")
    for name, array in execution.outputs.items():
        first = ", ".join(str(value) for value in array[0].ravel()[:16])
        print(f"{name}[0] = {first}{', ...' if array[0].size > 16 else ''}")


def print_comparisons(comparisons: Sequence[Comparison]) -> None:
    """The verdict of ``verify``, target by target."""
    rows: list[tuple[object, ...]] = []
    for c in comparisons:
        claim = f"numpy {'=' if c.equal else '!='} {c.target}"
        cycles = "" if c.cycles is None else c.cycles
        rows.append((claim, c.vectors, c.elements, c.mismatches, f"{c.largest:g}", c.first_layer or "", cycles))
    columns = ("", ">vectors", ">elements", ">mismatches", ">largest difference", "first differing layer", ">cycles")
    stdout().print(table(columns, rows))
    equal = all(comparison.equal for comparison in comparisons)
    print(verdict([c.target for c in comparisons], comparisons[0].vectors) if equal else "NOT bit-exact")


def print_decisions(decisions: Sequence[Decision]) -> None:
    """What ``--explain-quantization`` says: a few lines for each value, since names and reasons are long."""
    for d in decisions:
        print(f"{d.name}: {d.kind}")
        if d.range:
            print(f"    range {d.range}")
        if d.scale:
            print(f"    scale {d.scale}, offset {d.offset}")
        if d.requantize:
            print(f"    requantize {d.requantize}")
        print(f"    {d.why}")


def _known(values: Iterable[object]) -> list[object]:
    return ["" if value is None else value for value in values]


def print_crosscheck(result: Crosscheck, every_value: bool) -> None:
    """The verdict of ``crosscheck``, with the values that differ, or all."""
    console = stdout()
    shown = [value for value in result.values if every_value or not value.equal]
    if shown:
        rows = [("" if v.equal else "!=", v.glow_name or v.name, v.glow, v.ours) for v in shown]
        console.print(table(("", "value", "Glow", "tinyglow"), rows))
    sizes = [
        (name, *(size if size is not None else "" for size in pair.values())) for name, pair in result.sizes.items()
    ]
    console.print(table(("memory", ">Glow", ">tinyglow"), sizes))
    for name, core in result.cores.items():
        columns = ("", ">Glow", ">tinyglow")
        costs = [
            (label, *_known((core[glow], core[label])))
            for label, glow in (("cycles", "glow_cycles"), ("code", "glow_object"), ("stack", "glow_stack"))
        ]
        equal = f"{core['vectors_equal']} of {core['vectors']} vectors identical"
        console.print(table(columns, costs, title=f"{name}: {equal}"))
    same = sum(value.equal for value in result.values)
    print(f"parameters: {same} of {len(result.values)} values as in Glow")
    for kind, (theirs, ours) in result.kinds.items():
        print(f"nodes: {theirs} of kind {kind} in Glow, {ours} here")
    print(f"outputs: {result.vectors_equal} of {result.vectors} vectors identical")
    for output in result.outputs:
        if output.mismatches:
            unit = " steps" if output.unit == "steps" else ""
            print(f"  {output.name}: {output.mismatches} elements differ by at most {output.largest:g}{unit}")
    if result.first_difference:
        print(f"first difference: {result.first_difference}")


def verdict(targets: Sequence[str], vectors: int) -> str:
    """The sentence that says that all agree."""
    names = {"host": "host C"}
    return f"bit-exact: {' = '.join(['numpy', *(names.get(t, t) for t in targets)])} on {vectors} vectors"


def print_boards(boards: Sequence[Board]) -> None:
    """One line a board."""
    rows = []
    for board in boards:
        memories = ", ".join(f"{m.name} {m.size // 1024} KB" for m in board.memories)
        clock = f"{board.clock_hz / 1e6:g} MHz" if board.clock_hz else ""
        rows.append((board.name, board.title, "" if board.is_host else board.core.title, clock, memories))
    stdout().print(table(("board", "", "core", ">clock", "memories"), rows))
