"""A study as plain data: what the page carries inside, and what ``tinyglow report --json`` writes."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinyglow import __version__
from tinyglow.ir.graph import Array, Graph, Node
from tinyglow.ir.program import Program, Region
from tinyglow.ir.target import NOT_MEASURED, Optimize, Target, WeightsAsCode
from tinyglow.ir.types import TensorType
from tinyglow.lowering.plan import blocks_of
from tinyglow.pipeline import cycle_profile, fit
from tinyglow.pipeline.study.gather import OnBoard, Study
from tinyglow.pipeline.study.steps import Step
from tinyglow.pipeline.study.tensors import Tensor
from tinyglow.pipeline.variants import VariantCost
from tinyglow.report import validation
from tinyglow.targets.cores import Feature

# Of the JSON. Keys are only ever added within a version.
VERSION = 1

Json = dict[str, Any]


def document(study: Study) -> Json:
    """All figures of a study.

    Args:
        study: What was found.

    Returns:
        JSON's own types only. Keys are documented in ``docs/how-to/report.md``.
    """
    found = study.validation
    most = min(_MOST_OF_A_TENSOR, _MOST_OF_ALL // max(1, len(study.tensors)))
    return {
        "version": VERSION,
        "tinyglow": __version__,
        "network": found.network,
        "precision": found.precision,
        "schema": study.made.scheme.schema.value,
        "inputs": [_placeholder(study.made.quantized, name, name) for name in study.made.quantized.inputs],
        "outputs": [_placeholder(study.made.quantized, one.name, one.value) for one in study.made.quantized.outputs],
        "verdict": {
            "vectors": study.checked,
            "input_crc32": f"{study.input_crc:08x}",
            "output_crc32": f"{study.output_crc:08x}",
            "bit_exact": bool(study.boards) and all(one.equal for one in study.boards if one.fit.fits),
        },
        "validation": validation.as_json(found),
        "steps": [_step(step) for step in study.steps],
        "tensors": [_tensor(tensor, most) for tensor in study.tensors],
        "sums": [
            {
                "layer": one.layer,
                "low": one.low,
                "high": one.high,
                "margin": one.margin,
                "channels": one.channels,
                "constant": one.constant,
            }
            for one in study.sums
        ],
        "boards": [_board(one, _MOST_LISTED // len(study.boards)) for one in study.boards],
    }


def finite(figure: float) -> float | None:
    """A number as JSON can hold it; None for infinities and NaN."""
    return figure if math.isfinite(figure) else None


def _type(type_: TensorType) -> Json:
    quant = type_.quant
    return {
        "shape": list(type_.shape),
        "dtype": type_.dtype,
        "scale": quant.scale if quant else None,
        "offset": quant.offset if quant else None,
        "channels": len(type_.channel_quant.scales) if type_.channel_quant else None,
    }


def _placeholder(graph: Graph, name: str, value: str) -> Json:
    return {"name": name, "source": graph.source_names.get(name, name), **_type(graph.type_of(value))}


def _node(node: Node, graph: Graph) -> Json:
    values = [name for name in node.inputs if graph.values[name].data is None]
    constants = [name for name in node.inputs if graph.values[name].data is not None]
    return {
        "name": node.name,
        "kind": node.op.kind,
        "origin": node.origin or node.name,
        "attributes": str(node.op),
        "inputs": values,
        "constants": [{"name": name, **_type(graph.type_of(name))} for name in constants],
        "outputs": list(node.outputs),
        "type": _type(graph.type_of(node.outputs[0])),
    }


def _step(step: Step) -> Json:
    return {
        "number": step.number,
        "station": step.station,
        "title": step.title,
        "nodes": [_node(node, step.graph) for node in step.graph.nodes],
        "added": sorted(step.added),
        "changed": sorted(step.changed),
        "removed": list(step.removed),
        "applied": [{"rule": one.rule, "why": one.why, "nodes": list(one.nodes)} for one in step.applied],
    }


def _base64(array: Array) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


# Elements that the page carries: of one sample of a tensor, and of one sample of all.
_MOST_OF_A_TENSOR, _MOST_OF_ALL = 12_288, 100_000


def _tensor(tensor: Tensor, most: int) -> Json:
    """Values as base64 of little-endian elements: float16 for the real numbers (the page only draws them).

    Of a large value only the first channels are kept.
    """
    kind = np.dtype(tensor.type.dtype).newbyteorder("<") if tensor.type.quant else np.dtype("<f2")
    real, integers = tensor.real, tensor.integers()
    if tensor.channels_first:
        real, integers = (np.moveaxis(array, 2, -1) for array in (real, integers))
    channels = real.shape[-1] if real.ndim > 1 else 1
    kept = max(1, min(channels, most * channels // max(1, tensor.type.elements)))
    with np.errstate(over="ignore"):
        kept_real = real[..., :kept].astype("<f2")
    return {
        "value": tensor.value,
        "node": tensor.node,
        **_type(tensor.type),
        "samples": len(tensor.real),
        "drawn": list(real.shape[1:]),
        "kept": kept,
        "real": _base64(kept_real),
        "integers": _base64(integers[..., :kept].astype(kind)),
    }


def _board(one: OnBoard, most: int) -> Json:
    profile, layers = one.profile, _layers(one)
    return {
        "name": one.board.name,
        "title": one.board.title,
        "core": one.board.core.title,
        "clock_hz": one.board.clock_hz,
        "macs_per_cycle": _macs_per_cycle(one),
        "memories": [
            {"name": memory.name, "kind": memory.kind, "size": memory.size, "wait_states": memory.wait_states}
            for memory in one.board.memories
        ],
        "data_memory": one.board.data_memory,
        "code_memory": one.board.code_memory,
        "stack_bytes": one.board.stack_bytes,
        "fit": fit.as_json([one.fit])[0],
        "bit_exact": one.equal if one.fit.fits else None,
        "targets": [
            {"target": c.target, "vectors": c.vectors, "mismatches": c.mismatches, "cycles": c.cycles}
            for c in one.comparisons
        ],
        "layers": layers,
        "activations": _activations(one.program),
        "needs": [
            {
                "options": list(needs.options),
                "ram": needs.ram,
                "activations": needs.activations,
                "constants": needs.constants,
            }
            for needs in one.needs
        ],
        "variants": _variants(one, layers),
        "profile": None
        if profile is None
        else {**cycle_profile.as_json(profile), "listings": _listings(one, profile, most)},
    }


def _variants(one: OnBoard, layers: Sequence[Json]) -> list[Json]:
    """What could compute each layer. What was chosen has run, so that its cycles are known in any case."""
    ran: dict[str, int] = {}
    for row in layers:
        if row["cycles"] is not None:
            ran[row["layer"]] = ran.get(row["layer"], 0) + row["cycles"]
    return [
        {
            "layer": v.layer,
            "kernel": v.name,
            "chosen": v.chosen,
            "why": why_chosen(v, [other for other in one.variants if other.layer == v.layer], one.target)
            if v.chosen
            else "",
            "cycles": v.cycles if v.cycles < NOT_MEASURED else None,
            "measured": ran.get(v.layer) if v.chosen and v.measured is None else v.measured,
            "constants": v.constants,
            "code": v.code,
            "scratch": v.scratch,
        }
        for v in one.variants
    ]


def why_chosen(chosen: VariantCost, offered: Sequence[VariantCost], target: Target) -> str:
    """Why ``lowering.choose`` took one of a layer's variants, in words."""
    if target.weights_as_code is WeightsAsCode.ALWAYS and chosen.code:
        return "weights are to become code"
    if target.optimize is Optimize.SIZE:
        return "the fewest bytes, with the kernels that other layers need anyway"
    if target.optimize is Optimize.BALANCED:
        return "the least product of cycles and bytes"
    faster = [variant for variant in offered if variant.cycles < chosen.cycles]
    if not faster:
        return "the fewest predicted cycles"
    if all(variant.code for variant in faster):
        return "the fewest predicted cycles without more code for weights than its budget"
    return "nearly the fewest predicted cycles, and fewer bytes"


def _macs_per_cycle(one: OnBoard) -> int:
    """Multiply-adds that the core's multiplier starts in one cycle, at most: SMLAD does two."""
    return 2 if Feature.DSP in one.board.core.features else 1


def _layers(one: OnBoard) -> list[Json]:
    """The kernel calls in their order, with multiplications, time and the least time that the multiplier needs."""
    macs = {node.name: _macs(node, one.fused) for node in one.fused.nodes}
    origins = {node.name: node.origin or node.name for node in one.fused.nodes}
    at_once = _macs_per_cycle(one)
    parts = [] if one.profile is None else [part for part in one.profile.layers if part.function]
    rows, seen = [], set()
    for number, call in enumerate(one.program.calls):
        # What several calls compute together is counted for the first of them.
        count = 0 if call.origin in seen else macs.get(call.origin, 0)
        seen.add(call.origin)
        part = parts[number] if len(parts) == len(one.program.calls) else None
        rows.append(
            {
                "layer": call.origin,
                "origin": origins.get(call.origin, call.origin),
                "kernel": call.kernel.symbol,
                "reads": call.reads,
                "writes": call.writes,
                "scratch": one.program.buffers[call.scratch].type.nbytes if call.scratch else 0,
                "macs": count,
                "least_cycles": math.ceil(count / at_once),
                "cycles": part.whole.cycles if part else None,
                "waits": part.whole.waits if part else None,
                "instructions": part.whole.instructions if part else None,
            }
        )
    return rows


def _macs(node: Node, graph: Graph) -> int:
    return node.op.multiplications(*(graph.type_of(name) for name in node.inputs))


def _activations(program: Program) -> Json:
    """Who uses which bytes of the activations' memory during which calls."""
    names = {buffer.name for buffer in program.buffers.values() if buffer.region is Region.ACTIVATION}
    blocks, owner = blocks_of(program, names)
    shared: dict[str, list[str]] = {}
    for name, block in owner.items():
        shared.setdefault(block, []).append(name)
    rows = [
        {
            "name": block.name,
            "shares": shared.get(block.name, []),
            "scratch": any(call.scratch == block.name for call in program.calls),
            "offset": program.buffers[block.name].offset,
            "size": block.size,
            "first": block.first,
            "last": block.last,
        }
        for block in blocks
    ]
    return {
        "size": program.sizes[Region.ACTIVATION],
        "calls": [call.origin for call in program.calls],
        "blocks": sorted(rows, key=lambda row: (row["first"], row["offset"])),
        "in_use": _in_use(rows, len(program.calls)),
    }


def _in_use(blocks: Sequence[Mapping[str, Any]], calls: int) -> list[int]:
    """Bytes in use during each call; where blocks overlap they are counted once."""
    found = []
    for step in range(calls):
        ends = 0
        total = 0
        for row in sorted((b for b in blocks if b["first"] <= step <= b["last"]), key=lambda b: b["offset"]):
            begin, end = max(ends, row["offset"]), row["offset"] + row["size"]
            total += max(0, end - begin)
            ends = max(ends, end)
        found.append(total)
    return found


# Instructions of all boards together: the kernels' own functions, then those of the others that take most of the time.
_MOST_LISTED = 3_000


def _listings(one: OnBoard, profile: cycle_profile.CycleProfile, most: int) -> list[Json]:
    kernels, left, chosen = {call.kernel.symbol for call in one.program.calls}, most, set()
    for listing in sorted(profile.listings, key=lambda listing: listing.name not in kernels):
        if len(listing.code) <= left:
            left -= len(listing.code)
            chosen.add(listing.name)
    return [_listing(listing) for listing in profile.listings if listing.name in chosen]


def _listing(listing: cycle_profile.Listing) -> Json:
    places = {place: number for number, place in enumerate(dict.fromkeys(map(_place, listing.code)))}
    return {
        "name": listing.name,
        "mix": instruction_mix(listing),
        "source": {f"{file}:{number}": text for (file, number), text in listing.source.items()},
        "places": list(places),
        "code": [[c.address, c.text, places[_place(c)], c.times, c.cycles, c.waits] for c in listing.code],
    }


def _place(code: cycle_profile.CodeLine) -> str:
    return f"{code.file}:{code.line}" if code.file else ""


# The beginnings of mnemonics, of which a condition may follow: Armv7-M ARM, A7.7.
_CLASSES = (
    ("multiply", r"mul|ml[as]|smla|smul|smm|smlal|umull|umlal|smull|smuad|smusd|vmul|vml|vfm"),
    ("load", r"v?ld[rm]|v?pop"),
    ("store", r"v?st[rm]|v?push"),
    ("branch", r"(b|bl|bx|blx)(eq|ne|hs|cs|lo|cc|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)?(\.|$)|cbn?z|tb[bh]"),
)


def instruction_class(text: str) -> str:
    """What an instruction does: "multiply", "load", "store", "branch", or "other"."""
    mnemonic = text.split(" ", maxsplit=1)[0]
    return next((name for name, pattern in _CLASSES if re.match(pattern, mnemonic)), "other")


def instruction_mix(listing: cycle_profile.Listing) -> dict[str, int]:
    """How many instructions of each class a function executed."""
    mix: dict[str, int] = {}
    for line in listing.code:
        if line.times:
            kind = instruction_class(line.text)
            mix[kind] = mix.get(kind, 0) + line.times
    return mix
