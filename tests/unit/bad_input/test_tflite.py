"""Bad TFLite files: a message that names what is wrong, whatever a file's offsets and lengths say."""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tflite", reason="needs the package tflite, of the extra tinyglow[tflite]")

import tinyglow
from tests.helpers import Place
from tests.tflite import cases, int8_cases
from tests.tflite.builder import Quant, TFLiteBuilder
from tinyglow.errors import ModelError, TinyglowError

MODELS = {
    name: cases.case(name).model for name in ("network", "strided_slice_index", "dynamic_flatten", "split_v", "pad")
}
MODELS |= {f"int8_{name}": int8_cases.case(name).model for name in ("conv", "depthwise", "moved", "dense_no_bias")}
WORDS = [bytes(4), b"\xff" * 4, b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\1\0\0\0", b"\0\0\0\x40"]


def damaged(data: bytes, chance: random.Random) -> bytes:
    """The file cut, with a bit turned, with a number overwritten, or with some bytes of chance in it."""
    kind = chance.randrange(4)
    if kind == 0:
        return data[: chance.randrange(len(data))]
    changed = bytearray(data)
    if kind == 1:
        changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    elif kind == 2:
        place = chance.randrange(len(data) - 4)
        changed[place : place + 4] = chance.choice(WORDS)
    else:
        for _ in range(chance.randrange(2, 12)):
            changed[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(changed)


@pytest.mark.parametrize("name", MODELS)
def test_damaged_files_are_refused_or_read(name: str, tmp_path: Path) -> None:
    """No damage ends in anything but a graph or an error of ours, and none needs much memory."""
    chance, path = random.Random(name), tmp_path / "net.tflite"
    outcomes = set()
    tracemalloc.start()
    try:
        for _ in range(100):
            path.write_bytes(damaged(MODELS[name], chance))
            try:
                graph = tinyglow.load(path)
                outcomes.add("read")
                if graph.is_quantized:
                    tinyglow.lower(tinyglow.quantize(graph))
            except TinyglowError as error:
                outcomes.add(type(error).__name__)
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()
    assert outcomes == {"read", "ModelError"}


def test_a_file_cut_anywhere_near_its_front(tmp_path: Path) -> None:
    """Every prefix of the tables, which lie before the weights' end, is refused."""
    data, path = MODELS["split_v"], tmp_path / "net.tflite"
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        with pytest.raises(ModelError):
            tinyglow.load(path)


def test_commands_say_what_is_wrong(place: Place) -> None:
    """profile and compile name the file, change nothing and leave with status 2."""
    model = place.file("cut.tflite", MODELS["network"][:600])
    place.refuses_model(model, because=(str(model), "truncated or damaged TFLite file"))
    place.refuses_model(place.file("it.tflite", b"not a model"), because="not a TFLite file")


def test_shapes_that_ask_for_too_much(tmp_path: Path) -> None:
    """A file of a few bytes that asks for terabytes is refused before they are allocated."""
    for shape in ([2**20, 2**20], [2**31 - 1], [0, 4], [-1, 4], [1] * 40):
        b = TFLiteBuilder()
        x = b.tensor("x", shape)
        y = b.node("RELU", [x], shape)
        path = tmp_path / "net.tflite"
        path.write_bytes(b.build([x], [y]))
        with pytest.raises(ModelError, match=r"shape|dimension"):
            tinyglow.load(path)
    for op_type, operand in (("TILE", [2**30, 2**20]), ("PAD", [[0, 2**30], [0, 2**30]])):
        b = TFLiteBuilder()
        x = b.tensor("x", (2, 3))
        y = b.node(op_type, [x, b.constant("c", operand)], None)
        path.write_bytes(b.build([x], [y]))
        with pytest.raises(ModelError, match="below 256 MiB"):
            tinyglow.load(path)


def test_constants_that_grow(tmp_path: Path) -> None:
    """A row plus a column is no matrix of gigabytes, and weights that many layers share are not copied forever."""
    path = tmp_path / "net.tflite"
    b = TFLiteBuilder()
    x = b.tensor("x", (1, 4))
    row, column = (b.constant("c", np.ones(shape, np.float32)) for shape in ((1, 40_000), (40_000, 1)))
    path.write_bytes(b.build([x], [b.node("ADD", [row, column], None), b.node("RELU", [x], (1, 4))]))
    with pytest.raises(ModelError, match=r"a constant of shape \[40000, 40000\]"):
        tinyglow.load(path)
    b = TFLiteBuilder()
    y = x = b.tensor("x", (1, 512))
    weights = b.constant("w", np.ones((512, 512), np.int8), Quant([0.01], [0]))
    for _ in range(200):
        y = b.node("FULLY_CONNECTED", [y, weights, -1], (1, 512), options="FullyConnectedOptions")
    path.write_bytes(b.build([x], [y]))
    with pytest.raises(ModelError, match="many times the file's size"):
        tinyglow.load(path)


def test_parts_that_lie_on_top_of_each_other(tmp_path: Path) -> None:
    """Many tensors that are all the same long list are more than the file can hold: that is refused, and soon."""
    b = TFLiteBuilder()
    x = b.tensor("x", (1, 4))
    weights = [b.constant(f"w{index}", np.zeros((1, 4), np.float32)) for index in range(2_000)]
    y = b.node("CONCATENATION", [x, *weights], (2_001, 4), options="ConcatenationOptions")
    data = bytearray(b.build([x], [y]))
    # The operator's list of inputs claims to hold all that follows.
    place = data.find((1 + len(weights)).to_bytes(4, "little"))
    data[place : place + 4] = (2**19).to_bytes(4, "little")
    path = tmp_path / "net.tflite"
    path.write_bytes(data)
    with pytest.raises(ModelError):
        tinyglow.load(path)


@pytest.mark.parametrize(
    ("what", "because"),
    [
        ("variable", "it is a variable"),
        ("missing data", "neither constant, nor an input"),
        ("short data", "bytes of data for shape"),
        ("two makers", "made already"),
        ("later tensor", "not defined before"),
        ("not finite", "NaN or infinite"),
        ("no outputs", "no outputs"),
    ],
)
def test_models_that_make_no_sense(what: str, because: str, tmp_path: Path) -> None:
    """Each names what it is that cannot be."""
    b = TFLiteBuilder()
    x = b.tensor("x", (1, 4))
    operand = b.constant("c", np.full((1, 4), np.nan if what == "not finite" else 1.0, np.float32))
    if what == "variable":
        operand = b.tensor("state", (1, 4), is_variable=True)
    elif what == "missing data":
        operand = b.tensor("nothing", (1, 4))
    elif what == "short data":
        b.tensors[operand].shape = (1, 5)
    elif what == "later tensor":
        operand = len(b.tensors) + 1
    y = b.node("ADD", [x, operand], (1, 4), options="AddOptions")
    if what == "later tensor":
        b.node("RELU", [x], (1, 4))
    if what == "two makers":
        b.operators.append(("RELU", [x], [y], "", {}, 1))
    path = tmp_path / "net.tflite"
    path.write_bytes(b.build([x], [] if what == "no outputs" else [y]))
    with pytest.raises(ModelError) as caught:
        tinyglow.load(path)
    assert because in str(caught.value)
