"""The guide's calculations by hand equal the interpreter, C on this machine and the emulated core."""

from __future__ import annotations

import numpy as np
import pytest

import tinyglow
from tinyglow.demo.answer import answer
from tinyglow.demo.by_hand import SCHEMAS, float32, integer_of, scale_and_offset, shifts_of
from tinyglow.demo.pixel import CHANNEL, COLUMN, ROW, pixel
from tinyglow.demo.walk import BOARD, FOLLOWED, OUTPUT, cut_after, walk
from tinyglow.numerics import glow
from tinyglow.quant.schema import Schema, choose_params

FIRST_RELU = "sequential/conv2d_1/Relu:0"


def test_every_pixel_equals_the_interpreter() -> None:
    """Of the first convolution, at its edges too, where taps lie outside of the image."""
    found = walk()
    (name,) = [node.outputs[0] for node in found.quantized.nodes if node.op.kind == "Conv2D"][:1]
    stored = found.values[name][0]
    for row, column in np.ndindex(stored.shape[:2]):
        assert [pixel(found, row, column, channel).result for channel in range(4)] == stored[row, column].tolist()


def test_the_pixel_is_an_instructive_one() -> None:
    """Its window has bright and dark pixels, nothing saturates, and the float value is less than a step away."""
    one = pixel(walk())
    assert len({tap.x for tap in one.taps}) >= 4
    assert -128 < one.result < 127
    assert abs(one.real - one.float_result) < one.y_scale


@pytest.mark.parametrize("board", ["host", BOARD])
def test_the_pixel_equals_c(board: str) -> None:
    """The network that ends there computes the same integer, in C on this machine and on the Cortex-M0+."""
    pytest.importorskip("ziglang", reason="needs the extra tinyglow[cc]")
    if board != "host":
        pytest.importorskip("unicorn", reason="needs the extra tinyglow[sim]")
    found, place = walk(), tinyglow.load_board(board)
    graph = cut_after(FIRST_RELU)
    program = tinyglow.lower(graph, target=tinyglow.target_of(place))
    (result,) = tinyglow.simulate(program, place, found.sample).outputs.values()
    assert result[0, CHANNEL, ROW, COLUMN] == pixel(found).result
    again = np.array([[pixel(found, row, column, CHANNEL).result for column in range(14)] for row in range(14)])
    assert np.array_equal(result[0, CHANNEL], again)


def test_the_cut_network_has_the_scales_of_the_whole_one() -> None:
    """So that the pixel of the one is the pixel of the other."""
    whole, cut = walk().quantized, cut_after(FIRST_RELU)
    first = [next(node for node in graph.nodes if node.op.kind == "Conv2D") for graph in (whole, cut)]
    assert whole.type_of(first[0].outputs[0]) == cut.type_of(first[1].outputs[0])


def test_the_answer_from_packed_words_equals_the_interpreter() -> None:
    """The four classes among which the followed digit is."""
    found = walk()
    label = int(found.labels[FOLLOWED])
    one = answer(found, label)
    assert list(one.results) == found.values[OUTPUT][0, one.first : one.first + 4].tolist()
    assert one.results[label - one.first] == found.values[OUTPUT].max()


def test_a_class_that_is_not_one_of_four_has_no_such_calculation() -> None:
    """Classes 8 and 9 have their weights side by side."""
    with pytest.raises(ValueError, match="three others"):
        answer(walk(), 9)


RANGES = [(-1.5, 0.5), (0.0, 6.0), (0.25, 1.0), (-3.0, 0.0), (-2.0, 2.0), (-1e-3, 5.0), (-0.1, 0.1000001)]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_scales_by_hand_equal_the_quantizers(schema: str) -> None:
    """For the network's own ranges and some others."""
    ranges = [(found.low, found.high) for found in walk().profile.ranges.values()] + RANGES
    for low, high in ((float32(low), float32(high)) for low, high in ranges):
        params = choose_params(low, high, Schema(schema))
        assert scale_and_offset(low, high, schema) == (params.scale, params.offset), (low, high)


def test_shifts_by_hand_equal_the_compilers() -> None:
    """Over seven decades, and for powers of two; so do the scaled sums."""
    rng = np.random.default_rng(7)
    scales = [*map(float32, 10 ** rng.uniform(-6, 1, 300)), *(2.0**power for power in range(-20, 5))]
    totals = rng.integers(-(2**20), 2**20, 50).astype(np.int32)
    for scale in scales:
        mine, theirs = shifts_of(scale), glow.requantize_params(scale)
        assert (mine.pre, mine.multiplier, mine.post) == (theirs.pre, theirs.multiplier, theirs.post), scale
        if scale < 0.1:  # above, sums as large as these would wrap
            assert [mine.of(int(total)) for total in totals] == glow.requantize(totals, theirs).tolist()


def test_integers_by_hand_equal_the_definition() -> None:
    """Ties, and what saturates, included."""
    reals = np.concatenate([np.linspace(-4, 4, 401), [0.125, 0.375, 1e9, -1e9]]).astype(np.float32)
    for scale, offset in ((0.25, 3), (float32(1 / 255), -128), (float32(0.0202), 5)):
        mine = [integer_of(float(real), scale, offset) for real in reals]
        assert mine == glow.quantize(reals, scale, offset).tolist()
