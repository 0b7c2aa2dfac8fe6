"""What each operator becomes in a stream."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tinyglow.ir.graph import Value
from tinyglow.ir.op import Op, UnsupportedError
from tinyglow.ir.types import QuantParams
from tinyglow.kernels.window import Window
from tinyglow.operators.avg_pool import AvgPool, ImageMean
from tinyglow.operators.batch_matmul import BatchMatMul
from tinyglow.operators.cast import Cast
from tinyglow.operators.concat import Concat
from tinyglow.operators.conv2d import Conv2D
from tinyglow.operators.dequantize import Dequantize
from tinyglow.operators.element_function import IntLookupTable
from tinyglow.operators.fully_connected import FullyConnected
from tinyglow.operators.generic.fold import Fold
from tinyglow.operators.matmul import MatMul
from tinyglow.operators.max_pool import MaxPool
from tinyglow.operators.pad import Pad
from tinyglow.operators.quantize import Quantize
from tinyglow.operators.reduce import Reduce
from tinyglow.operators.rescale import Rescale
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.slice import Slice
from tinyglow.operators.softmax import SoftMax
from tinyglow.operators.transpose import Transpose
from tinyglow.passes.stream.build import Stream, with_size
from tinyglow.passes.stream.flow import Sliding

_NOT_CAUSAL = "reads all elements along the stream's dimension at once"


def _refused(stream: Stream, why: str = _NOT_CAUSAL) -> UnsupportedError:
    """The node cannot be in a stream."""
    return UnsupportedError(f"{stream.node.op.kind} {why}", "operators that read what came before")


def _without_padding(window: Window, way: int) -> Window:
    pads = list(window.pads)
    pads[way] = pads[way + 2] = 0
    top, left, bottom, right = pads
    return replace(window, pads=(top, left, bottom, right))


def _slide(stream: Stream, window: Window, before: float, make: Callable[[Window], Op]) -> None:
    """A window over images [n, h, w, c] whose height or width the stream is. before: what it reads of padding."""
    flow = stream.flows[stream.node.inputs[0]]
    way = flow.axis - 1
    if way not in (0, 1):
        raise _refused(stream)
    pads = window.pads[way], window.pads[way + 2]
    sliding = Sliding(window.kernel[way], window.strides[way], window.dilation[way], pads)
    value, result = stream.windows(sliding, before)
    constants = [stream.constant(name) for name in stream.node.inputs[1:]]
    stream.give(make(_without_padding(window, way)), [value, *constants], result)


def _conv(stream: Stream, op: Op) -> None:
    assert isinstance(op, Conv2D)
    if any(name in stream.flows for name in stream.node.inputs[1:]):
        raise _refused(stream, "has filters that come in the stream")
    _slide(stream, op.window, 0.0, lambda window: replace(op, window=window))


def _max_pool(stream: Stream, op: Op) -> None:
    assert isinstance(op, MaxPool)
    type_ = stream.graph.type_of(stream.node.inputs[0])
    lowest = float(np.finfo(np.float32).min)
    if type_.quant is not None:
        lowest = type_.quant.scale * (np.iinfo(type_.dtype).min - type_.quant.offset)
    way = stream.flows[stream.node.inputs[0]].axis - 1
    if way in (0, 1) and op.window.pads[way] >= op.window.extent(way):
        raise _refused(stream, "has windows that lie in the padding")
    _slide(stream, op.window, lowest, lambda window: replace(op, window=window))


def _avg_pool(stream: Stream, op: Op) -> None:
    assert isinstance(op, AvgPool)
    way = stream.flows[stream.node.inputs[0]].axis - 1
    if isinstance(op, ImageMean):
        raise _refused(stream)
    if way in (0, 1) and op.window.pads[way] and not op.count_include_pads:
        raise _refused(stream, "leaves padding out of its means")
    _slide(stream, op.window, 0.0, lambda window: replace(op, window=window))


def _reshape(stream: Stream, op: Op) -> None:
    """Other dimensions may be joined and split on either side of the stream's."""
    flow, shape = stream.flows[stream.node.inputs[0]], stream.shape(stream.node.inputs[0])
    outer, target = math.prod(shape[: flow.axis]), stream.shape(stream.node.outputs[0])
    places = [n for n, size in enumerate(target) if size == flow.length and math.prod(target[:n]) == outer]
    if not places:
        raise _refused(stream, f"joins the stream's dimension with others: {list(shape)} to {list(target)}")
    moved = replace(flow, axis=places[0])
    stream.give(Reshape(with_size(target, moved.axis, moved.count)), [stream.values[stream.node.inputs[0]]], moved)


def _transpose(stream: Stream, op: Op) -> None:
    assert isinstance(op, Transpose)
    flow = stream.flows[stream.node.inputs[0]]
    stream.give(op, [stream.values[stream.node.inputs[0]]], replace(flow, axis=op.perm.index(flow.axis)))


def _slice(stream: Stream, op: Op) -> None:
    """Along the stream a slice drops elements at the ends, or takes every so many."""
    assert isinstance(op, Slice)
    name = stream.node.inputs[0]
    flow, shape = stream.flows[name], stream.shape(name)
    start, size, step = (field[flow.axis] for field in (op.starts, op.sizes, op.steps))
    if step < 1:
        raise _refused(stream, "turns the stream round")
    dropped = shape[flow.axis] - start - (size - 1) * step - 1
    value = stream.values[name]
    if step == 1:
        result = flow.padded(-start, -dropped, 0.0, stream.node.origin)
    else:
        value, result = stream.windows(Sliding(1, step, 1, (-start, -dropped)), 0.0)
    taken = {
        axis: range(op.starts[axis], op.starts[axis] + op.sizes[axis] * op.steps[axis], op.steps[axis])
        for axis in range(len(shape))
        if axis != flow.axis
    }
    if step > 1:
        taken[flow.axis] = range(0, value.type.shape[flow.axis], step)
    part = Slice.along(value.type.shape, taken)
    if part == Slice.along(value.type.shape, {}):
        stream.same(result)
    else:
        stream.give(part, [value], result)


def _pad(stream: Stream, op: Op) -> None:
    """Padding before the sequence is what states begin with; that after it is never met."""
    assert isinstance(op, Pad)
    flow = stream.flows[stream.node.inputs[0]]
    before, after = op.before[flow.axis], op.after[flow.axis]
    if op.mode != "constant" and (before > 0 or after > 0):
        raise _refused(stream, f"pads the stream by {op.mode}")
    result = flow.padded(before, after, op.value, stream.node.origin)
    amounts = [tuple(0 if n == flow.axis else size for n, size in enumerate(ends)) for ends in (op.before, op.after)]
    if any(map(any, amounts)):
        stream.give(replace(op, before=amounts[0], after=amounts[1]), [stream.values[stream.node.inputs[0]]], result)
    else:
        stream.same(result)


def _concat(stream: Stream, op: Op) -> None:
    """Side by side; or constants before the sequence, as padding."""
    assert isinstance(op, Concat)
    flowing = [name for name in stream.node.inputs if name in stream.flows]
    if stream.flows[flowing[0]].axis != op.axis:
        if len(flowing) != len(stream.node.inputs):
            raise _refused(stream, "joins the stream with what is the same in every call")
        values, flow = stream.aligned(flowing)
        stream.give(op, [values[name] for name in stream.node.inputs], flow)
        return
    *before, last = stream.node.inputs
    rows = [stream.graph.values[name] for name in before]
    if len(flowing) > 1 or last != flowing[0] or any(row.data is None for row in rows):
        raise _refused(stream, "joins sequences one after the other")
    numbers = {_real(float(number), row.type.quant) for row in rows if row.data is not None for number in row.data.flat}
    if len(numbers) != 1:
        raise _refused(stream, "begins the sequence with different numbers")
    count = sum(row.type.shape[op.axis] for row in rows)
    stream.values[stream.node.outputs[0]] = stream.values[last]
    stream.flows[stream.node.outputs[0]] = stream.flows[last].padded(count, 0, numbers.pop(), stream.node.origin)


def _real(number: float, quant: QuantParams | None) -> float:
    return number if quant is None else quant.scale * (number - quant.offset)


def _rows(stream: Stream, op: Op) -> None:
    """Each row by itself; the stream is a dimension before the last, of the first operand."""
    first, *others = stream.node.inputs
    flow = stream.flows.get(first)
    if flow is None or flow.axis >= len(stream.shape(first)) - 1 or any(name in stream.flows for name in others):
        raise _refused(stream)
    if isinstance(op, BatchMatMul) and flow.axis == 0 and len(stream.shape(first)) == 3:
        raise _refused(stream, "has the stream as its batch")
    stream.give(op, [stream.values[first], *(stream.constant(name) for name in others)], flow)


def _reduce(stream: Stream, op: Op) -> None:
    """Totals along other dimensions, which are left out of the result."""
    axes = op.axes if isinstance(op, Reduce) else (1,)
    flow, shape = stream.flows[stream.node.inputs[0]], stream.shape(stream.node.inputs[0])
    if flow.axis in axes:
        raise _refused(stream)
    gone = len(shape) != len(stream.shape(stream.node.outputs[0]))
    axis = flow.axis - sum(other < flow.axis for other in axes) * gone
    stream.give(op, [stream.values[stream.node.inputs[0]]], replace(flow, axis=axis, fill=None))


def _each(stream: Stream, op: Op) -> None:
    """A function of elements at the same place. What is the same in every call must not change along the stream."""
    names = stream.node.inputs
    values, flow = stream.aligned([name for name in dict.fromkeys(names) if name in stream.flows])
    rank, target = len(stream.shape(names[0])), len(stream.shape(stream.node.outputs[0]))
    back = next(len(stream.shape(name)) - stream.flows[name].axis for name in names if name in stream.flows)
    for name in names:
        if name not in stream.flows:
            values[name] = _steady(stream, name, back, flow.count)
    stream.give(op, [values[name] for name in names], replace(flow, axis=max(rank, target) - back))


def _steady(stream: Stream, name: str, back: int, count: int) -> Value:
    """An operand that does not flow, as long along the stream as what a call gives."""
    shape = stream.shape(name)
    axis = len(shape) - back
    if axis < 0 or shape[axis] == 1:
        return stream.constant(name)
    data = stream.graph.values[name].data
    if data is None or (data != data.take([0], axis)).any():
        raise _refused(stream, "has an operand that changes along the stream")
    short = np.ascontiguousarray(data.take(range(count), axis, mode="clip"))
    source = stream.graph.values[name]
    return stream.edit.constant(f"{name}_part", short, source.type.reshaped(tuple(short.shape)))


RULES: dict[type, Callable[[Stream, Op], None]] = {
    Conv2D: _conv,
    MaxPool: _max_pool,
    AvgPool: _avg_pool,
    Reshape: _reshape,
    Transpose: _transpose,
    Slice: _slice,
    Pad: _pad,
    Concat: _concat,
    FullyConnected: _rows,
    MatMul: _rows,
    BatchMatMul: _rows,
    SoftMax: _rows,
    Reduce: _reduce,
    Fold: _reduce,
    Quantize: _each,
    Dequantize: _each,
    Rescale: _each,
    Cast: _each,
    IntLookupTable: _each,
}


def follow(stream: Stream) -> None:
    """Add what stands for the stream's node. Raises UnsupportedError for what no stream can compute."""
    node = stream.node
    if not any(name in stream.flows for name in node.inputs):
        stream.give(node.op, [stream.constant(name) for name in node.inputs], None)
        return
    rule = next((RULES[kind] for kind in type(node.op).__mro__ if kind in RULES), None)
    if rule is None and not node.op.elementwise:
        raise _refused(stream, "has no form in a stream")
    (rule or _each)(stream, node.op)
