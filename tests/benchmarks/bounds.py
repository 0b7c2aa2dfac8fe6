"""What no kernel can save, and what ours take: ``python -m tests.benchmarks.bounds`` measures and records it.

One layer of each kind runs alone, and its instructions are counted by what they do. ``docs/bounds.md`` has the table.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tinyglow
from tests.benchmarks.layers import macs
from tests.benchmarks.measure import SCHEMES, Row, quantized
from tinyglow.interp import start
from tinyglow.ir.kernel import Role
from tinyglow.ir.program import KernelCall, Program
from tinyglow.kernels.convolution.geometry import ConvSizes, PooledGeometry
from tinyglow.kernels.convolution.pointwise_dsp import PointwiseGeometry
from tinyglow.kernels.fully_connected.layer import FullyConnectedParams
from tinyglow.pipeline.cycle_profile import profile_cycles
from tinyglow.pipeline.fit import sample_inputs
from tinyglow.pipeline.stations import target_of
from tinyglow.targets.boards import load_board
from tinyglow.targets.cores import Feature
from tinyglow.tuning.costs import alone

RECORD = Path(__file__).with_name("bounds.json")
CORES = ("cortex-m0plus", "cortex-m4", "cortex-m7")
_TITLES = {"cortex-m0plus": "M0+", "cortex-m4": "M4", "cortex-m7": "M7"}
WORD = 4  # bytes
_MORE = 1.02  # times what is recorded may be taken


@dataclass(frozen=True)
class Kind:
    """A kind of layer, and the layer that stands for it: the network and the node's name."""

    title: str
    model: str
    layer: str


KINDS = (
    Kind("convolution 3x3, 3 to 32 channels", "cifar10", "_features_features_0_Conv__2"),
    Kind("convolution 3x3, 32 to 32 channels, max pool", "cifar10", "_features_features_6_MaxPool__2"),
    Kind("convolution 5x5, 20 to 50 channels, max pool", "lenet_mnist", "_MaxPool_1__7"),
    Kind("convolution 3x3, 1 to 4 channels, max pool", "mnist_nxp", "sequential_max_pooling_2_MaxPool__2"),
    Kind("pointwise convolution, 64 to 64 channels", "kws_dscnn", "_body_body_3_Conv__2"),
    Kind("pointwise convolution, 8 to 48 channels", "mobilenet_block", "_blocks_blocks_0_conv_conv_0_Conv__2"),
    Kind("depthwise convolution 3x3", "kws_dscnn", "_body_body_0_Conv__2"),
    Kind("fully connected, 800 to 500", "lenet_mnist", "_ip1_Gemm__1"),
    Kind("addition of two images", "mobilenet_block", "_blocks_blocks_0_Add__1"),
    Kind("rescale", "autoencoder", "_net_net_2_Relu"),
    Kind("max pool 2x2", "mnist_nxp", "sequential_max_pooling_1_MaxPool__1"),
    Kind("mean of an image", "kws_dscnn", "_GlobalAveragePool__1"),
)


def least(program: Program, call: KernelCall, dsp: bool) -> Row:
    """Instructions that nothing can save, by what they do: ``docs/bounds.md`` says why.

    Args:
        program: The program that the call is of.
        call: The call.
        dsp: Whether the core has the DSP extension.
    """
    buffers = program.buffers
    given = [buffers[name].type for name in call.reads if buffers[name].data is None]
    made = [buffers[name].type for name in call.writes]
    inputs, outputs = (sum(type_.elements for type_ in types) for types in (given, made))
    words = sum(-(-type_.nbytes // WORD) for type_ in (*given, *made))
    if not any(operand.role is Role.CODE for operand in call.kernel.operands):
        words += -(-_weights(call) // WORD)
    products, pairs = macs(call), -(-macs(call) // 2)
    if products:
        pool = isinstance(call.params, PooledGeometry) and call.params.pool
        multiply = pairs + outputs
        other = (0 if dsp else pairs) + outputs * (4 if pool else 1)
    else:
        scaled = 0 if "max_pool" in call.kernel.symbol else outputs
        multiply, other = scaled, scaled + (-(-inputs // WORD) if outputs < inputs else 0)
    return {"multiply": multiply, "move": words, "other": other}


def _weights(call: KernelCall) -> int:
    """Weights of a layer."""
    p = call.params
    if isinstance(p, FullyConnectedParams):
        return p.depth * p.units
    if isinstance(p, PointwiseGeometry):
        return p.in_c * p.out_c
    return p.kernel_h * p.kernel_w * p.in_c // p.group * p.out_c if isinstance(p, ConvSizes) and macs(call) else 0


_MULTIPLY = re.compile(r"mul|mla|mls|sml|smm|smu|umla|umu|uma|sdiv|udiv")
_MOVE = re.compile(r"ldr|str|ldm|stm|push|pop")


def words_moved(text: str) -> int:
    """How many words an instruction moves."""
    registers = re.search(r"\{([^}]*)\}", text)
    if registers is None:
        return 2 if text.startswith(("ldrd", "strd")) else 1
    count = 0
    for part in registers[1].split(","):
        first, _, last = part.strip().partition("-")
        count += int(last[1:]) - int(first[1:]) + 1 if last else 1
    return count


def taken(program: Program, call: KernelCall, core: str) -> Row:
    """Cycles of one call in the simulator, and its instructions by what they do. One that moves n words counts n."""
    state = start(program, {name: array[:1] for name, array in sample_inputs(program).items()})
    for before in program.calls[: program.calls.index(call)]:
        state.run(before)
    operands = {name: state.view(program.buffers[name]).copy() for name in call.reads}
    single, inputs = alone(program, call, operands)
    profile = profile_cycles(single, load_board(core), inputs, "zig", listings=True)
    found: Counter[str] = Counter()
    for listing in profile.listings:
        if listing.name.startswith(("tg_", f"{single.name}_code_")):
            for line in listing.code:
                name = "multiply" if _MULTIPLY.match(line.text) else "move" if _MOVE.match(line.text) else "other"
                found[name] += line.times * (words_moved(line.text) if name == "move" else 1)
    layer = max(profile.layers, key=lambda layer: layer.whole.cycles)
    return {**found, "cycles": layer.whole.cycles}


def measure() -> dict[str, dict[str, dict[str, Row]]]:
    """What each kind of layer needs and takes on each core."""
    found: dict[str, dict[str, dict[str, Row]]] = {}
    programs = {}
    for kind in KINDS:
        for core in CORES:
            target = target_of(load_board(core))
            if (kind.model, core) not in programs:
                programs[kind.model, core] = tinyglow.lower(quantized(kind.model, SCHEMES["asymmetric"]), target=target)
            program = programs[kind.model, core]
            call = next(call for call in program.calls if call.origin == kind.layer)
            row = {"least": least(program, call, target.has(Feature.DSP)), "taken": taken(program, call, core)}
            found.setdefault(kind.title, {})[core] = row
    return found


def load_record() -> dict[str, dict[str, dict[str, Row]]]:
    """What is recorded."""
    record: dict[str, dict[str, dict[str, Row]]] = json.loads(RECORD.read_text(encoding="utf-8"))
    return record


def regressions(
    recorded: dict[str, dict[str, dict[str, Row]]], measured: dict[str, dict[str, dict[str, Row]]]
) -> Iterator[str]:
    """What is more than 2 % worse than recorded, and what is not there."""
    for title, cores in recorded.items():
        for core, rows in cores.items():
            now = measured.get(title, {}).get(core)
            before = rows["taken"]["cycles"]
            if now is None or now["taken"]["cycles"] > _MORE * before:
                yield f"{title} on {core}: {now and now['taken']['cycles']} cycles, {before} recorded"


def table() -> str:
    """The table of the documentation."""
    names = ("multiply", "move", "other")
    head = "| layer | core | least | taken | times | multiplications | words moved | others | cycles |"
    lines = [head, "|---|---|" + "--:|" * 7]
    for title, cores in load_record().items():
        for core, row in cores.items():
            need, have = (sum(row[which].get(name, 0) for name in names) for which in ("least", "taken"))
            pairs = (f"{row['taken'].get(name, 0):,} of {row['least'][name]:,}" for name in names)
            cells = " | ".join((f"{need:,}", f"{have:,}", f"{have / need:.1f}", *pairs, f"{row['taken']['cycles']:,}"))
            lines.append(f"| {title} | {_TITLES[core]} | {cells} |")
    return "\n".join(lines)


def write_record(measured: dict[str, dict[str, dict[str, Row]]]) -> None:
    """Record what was measured."""
    RECORD.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_record(measure())
