"""Inputs of TFLite networks that are no floats: truth values, and numbers of elements."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.tflite.builder import TFLiteBuilder
from tinyglow.targets.boards import HOST


def _written(builder: TFLiteBuilder, inputs: list[int], outputs: list[int], folder: Path) -> Path:
    path = folder / "net.tflite"
    path.write_bytes(builder.build(inputs, outputs))
    return path


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("like_glow", [False, True])
def test_gather_takes_numbers_as_an_input(tmp_path: Path, axis: int, like_glow: bool) -> None:
    """int8 and float, numpy and host C: the numbered elements, an end for what lies beyond it."""
    b = TFLiteBuilder()
    x, places = b.tensor("x", (2, 3, 4)), b.tensor("places", (5,), "INT32")
    shape = (5, 3, 4) if axis == 0 else (2, 5, 4)
    result = b.node("GATHER", [x, places], shape, options="GatherOptions", Axis=axis)
    graph = tinyglow.load(_written(b, [x, places], [result], tmp_path), like_glow=like_glow)
    rng = np.random.default_rng(0)
    inputs = {
        "x": rng.uniform(-1, 1, (3, 2, 3, 4)).astype(np.float32),
        "places": rng.integers(-1, 5, (3, 5)).astype(np.int32),
    }
    quantized = tinyglow.quantize(graph, tinyglow.profile(graph, inputs), tinyglow.Scheme(like_glow=like_glow))
    program = tinyglow.lower(quantized)
    (found,) = tinyglow.interpret(program, inputs).values()
    integers = tinyglow.interpret(program, {**inputs, "places": np.zeros((3, 5), np.int32)})
    assert found.dtype == np.int8 and integers
    (buffer,) = (program.buffers[name] for name in program.outputs)
    assert buffer.type.quant is not None
    real = (found.astype(np.float64) - buffer.type.quant.offset) * buffer.type.quant.scale
    limits = np.clip(inputs["places"], 0, (2, 3)[axis] - 1)
    expected = np.stack([np.take(one, at, axis) for one, at in zip(inputs["x"], limits, strict=True)])
    assert np.abs(real.reshape(expected.shape) - expected).max() <= 0.51 * buffer.type.quant.scale
    assert all(comparison.equal for comparison in tinyglow.verify(program, HOST, inputs))


def test_rows_of_a_table(tmp_path: Path) -> None:
    """A constant of which an input numbers the rows, as an embedding does: each sample has rows of its own."""
    b = TFLiteBuilder()
    table = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)
    places = b.tensor("places", (2,), "INT32")
    result = b.node("GATHER", [b.constant("table", table), places], (2, 3), options="GatherOptions", Axis=0)
    graph = tinyglow.load(_written(b, [places], [result], tmp_path))
    inputs = {"places": np.array([[0, 1], [3, 2], [2, 2]], np.int32)}
    program = tinyglow.lower(tinyglow.quantize(graph, tinyglow.profile(graph, inputs)))
    (found,) = tinyglow.interpret(program, inputs).values()
    (buffer,) = (program.buffers[name] for name in program.outputs)
    assert buffer.type.quant is not None
    real = (found.astype(np.float64) - buffer.type.quant.offset) * buffer.type.quant.scale
    assert np.abs(real.reshape(3, 2, 3) - table[inputs["places"]]).max() <= 0.51 * buffer.type.quant.scale
    assert all(comparison.equal for comparison in tinyglow.verify(program, HOST, inputs))


def test_truth_values_are_inputs_and_outputs(tmp_path: Path) -> None:
    """A network of nothing but truth values needs no ranges; any integers but 0 are true."""
    b = TFLiteBuilder()
    x, y = b.tensor("x", (1, 4), "BOOL"), b.tensor("y", (1, 4), "BOOL")
    both = b.node("LOGICAL_AND", [x, y], (1, 4), dtype="BOOL", options="LogicalAndOptions")
    graph = tinyglow.load(_written(b, [x, y], [both], tmp_path))
    inputs = {"x": np.array([[0, 0, 1, 1]], bool), "y": np.array([[0, 2, 0, 3]], np.uint8)}
    program = tinyglow.lower(tinyglow.quantize(graph, tinyglow.profile(graph, inputs)))
    (found,) = tinyglow.interpret(program, inputs).values()
    assert found.dtype == bool and found.ravel().tolist() == [False, False, False, True]
    assert all(comparison.equal for comparison in tinyglow.verify(program, HOST, inputs))


def test_numbers_are_for_gather_alone(tmp_path: Path) -> None:
    """Arithmetic on an input of integers is refused by name."""
    b = TFLiteBuilder()
    x = b.tensor("x", (1, 4), "INT32")
    result = b.node("NEG", [x], (1, 4), dtype="INT32", options="NegOptions")
    with pytest.raises(tinyglow.TinyglowError, match="NEG"):
        tinyglow.load(_written(b, [x], [result], tmp_path))


@pytest.mark.parametrize("like_glow", [False, True])
def test_casts_at_the_border(tmp_path: Path, like_glow: bool) -> None:
    """A float input as an int32 output: a kernel; in Glow's graph who calls the bundle casts, and it has int32 only."""
    b = TFLiteBuilder()
    x = b.tensor("x", (1, 6))
    whole = b.node("CAST", [x], (1, 6), options="CastOptions", dtype="INT32")
    graph = tinyglow.load(_written(b, [x], [whole], tmp_path), like_glow=like_glow)
    inputs = {"x": np.array([[-2.9, -0.5, 0.0, 0.9, 3.0e9, -1e10]], np.float32)}
    profile = tinyglow.profile(graph, inputs)
    program = tinyglow.lower(tinyglow.quantize(graph, profile, tinyglow.Scheme(like_glow=like_glow)))
    expected = [-2, 0, 0, 0, 2**31 - 1, -(2**31)]
    given = {"x": np.array([expected], np.int32)} if like_glow else inputs
    (found,) = tinyglow.interpret(program, given).values()
    assert found.dtype == np.int32 and found.ravel().tolist() == expected
    assert all(comparison.equal for comparison in tinyglow.verify(program, HOST, given))
