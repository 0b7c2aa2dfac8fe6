"""How an LSTM of integers becomes a kernel call: LiteRT's int8 with a cell of int16."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Lowering, UnsupportedError
from tinyglow.ir.types import QuantParams
from tinyglow.kernels.recurrent.lstm import GATES, LSTM_TFLITE, LSTM_TFLM, LstmParams
from tinyglow.numerics import tflite_int16
from tinyglow.numerics.names import HINT, TFLM
from tinyglow.numerics.tflite import float_ratio, multiplier_of

_GATE_STEP = 2.0**-12  # of what goes into a gate's function
_MOST_CELL_BITS = 6  # that LiteRT has a tanh of


def lower_lstm(node: Node, lowering: Lowering) -> None:
    """Emit the call (lstm_eval.cc; unidirectional_sequence_lstm.cc of TensorFlow Lite Micro with CMSIS-NN)."""
    op: Any = node.op
    is_micro = lowering.numerics == TFLM
    types = [lowering.type_of(name) for name in node.inputs]
    dtypes = [type_.dtype for type_ in types]
    if dtypes != ["int8", "int8", "int16", *["int8"] * 8, *["int32"] * 4] or not all(type_.quant for type_ in types):
        raise UnsupportedError(f"an LSTM of {', '.join(dtypes)}", "int8 with a cell of int16, biases of int32", HINT)
    x, hidden, cell, *weights = (type_.quant or QuantParams(1.0, 0) for type_ in types)
    if any(quant.offset for quant in (cell, *weights)):
        raise UnsupportedError("a cell or weights with offsets", "integers about zero", HINT)
    log = math.log2(cell.scale)
    cell_bits = 15 + round(log)
    if abs(log - round(log)) >= 1e-3 or not 0 <= cell_bits <= _MOST_CELL_BITS:
        raise UnsupportedError(f"a cell in steps of {cell.scale:g}", "2**-15 to 2**-9", HINT)
    if is_micro and op.clip <= 0:  # its kernel bounds the cell in any case: to nothing
        raise UnsupportedError("an LSTM without cell_clip", "one with it, for CMSIS-NN", HINT)
    try:
        scales = [
            _words(source, weights[4 * side + gate]) for gate in range(GATES) for side, source in ((0, x), (1, hidden))
        ]
        shown = 2.0**-30 / hidden.scale if is_micro else float_ratio(2.0**-15, hidden.scale, 2.0**-15)
        out = multiplier_of(shown)
    except ValueError as error:
        raise UnsupportedError(str(error), "scales of ordinary size", HINT) from error
    rows, units = types[1].shape
    steps = types[0].shape[0 if op.time_major else 1]
    params = LstmParams(
        **{"rows": rows, "steps": steps, "depth": types[0].shape[2], "units": units},
        time_major=int(op.time_major),
        cell_bits=cell_bits,
        out_offset=hidden.offset,
        shift=out.shift,
        multiplier=out.multiplier,
        clip=int(min(op.clip / cell.scale, 32767.0)) if op.clip > 0 else 0,
    )
    data = [lowering.data_of(name) for name in node.inputs[3:]]
    table = tflite_int16.sigmoid_table() if is_micro else np.zeros(1, np.uint16)
    constants = {
        "weights": np.stack(data[:4]),
        "recurrent": np.stack(data[4:8]),
        "bias": _biases(data, x.offset, hidden.offset),
        "scales": np.array(scales, np.int32),
        "table": table,
    }
    operands = [*map(lowering.buffer, node.inputs[:3])]
    operands += [lowering.constant(f"{node.name}_{name}", item) for name, item in constants.items()]
    operands += [lowering.buffer(node.outputs[place]) for place in (1, 2, 0)]
    lowering.call(LSTM_TFLM if is_micro else LSTM_TFLITE, operands, params)


def _words(source: QuantParams, weights: QuantParams) -> tuple[int, int]:
    by = multiplier_of(float_ratio(source.scale, _GATE_STEP, weights.scale))
    return by.multiplier, by.shift


def _biases(data: list[Array], x_offset: int, hidden_offset: int) -> Array:
    """int32 [2, 4, units]: biases less what the offsets of input and hidden state add. Raises UnsupportedError."""
    of_input = [
        bias - x_offset * own.astype(np.int64).sum(axis=1) for bias, own in zip(data[8:], data[:4], strict=True)
    ]
    of_state = [-hidden_offset * own.astype(np.int64).sum(axis=1) for own in data[4:8]]
    whole = np.stack([np.stack(of_input), np.stack(of_state)])
    if np.abs(whole).max() >= 2**31:
        raise UnsupportedError("biases that leave 32 bits with the input's offset", "smaller ones", HINT)
    return whole.astype(np.int32)
