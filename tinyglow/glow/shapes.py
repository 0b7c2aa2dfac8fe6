"""What moves no data or does nothing: Glow's EliminateNoop, OptimizeReshape, OptimizeClips and their like."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyglow.glow.walk import note_bounds_apart, source, swap_in
from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Node
from tinyglow.kernels.window import Window
from tinyglow.operators.avg_pool import AvgPool
from tinyglow.operators.clip import Clip
from tinyglow.operators.conv2d import Conv2D
from tinyglow.operators.glow_nodes import Broadcast, ChannelShuffle, Splat
from tinyglow.operators.logic import Select
from tinyglow.operators.max_pool import MaxPool
from tinyglow.operators.pad import Pad
from tinyglow.operators.quantize import Quantize
from tinyglow.operators.reduce_mean import ReduceMean
from tinyglow.operators.relu import Relu
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.resize_bilinear import ResizeBilinear
from tinyglow.operators.resize_nearest import ResizeNearest
from tinyglow.operators.slice import Slice
from tinyglow.operators.tile import Tile
from tinyglow.operators.transpose import Transpose
from tinyglow.operators.window import NCHW_TO_NHWC, NHWC_TO_NCHW


def eliminate_noop(node: Node, edit: GraphEditor) -> bool:
    """EliminateNoop: pads, slices, tiles and broadcasts to the same shape, pools over single elements, no choices."""
    if isinstance(node.op, Select):
        return _eliminate_choice(node, edit)
    if type(node.op) in (AvgPool, MaxPool):
        assert isinstance(node.op, AvgPool | MaxPool)
        needless = replace(node.op.window, dilation=(1, 1)) == Window((1, 1))
    elif type(node.op) in (Pad, Slice, Tile, Broadcast):
        needless = edit.value(node.inputs[0]).type == edit.value(node.outputs[0]).type
        needless &= not isinstance(node.op, Slice) or min(node.op.steps) > 0
    else:
        return False
    return needless and swap_in(node, edit.value(node.inputs[0]), edit)


def _eliminate_choice(node: Node, edit: GraphEditor) -> bool:
    """A Select by truth values that are all the same."""
    condition = edit.value(node.inputs[2]).data
    if condition is None or (condition != condition.flat[0]).any():
        return False
    return swap_in(node, edit.value(node.inputs[0 if condition.flat[0] else 1]), edit)


def transpose_into_reshape(node: Node, edit: GraphEditor) -> bool:
    """OptimizeTransposeIntoReshape: a transpose that moves no data is a reshape."""
    if not isinstance(node.op, Transpose):
        return False
    x, type_ = edit.value(node.inputs[0]), edit.value(node.outputs[0]).type
    if node.op.moves_data(x.type.shape):
        return False
    return swap_in(node, edit.add(node.name, Reshape(type_.shape), [x], node.origin, (type_,)), edit)


def optimize_reshape(node: Node, edit: GraphEditor) -> bool:
    """OptimizeReshape: to the same shape, of a Splat, of a reshape, of a constant."""
    if not isinstance(node.op, Reshape):
        return False
    x, type_ = edit.value(node.inputs[0]), edit.value(node.outputs[0]).type
    if x.type.shape == type_.shape:
        swap_in(node, x, edit)
        return False
    splat = source(x.name, edit, Splat)
    if splat is not None and isinstance(splat.op, Splat) and edit.has_one_use(x.name):
        op = Splat(splat.op.value, type_.shape)
        return swap_in(node, edit.add(splat.name, op, [], splat.origin, (type_,)), edit)
    before = source(x.name, edit, Reshape)
    if before is not None and edit.has_one_use(x.name):
        return swap_in(node, edit.add(node.name, node.op, [edit.value(before.inputs[0])], node.origin, (type_,)), edit)
    quantize = source(x.name, edit, Quantize)
    constant = edit.value(quantize.inputs[0]) if quantize is not None else x
    if constant.data is None or (quantize is not None and not edit.has_one_use(x.name)):
        return False
    data = constant.data.reshape(type_.shape)
    moved = edit.constant(constant.name, data, replace(constant.type, shape=type_.shape))
    if quantize is not None:
        moved = edit.add(quantize.name, Quantize(), [moved], quantize.origin, (type_,))
    return swap_in(node, moved, edit)


def transpose_constant(node: Node, edit: GraphEditor) -> bool:
    """TransposeConstants: of a constant, or of a quantized one, at once."""
    if not isinstance(node.op, Transpose):
        return False
    type_ = edit.value(node.outputs[0]).type
    quantize = source(node.inputs[0], edit, Quantize)
    constant = edit.value(quantize.inputs[0] if quantize is not None else node.inputs[0])
    if constant.data is None or (quantize is not None and not edit.has_one_use(node.inputs[0])):
        return False
    data = np.ascontiguousarray(constant.data.transpose(node.op.perm))
    moved = edit.constant(constant.name, data, replace(constant.type, shape=type_.shape))
    if quantize is not None:
        moved = edit.add(quantize.name, Quantize(), [moved], quantize.origin, (type_,))
    return swap_in(node, moved, edit)


def merge_pad_into_convolution(node: Node, edit: GraphEditor) -> bool:
    """MergePadIntoConvolution: zeros around the image are padding of the convolution."""
    pad = source(node.inputs[0], edit, Pad) if type(node.op) is Conv2D else None
    if pad is None or not isinstance(pad.op, Pad) or not isinstance(node.op, Conv2D):
        return False
    before, after = pad.op.before, pad.op.after
    if pad.op.mode != "constant" or pad.op.value != 0 or not edit.has_one_use(node.inputs[0]):
        return False
    window = node.op.window
    pads = tuple(own + more for own, more in zip(window.pads, (*before[1:3], *after[1:3]), strict=True))
    if any((before[0], before[3], after[0], after[3])) or min(pads) < 0:
        return False
    op = replace(node.op, window=replace(window, pads=(pads[0], pads[1], pads[2], pads[3])))
    inputs = [edit.value(name) for name in (pad.inputs[0], *node.inputs[1:])]
    return swap_in(node, edit.add(node.name, op, inputs, node.origin, (edit.value(node.outputs[0]).type,)), edit)


def optimize_small_convolution(node: Node, edit: GraphEditor) -> bool:
    """OptimizeSmallConv: whose result is one pixel: the rows and columns of the filters that see padding alone go."""
    if type(node.op) is not Conv2D or not isinstance(node.op, Conv2D):
        return False
    window, out = node.op.window, edit.value(node.outputs[0]).type
    if out.shape[1:3] != (1, 1) or window.dilation != (1, 1):
        return False
    _, height, width, _ = edit.value(node.inputs[0]).type.shape
    smaller = window
    if replace(window, strides=(1, 1)).output_size(height, width) == (1, 1):
        smaller = replace(window, strides=(1, 1))
    filters = edit.value(node.inputs[1])
    if filters.data is not None and smaller.strides == (1, 1) and any(window.pads):
        top, left, bottom, right = window.pads
        count, kernel_h, kernel_w, channels = filters.type.shape
        sizes = (count, kernel_h - bottom - top, kernel_w - right - left, channels)
        part = Slice((0, top, left, 0), sizes, (1, 1, 1, 1))
        filters = edit.add(filters.name, part, [filters], node.origin)
        smaller = Window((height, width))
    if smaller == window:
        return False
    inputs = [edit.value(node.inputs[0]), filters, edit.value(node.inputs[2])]
    op = replace(node.op, window=smaller)
    return swap_in(node, edit.add(node.name, op, inputs, node.origin, (out,)), edit)


def optimize_reduce_mean(node: Node, edit: GraphEditor) -> bool:
    """OptimizeReduceMean: over the last two of four dimensions it is an AvgPool."""
    if not isinstance(node.op, ReduceMean) or node.op.axes != (2, 3):
        return False
    x, type_ = edit.value(node.inputs[0]), edit.value(node.outputs[0]).type
    if len(x.type.shape) != 4:
        return False
    moved = edit.add(f"{node.name}.transposeNCHW2NHWC", Transpose(NCHW_TO_NHWC), [x], node.origin)
    pool = AvgPool(Window((x.type.shape[2], x.type.shape[3])), count_include_pads=True)
    mean = edit.add(f"{node.name}.avgPool", pool, [moved], node.origin)
    back = edit.add(f"{node.name}.transposeNHWC2NCHW", Transpose(NHWC_TO_NCHW), [mean], node.origin)
    return swap_in(node, edit.add(f"{node.name}.reshape", Reshape(type_.shape), [back], node.origin), edit)


def optimize_resize(node: Node, edit: GraphEditor) -> bool:
    """OptimizeResize: to the same size it does nothing; dimensions of size 1 are repeated instead."""
    if not isinstance(node.op, ResizeNearest | ResizeBilinear):
        return False
    x, type_ = edit.value(node.inputs[0]), edit.value(node.outputs[0]).type
    if x.type == type_:
        return swap_in(node, x, edit)
    single = [axis for axis, size in enumerate(x.type.shape) if size == 1 and type_.shape[axis] > 1]
    if not single:
        return False
    sizes = tuple(1 if axis in single else size for axis, size in enumerate(type_.shape))
    result = x
    if sizes != x.type.shape:
        # Of the sizes, whatever the model says (Function::createResizeNearest with a result's type).
        scales = tuple(float(np.float32(size) / np.float32(old)) for size, old in zip(sizes, x.type.shape, strict=True))
        op = replace(node.op, sizes=sizes, scales=scales)
        result = edit.add(node.name, op, [x], node.origin, (replace(type_, shape=sizes),))
    for number, axis in enumerate(reversed(single)):
        repeats = tuple(type_.shape[axis] if index == axis else 1 for index in range(len(sizes)))
        result = edit.add(f"{node.name}.Tile.{number}", Tile(repeats), [result], node.origin)
    return swap_in(node, result, edit)


def optimize_splat(node: Node, edit: GraphEditor) -> bool:
    """OptimizeSplat: a slice of a Splat, or bounds on one, is a Splat."""
    splat = source(node.inputs[0], edit, Splat) if isinstance(node.op, Slice | Clip) else None
    if splat is None or not isinstance(splat.op, Splat):
        return False
    type_ = edit.value(node.outputs[0]).type
    if isinstance(node.op, Slice):
        op = Splat(splat.op.value, type_.shape)
        return swap_in(node, edit.add(node.name, op, [], node.origin, (type_,)), edit)
    assert isinstance(node.op, Clip)
    value = min(max(splat.op.value, node.op.low), node.op.high)
    if value == splat.op.value:
        return swap_in(node, edit.value(splat.outputs[0]), edit)
    op = Splat(value, type_.shape)
    types = (edit.value(splat.outputs[0]).type,)
    return swap_in(node, edit.add(f"{splat.name}{node.name}", op, [], node.origin, types), edit)


def optimize_clips(node: Node, edit: GraphEditor) -> bool:
    """OptimizeClips: Clip(Clip(x)) and Clip(Relu(x)) are one Clip."""
    before = source(node.inputs[0], edit, Clip, Relu) if isinstance(node.op, Clip) else None
    if before is None or not isinstance(node.op, Clip):
        return False
    if isinstance(before.op, Clip):
        name, bounds = before.name, Clip(max(before.op.low, node.op.low), min(before.op.high, node.op.high))
    else:
        name, bounds = f"{node.name}_relu", Clip(max(0.0, node.op.low), node.op.high)
    note_bounds_apart(bounds, node, edit)
    return swap_in(node, edit.add(name, bounds, [edit.value(before.inputs[0])], node.origin), edit)


def fold_channel_shuffle(node: Node, edit: GraphEditor) -> bool:
    """FoldChannelShuffle: Reshape, Transpose, Reshape that splits a dimension in two.

    Glow does not look at the permutation.
    """
    transpose = source(node.inputs[0], edit, Transpose) if isinstance(node.op, Reshape) else None
    first = source(transpose.inputs[0], edit, Reshape) if transpose is not None else None
    if first is None:
        return False
    x, split = edit.value(first.inputs[0]), edit.value(first.outputs[0]).type.shape
    shape = x.type.shape
    if x.type != edit.value(node.outputs[0]).type or len(split) != len(shape) + 1:
        return False
    kernel = next((axis for axis in range(len(shape)) if shape[axis] != split[axis]), None)
    if kernel is None or split[kernel] * split[kernel + 1] != shape[kernel]:
        return False
    assert transpose is not None and isinstance(transpose.op, Transpose)
    swapped = list(range(len(split)))
    swapped[kernel], swapped[kernel + 1] = kernel + 1, kernel
    if transpose.op.perm != tuple(swapped):
        edit.deviations[transpose.origin] = "Glow takes it for a channel shuffle, whatever its permutation"
    op = ChannelShuffle(split[kernel], kernel)
    return swap_in(node, edit.add("channel_shuffle", op, [x], node.origin), edit)
