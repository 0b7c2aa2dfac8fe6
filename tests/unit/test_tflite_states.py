"""TFLite networks that keep something from one inference to the next: states of the bundle, in C as in numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tflite", reason="needs the package tflite, of the extra tinyglow[tflite]")
from flatbuffers import flexbuffers

import tinyglow
from tests.tflite import cases, int8_cases, numerics_cases
from tests.tflite.builder import Quant, TFLiteBuilder
from tests.tflite.state_cases import first_values, ring
from tests.unit.test_frontend_tflite_int8 import saved
from tinyglow.errors import ModelError
from tinyglow.frontend.tflite_custom import custom_attributes
from tinyglow.targets.boards import HOST


def program_of(folder: Path, model: bytes, numerics: str = "") -> tinyglow.Program:
    """Compiled with the file's own numerics, or another."""
    graph = tinyglow.load(saved(folder, model), "net")
    return tinyglow.lower(tinyglow.quantize(graph, numerics=numerics or None))


@pytest.mark.parametrize(
    ("name", "numerics"),
    [("variables", ""), ("svdf", "tflm"), ("lstm", "tflite"), ("lstm_clipped", "tflite"), ("lstm_clipped", "tflm")],
)
def test_states_in_c_are_those_of_numpy(name: str, numerics: str, tmp_path: Path) -> None:
    """C on this machine gives each call what the one before has left, and begins anew after a reset."""
    case = numerics_cases.case(name)
    program = program_of(tmp_path, case.model, numerics)
    (given,) = program.inputs
    inputs = {given: np.concatenate([case.inputs] * 2)}
    assert all(result.equal for result in tinyglow.verify(program, HOST, inputs, sequence=5))
    (outputs,) = tinyglow.interpret(program, inputs, sequence=5).values()
    assert np.array_equal(outputs[:5], outputs[5:]) and not np.array_equal(outputs[0], outputs[1])


def test_a_variable_without_a_first_value_begins_with_zeros(tmp_path: Path) -> None:
    """As TensorFlow Lite Micro has it: with what stands for 0."""
    b = TFLiteBuilder()
    x = b.tensor("x", (1, 1, 3), "INT8", int8_cases.IN)
    program = program_of(tmp_path, b.build([x], [ring("INT8", int8_cases.IN, False, b, x)]))
    (outputs,) = tinyglow.interpret(program, {program.inputs[0]: np.ones((1, 1, 1, 3), np.int8)}).values()
    assert outputs.ravel().tolist() == [-3] * 12 + [1] * 3


def _buffer(slots: int, cycles: int | None, depth: int = 3) -> bytes:
    """TensorFlow Lite Micro's CIRCULAR_BUFFER of rows [1, 1, 1, depth]. cycles: None to say nothing of them."""
    options = flexbuffers.Dumps({"cycles_max": cycles}) if cycles is not None else None
    b = TFLiteBuilder()
    x = b.tensor("x", (1, 1, 1, depth), "INT8", int8_cases.IN)
    y = b.tensor("y", (1, slots, 1, 3), "INT8", int8_cases.IN, is_variable=True)
    b.operators.append(("CUSTOM CIRCULAR_BUFFER", [x], [y], "", {"custom": options} if options else {}, 1))
    turned = b.node(
        "RESHAPE", [y, b.constant("shape", [1, -1])], (1, slots * 3), "z", dtype="INT8", quant=int8_cases.IN
    )
    return b.build([x], [turned])


@pytest.mark.parametrize(("slots", "cycles"), [(1, 1), (4, 1), (5, None), (5, 0)])
def test_a_circular_buffer_holds_the_last_rows(slots: int, cycles: int | None, tmp_path: Path) -> None:
    """The newest one last; at first, and after a reset, what stands for 0. C gives the same."""
    program = program_of(tmp_path, _buffer(slots, cycles))
    rows = np.arange(18, dtype=np.int8).reshape(6, 1, 1, 1, 1, 3)
    inputs = {program.inputs[0]: np.concatenate([rows] * 2)}
    (outputs,) = tinyglow.interpret(program, inputs, sequence=6).values()
    before = np.full((slots, 3), -3)
    for index in range(12):
        before = (
            np.concatenate([before, rows[index % 6].reshape(1, 3)])[1:]
            if index % 6
            else np.concatenate([np.full((slots - 1, 3), -3), rows[0].reshape(1, 3)])
        )
        assert outputs[index].reshape(slots, 3).tolist() == before.tolist(), index
    assert all(result.equal for result in tinyglow.verify(program, HOST, inputs, sequence=6))


@pytest.mark.parametrize(
    ("model", "because"),
    [
        (_buffer(4, 2), r"once in 2 inferences \(cycles_max\); expected once in each"),
        (_buffer(4, None), "once in several inferences"),
        (_buffer(4, 1, 2), r"expected \[n, slots, width, depth\]"),
    ],
)
def test_what_a_circular_buffer_cannot_be_here(model: bytes, because: str, tmp_path: Path) -> None:
    """What follows runs in each inference, and shapes must fit."""
    with pytest.raises(ModelError, match=because):
        tinyglow.load(saved(tmp_path, model), "net")


def test_damaged_options_of_a_custom_operator() -> None:
    """They are a fault of the operator, whatever the bytes are."""
    good = bytes(flexbuffers.Dumps({"cycles_max": 1}))
    assert custom_attributes(good, ("cycles_max",)) == ("", {"cycles_max": 1})
    assert custom_attributes(flexbuffers.Dumps({"a": 1, "b": 2}), ("cycles_max",))[0] == "has 2 options"
    generator = np.random.default_rng(1)
    for data in [b"", b"\0", bytes(5000), *(generator.bytes(size) for size in range(1, 60))]:
        fault, found = custom_attributes(data, ("cycles_max",))
        assert bool(fault) != bool(found), data
    for index in range(len(good)):
        custom_attributes(good[:index] + b"\xff" + good[index + 1 :], ("cycles_max",))


def _lstm_int16(clip: float) -> bytes:
    """An LSTM of int16 values over [2, 3, 6], four units; a cell in steps of 2**-12, biases of 64 bits."""
    b, step, units = TFLiteBuilder(), float(np.float32(0.0001)), 4
    x, out = b.tensor("x", (2, 3, 6), "INT16", Quant([step], [0])), Quant([2.0**-15], [0])
    scales = [0.009 + 0.001 * index for index in range(8)]
    shapes = [(units, 6)] * 4 + [(units, units)] * 4
    weights = [
        b.constant(f"w{i}", np.rint(cases.numbers(*shape, start=11 * i) * 127).astype(np.int8), Quant([scale], [0]))
        for i, (shape, scale) in enumerate(zip(shapes, scales, strict=True))
    ]
    biases = [
        b.constant(f"b{i}", np.rint(cases.numbers(units, start=i) * 2e5).astype(np.int64), Quant([step * scale], [0]))
        for i, scale in enumerate(scales[:4])
    ]
    states = [
        b.tensor(name, (2, units), "INT16", quant, is_variable=True)
        for name, quant in (("hidden", out), ("cell", Quant([2.0**-12], [0])))
    ]
    none = [-1]
    operands = [x, *weights, *none * 3, *biases, *none * 2, *states, *none * 4]
    fields = {"FusedActivationFunction": cases.TANH, "CellClip": clip, "TimeMajor": False}
    options = "UnidirectionalSequenceLSTMOptions"
    y = b.node("UNIDIRECTIONAL_SEQUENCE_LSTM", operands, (2, 3, units), "y", options, 1, "INT16", out, **fields)
    return b.build([x], [y])


@pytest.mark.parametrize("numerics", ["", "tflm"])
@pytest.mark.slow  # compiles C
def test_an_lstm_of_int16(numerics: str, tmp_path: Path) -> None:
    """Its integers are CMSIS-NN's (tests/cmsis_nn has its data sets): near the real network's here, and C's."""
    model = _lstm_int16(7.5)
    program = program_of(tmp_path, model, numerics)
    assert program.calls[0].kernel.symbol == "tg_lstm_tflm_s16"
    given = np.rint(cases.numbers(4, 1, 2, 3, 6) * 20000).astype(np.int16)
    (ours,) = tinyglow.interpret(program, {program.inputs[0]: given}, sequence=4).values()
    graph = tinyglow.load(tmp_path / "net.tflite", "net")
    (node,) = (node for node in graph.nodes if len(node.inputs) == 15)
    constants = [graph.values[name].data for name in node.inputs[3:]]
    hidden = cell = np.zeros((1, 2, 4), np.float32)
    for value, result in zip(given * np.float32(0.0001), ours, strict=True):
        real, hidden, cell = node.op.run_float(value, hidden, cell, *(data[np.newaxis] for data in constants))
        assert np.abs(result.reshape(real.shape) * 2.0**-15 - real).max() < 0.002
    assert np.ptp(ours.astype(int)) > 20000
    assert all(result.equal for result in tinyglow.verify(program, HOST, {program.inputs[0]: given}, sequence=4))


def test_an_lstm_of_int16_needs_a_clip(tmp_path: Path) -> None:
    """CMSIS-NN bounds its cell in any case: without one, to nothing."""
    with pytest.raises(ModelError, match="an LSTM without cell_clip"):
        program_of(tmp_path, _lstm_int16(0.0), "tflm")


def _two_scales(b: TFLiteBuilder, x: int) -> int:
    """The variable is read with another scale than it is written with."""
    handle = b.node("VAR_HANDLE", [], (), "handle", "VarHandleOptions", 1, "RESOURCE", SharedName="v")
    read = b.node("READ_VARIABLE", [handle], (1, 1, 3), "read", "ReadVariableOptions", 1, "INT8", Quant([0.1], [0]))
    b.effect("ASSIGN_VARIABLE", [handle, x], "AssignVariableOptions")
    return read


def _no_handle(b: TFLiteBuilder, x: int) -> int:
    handle = b.tensor("nobody", (), "RESOURCE")
    return b.node("READ_VARIABLE", [handle], (1, 1, 3), "read", "ReadVariableOptions", 1, "INT8", int8_cases.IN)


def _plain_reader(b: TFLiteBuilder, x: int) -> int:
    memory = b.tensor("memory", (1, 1, 3), "INT8", int8_cases.IN, is_variable=True)
    return b.node("ADD", [x, memory], (1, 1, 3), "sum", "AddOptions", 2, "INT8", int8_cases.IN)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_two_scales, "is a variable read as .*0.100000001.* and written as .*0.050000001"),
        (_no_handle, "nobody: is neither constant"),
        (_plain_reader, "reads 'memory': it is a variable tensor"),
    ],
)
def test_what_is_no_state_is_refused(make: int8_cases.Maker, message: str, tmp_path: Path) -> None:
    """By name, with what was found."""
    b = TFLiteBuilder()
    x = b.tensor("x", (1, 1, 3), "INT8", int8_cases.IN)
    with pytest.raises(ModelError, match=message):
        tinyglow.load(saved(tmp_path, b.build([x], [make(b, x)])))


def test_an_initialization_that_computes_is_refused(tmp_path: Path) -> None:
    """Only constants can be assigned before the first inference."""
    other = first_values()
    other.node("EXP", [0], (1, 4, 3), "computed", "ExpOptions")
    b = TFLiteBuilder()
    x = b.tensor("x", (1, 1, 3))
    model = b.build([x], [ring("FLOAT32", None, True, b, x)], 0, other)
    with pytest.raises(ModelError, match="an initialization by EXP"):
        tinyglow.load(saved(tmp_path, model))
    assert cases.case("variables").model != model


def test_a_state_of_uint8_is_averaged_as_uint8(tmp_path: Path) -> None:
    """Ties go up in files of uint8, whose integers are 128 more: that of a variable's -1 and -2 is -1."""
    quant, shape = Quant([1.0], [128]), (1, 1, 2, 1)
    b = TFLiteBuilder()
    x = b.tensor("x", shape, "UINT8", quant)
    handle = b.node("VAR_HANDLE", [], (), "h", "VarHandleOptions", 1, "RESOURCE", Container="", SharedName="v")
    past = b.node("READ_VARIABLE", [handle], shape, "past", "ReadVariableOptions", 1, "UINT8", quant)
    fields = {"Padding": 1, "StrideH": 1, "StrideW": 1, "FilterHeight": 1, "FilterWidth": 2}
    y = b.node("AVERAGE_POOL_2D", [past], (1, 1, 1, 1), "y", "Pool2DOptions", 1, "UINT8", quant, **fields)
    b.effect("ASSIGN_VARIABLE", [handle, x], "AssignVariableOptions")
    program = program_of(tmp_path, b.build([x], [y]))
    assert [call.kernel.symbol for call in program.calls if "pool" in call.kernel.symbol] == [
        "tg_avg_pool_tflite_ties_up_s8"
    ]
