"""The bound of an inference's cycles: no input takes more, and where the way is always the same, it is exact."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.benchmarks.measure import MODELS, SCHEMES, quantized
from tests.helpers import NetBuilder
from tests.unit.sim.canaries import Guarded
from tinyglow.ir.graph import Array
from tinyglow.ir.program import Program
from tinyglow.pipeline.fit import sample_inputs
from tinyglow.pipeline.stations import target_of
from tinyglow.sim.image import Image
from tinyglow.sim.machine import Machine
from tinyglow.sim.profile import CallProfile
from tinyglow.targets.boards import Board, load_board
from tinyglow.testing import is_full

CORES = ("cortex-m0plus", "cortex-m4", "cortex-m7")
_ALL = [(model, core) for model in MODELS for core in CORES]
_LONG = pytest.mark.long
_FAST = [
    ("mnist_nxp", "cortex-m0plus"),
    pytest.param("mnist_nxp", "cortex-m7", marks=_LONG),
    pytest.param("mobilenet_block", "cortex-m4", marks=_LONG),
]

# ``outer`` calls ``net``, which calls ``kernel``: it looks at 5 bytes, one after the other, and takes a longer way for
# those that are 7, with an inner loop that always turns 3 times, and the longest for those above, which calls ``more``.
PROGRAM = """
function outer
    push {{lr}}
    bl net
    pop {{pc}}
function net
    push {{r4, lr}}
    bl kernel
    pop {{r4, pc}}
function kernel
    push {{r4, lr}}
    ldr r1, =0x{data:08x}
    movs r2, #5
1:  movs r4, #3
4:  subs r4, #1
    bne 4b
    ldrb r3, [r1]
    cmp r3, #7
    blt 3f
    beq 2f
    bl more
    b 3f
2:  nop
    nop
3:  adds r1, #1
    subs r2, #1
    bne 1b
    pop {{r4, pc}}
    .ltorg
function more
    adds r3, #1
    adds r3, #1
    adds r3, #1
    adds r3, #1
    bx lr
"""


@pytest.mark.parametrize("board", ["frdm-ke16z", "cortex-m4", "mimxrt1060-evk"])
def test_the_bound_is_that_of_the_longest_way(board: str, assemble: Callable[[Board, str], Image]) -> None:
    """The same from every input, and what an input takes that goes the longest way."""
    target = load_board(board)
    data = target.data.start + 0x100
    machine = Machine(assemble(target, PROGRAM.format(data=data)), target).boot()
    found: dict[bytes, CallProfile] = {}
    for values in (bytes(5), b"\7" * 5, b"\x08" * 5, b"\0\7\x08\7\0"):
        machine.write(data, values)
        found[values] = machine.profile("outer", "net")
    bounds = {profile.calls[0].most_cycles for profile in found.values()}
    assert len(bounds) == 1
    longest = found[b"\x08" * 5].calls[0].cost.cycles
    assert all(profile.calls[0].cost.cycles <= longest for profile in found.values())
    assert found[bytes(5)].calls[0].cost.cycles < longest
    bound = bounds.pop()
    assert bound is not None
    # The last turn of a loop is charged like the others, with the branch back.
    assert longest <= bound <= 1.2 * longest


RECURSIVE = """
function outer
    push {lr}
    bl net
    pop {pc}
function net
    push {r4, lr}
    movs r0, #3
    bl kernel
    pop {r4, pc}
function kernel
    push {r4, lr}
    subs r0, #1
    beq 1f
    bl kernel
1:  pop {r4, pc}
"""


def test_a_function_that_calls_itself_has_no_bound(m0plus: Board, assemble: Callable[[Board, str], Image]) -> None:
    """It says so instead of giving a figure."""
    profile = Machine(assemble(m0plus, RECURSIVE), m0plus).boot().profile("outer", "net")
    assert [call.most_cycles is None for call in profile.calls] == [True, False]
    assert profile.before.most_cycles == profile.before.cost.cycles


def _inputs(program: Program) -> Iterator[dict[str, Array]]:
    """Any values, all the same, the ends by turns, and pairs that are nearly equal: ties, saturation, both branches."""
    random = sample_inputs(program)
    yield random
    ends = ((-1.0, 1.0), (0.0, 0.0), (-1.0, -1.0), (1.0, 1.0), (0.5, 0.5 + 2**-7))
    for values in ends if is_full() else ends[:2]:
        yield {name: _alternating(array, values) for name, array in random.items()}
    rng = np.random.default_rng(1)
    for _ in range(20 if is_full() else 0):
        yield {name: rng.uniform(-1, 1, array.shape).astype(array.dtype) for name, array in random.items()}


def _alternating(array: Array, values: tuple[float, float]) -> Array:
    scale = 127 if array.dtype.kind == "i" else 1
    return np.resize(np.array(values) * scale, array.shape).astype(array.dtype)


def _require_bounds(program: Program, board: Board, folder: Path) -> None:
    """Each layer's bound is the same whatever the input, and no input takes more."""
    guarded = Guarded(program, board, folder, "flash")
    profiles = [guarded.profile(inputs) for inputs in _inputs(program)]
    first = profiles[0]
    for profile in profiles:
        for call, other in zip((profile.before, *profile.calls), (first.before, *first.calls), strict=True):
            assert call.most_cycles is not None
            assert call.cost.cycles <= call.most_cycles, call.function
            assert call.most_cycles == other.most_cycles, f"loops of {call.function} depend on the data"


@pytest.mark.slow
@pytest.mark.parametrize(("model", "core"), _ALL if is_full() else _FAST)
def test_no_input_takes_more_than_the_bound(model: str, core: str, tmp_path: Path) -> None:
    """Layer by layer."""
    board = load_board(core)
    program = tinyglow.lower(quantized(model, SCHEMES["asymmetric"]), target=target_of(board))
    _require_bounds(program, board, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("core", CORES)
def test_what_looks_at_data_is_bounded_too(core: str, tmp_path: Path) -> None:
    """Softmax, comparisons, maxima and averages, whose ways depend on what they read."""
    build = NetBuilder(3)
    x = build.node("Conv", "x", build.weights(4, 2, 3, 3), build.weights(4))
    pooled = build.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    mean = build.node(
        "AveragePool", build.node("PRelu", x, build.weights(4, 1, 1)), kernel_shape=[2, 2], strides=[2, 2]
    )
    flat = build.node("Flatten", build.node("Max", pooled, build.node("Sigmoid", mean)))
    y = build.node("Softmax", build.node("Gemm", flat, build.weights(36, 5)), axis=1)
    net = build.build({"x": [1, 2, 8, 8]}, [y])
    board = load_board(core)
    graph = tinyglow.load(net.save(tmp_path), "net")
    profile = tinyglow.profile(graph, net.samples(4))
    program = tinyglow.lower(tinyglow.quantize(graph, profile), target=target_of(board))
    _require_bounds(program, board, tmp_path)
