"""Glow's lowering (lib/Optimizer/Lower/Lower.cpp): larger operators as smaller ones, under Glow's names for these.

The CPU backend keeps ReLUs, Clips, LeakyRelus, fully connected layers and convolutions (CPUBackend.cpp, shouldLower);
the profiler lowers everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from tinyglow.errors import Problem, UnknownInGlowError
from tinyglow.glow.walk import nodes_as_made, source, values
from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Graph, Node, Value
from tinyglow.ir.namer import Namer
from tinyglow.kernels.activation import NO_ACTIVATION
from tinyglow.kernels.window import Window
from tinyglow.operators.add import Add
from tinyglow.operators.batch_matmul import BatchMatMul
from tinyglow.operators.batch_norm import BatchNormalization
from tinyglow.operators.batched_add import BatchedAdd
from tinyglow.operators.clip import Clip
from tinyglow.operators.concat import Concat
from tinyglow.operators.conv2d import Conv2D
from tinyglow.operators.div import Div
from tinyglow.operators.fully_connected import FullyConnected
from tinyglow.operators.glow_nodes import Broadcast, ChannelShuffle, Gemm, PReluOfSlopes, Splat
from tinyglow.operators.inserted import InsertedPad, InsertedTile
from tinyglow.operators.leaky_relu import LeakyRelu
from tinyglow.operators.matmul import MatMul
from tinyglow.operators.max import Max
from tinyglow.operators.min import Min
from tinyglow.operators.mul import Mul
from tinyglow.operators.pad import Pad
from tinyglow.operators.pow import Pow
from tinyglow.operators.prelu import PRelu
from tinyglow.operators.reduce_mean import ReduceMean
from tinyglow.operators.reduce_sum import ReduceSum
from tinyglow.operators.relu import Relu
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.slice import Slice
from tinyglow.operators.sub import Sub
from tinyglow.operators.tile import Tile
from tinyglow.operators.transpose import Transpose


@dataclass
class Lowered:
    """A graph under lowering.

    Attributes:
        edit: The graph.
        stands_for: For each value that took the place of another one: that one's name.
    """

    edit: GraphEditor
    stands_for: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, op: object, inputs: list[Value], node: Node) -> Value:
        """A node of the lowered operator."""
        return self.edit.add(name, op, inputs, node.origin)  # type: ignore[arg-type]

    def done(self, node: Node, result: Value) -> None:
        """``result`` takes the place of the node's."""
        self.stands_for.setdefault(result.name, []).append(node.outputs[0])
        self.edit.redirect(node.outputs[0], result.name)


def _gemm(node: Node, low: Lowered) -> None:
    assert isinstance(node.op, Gemm)
    edit, name = low.edit, node.name
    a, b, c = values(node.inputs, edit)
    if node.op.trans_a:
        a = low.add(f"{name}_TransposeA", Transpose((1, 0)), [a], node)
    if node.op.trans_b:
        b = low.add(f"{name}_TransposeB", Transpose((1, 0)), [b], node)
    alpha, beta = node.op.alpha, node.op.beta
    if alpha == beta == 1 and len(c.type.shape) == 1:
        low.done(node, low.add(name, FullyConnected(), [a, b, c], node))
        return
    result = low.add(f"{name}_MatMul", MatMul(), [a, b], node)
    if alpha != 1:
        splat = low.add(f"{name}_AlphaSplat", Splat(alpha, result.type.shape), [], node)
        result = low.add(f"{name}_AlphaMul", Mul(), [splat, result], node)
    zeros = source(c.name, edit, Splat)
    if beta != 0 and not (zeros is not None and isinstance(zeros.op, Splat) and zeros.op.value == 0):
        if beta != 1:
            splat = low.add(f"{name}_BetaSplat", Splat(beta, c.type.shape), [], node)
            c = low.add(f"{name}_BetaMul", Mul(), [splat, c], node)
        op = BatchedAdd() if len(c.type.shape) == 1 else Add()
        result = low.add(f"{name}_AddC", op, [result, c], node)
    low.done(node, result)


def _fully_connected(node: Node, low: Lowered) -> None:
    x, weights, bias = values(node.inputs, low.edit)
    product = low.add(f"{node.name}_dot", MatMul(), [x, weights], node)
    low.done(node, low.add(f"{node.name}_bias", BatchedAdd(), [product, bias], node))


def _relu(node: Node, low: Lowered) -> None:
    x = low.edit.value(node.inputs[0])
    zero = low.add("zero", Splat(0.0, x.type.shape), [], node)
    low.done(node, low.add(f"{node.name}_max", Max(), [zero, x], node))


def _leaky_relu(node: Node, low: Lowered) -> None:
    assert isinstance(node.op, LeakyRelu)
    x = low.edit.value(node.inputs[0])
    slopes = low.add(f"{node.name}_alpha", Splat(node.op.alpha, x.type.shape), [], node)
    low.done(node, low.add(f"{node.name}_prelu", PReluOfSlopes(), [x, slopes], node))


def _prelu(node: Node, low: Lowered) -> None:
    """Select(0 <= x, x, slopes * x); the comparison with a Splat is part of the operator that selects."""
    x, slopes = values(node.inputs, low.edit)
    low.edit.namer.unique("zero")
    low.edit.namer.unique(f"{node.name}_cmplte")
    product = low.add(f"{node.name}_mul", Mul(), [slopes, x], node)
    low.done(node, low.add(f"{node.name}_select", PRelu(), [x, product], node))


def _clip(node: Node, low: Lowered) -> None:
    assert isinstance(node.op, Clip)
    name, x = node.name, low.edit.value(node.inputs[0])
    lowest = low.add(f"{name}.minSplat", Splat(node.op.low, x.type.shape), [], node)
    bounded = low.add(f"{name}.minClip", Max(), [x, lowest], node)
    highest = low.add(f"{name}.maxSplat", Splat(node.op.high, x.type.shape), [], node)
    low.done(node, low.add(name, Min(), [bounded, highest], node))


def _pad(node: Node, low: Lowered) -> None:
    """A Splat into which the tensor is put: one operator here, under the name of the second."""
    assert isinstance(node.op, Pad)
    if node.op.mode != "constant" or min(*node.op.before, *node.op.after) < 0:
        found = f"a Pad of mode {node.op.mode} with {list(node.op.before)} before and {list(node.op.after)} after"
        problem = Problem(node.origin or node.name, found, "a constant of at least no elements", "use --graph=tiny")
        raise UnknownInGlowError("what Glow makes of this network is not known", [problem])
    low.edit.namer.unique(f"{node.name}_pad_const")
    x, type_ = low.edit.value(node.inputs[0]), low.edit.value(node.outputs[0]).type
    op = InsertedPad(node.op.before, node.op.after, node.op.mode, node.op.value)
    low.done(node, low.edit.add(f"{node.name}_insert", op, [x], node.origin, (type_,)))


def _tile(node: Node, low: Lowered) -> None:
    """One operator here too, that is put into what it fills; Glow gives it a number."""
    assert isinstance(node.op, Tile)
    low.edit.namer.unique("init")
    x, type_ = low.edit.value(node.inputs[0]), low.edit.value(node.outputs[0]).type
    low.done(node, low.edit.add(node.name, InsertedTile(node.op.repeats), [x], node.origin, (type_,)))


def _batch_norm(node: Node, low: Lowered) -> None:
    assert isinstance(node.op, BatchNormalization)
    name, axis = node.name, node.op.axis
    x, gamma, beta, mean, variance = values(node.inputs, low.edit)
    shape, channels = x.type.shape, variance.type.shape
    epsilon = low.add(f"{name}_epsilon", Splat(node.op.epsilon, channels), [], node)
    coefficient = low.add(f"{name}_var_plus_eps", Add(), [variance, epsilon], node)
    half = low.add(f"{name}_sqrt_var_plus_eps", Splat(0.5, channels), [], node)
    coefficient = low.add(f"{name}_sqrt_var_plus_eps", Pow(), [coefficient, half], node)
    coefficient = low.add(f"{name}_inverse_sqrt_var_plus_eps", Div(), [gamma, coefficient], node)
    means, factors, terms = (
        low.add(f"{name}_{what}Broadcasted", Broadcast(shape, axis), [value], node)
        for what, value in (("mu", mean), ("coef", coefficient), ("beta", beta))
    )
    result = low.add(f"{name}_in_minus_mean", Sub(), [x, means], node)
    result = low.add(f"{name}_mul_coef", Mul(), [result, factors], node)
    low.done(node, low.add(f"{name}_result", Add(), [result, terms], node))


def _broadcast(node: Node, low: Lowered) -> None:
    assert isinstance(node.op, Broadcast)
    x = low.edit.value(node.inputs[0])
    shape = node.op.aligned(x.type.shape)
    result = low.add(f"{node.name}.reshape", Reshape(shape), [x], node)
    for axis, (size, count) in enumerate(zip(shape, node.op.shape, strict=True)):
        if size == 1 and count != 1:
            repeats = tuple(count if index == axis else 1 for index in range(len(shape)))
            result = low.add(f"{node.name}.tile{axis}", Tile(repeats), [result], node)
    low.done(node, result)


def _channel_shuffle(node: Node, low: Lowered) -> None:
    assert isinstance(node.op, ChannelShuffle)
    name, x, axis, group = node.name, low.edit.value(node.inputs[0]), node.op.kernel, node.op.group
    shape = x.type.shape
    split = (*shape[:axis], group, shape[axis] // group, *shape[axis + 1 :])
    perm = list(range(len(split)))
    perm[axis], perm[axis + 1] = perm[axis + 1], perm[axis]
    parts = low.add(f"{name}.reshape1", Reshape(split), [x], node)
    moved = low.add(f"{name}.transpose", Transpose(tuple(perm)), [parts], node)
    low.done(node, low.add(f"{name}.reshape2", Reshape(shape), [moved], node))


def _reduce_mean(node: Node, low: Lowered) -> None:
    """The first axis alone: the sum over it, divided by a Splat."""
    assert isinstance(node.op, ReduceMean)
    if len(node.op.axes) > 1:
        found = f"a mean over dimensions {list(node.op.axes)}"
        problem = Problem(node.origin or node.name, found, "one dimension, or the image", "use --graph=tiny")
        raise UnknownInGlowError("what Glow makes of this network is not known", [problem])
    x, axis = low.edit.value(node.inputs[0]), node.op.axes[0]
    total = low.add(f"{node.name}.reduceAdd", ReduceSum((axis,)), [x], node)
    count = low.add(f"{node.name}.splat", Splat(float(x.type.shape[axis]), total.type.shape), [], node)
    low.done(node, low.add(f"{node.name}.div", Div(), [total, count], node))


def _batch_matmul(node: Node, low: Lowered) -> None:
    name, (left, right) = node.name, values(node.inputs, low.edit)
    products = []
    for index in range(left.type.shape[0]):
        sides = []
        for side, value in (("A", left), ("B", right)):
            sizes = (1, *value.type.shape[1:])
            part = Slice((index, 0, 0), sizes, (1, 1, 1))
            taken = low.add(f"{name}.slice{side}.{index}", part, [value], node)
            sides.append((taken, sizes[1:]))
        matrices = [low.add(f"{taken.name}.reshape", Reshape(shape), [taken], node) for taken, shape in sides]
        products.append(low.add(f"{name}.MatMul.{index}", MatMul(), matrices, node))
    joined = low.add(f"{name}.concat", Concat(0), products, node)
    shape = low.edit.value(node.outputs[0]).type.shape
    low.done(node, low.add(f"{name}.reshapeResult", Reshape(shape), [joined], node))


def _convolution(node: Node, low: Lowered) -> None:
    """Groups one by one; one over single pixels is a fully connected layer. Others stay."""
    assert isinstance(node.op, Conv2D)
    if node.op.group > 1:
        _grouped(node, node.op, low)
    elif node.op.window == Window((1, 1)) and node.op.activation == NO_ACTIVATION:
        _pointwise(node, low)


def _grouped(node: Node, op: Conv2D, low: Lowered) -> None:
    image, filters, bias = values(node.inputs, low.edit)
    n, height, width, channels = image.type.shape
    count, kernel_h, kernel_w, depth = filters.type.shape
    own = count // op.group
    parts = []
    for group in range(op.group):
        pixels = Slice((0, 0, 0, group * depth), (n, height, width, channels // op.group), (1, 1, 1, 1))
        taps = Slice((group * own, 0, 0, 0), (own, kernel_h, kernel_w, depth), (1, 1, 1, 1))
        terms = Slice((group * own,), (own,), (1,))
        operands = [
            low.add(node.name, part, [value], node) for part, value in ((pixels, image), (taps, filters), (terms, bias))
        ]
        parts.append(low.add(node.name, replace(op, group=1), operands, node))
    low.done(node, low.add(node.name, Concat(3), parts, node))


def _pointwise(node: Node, low: Lowered) -> None:
    image, filters, bias = values(node.inputs, low.edit)
    name, shape, out = node.name, image.type.shape, low.edit.value(node.outputs[0]).type.shape
    rows = low.add(f"{name}_ReshapeInput", Reshape((int(np.prod(shape[:3])), shape[3])), [image], node)
    weights = low.add(
        f"{name}_ReshapeWeights", Reshape((filters.type.shape[0], filters.type.shape[3])), [filters], node
    )
    weights = low.add(f"{name}_TransposeWeights", Transpose((1, 0)), [weights], node)
    result = low.add(name, FullyConnected(), [rows, weights, bias], node)
    low.done(node, low.add(f"{name}_ReshapeOutput", Reshape(out), [result], node))


Lowering = Callable[[Node, Lowered], None]
FOR_BACKEND: Mapping[type, Lowering] = {
    Gemm: _gemm,
    PReluOfSlopes: _prelu,
    Pad: _pad,
    Tile: _tile,
    BatchNormalization: _batch_norm,
    Broadcast: _broadcast,
    ChannelShuffle: _channel_shuffle,
    ReduceMean: _reduce_mean,
    BatchMatMul: _batch_matmul,
}
FOR_PROFILER: Mapping[type, Lowering] = {
    **FOR_BACKEND,
    FullyConnected: _fully_connected,
    Relu: _relu,
    LeakyRelu: _leaky_relu,
    Clip: _clip,
    Conv2D: _convolution,
}


def lower(edit: GraphEditor, lowerings: Mapping[type, Lowering] = FOR_BACKEND) -> Lowered:
    """Lower every node that has a lowering, those that the lowering makes included."""
    low = Lowered(edit)
    for node in nodes_as_made(edit):
        lowering = lowerings.get(type(node.op))
        if lowering is not None:
            lowering(node, low)
    return low


def lower_for_profiler(graph: Graph) -> tuple[Graph, Mapping[str, list[str]]]:
    """The graph that Glow profiles, and for each value the names that it has besides.

    Args:
        graph: The float graph before lowering.

    Returns:
        The graph in the smallest operators; and for each of its values the values that it stands for.
    """
    edit = GraphEditor.of(graph, as_made=True)
    # The profiler copies the function, which so forgets the names of nodes that are gone (Partitioner.cpp).
    edit.namer = Namer(graph.original_names, {*graph.values, *(node.name for node in graph.nodes)})
    low = lower(edit, FOR_PROFILER)
    return edit.finish(), low.stands_for
