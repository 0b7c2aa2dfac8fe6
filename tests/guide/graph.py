"""Chapters 5 and 6: graph rewrites pass by pass, lowering, memory."""

from __future__ import annotations

from tests.guide.text import short, table
from tinyglow.demo.walk import walk
from tinyglow.ir.program import Region
from tinyglow.lowering.plan import Block, activation_blocks
from tinyglow.pipeline.stations import allocation_efficiency


def steps() -> str:
    """Each pass with the nodes before and after."""
    rows: list[tuple[object, ...]] = []
    before = 0
    for step in walk().steps:
        counts = f"{len(step.added)}, {len(step.changed)}, {len(step.removed)}" if rows else ""
        title = step.station if step.title == step.station else f"{step.station}: {step.title}"
        rows.append((title, before or "", len(step.graph.nodes), counts))
        before = len(step.graph.nodes)
    return table(("pass", ">nodes before", ">nodes after", "nodes added, changed, removed"), rows)


def rules() -> str:
    """The rules that applied in each pass, with their reasons."""
    parts = []
    for step in walk().steps[1:]:
        lines = [
            f"* {applied.rule}: {applied.why.rstrip('.')}"
            + (f" ({len(applied.nodes)} nodes, such as `{short(applied.nodes[0])}`)." if applied.nodes else ".")
            for applied in step.applied
        ]
        if not lines:
            lines = [f"* removes {', '.join(f'`{short(name)}`' for name in step.removed)}."]
        title = step.station if step.title == step.station else f"{step.station}: {step.title}"
        parts.append(f"**{title}**\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def relu() -> str:
    """Which ReLUs are gone, and which stays."""
    found = walk()
    before = [node for node in found.graph.nodes if node.op.kind == "Relu"]
    after = [node for node in found.quantized.nodes if node.op.kind == "Relu"]
    rows = []
    for node in found.quantized.nodes:
        quant = found.quantized.type_of(node.outputs[0]).quant
        assert quant is not None
        rows.append((f"`{short(node.name)}`", node.op.kind, f"{quant.scale:.6f}", quant.offset))
    return (
        f"The float graph has {len(before)} ReLUs; {len(after)} of them is left, `{short(after[0].name)}`.\n\n"
        f"{table(('node of the int8 graph', 'operator', '>scale of the result', '>offset'), rows)}"
    )


def calls() -> str:
    """The kernel calls on the Cortex-M0+."""
    rows = []
    for number, call in enumerate(walk().program.calls, start=1):
        layers = ", ".join(f"`{short(name)}`" for name in call.layers)
        rows.append((number, f"`{call.kernel.symbol}`", call.kernel.summary, layers))
    return table((">call", "kernel", "what it computes", "nodes of the model"), rows)


def lifetimes() -> str:
    """The blocks of the activations."""
    program = walk().program
    blocks, _ = activation_blocks(program)
    rows = []
    for block in blocks:
        offset = program.buffers[block.name].offset
        during = f"{block.first + 1}" if block.first == block.last else f"{block.first + 1} to {block.last + 1}"
        rows.append((f"`{short(block.name)}`", block.size, during, f"{offset} to {offset + block.size - 1}"))
    return table(("block", ">bytes", "in use during calls", ">at bytes"), rows)


def scratch(name: str) -> bool:
    """Whether a block is a kernel's working memory."""
    return name in {call.scratch for call in walk().program.calls}


def _overlap(program_blocks: list[Block]) -> tuple[Block, Block]:
    """Two blocks that are in use together and share bytes."""
    program = walk().program
    for first in program_blocks:
        for second in program_blocks:
            one, other = (program.buffers[block.name].offset for block in (first, second))
            if first is not second and first.meets(second) and one < other < one + first.size:
                return first, second
    raise AssertionError("no result overwrites its input any more: say so in the guide")


def peak() -> str:
    """How much the planner saves, and by what."""
    program = walk().program
    blocks, _ = activation_blocks(program)
    side_by_side = sum(block.size for block in blocks)
    size = program.sizes[Region.ACTIVATION]
    first, second = _overlap(blocks)
    gap = program.buffers[second.name].offset - program.buffers[first.name].offset
    return (
        f"Side by side the blocks take {side_by_side:,} bytes. The planner needs {size:,}. At the fullest call "
        f"{allocation_efficiency(program):.0%} of them are in use. `{short(first.name)}` is written over "
        f"`{short(second.name)}`, which is read during the same call. It starts {gap} bytes below it. The kernel has "
        "read each byte before it writes there."
    )
