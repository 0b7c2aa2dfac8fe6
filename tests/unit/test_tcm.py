"""Fast memory: how much traffic each buffer has, which buffers get it, and that no answer depends on it."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyglow
from tests.helpers import NetBuilder, example_program
from tests.unit.test_plan import programs
from tinyglow.errors import InputError
from tinyglow.interp import run_program
from tinyglow.ir.program import Program, Region
from tinyglow.lowering.plan import Block, plan
from tinyglow.lowering.tcm import Candidate, choose, use_tcm
from tinyglow.lowering.traffic import buffer_traffic, call_traffic
from tinyglow.testing import alignments, blocks, budget

# Traffic


def _program(tmp_path: Path, float_io: bool = False, **attributes: object) -> Program:
    """A convolution, a pool and a dense layer on an image of 2 x 7 x 6, placeholders transposed around them."""
    build = NetBuilder()
    x = build.node("Conv", "x", build.weights(6, 1, 3, 2), build.weights(6), group=2, name="conv", **attributes)
    x = build.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 1], name="pool")
    x = build.node("Flatten", x)
    size = 6 * 3 * 6 if "pads" in attributes else 6 * 2 * 4
    x = build.node("Gemm", x, build.weights(size, 5), build.weights(5), name="dense")
    net = build.build({"x": (1, 2, 7, 6)}, [x])
    graph = tinyglow.load(net.save(tmp_path), "net")
    return tinyglow.lower(tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(4)), float_io=float_io))


def _taps(length: int, out: int, kernel: int, stride: int, pad: int) -> int:
    """Taps of all windows along one axis that are inside, counted one by one."""
    return sum(0 <= place * stride - pad + tap < length for place in range(out) for tap in range(kernel))


@pytest.mark.parametrize("pads", [None, [1, 1, 1, 1]])
def test_traffic_is_that_of_the_plain_loops(tmp_path: Path, pads: list[int] | None) -> None:
    """A convolution reads two elements for each product inside the image, a pool each tap, a dense layer its matrix."""
    program = _program(tmp_path, **({"pads": pads} if pads else {}))
    calls = {call.kernel.symbol: call for call in program.calls}
    out_h, out_w, pad = (7, 7, 1) if pads else (5, 5, 0)
    conv = calls["tg_conv2d_s8"]
    traffic = call_traffic(program, conv)
    products = _taps(7, out_h, 3, 1, pad) * _taps(6, out_w, 2, 1, pad) * 6
    image, filters, bias, result = conv.operands
    assert traffic[image] == traffic[filters] == products
    assert traffic[bias] == out_h * out_w * 6 * 4
    assert traffic[result] == out_h * out_w * 6
    pool = calls["tg_max_pool_s8"]
    rows, columns = (3, 6) if pads else (2, 4)
    assert call_traffic(program, pool)[pool.operands[0]] == rows * 2 * columns * 2 * 6
    dense = calls["tg_fully_connected_s8"]
    traffic = call_traffic(program, dense)
    elements = rows * columns * 6
    assert [traffic[name] for name in dense.operands] == [elements * 5, elements * 5, 20, 5]


def test_everything_else_is_read_or_written_once(tmp_path: Path) -> None:
    """Float placeholders are quantized element by element, four bytes in and one out; the sum is over all calls."""
    program = _program(tmp_path, float_io=True)
    (quantize,) = [call for call in program.calls if call.kernel.symbol == "tg_quantize_f32_s8"]
    assert [*call_traffic(program, quantize).values()] == [84 * 4, 84]
    total = buffer_traffic(program)
    assert total == sum((call_traffic(program, call) for call in program.calls), type(total)())
    assert total["x"] == 84 * 4


# Choice


@st.composite
def candidates(draw: st.DrawFn) -> list[Candidate]:
    """Blocks with gains, some of them not worth it."""
    return [Candidate(block, draw(st.integers(-5, 500))) for block in draw(blocks(max_blocks=8))]


def _fits(chosen: list[Candidate], capacity: int, alignment: int) -> bool:
    from tinyglow.lowering.plan import place

    return place([c.block for c in chosen], alignment)[1] <= capacity


@budget(200)
@given(given=candidates(), capacity=st.integers(0, 900), alignment=alignments(), seed=st.integers(0, 2**32 - 1))
def test_what_is_chosen_fits_and_is_worth_it(given: list[Candidate], capacity: int, alignment: int, seed: int) -> None:
    """The choice fits, gains no less than the best single block, takes all if it can, and ignores their order."""
    names = choose(given, capacity, alignment)
    chosen = [c for c in given if c.block.name in names]
    assert len(chosen) == len(names) and _fits(chosen, capacity, alignment)
    assert all(c.gain > 0 for c in chosen)
    gain = sum(c.gain for c in chosen)
    assert gain >= max((c.gain for c in given if _fits([c], capacity, alignment)), default=0)
    worthy = [c for c in given if c.gain > 0]
    if _fits(worthy, capacity, alignment):
        assert len(chosen) == len(worthy)
    assert choose(random.Random(seed).sample(given, len(given)), capacity, alignment) == names


def test_whatever_is_gained_is_worth_it() -> None:
    """A gain of one is; none is not."""
    gains = {gain: choose([Candidate(Block("a", 4, 0, 1), gain)], 4, 4) for gain in (-1, 0, 1, 2)}
    assert {gain: set(names) for gain, names in gains.items()} == {-1: set(), 0: set(), 1: {"a"}, 2: {"a"}}


def test_the_smallest_blocks_count_for_what_they_take() -> None:
    """One byte is half of two; what takes none is taken."""
    sizes = {"a": (2, 1, 7), "b": (1, 0, 3), "c": (1, 1, 5), "d": (1, 1, 6), "none": (0, 0, 1)}
    given = [Candidate(Block(name, size, first, 1), gain) for name, (size, first, gain) in sizes.items()]
    assert choose(given, 2, 1) == {"c", "d", "none"}


def test_the_choice_is_seldom_far_from_the_best() -> None:
    """On 60 random cases of six blocks the greedy gain is at least 80 % of the best, found by trying all subsets."""
    generator = random.Random(7)
    for _ in range(60):
        given = [
            Candidate(
                Block(f"b{i}", generator.randint(1, 200), first := generator.randint(0, 6), first + 1 + i % 3), gain
            )
            for i, gain in enumerate(generator.choices(range(1, 1000), k=6))
        ]
        subsets = itertools.chain.from_iterable(itertools.combinations(given, n) for n in range(7))
        best = max(sum(c.gain for c in subset) for subset in subsets if _fits([*subset], 250, 4))
        names = choose(given, 250, 4)
        assert sum(c.gain for c in given if c.block.name in names) >= 0.8 * best


# Programs


@budget(200)
@given(program=programs(), capacity=st.integers(0, 120), seed=st.integers(0, 2**32 - 1))
def test_no_answer_depends_on_the_fast_memory(program: Program, capacity: int, seed: int) -> None:
    """Whatever its size, the region is no larger, the outputs are the same, and the other activations take no more."""
    generator = np.random.default_rng(seed)
    inputs = {
        name: generator.integers(-128, 128, (2, program.buffers[name].type.nbytes)).astype(np.int8)
        for name in program.inputs
    }
    expected = run_program(plan(program), inputs)
    planned = plan(use_tcm(program, capacity))
    assert planned.sizes[Region.TCM] <= capacity
    actual = run_program(planned, inputs)
    for name, array in expected.items():
        assert np.array_equal(actual[name], array)
    sizes = plan(program).sizes
    assert planned.sizes[Region.ACTIVATION] <= sizes[Region.ACTIVATION]
    if capacity == 0:
        assert planned.sizes == sizes


def test_an_ample_fast_memory_takes_all_activations(tmp_path: Path) -> None:
    """Where there is room for all, no activation stays outside; placeholders, which have fixed places, do."""
    graph_program = example_program("conv", tmp_path)
    planned = plan(use_tcm(graph_program, 10**6))
    assert planned.sizes[Region.ACTIVATION] == 0 < planned.sizes[Region.TCM]
    assert planned.sizes[Region.MUTABLE] == graph_program.sizes[Region.MUTABLE]


def test_constants_stay_where_they_are() -> None:
    """However much fast memory there is, no constant is copied to it: the calls are the same."""
    program = example_program("mnist", Path())
    planned = plan(use_tcm(program, 10**6))
    assert planned.calls == program.calls
    assert planned.sizes[Region.CONSTANT] == program.sizes[Region.CONSTANT]


def test_a_fast_memory_below_nothing_is_an_error(tmp_path: Path) -> None:
    """A negative size is refused."""
    with pytest.raises(InputError, match="tcm size: is -1"):
        use_tcm(example_program("dense", tmp_path), -1)
