"""LSTM in int8 with a cell of int16: as LiteRT computes it, and as TensorFlow Lite Micro does with CMSIS-NN."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I8, I32, U8, U16, In, Kernel, Out, Params
from tinyglow.ir.numbers import Number, Numbers
from tinyglow.ir.record import Record
from tinyglow.kernels.intermediates import Ends, scaled_twice
from tinyglow.kernels.recurrent import ranges
from tinyglow.numerics import gemmlowp, tflite, tflite_int16
from tinyglow.numerics.tflite import IntArray, Multiplier

GATES = 4  # input, forget, cell, output
_INT16_MIN, _INT16_MAX = -(2**15), 2**15 - 1
_GATE_BITS = 3  # integer bits of what goes into a gate's function


class LstmParams(Params):
    """Sizes: input [rows, steps, depth], or [steps, rows, depth] (time_major); the states are [rows, units].

    The cell is in steps of 2**(cell_bits - 15); ``clip`` bounds it where it is above 0. Its tanh times the output gate
    comes to the hidden state by ``multiplier`` and ``shift``, with ``out_offset``.
    """

    rows: U16
    steps: U16
    depth: U16
    units: U16
    time_major: U8
    cell_bits: I8
    out_offset: I8
    shift: I8
    multiplier: I32
    clip: I32


Functions = Callable[[IntArray, int], IntArray]


class _Arithmetic(Record):
    """What differs between the two: functions of integers with so many integer bits, and a product / 2**shift."""

    sigmoid: Functions
    tanh: Functions
    product: Callable[[IntArray, int], IntArray]


def _of_litert() -> _Arithmetic:
    return _Arithmetic(gemmlowp.INT16.logistic, gemmlowp.INT16.tanh, tflite.divide_by_power)


def table_argument(x: IntArray, cell_bits: int) -> IntArray:
    """A number with so many integer bits in steps of the sigmoid's table (arm_nn_activation_s16)."""
    left = cell_bits - _GATE_BITS
    return tflite_int16.scaled_argument(x, 3 << max(left, 0), max(-left, 0))


def _of_micro(table: Array) -> _Arithmetic:
    def product(x: IntArray, shift: int) -> IntArray:
        return tflite.scaled_twice(x, Multiplier(1 << 30, 1 - shift))

    return _Arithmetic(
        lambda x, bits: tflite_int16.sigmoid(table_argument(x, bits), table),
        lambda x, bits: tflite_int16.tanh(table_argument(x, bits), table),
        product,
    )


def _bounded(x: IntArray) -> IntArray:
    return np.clip(x, _INT16_MIN, _INT16_MAX)


def _scaled_sums(x: IntArray, weights: Array, bias: Array, multiplier: int, shift: int) -> IntArray:
    """x [..., depth] times weights [units, depth], scaled; C bounds these, too."""
    sums = (x @ weights.T.astype(np.int64) + bias).astype(np.int32).astype(np.int64)
    return np.clip(tflite.scaled_twice(sums, Multiplier(multiplier, shift)), -(1 << 20), 1 << 20)


def _lstm(
    p: LstmParams,
    arithmetic: _Arithmetic,
    operands: Sequence[Array],
    outputs: Sequence[Array],
) -> None:
    x, hidden, cell, weights, recurrent, bias, scales = operands
    shape = (p.steps, p.rows, p.depth) if p.time_major else (p.rows, p.steps, p.depth)
    values = x.reshape(-1, *shape).astype(np.int64)
    values = values if p.time_major else values.swapaxes(1, 2)
    h, c = (state.reshape(-1, p.rows, p.units).astype(np.int64) for state in (hidden, cell))
    own = weights.reshape(GATES, p.units, p.depth), recurrent.reshape(GATES, p.units, p.units)
    terms, words = bias.reshape(2, GATES, p.units), scales.reshape(GATES, 4).tolist()
    results = []
    for step in range(p.steps):
        gates = []
        for gate, (by, shift, by_state, shift_state) in enumerate(words):
            first = _bounded(_scaled_sums(values[:, step], own[0][gate], terms[0, gate], by, shift))
            total = _bounded(first + _scaled_sums(h, own[1][gate], terms[1, gate], by_state, shift_state))
            gates.append((arithmetic.tanh if gate == 2 else arithmetic.sigmoid)(total, _GATE_BITS))
        kept = _bounded(arithmetic.product(gates[1] * c, 15))
        c = _bounded(kept + arithmetic.product(gates[0] * gates[2], 15 + p.cell_bits))
        c = np.clip(c, -p.clip, p.clip) if p.clip > 0 else c
        shown = arithmetic.tanh(c, p.cell_bits) * gates[3]
        result = tflite.scaled_twice(shown, Multiplier(p.multiplier, p.shift)) + p.out_offset
        h = tflite.saturate_int8(result).astype(np.int64)
        results.append(h)
    whole = np.stack(results, axis=1 if p.time_major else 2)
    for array, value in zip(outputs, (h, c, whole), strict=True):
        array[...] = value.astype(array.dtype).reshape(array.shape)


def lstm_tflite(p: LstmParams, *operands: Array) -> None:
    """Definition of tg_lstm_tflite_s8 (lstm_eval.cc, LstmStepInteger8x8_16)."""
    _lstm(p, _of_litert(), operands[:7], operands[8:])


def lstm_tflm(p: LstmParams, *operands: Array) -> None:
    """Definition of tg_lstm_tflm_s8 (arm_nn_lstm_step_s8)."""
    _lstm(p, _of_micro(operands[7][0]), operands[:7], operands[8:])


def function_numbers(name: str, bits: int, table: Array | None) -> tuple[Numbers, Ends]:
    """The numbers of a sigmoid or tanh of any int16 with so many integer bits, and its results."""
    if table is None:
        inside, ends = ranges.fixed_point_function(name, bits)
        return {"inside": Number(*inside)}, Ends(*ends)
    left = bits - _GATE_BITS
    multiplier, half = 3 << max(left, 0), (1 << max(-left, 0)) >> 1
    argument = Number(_INT16_MIN * multiplier + half, _INT16_MAX * multiplier + half)
    arguments = table_argument(np.arange(_INT16_MIN, _INT16_MAX + 1), bits)
    return ranges.table_function(name, arguments, argument, table)


def _sums(p: LstmParams, constants: Sequence[Array | None]) -> Numbers:
    """The sums of all gates' products, each before its scale; and of both of a gate together."""
    weights, recurrent, bias, scales = (np.asarray(constants[place]) for place in range(3, 7))
    words = scales.reshape(GATES, 2, 2).tolist()
    sums, inputs, both = [], [], []
    for gate in range(GATES):
        sides = []
        for side, own in enumerate((weights, recurrent)):
            rows = own.reshape(GATES, p.units, -1)[gate]
            total = ranges.row_sums(rows, bias.reshape(2, GATES, p.units)[side, gate], (-128, 127))
            inside, result = ranges.scaled(total, *words[gate][side])
            sums.append(ranges.wrapping(total))
            inputs.append(inside)
            sides.append(ranges.bounded(result, (-(1 << 20), 1 << 20)))
        both.append(ranges.bounded(sides[0], (_INT16_MIN, _INT16_MAX)).plus(sides[1]).number())
    return {"sum": ranges.joined(sums), "input": ranges.joined(inputs), "gate": ranges.joined(both)}


def _numbers(p: LstmParams, constants: Sequence[Array | None], by_table: bool) -> Numbers:
    """Sums of a gate's products; what functions compute on the way; the cell's parts; the result."""
    numbers, table = dict(_sums(p, constants)), constants[7] if by_table else None
    results = []
    for name, kind, bits in (
        ("sigmoid", "logistic", _GATE_BITS),
        ("tanh", "tanh", _GATE_BITS),
        ("shown", "tanh", p.cell_bits),
    ):
        own, ends = function_numbers(kind, bits, table)
        numbers |= {f"{name} {part}": number for part, number in own.items()}
        results.append(ends)
    sigmoid, tanh, shown = results
    cell = Ends(_INT16_MIN, _INT16_MAX)
    kept, added, product = sigmoid.times(cell), sigmoid.times(tanh), shown.times(sigmoid)
    parts = [_product(x, shift, by_table) for x, shift in ((kept, 15), (added, 15 + p.cell_bits))]
    return numbers | {
        "kept": parts[0][0],
        "added": parts[1][0],
        "cell": ranges.bounded(parts[0][1], (_INT16_MIN, _INT16_MAX)).plus(parts[1][1]).number(),
        "result": scaled_twice(product, p.multiplier, p.shift)[0],
    }


def _product(x: Ends, shift: int, by_table: bool) -> tuple[Number, Ends]:
    """A product / 2**shift: the number, and the result."""
    if by_table:
        return scaled_twice(x, 1 << 30, 1 - shift)
    low, high = (int(tflite.divide_by_power(np.array(end), shift)) for end in (x.low, x.high))
    return x.number(), x.made(low, high)


LSTM_TFLITE = Kernel(
    symbol="tg_lstm_tflite_s8",
    c_file="recurrent/tg_lstm_tflite_s8.c",
    params=LstmParams,
    operands=(
        In("input", "int8"),
        In("hidden", "int8"),
        In("cell", "int16"),
        In("weights", "int8"),
        In("recurrent", "int8"),
        In("bias", "int32"),
        In("scales", "int32"),
        In("table", "uint16"),
        Out("next_hidden", "int8", may_alias="hidden"),
        Out("next_cell", "int16", may_alias="cell"),
        Out("output", "int8"),
    ),
    reference=lstm_tflite,
    summary="LSTM with a cell of int16, as LiteRT computes it",
    table_numbers_of=lambda p, constants: _numbers(p, constants, by_table=False),
    scratch=lambda p: 2 * GATES * p.units,
)
LSTM_TFLM = LSTM_TFLITE.with_settings(
    "tg_lstm_tflm_s8",
    {"TG_BY_TABLE": "1"},
    reference=lstm_tflm,
    summary="LSTM with a cell of int16, as TensorFlow Lite Micro computes it with CMSIS-NN",
    table_numbers_of=lambda p, constants: _numbers(p, constants, by_table=True),
)
