"""Whatever is compiled means what the model says: random networks, each pass and station, and the accuracy of int8."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from tests.property.oracle import findings
from tinyglow.registry import ONNX_OPS
from tinyglow.testing import is_full
from tinyglow.testing.graphs import covered_operators, random_model

GRAPHS, PART = (20_000, 500) if is_full() else (300, 50)

# Operators of the reader that no maker draws, each with the reason.
NOT_DRAWN: dict[str, str] = {}


@pytest.mark.parametrize("begin", range(0, GRAPHS, PART))
def test_nothing_is_found(begin: int) -> None:
    """After each pass and station the network means the same; int8 is as accurate as an independent simulation."""
    found = findings(range(begin, begin + PART))
    assert not found, "\n".join(f"seed {seed}: {finding}" for seed, finding in found)


# Networks beyond the first ones, each with what was found in it. M: mended in the compiler, S: in the simulation.
LATER = {
    451: "M: a float layer whose bias is a Splat",
    521: "M: bounds apart below a ReLU",
    3584: "M: the profile of a network that Glow computes otherwise",
    4136: "M: a root that a target's kernel takes for a power",
    6959: "M: a value that is joined twice, beside slices that make one again",
    7066: "M: a slice that reverses the channels below a batch normalization",
    11059: "S: a float operator reads the float input, which its other reader has as int8",
    12804: "M: a group's slice has the name of a convolution with strides that leaves one pixel",
    13392: "S: rounding a float output canceled the error of most elements",
    15914: "S: the steps of a bias, where a convolution's input is always zero",
    18447: "S: all variants of an int16 layer had weights with the same rounding errors",
    18987: "S: all variants of an int16 layer had weights with the same rounding errors",
    20389: "M: a group's slice has the name of a convolution of one dimension",
    21361: "S: a network all of whose values are too large to be read",
    22781: "M: a softmax of two dimensions along the first one, of an operator set that Glow takes for an older one",
}


@pytest.mark.parametrize("seed", LATER)
def test_nothing_is_found_in_later_networks(seed: int) -> None:
    """Networks of the long sweep in which something was found once."""
    assert findings(range(seed, seed + 1)) == []


def test_every_operator_is_drawn() -> None:
    """An operator that the reader takes has a maker, or a reason why not; and the makers' operators turn up."""
    assert set(ONNX_OPS) - covered_operators() == set(NOT_DRAWN)
    drawn = set().union(*(random_model(seed).operators for seed in range(600)))
    assert covered_operators() <= drawn


def test_a_model_is_its_seeds() -> None:
    """The same number draws the same model and samples; another number others."""
    one, again, other = random_model(5), random_model(5), random_model(6)
    assert one.proto.SerializeToString() == again.proto.SerializeToString() != other.proto.SerializeToString()
    assert all(np.array_equal(array, again.samples(3)[name]) for name, array in one.samples(3).items())
    more = one.samples(8)
    assert all(np.array_equal(array, more[name][:3]) for name, array in one.samples(3).items())


def test_models_are_sound() -> None:
    """onnx's own checker accepts what is drawn."""
    for seed in range(100):
        onnx.checker.check_model(random_model(seed).proto, full_check=True)


def test_forms_reach_what_they_promise() -> None:
    """Several outputs, shared values, several inputs, and every operator set turn up."""
    models = [random_model(seed) for seed in range(200)]
    assert sum(len(model.proto.graph.output) > 1 for model in models) > 50
    assert sum(len(model.shapes) > 1 for model in models) > 15
    assert {item.version for model in models for item in model.proto.opset_import} == {9, 11, 13, 18}

    def reads(model: onnx.ModelProto) -> int:
        made = {name for node in model.graph.node for name in node.output if node.op_type != "Constant"}
        names = [name for node in model.graph.node for name in node.input if name in made]
        return max((names.count(name) for name in names), default=0)

    assert sum(reads(model.proto) > 1 for model in models) > 50
