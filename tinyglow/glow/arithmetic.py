"""Arithmetic with constants: Glow's OptimizeArithmeticNodes, what goes into convolutions and batch normalizations."""

from __future__ import annotations

import numpy as np

from tinyglow.errors import Problem, UnknownInGlowError
from tinyglow.glow.sink import ARITHMETIC
from tinyglow.glow.walk import nodes_as_made, source, swap_in, values
from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Array, Node, Value
from tinyglow.kernels.activation import NO_ACTIVATION
from tinyglow.operators.add import Add
from tinyglow.operators.batch_norm import BatchNormalization
from tinyglow.operators.conv2d import Conv2D
from tinyglow.operators.div import Div
from tinyglow.operators.exp import Exp
from tinyglow.operators.fully_connected import FullyConnected
from tinyglow.operators.glow_nodes import PReluOfSlopes, Splat
from tinyglow.operators.matmul import MatMul
from tinyglow.operators.max import Max
from tinyglow.operators.min import Min
from tinyglow.operators.mul import Mul
from tinyglow.operators.reduce_sum import ReduceSum
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.slice import Slice
from tinyglow.operators.softmax import SoftMax
from tinyglow.operators.sub import Sub
from tinyglow.operators.tile import Tile
from tinyglow.passes.folding import replace_constant


def _splat_of(value: str, edit: GraphEditor) -> float | None:
    node = source(value, edit, Splat)
    return node.op.value if node is not None and isinstance(node.op, Splat) else None


def _simplified(node: Node, edit: GraphEditor) -> Value | None:
    """What the node may be instead: its operands the other way round, or one of them."""
    left, right = node.inputs
    first, second = _splat_of(left, edit), _splat_of(right, edit)
    kind = type(node.op)
    if kind in (Add, Mul, Max, Min) and first is not None and second is None:
        types = (edit.value(node.outputs[0]).type,)
        return edit.add(node.name, node.op, values([right, left], edit), node.origin, types)
    if (kind in (Add, Sub) and second == 0) or (kind in (Mul, Div) and second == 1):
        return edit.value(left)
    if kind is Mul and second == 0:
        return edit.value(right)
    if kind is Div and first == 0:
        return edit.value(left)
    return None


def _in_preorder(edit: GraphEditor) -> list[Node]:
    order: dict[str, Node] = {}
    roots = [node for node in nodes_as_made(edit) if not any(edit.users(name) for name in node.outputs)]
    stack = [node.name for node in reversed(roots)]
    while stack:
        node = edit.node(stack.pop())
        if node is None or node.name in order:
            continue
        order[node.name] = node
        before = [edit.producer(name) for name in reversed(node.inputs)]
        stack += [other.name for other in before if other is not None]
    return list(order.values())


def optimize_arithmetic(edit: GraphEditor) -> bool:
    """OptimizeArithmeticNodes: algebraic identities with Splats."""
    work = [node.name for node in _in_preorder(edit) if type(node.op) in ARITHMETIC]
    changed = False
    while work:
        node = edit.node(work.pop())
        result = _simplified(node, edit) if node is not None else None
        if node is None or result is None:
            continue
        changed = swap_in(node, result, edit)
        made = edit.producer(result.name)
        if made is None:
            continue
        if type(made.op) in ARITHMETIC:
            work.append(made.name)
        before = [edit.producer(name) for name in made.inputs]
        work += [other.name for other in before if other is not None and type(other.op) in ARITHMETIC]
    return changed


def _only_user(value: str, edit: GraphEditor) -> Node | None:
    users = edit.users(value)
    return users[0] if len(users) == 1 and not edit.is_output(value) else None


def _chain(value: str, axis: int, scale: Array, bias: Array, edit: GraphEditor) -> tuple[str, Array, Array]:
    """(end, A, B): arithmetic with constants that makes A * x + B of ``value``, begun with ``scale`` and ``bias``.

    Glow takes the first element along all other dimensions for each index of ``axis``, whether or not the others are
    equal: its check of that compares the element with itself.
    """
    while (user := _only_user(value, edit)) is not None and type(user.op) in (Mul, Add, Sub, Div):
        left, right = user.inputs
        other = edit.value(right if left == value else left)
        types = {edit.value(name).type for name in (left, right, user.outputs[0])}
        if len(types) > 1 or other.data is None or other.data.ndim != 4 or other.type.dtype != "float32":
            break
        terms = other.data[tuple(slice(None) if index == axis else 0 for index in range(4))]
        if (other.data != terms.reshape([-1 if index == axis else 1 for index in range(4)])).any():
            edit.deviations[user.origin] = "Glow takes the first element of its constant for all of a channel"
        if isinstance(user.op, Div):
            scale, bias = scale / terms, bias / terms
        elif isinstance(user.op, Mul):
            scale, bias = scale * terms, bias * terms
        elif isinstance(user.op, Add):
            bias = bias + terms
        elif right == value:
            scale, bias = -scale, terms - bias
        else:
            bias = bias - terms
        value = user.outputs[0]
    return value, scale.astype(np.float32), bias.astype(np.float32)


def fold_arithmetic_below_convolution(node: Node, edit: GraphEditor) -> bool:
    """FoldArithmeticChainUnderConvIntoBN: the arithmetic after a convolution becomes a batch normalization."""
    if type(node.op) is not Conv2D:
        return False
    count = edit.value(node.inputs[2]).type.shape[0]
    one, zero = np.ones(count, np.float32), np.zeros(count, np.float32)
    with np.errstate(all="ignore"):
        end, scale, bias = _chain(node.outputs[0], 3, one, zero, edit)
    if end == node.outputs[0]:
        return False
    statistics = [
        edit.constant(f"{node.name}_BN.{name}", data)
        for name, data in (("scale", scale), ("bias", bias), ("var", one), ("mean", zero))
    ]
    inputs = [edit.value(node.outputs[0]), *statistics[:2], statistics[3], statistics[2]]
    norm = edit.add("BatchNorm", BatchNormalization(3, 0.0), inputs, node.origin)
    edit.redirect(end, norm.name)
    return True


def fold_arithmetic_below_batch_norm(node: Node, edit: GraphEditor) -> bool:
    """FoldBatchNormalizationWithArithmeticChain: the arithmetic after a batch normalization becomes part of it."""
    if not isinstance(node.op, BatchNormalization):
        return False
    scale, bias = (edit.value(name).data for name in node.inputs[1:3])
    if scale is None or bias is None:
        return False
    with np.errstate(all="ignore"):
        end, scale, bias = _chain(node.outputs[0], node.op.axis, scale, bias, edit)
    if end == node.outputs[0]:
        return False
    constants = [edit.constant(name, data) for name, data in zip(node.inputs[1:3], (scale, bias), strict=True)]
    inputs = [edit.value(node.inputs[0]), *constants, *values(node.inputs[3:], edit)]
    norm = edit.add(node.name, node.op, inputs, node.origin)
    edit.redirect(end, norm.name)
    return True


def optimize_batch_norm(node: Node, edit: GraphEditor) -> bool:
    """OptimizeBatchNorm: one that does nothing goes; one after a convolution goes into its filters and bias."""
    if not isinstance(node.op, BatchNormalization):
        return False
    statistics = [data for name in node.inputs[1:] if (data := edit.value(name).data) is not None]
    if len(statistics) < 4:
        return False
    if all((data == data.flat[0]).all() for data in statistics):
        scale, bias, mean, variance = (data.flat[0] for data in statistics)
        if bias == mean and np.sqrt(variance + np.float32(node.op.epsilon)) == scale:
            return swap_in(node, edit.value(node.inputs[0]), edit)
    layer = source(node.inputs[0], edit, Conv2D)
    if layer is None or not isinstance(layer.op, Conv2D) or not edit.has_one_use(node.inputs[0]):
        return False
    filters, terms = (edit.value(name).data for name in layer.inputs[1:])
    if layer.op.activation != NO_ACTIVATION or node.op.axis != 3 or filters is None or terms is None:
        return False
    a, b = node.op.affine(*statistics)
    replace_constant(layer, 1, (filters * a.reshape(-1, 1, 1, 1)).astype(np.float32), edit)
    replace_constant(layer, 2, (terms * a + b).astype(np.float32), edit)
    return swap_in(node, edit.value(layer.outputs[0]), edit)


def _is_constant(value: str, edit: GraphEditor) -> bool:
    """Whether a value depends on no input of the network."""
    if edit.value(value).data is not None:
        return True
    node = edit.producer(value)
    return node is not None and all(_is_constant(name, edit) for name in node.inputs)


def fold_matmul_add(node: Node, edit: GraphEditor) -> bool:
    """FoldMatMulAddIntoFullyConnected: a product plus rows that are all equal."""
    if type(node.op) is not Add:
        return False
    left, right = (source(name, edit, MatMul) for name in node.inputs)
    product = left or right
    bias = edit.value(node.inputs[1] if left is not None else node.inputs[0])
    if product is None or not edit.has_one_use(product.outputs[0]) or len(bias.type.shape) != 2:
        return False
    rows, length = bias.type.shape
    if rows > 1 and (bias.data is None or (bias.data != bias.data[0]).any()):
        return False
    if not all(_is_constant(name, edit) for name in (product.inputs[1], bias.name)):
        found = "a product plus a row, of which Glow makes one layer, with weights or a bias that are computed"
        problem = Problem(f"node {node.origin!r}", found, "constants", "use --graph=tiny")
        raise UnknownInGlowError("Glow's graph of this network cannot be compiled", [problem])
    if rows > 1:
        part = Slice((0, 0), (1, length), (1, 1))
        name = bias.name
        bias = edit.add(f"{name}.slice", part, [bias], node.origin)
        bias = edit.add(f"{name}.reshape", Reshape((length,)), [bias], node.origin)
    else:
        bias = edit.add(f"{bias.name}.reshape", Reshape((length,)), [bias], node.origin)
    inputs = [*values(product.inputs, edit), bias]
    return swap_in(node, edit.add(product.name, FullyConnected(), inputs, product.origin), edit)


def fold_into_softmax(node: Node, edit: GraphEditor) -> bool:
    """FoldExpSumDivIntoSoftmax: powers of e, divided by what comes two nodes after their sum."""
    users = edit.users(node.outputs[0]) if isinstance(node.op, Exp) and edit.uses(node.outputs[0]) == 2 else []
    quotient = next((user for user in users if isinstance(user.op, Div)), None)
    total = next((user for user in users if isinstance(user.op, ReduceSum)), None)
    if quotient is None or total is None or not isinstance(total.op, ReduceSum):
        return False
    repeated = _only_user(total.outputs[0], edit)
    if repeated is None or repeated is quotient or _only_user(repeated.outputs[0], edit) is not quotient:
        return False
    x = edit.value(node.inputs[0])
    if len(x.type.shape) != 2:
        problem = Problem(f"node {quotient.origin!r}", f"a softmax of shape {list(x.type.shape)}", "two dimensions")
        raise UnknownInGlowError("what Glow makes of this network is not known", [problem])
    if total.op.axes != (1,) or quotient.inputs[0] != node.outputs[0]:
        edit.deviations[quotient.origin] = "Glow takes it for a softmax along the last dimension"
    return swap_in(quotient, edit.add("softmax", SoftMax(), [x], quotient.origin), edit)


def _scalar(value: str, edit: GraphEditor) -> float | None:
    while (tile := source(value, edit, Tile)) is not None:
        value = tile.inputs[0]
    data = edit.value(value).data
    if data is not None:
        return float(data.flat[0]) if data.size == 1 else None
    return _splat_of(value, edit)


def fold_leaky_relu(node: Node, edit: GraphEditor) -> bool:
    """FoldLeakyRelu: Max(x, x * number) is a PRelu whose slopes are that number."""
    if not isinstance(node.op, Max):
        return False
    left, right = node.inputs
    product, other = source(right, edit, Mul), left
    if product is None:
        product, other = source(left, edit, Mul), right
    if product is None:
        return False
    slope, factor, multiplied = _scalar(product.inputs[1], edit), left, product.inputs[0]
    if slope is None:
        slope, factor, multiplied = _scalar(product.inputs[0], edit), right, product.inputs[1]
    if slope is None or slope > 1 or factor != other:
        return False
    if multiplied != other:
        edit.deviations[node.origin] = "Glow takes it for a leaky ReLU, whatever the number multiplies"
    shape = edit.value(product.outputs[0]).type.shape
    splat = edit.add(node.name, Splat(slope, shape), [], node.origin)
    return swap_in(node, edit.add(node.name, PReluOfSlopes(), [edit.value(other), splat], node.origin), edit)
