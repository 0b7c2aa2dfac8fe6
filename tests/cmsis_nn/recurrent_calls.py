"""Kernel calls for data sets of CMSIS-NN: layers with a memory, matrix products, and int16 functions of rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tests.cmsis_nn.calls import Calls, NotTakenError, pool_sizes
from tests.cmsis_nn.reader import Array, DataSet
from tinyglow.kernels.int16 import packed_bias
from tinyglow.kernels.matmul.matmul import MATMUL, MatMulParams
from tinyglow.kernels.matmul.matmul_s16 import MATMUL_INT16, MatMul16Params
from tinyglow.kernels.pooling.avg_pool_tflite import AVG_POOL_TFLITE_INT16, AvgPoolTfliteParams
from tinyglow.kernels.recurrent.lstm import LSTM_TFLM, LstmParams
from tinyglow.kernels.recurrent.lstm_s16 import LSTM_INT16, Lstm16Params
from tinyglow.kernels.recurrent.svdf import SVDF, SVDF_OF_INT8, SvdfParams
from tinyglow.kernels.softmax.softmax_tflite_s16 import (
    SOFTMAX_TFLITE_INT16,
    SoftMaxTflite16Params,
    inverse_table,
    power_table,
)
from tinyglow.numerics import tflite, tflite_int16
from tinyglow.numerics.epilogues.tflm import TFLM
from tinyglow.numerics.glow import Requant
from tinyglow.testing.case import Case

_GATES = ("input", "forget", "cell", "output")


@dataclass(frozen=True, eq=False)
class SequenceCalls(Calls):
    """Calls one after the other, of which the last one's output is the reference."""

    def outputs(self) -> Iterator[tuple[str, Array]]:
        """See ``Calls``."""
        case = self.cases[-1]
        yield case.kernel.symbol, case.expected()["output"]


def svdf(data: DataSet) -> Calls:
    """SVDF over a sequence, with states of int16 and of int8."""
    state = data.array("state")
    filters, memory = data.number("FEATURE_BATCHES"), data.number("TIME_BATCHES")
    rows, depth, rank = data.number("INPUT_BATCHES"), data.number("INPUT_SIZE"), data.number("RANK")
    params = SvdfParams(
        **{"rows": rows, "depth": depth, "units": filters // rank, "rank": rank, "memory": memory},
        in_offset=data.number("INPUT_OFFSET"),
        state_offset=0,
        out_offset=data.number("OUTPUT_OFFSET"),
        shift=data.number("SHIFT_1"),
        out_shift=data.number("SHIFT_2"),
        multiplier=data.number("MULTIPLIER_IN"),
        out_multiplier=data.number("MULTIPLIER_OUT"),
    )
    if (data.number("OUT_ACTIVATION_MIN"), data.number("OUT_ACTIVATION_MAX")) != (-128, 127):
        raise NotTakenError("an activation of SVDF's result")
    bias = data.arrays.get("biases")
    if bias is None or not bias.size:
        bias = np.zeros(filters // rank, np.int32)
    constants = {"features": data.array("weights_feature"), "times": data.array("weights_time"), "bias": bias}
    kernel = SVDF if state.dtype == np.int16 else SVDF_OF_INT8
    sizes = {"after": state.size, "output": rows * filters // rank}
    cases: list[Case] = []
    for x in data.array("input_sequence").reshape(-1, rows * depth):
        cases.append(Case(kernel, params, {"input": x, "state": state, **constants}, sizes))
        state = cases[-1].expected()["after"].ravel()
    return SequenceCalls(cases)


def lstm(data: DataSet) -> Calls:
    """LSTM from states of zeros; an input's zero point has the other sign here."""
    rows, steps = data.number("BATCH_SIZE"), data.number("TIME_STEPS")
    depth, units = data.number("INPUT_SIZE"), data.number("HIDDEN_SIZE")
    x_offset, h_offset = -data.number("INPUT_ZERO_POINT"), data.number("OUTPUT_ZERO_POINT")
    params = LstmParams(
        **{"rows": rows, "steps": steps, "depth": depth, "units": units},
        time_major=int(data.numbers["TIME_MAJOR"] == "true"),
        cell_bits=15 + data.number("CELL_SCALE_POWER"),
        out_offset=h_offset,
        shift=data.number("OUTPUT_SHIFT"),
        multiplier=data.number("OUTPUT_MULTIPLIER"),
        clip=data.number("CELL_CLIP"),
    )
    weights, recurrent = (
        np.stack([data.array(f"{gate}_gate_{side}_weights").reshape(units, -1) for gate in _GATES])
        for side in ("input", "hidden")
    )
    own = [data.array(f"{gate}_gate_bias") for gate in _GATES]
    bias = np.stack(
        [
            np.stack(own) - x_offset * weights.sum(axis=2, dtype=np.int64),
            -h_offset * recurrent.sum(axis=2, dtype=np.int64),
        ]
    )
    scales = [
        data.number(f"{gate.upper()}_GATE_{side}_{word}")
        for gate in _GATES
        for side in ("INPUT", "HIDDEN")
        for word in ("MULTIPLIER", "SHIFT")
    ]
    inputs = {
        "input": data.array("input_tensor"),
        "hidden": np.full(rows * units, h_offset, np.int8),
        "cell": np.zeros(rows * units, np.int16),
        "weights": weights.ravel(),
        "recurrent": recurrent.ravel(),
        "bias": bias.astype(np.int32).ravel(),
        "scales": np.array(scales, np.int32),
        "table": tflite_int16.sigmoid_table(),
    }
    state = rows * units
    sizes = {"next_hidden": state, "next_cell": state, "output": steps * state}
    return SequenceCalls([Case(LSTM_TFLM, params, inputs, sizes)])


def lstm_int16(data: DataSet) -> Calls:
    """LSTM of int16 from states of zeros, with biases of 64 bits."""
    rows, steps = data.number("BATCH_SIZE"), data.number("TIME_STEPS")
    depth, units = data.number("INPUT_SIZE"), data.number("HIDDEN_SIZE")
    assert (data.number("FORGET_TO_CELL_MULTIPLIER"), data.number("FORGET_TO_CELL_SHIFT")) == (1 << 30, -14)
    params = Lstm16Params(
        **{"rows": rows, "steps": steps, "depth": depth, "units": units},
        time_major=int(data.numbers["TIME_MAJOR"] == "true"),
        cell_bits=15 + data.number("CELL_SCALE_POWER"),
        shift=data.number("OUTPUT_SHIFT"),
        added_shift=data.number("INPUT_TO_CELL_SHIFT"),
        multiplier=data.number("OUTPUT_MULTIPLIER"),
        added_multiplier=data.number("INPUT_TO_CELL_MULTIPLIER"),
        clip=data.number("CELL_CLIP"),
    )
    weights, recurrent = (
        np.stack([data.array(f"{gate}_gate_{side}_weights").reshape(units, -1) for gate in _GATES])
        for side in ("input", "hidden")
    )
    scales = [
        tflite.reduced(
            tflite.Multiplier(*(data.number(f"{gate.upper()}_GATE_{side}_{word}") for word in ("MULTIPLIER", "SHIFT")))
        )
        for gate in _GATES
        for side in ("INPUT", "HIDDEN")
    ]
    state = rows * units
    inputs = {
        "input": data.array("input_tensor"),
        "hidden": np.zeros(state, np.int16),
        "cell": np.zeros(state, np.int16),
        "weights": weights.ravel(),
        "recurrent": recurrent.ravel(),
        "bias": packed_bias(
            np.stack([data.array(f"{gate}_gate_bias") for gate in _GATES]).astype(np.int64).ravel(), True
        ),
        "scales": np.array(scales, np.int32).ravel(),
        "table": tflite_int16.sigmoid_table(),
    }
    sizes = {"next_hidden": state, "next_cell": state, "output": steps * state}
    return SequenceCalls([Case(LSTM_INT16, params, inputs, sizes)])


def _sides(data: DataSet) -> tuple[dict[str, Array], tuple[int, int, int, int]]:
    """Both operands of a product with the matrices as the kernel takes them; batch, rows, depth, columns."""
    batch = (data.number("OUTPUT_BATCH"), data.number("OUTPUT_HEIGHT"))
    found = {}
    for side, axis in (("lhs", "X"), ("rhs", "Y")):
        shape = [data.number(f"{side.upper()}_{name}") for name in ("BATCH", "HEIGHT", "ROWS", "COLS")]
        array = data.array(f"{side}_input_tensor").reshape(shape)
        array = array.swapaxes(2, 3) if data.number(f"ADJ_{axis}") else array
        found[side] = np.broadcast_to(array, (*batch, *array.shape[2:]))
    (rows, depth), columns = found["lhs"].shape[2:], found["rhs"].shape[3]
    flat = {side: np.ascontiguousarray(array).ravel() for side, array in found.items()}
    return flat, (batch[0] * batch[1], rows, depth, columns)


def batch_matmul(data: DataSet) -> Calls:
    """Products of int8 matrices."""
    inputs, sizes = _sides(data)
    shift = data.number("OUTPUT_SHIFT")
    own = max(shift, 0), max(-shift, 0)
    out = Requant(1 + own[0], own[1], data.number("OUTPUT_MULTIPLIER"), data.number("OUTPUT_OFFSET"))
    offsets = (-data.number("LHS_OFFSET"), -data.number("RHS_OFFSET"))
    params = MatMulParams(*sizes, *offsets, out)
    return Calls([Case(MATMUL.with_epilogue(TFLM), params, inputs, {"output": sizes[0] * sizes[1] * sizes[3]})])


def batch_matmul_s16(data: DataSet) -> Calls:
    """Products of int16 matrices."""
    inputs, sizes = _sides(data)
    by = tflite.Multiplier(data.number("OUTPUT_MULTIPLIER"), data.number("OUTPUT_SHIFT"))
    params = MatMul16Params(*sizes, *tflite.reduced(by))
    return Calls([Case(MATMUL_INT16, params, inputs, {"output": sizes[0] * sizes[1] * sizes[3]})])


def average_pool_s16(data: DataSet) -> Calls:
    """Average pools, int16."""
    sizes, count = pool_sizes(data)
    bounds = data.number("ACTIVATION_MIN"), data.number("ACTIVATION_MAX")
    inputs = {"input": data.array("input_tensor", "input")}
    return Calls([Case(AVG_POOL_TFLITE_INT16, AvgPoolTfliteParams(*sizes, *bounds), inputs, {"output": count})])


def softmax_s16(data: DataSet) -> Calls:
    """Softmax, int16."""
    rows, columns = data.number("NUM_ROWS"), data.number("ROW_SIZE")
    params = SoftMaxTflite16Params(rows, columns, data.number("INPUT_MULT"), data.number("INPUT_LEFT_SHIFT"))
    inputs = {"input": data.array("input"), "powers": power_table(), "inverses": inverse_table(of_micro=True)}
    return Calls([Case(SOFTMAX_TFLITE_INT16, params, inputs, {"output": rows * columns})])
