"""How an LSTM of integers becomes a kernel call: LiteRT's int8 with a cell of int16, TensorFlow Lite Micro's int16."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Lowering, UnsupportedError
from tinyglow.ir.types import QuantParams
from tinyglow.kernels.int16 import packed_bias
from tinyglow.kernels.recurrent.lstm import GATES, LSTM_TFLITE, LSTM_TFLM, LstmParams
from tinyglow.kernels.recurrent.lstm_s16 import LSTM_INT16, Lstm16Params
from tinyglow.numerics import tflite_int16, wide
from tinyglow.numerics.names import HINT, TFLM
from tinyglow.numerics.tflite import float_ratio, multiplier_of, reduced

_GATE_STEP = 2.0**-12  # of what goes into a gate's function
_MOST_CELL_BITS = 6  # that LiteRT has a tanh of


def lower_lstm(node: Node, lowering: Lowering) -> None:
    """Emit the call (lstm_eval.cc; unidirectional_sequence_lstm.cc of TensorFlow Lite Micro with CMSIS-NN)."""
    op: Any = node.op
    is_micro = lowering.numerics == TFLM
    types = [lowering.type_of(name) for name in node.inputs]
    dtypes = [type_.dtype for type_ in types]
    if dtypes == ["int16"] * 3 + ["int8"] * 8 + ["int64"] * 4:
        lower_lstm_int16(node, lowering)
        return
    if dtypes != ["int8", "int8", "int16", *["int8"] * 8, *["int32"] * 4] or not all(type_.quant for type_ in types):
        raise UnsupportedError(
            f"an LSTM of {', '.join(dtypes)}", "int8 with int32 biases, or int16 with int64 ones", HINT
        )
    x, hidden, cell, *weights = (type_.quant or QuantParams(1.0, 0) for type_ in types)
    if any(quant.offset for quant in (cell, *weights)):
        raise UnsupportedError("a cell or weights with offsets", "integers about zero", HINT)
    cell_bits = _cell_bits(cell)
    if is_micro:
        _require_clip(op)
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


def _cell_bits(cell: QuantParams) -> int:
    """Integer bits of a cell, whose scale is a power of two. Raises UnsupportedError."""
    log = math.log2(cell.scale)
    bits = 15 + round(log)
    if abs(log - round(log)) >= 1e-3 or not 0 <= bits <= _MOST_CELL_BITS:
        raise UnsupportedError(f"a cell in steps of {cell.scale:g}", "2**-15 to 2**-9", HINT)
    return bits


def _require_clip(op: Any) -> None:
    """CMSIS-NN's kernels bound the cell in any case: without a clip, to nothing. Raises UnsupportedError."""
    if op.clip <= 0:
        raise UnsupportedError("an LSTM without cell_clip", "one with it, for CMSIS-NN", HINT)


def lower_lstm_int16(node: Node, lowering: Lowering) -> None:
    """Emit the call of int16 values, int8 weights and biases of 64 bits, which TensorFlow Lite Micro alone has."""
    op: Any = node.op
    types = [lowering.type_of(name) for name in node.inputs]
    x, hidden, cell, *weights = (type_.quant or QuantParams(1.0, 0) for type_ in types)
    if any(quant.offset for quant in (x, hidden, cell, *weights)):
        raise UnsupportedError("integers with offsets", "integers about zero", HINT)
    _require_clip(op)
    cell_bits = _cell_bits(cell)
    try:
        scales = [
            reduced(multiplier_of(float_ratio(source.scale, _GATE_STEP, weights[4 * side + gate].scale)))
            for gate in range(GATES)
            for side, source in ((0, x), (1, hidden))
        ]
        out, added = multiplier_of(2.0**-30 / hidden.scale), multiplier_of(2.0**-30 / cell.scale)
    except ValueError as error:
        raise UnsupportedError(str(error), "scales of ordinary size", HINT) from error
    rows, units = types[1].shape
    params = Lstm16Params(
        **{
            "rows": rows,
            "steps": types[0].shape[0 if op.time_major else 1],
            "depth": types[0].shape[2],
            "units": units,
        },
        time_major=int(op.time_major),
        cell_bits=cell_bits,
        shift=out.shift,
        added_shift=added.shift,
        multiplier=out.multiplier,
        added_multiplier=added.multiplier,
        clip=int(min(op.clip / cell.scale, 32767.0)),
    )
    data = [lowering.data_of(name) for name in node.inputs[3:]]
    bias = np.stack(data[8:]).astype(np.int64)
    if np.abs(bias).max() >= wide.MAX_SUM // 2:
        raise UnsupportedError("biases beyond 2**45", "smaller ones", HINT)
    constants = {
        "weights": np.stack(data[:4]),
        "recurrent": np.stack(data[4:8]),
        "bias": packed_bias(bias.ravel(), is_wide=True),
        "scales": np.array(scales, np.int32),
        "table": tflite_int16.sigmoid_table(),
    }
    operands = [*map(lowering.buffer, node.inputs[:3])]
    operands += [lowering.constant(f"{node.name}_{name}", item) for name, item in constants.items()]
    operands += [lowering.buffer(node.outputs[place]) for place in (1, 2, 0)]
    lowering.call(LSTM_INT16, operands, params)


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
