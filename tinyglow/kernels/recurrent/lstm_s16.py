"""LSTM of int16 values and int8 weights, as TensorFlow Lite Micro computes it with CMSIS-NN. LiteRT has none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import I8, I32, U8, U16, In, Kernel, Out, Params
from tinyglow.ir.numbers import Numbers
from tinyglow.kernels.int16 import unpacked_bias
from tinyglow.kernels.intermediates import Ends, scaled_twice
from tinyglow.kernels.recurrent import ranges
from tinyglow.kernels.recurrent.lstm import GATES, function_numbers, table_argument
from tinyglow.numerics import tflite, tflite_int16, wide
from tinyglow.numerics.tflite import IntArray, Multiplier

_GATE_BITS = 3  # integer bits of what goes into a gate's function


class Lstm16Params(Params):
    """Sizes: input [rows, steps, depth], or [steps, rows, depth] (time_major); the states are [rows, units].

    The cell is in steps of about 2**(cell_bits - 15), and ``clip`` bounds it. The product of input and cell gate comes
    to it by ``added_multiplier`` and ``added_shift``; its tanh times the output gate comes to the hidden state by
    ``multiplier`` and ``shift``.
    """

    rows: U16
    steps: U16
    depth: U16
    units: U16
    time_major: U8
    cell_bits: I8
    shift: I8
    added_shift: I8
    multiplier: I32
    added_multiplier: I32
    clip: I32


def _bounded(x: IntArray) -> IntArray:
    return np.clip(x, wide.INT16_MIN, wide.INT16_MAX)


def lstm_s16(
    p: Lstm16Params,
    x: Array,
    hidden: Array,
    cell: Array,
    weights: Array,
    recurrent: Array,
    bias: Array,
    scales: Array,
    table: Array,
    *outputs: Array,
) -> None:
    """Definition of tg_lstm_tflm_s16 (arm_nn_lstm_step_s16)."""
    shape = (p.steps, p.rows, p.depth) if p.time_major else (p.rows, p.steps, p.depth)
    values = x.reshape(-1, *shape).astype(np.int64)
    values = values if p.time_major else values.swapaxes(1, 2)
    h, c = (state.reshape(-1, p.rows, p.units).astype(np.int64) for state in (hidden, cell))
    own = weights.reshape(GATES, p.units, p.depth), recurrent.reshape(GATES, p.units, p.units)
    terms, words = unpacked_bias(bias, GATES * p.units).reshape(GATES, p.units), scales.reshape(GATES, 2, 2).tolist()
    entries, results = table[0], []
    for step in range(p.steps):
        gates = []
        for gate in range(GATES):
            sums = wide.accumulate(values[:, step], own[0][gate].T) + terms[gate]
            past = wide.scaled(wide.accumulate(h, own[1][gate].T), *words[gate][1])
            first = _bounded(wide.scaled(sums, *words[gate][0]).astype(np.int64))
            argument = table_argument(_bounded(first + past), _GATE_BITS)
            gates.append((tflite_int16.tanh if gate == 2 else tflite_int16.sigmoid)(argument, entries))
        kept = _bounded(tflite.scaled_twice(gates[1] * c, Multiplier(1 << 30, -14)))
        added = tflite.scaled_twice(gates[0] * gates[2], Multiplier(p.added_multiplier, p.added_shift))
        c = np.clip(kept + added, -p.clip, p.clip)
        shown = tflite_int16.tanh(table_argument(c, p.cell_bits), entries) * gates[3]
        h = _bounded(tflite.scaled_twice(shown, Multiplier(p.multiplier, p.shift)))
        results.append(h)
    whole = np.stack(results, axis=1 if p.time_major else 2)
    for array, value in zip(outputs, (h, c, whole), strict=True):
        array[...] = value.astype(array.dtype).reshape(array.shape)


def _numbers(p: Lstm16Params, constants: Sequence[Array | None]) -> Numbers:
    """Sums of a gate's products and what is shifted of them; what functions compute; the cell's parts; the result."""
    weights, recurrent, bias, scales = (np.asarray(constants[place]) for place in range(3, 7))
    words = scales.reshape(GATES, 2, 2).tolist()
    terms = unpacked_bias(bias, GATES * p.units).reshape(GATES, p.units)
    sums, products = [], []
    for gate in range(GATES):
        for side, (own, start) in enumerate(((weights, terms[gate]), (recurrent, np.zeros(p.units, np.int64)))):
            limits = (wide.INT16_MIN, wide.INT16_MAX)
            total = ranges.row_sums(own.reshape(GATES, p.units, -1)[gate], start, limits)
            multiplier, shift = words[gate][side]
            half = (1 << shift) >> 1
            sums.append(total.number(64))
            products.append(total.made(total.low * multiplier + half, total.high * multiplier + half).number(64))
    numbers = {"sum": ranges.joined(sums), "product": ranges.joined(products)}
    results = []
    for name, kind, bits in (
        ("sigmoid", "logistic", _GATE_BITS),
        ("tanh", "tanh", _GATE_BITS),
        ("shown", "tanh", p.cell_bits),
    ):
        own_numbers, ends = function_numbers(kind, bits, np.asarray(constants[7]))
        numbers |= {f"{name} {part}": number for part, number in own_numbers.items()}
        results.append(ends)
    sigmoid, tanh, shown = results
    return numbers | {
        "kept": scaled_twice(sigmoid.times(Ends(wide.INT16_MIN, wide.INT16_MAX)), 1 << 30, -14)[0],
        "added": scaled_twice(sigmoid.times(tanh), p.added_multiplier, p.added_shift)[0],
        "result": scaled_twice(shown.times(sigmoid), p.multiplier, p.shift)[0],
    }


LSTM_INT16 = Kernel(
    symbol="tg_lstm_tflm_s16",
    c_file="recurrent/tg_lstm_tflm_s16.c",
    params=Lstm16Params,
    operands=(
        In("input", "int16"),
        In("hidden", "int16"),
        In("cell", "int16"),
        In("weights", "int8"),
        In("recurrent", "int8"),
        In("bias", "int32"),
        In("scales", "int32"),
        In("table", "uint16"),
        Out("next_hidden", "int16", may_alias="hidden"),
        Out("next_cell", "int16", may_alias="cell"),
        Out("output", "int16"),
    ),
    reference=lstm_s16,
    summary="LSTM of int16, as TensorFlow Lite Micro computes it with CMSIS-NN",
    table_numbers_of=_numbers,
    scratch=lambda p: 2 * GATES * p.units,
    sum_bits=64,
)
