"""AN13438's network against the real Glow: the same graph, the same integers on every target, no more memory.

``mnist_nxp/`` holds what Glow (05dd99b97, CPU backend) made of ``examples/mnist/mnist_nxp.onnx``: its profile, the
quantized graph and buffer sizes. ``ops_zoo/`` is a network of random weights with inputs and outputs too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinyglow
from tests.helpers import MNIST_INPUT, MNIST_OUTPUT
from tinyglow.interp import run_graph
from tinyglow.ir.graph import Array, Graph
from tinyglow.ir.program import Program, Region
from tinyglow.ir.types import TensorType
from tinyglow.quant.profile import load_profile
from tinyglow.targets.boards import load_board

GOLDEN = Path(__file__).with_name("mnist_nxp")
# What Glow calls the operators of this network, and their operands in our order.
KINDS = {"Convolution": "Conv2D", "MaxPool": "MaxPool", "FullyConnected": "FullyConnected", "Relu": "Relu"}
KINDS["Reshape"] = "Reshape"
OPERANDS = ("Input", "Filter", "Weights", "Bias")
DTYPES = {"i8": "int8", "i32": "int32"}


def _json(name: str) -> Any:
    return json.loads((GOLDEN / "asymmetric" / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def float_graph(checkout: Path) -> Graph:
    """The network with its transposes gone."""
    return tinyglow.load(checkout / "examples/mnist/mnist_nxp.onnx", "mnist", {"N": 1})


@pytest.fixture(scope="module")
def int8_graph(float_graph: Graph) -> Graph:
    """The network quantized with Glow's own profile."""
    return tinyglow.quantize(float_graph, load_profile(GOLDEN / "profile.yaml"))


@pytest.fixture(scope="module")
def program(int8_graph: Graph) -> Program:
    """The network as kernel calls."""
    return tinyglow.lower(int8_graph)


@pytest.fixture(scope="module")
def bundle(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network as C."""
    folder = tmp_path_factory.mktemp("bundle")
    tinyglow.emit(program, folder)
    return folder


@pytest.fixture(scope="module")
def vectors(shared: Path) -> tuple[Array, Array]:
    """32 inputs and Glow's answers, int8. The inputs are images of MNIST, which the project does not carry."""
    with np.load(shared / "golden/mnist_nxp/asymmetric/io.npz") as recorded:
        return recorded[f"input.{MNIST_INPUT}"], recorded[f"output.{MNIST_OUTPUT}"]


def _as_recorded(type_: TensorType) -> dict[str, Any]:
    """A type in the form of graph.json, the scale as text of nine decimals, which is what Glow prints."""
    assert type_.quant is not None
    numbers = {"scale": f"{type_.quant.scale:.9f}", "offset": type_.quant.offset}
    return {"kind": type_.dtype, "dims": list(type_.shape), **numbers}


def _recorded(type_: Mapping[str, Any]) -> dict[str, Any]:
    return {**type_, "kind": DTYPES[type_["kind"]], "scale": f"{type_['scale']:.9f}"}


def test_every_value_has_glows_type(int8_graph: Graph) -> None:
    """Node by node and constant by constant: the same names, shapes, types, scales and offsets, none missing."""
    nodes = {node.name: node for node in int8_graph.nodes}
    values = {name for name in int8_graph.values if name not in nodes}
    for recorded in _json("graph.json")["nodes"]:
        name, kind, fields = recorded["id"], recorded["kind"], recorded["fields"]
        if kind in ("Placeholder", "Constant"):
            output = {output.name: output.value for output in int8_graph.outputs}
            assert _as_recorded(int8_graph.type_of(output.get(name, name))) == _recorded(fields["Output"]), name
            values.discard(name)
        elif kind != "Save":
            node = nodes.pop(name)
            assert node.op.kind == KINDS[kind]
            assert _as_recorded(int8_graph.type_of(name)) == _recorded(fields["Result"]), name
            operands = [_recorded(fields[operand]) for operand in OPERANDS if operand in fields]
            assert [_as_recorded(int8_graph.type_of(operand)) for operand in node.inputs] == operands, name
    assert not nodes and not values, "Glow has none of these"


def test_the_placeholders_and_sizes_are_within_glows(program: Program) -> None:
    """Placeholders have Glow's names and types; no memory is larger than Glow's."""
    facts = _json("facts.json")
    assert [p["name"] for p in facts["placeholders"]] == list(program.placeholders)
    for placeholder in facts["placeholders"]:
        buffer = program.buffers[placeholder["name"]]
        assert _as_recorded(buffer.type) == _recorded(placeholder["type"])
        assert (buffer.type.elements, buffer.type.nbytes) == (placeholder["elements"], placeholder["bytes"])
    sizes = facts["sizes"]
    assert program.sizes[Region.CONSTANT] <= sizes["CONSTANT_MEM_SIZE"]
    assert program.sizes[Region.MUTABLE] <= sizes["MUTABLE_MEM_SIZE"]
    assert program.sizes[Region.ACTIVATION] <= sizes["ACTIVATIONS_MEM_SIZE"]


def test_numpy_answers_as_glow(program: Program, vectors: tuple[Array, Array]) -> None:
    """The interpreter gives all outputs of Glow's bundle, bit for bit."""
    inputs, expected = vectors
    assert expected.shape == (32, 10)
    np.testing.assert_array_equal(tinyglow.interpret(program, {MNIST_INPUT: inputs})[MNIST_OUTPUT], expected)


@pytest.mark.parametrize("board", ["host", "frdm-ke16z", "mimxrt1060-evk"])
def test_c_answers_as_glow(board: str, bundle: Path, vectors: tuple[Array, Array]) -> None:
    """The compiled bundle gives all outputs of Glow's, bit for bit, on this machine and on both emulated boards."""
    inputs, expected = vectors
    run = tinyglow.simulate(bundle, load_board(board), {MNIST_INPUT: inputs})
    np.testing.assert_array_equal(run.outputs[MNIST_OUTPUT], expected)
    if run.sizes is not None:
        recorded = _json("facts.json")["sizes"]
        assert run.sizes.mutable + run.sizes.activations <= (
            recorded["MUTABLE_MEM_SIZE"] + recorded["ACTIVATIONS_MEM_SIZE"]
        )


def test_int8_is_as_accurate_as_float_on_mnist(float_graph: Graph, shared: Path) -> None:
    """On the 10,000 test images int8 is right within half a point as often as float.

    Both profiles serve: Glow's, of 32 images, and our own of the same.
    """
    with np.load(shared / "data/mnist.npz") as data:
        images, labels = data["x_test"][..., None].astype(np.float32) / np.float32(255), data["y_test"]
    calibration = np.load(shared / "models/mnist_nxp.calib.npy")
    profiles = [load_profile(GOLDEN / "profile.yaml"), tinyglow.profile(float_graph, {MNIST_INPUT: calibration})]
    (logits,) = run_graph(float_graph, {MNIST_INPUT: images[:, None]}).values()
    right = float((logits.reshape(-1, 10).argmax(axis=1) == labels).mean())
    assert right == pytest.approx(0.9576, abs=0.0005), "what the network is known to reach"
    for profile in profiles:
        program = tinyglow.lower(tinyglow.quantize(float_graph, profile))
        answers = tinyglow.interpret(program, {MNIST_INPUT: images})[MNIST_OUTPUT]
        assert float((answers.argmax(axis=1) == labels).mean()) >= right - 0.005
