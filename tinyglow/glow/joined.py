"""Tensors put together and taken apart: Glow's passes over Concats, slices, and products with a common side."""

from __future__ import annotations

import math

from tinyglow.glow.walk import each, nodes_as_made, source, swap_in, values
from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Node, Value
from tinyglow.ir.types import Shape
from tinyglow.operators.batch_matmul import BatchMatMul
from tinyglow.operators.concat import Concat
from tinyglow.operators.dequantize import Dequantize
from tinyglow.operators.glow_nodes import Broadcast
from tinyglow.operators.matmul import MatMul
from tinyglow.operators.quantize import Quantize
from tinyglow.operators.rescale import Rescale
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.slice import Slice
from tinyglow.operators.tile import Tile
from tinyglow.operators.transpose import Transpose


def _merged(node: Node, op: Concat, edit: GraphEditor) -> Value | None:
    """With the inputs of inputs that are joined along the same dimension, and used once."""
    inputs: list[str] = []
    for name in node.inputs:
        inner = source(name, edit, Concat)
        inputs += inner.inputs if inner is not None and inner.op == op and edit.uses(name) == 1 else [name]
    if len(inputs) == len(node.inputs):
        return None
    return edit.add(node.name, op, values(inputs, edit), node.origin, (edit.value(node.outputs[0]).type,))


def _starts(node: Node) -> Shape:
    assert isinstance(node.op, Slice)
    return node.op.starts


def _sizes(node: Node) -> Shape:
    assert isinstance(node.op, Slice)
    return node.op.sizes


def _consecutive(one: Node, other: Node, axis: int) -> bool:
    """Whether ``other`` begins where ``one`` ends along ``axis``, and they are the same part along all others."""
    if one.inputs != other.inputs or len(_starts(one)) <= axis:
        return False
    return all(
        (begin + size == after) if index == axis else (begin == after and size == _sizes(other)[index])
        for index, (begin, size, after) in enumerate(zip(_starts(one), _sizes(one), _starts(other), strict=True))
    )


def _spanning(slices: list[Node], axis: int, edit: GraphEditor) -> list[Node]:
    """Those of ``slices`` that together are all of what they are taken of, in order; none if they are not."""
    last = next((part for part in slices if _starts(part)[axis] == 0), None)
    if last is None:
        return []
    order, added = [last], True
    while added:
        added = False
        for part in slices:
            if _consecutive(order[-1], part, axis):
                order.append(part)
                added = True
    whole = edit.value(order[-1].inputs[0]).type.shape
    ends = tuple(begin + size for begin, size in zip(_starts(order[-1]), _sizes(order[-1]), strict=True))
    return order if ends == whole and len(order) > 1 else []


def _of_slices(node: Node, op: Concat, edit: GraphEditor) -> Value | None:
    """The tensor whose consecutive slices the inputs are."""
    slices = [part for name in node.inputs if (part := source(name, edit, Slice)) is not None]
    order = _spanning(slices, op.axis, edit) if slices else []
    if not order or order != slices:
        return None
    whole = edit.value(order[0].inputs[0])
    return whole if whole.type == edit.value(node.outputs[0]).type else None


def _same_dimension(shape: Shape, before: int, behind: int) -> int | None:
    """The dimension before which the others have ``before`` elements, and behind which they have ``behind``."""
    for axis in reversed(range(len(shape))):
        if math.prod(shape[axis + 1 :]) == behind and math.prod(shape[:axis]) == before:
            return axis
    return None


def _of_reshapes(node: Node, op: Concat, edit: GraphEditor) -> Value | None:
    """Concat(Reshape(x), Reshape(y)) is Reshape(Concat(x, y)), where the order of elements stays."""
    reshapes = [source(name, edit, Reshape) for name in node.inputs]
    inputs = [edit.value(reshape.inputs[0]) for reshape in reshapes if reshape is not None]
    ranks = {len(value.type.shape) for value in inputs}
    if len(inputs) < len(node.inputs) or len(ranks) > 1 or reshapes[0] is None:
        return None
    shape = edit.value(node.inputs[0]).type.shape
    axis = _same_dimension(inputs[0].type.shape, math.prod(shape[: op.axis]), math.prod(shape[op.axis + 1 :]))
    if axis is None or any(
        value.type.shape[:axis] + value.type.shape[axis + 1 :]
        != inputs[0].type.shape[:axis] + inputs[0].type.shape[axis + 1 :]
        for value in inputs
    ):
        return None
    joined = edit.add(node.name, Concat(axis), inputs, node.origin)
    type_ = edit.value(node.outputs[0]).type
    return edit.add(reshapes[0].name, Reshape(type_.shape), [joined], node.origin)


def optimize_concat(node: Node, edit: GraphEditor) -> bool:
    """OptimizeConcatNodes."""
    if not isinstance(node.op, Concat):
        return False
    for simplify in (_merged, _of_slices, _of_reshapes):
        result = simplify(node, node.op, edit)
        if result is not None:
            return swap_in(node, result, edit)
    return len(node.inputs) == 1 and swap_in(node, edit.value(node.inputs[0]), edit)


def eliminate_concat_slice(node: Node, edit: GraphEditor) -> bool:
    """EliminateConcatSlice: slices that are a Concat's inputs again."""
    if not isinstance(node.op, Concat):
        return False
    slices = [user for user in edit.users(node.outputs[0]) if isinstance(user.op, Slice)]
    order = _spanning(slices, node.op.axis, edit) if slices else []
    if not order or len(order) != len(slices) or len(order) != len(node.inputs):
        return False
    if any(_sizes(part) != edit.value(name).type.shape for part, name in zip(order, node.inputs, strict=True)):
        return False
    for part, name in zip(order, node.inputs, strict=True):
        edit.redirect(part.outputs[0], name)
    return True


def _runs(node: Node, edit: GraphEditor) -> list[tuple[int, list[Node]]]:
    """The inputs of a Concat that are slices side by side, with the dimension along which they are."""
    runs: list[tuple[int, list[Node]]] = []
    current: list[Node] = []
    axis = -1
    for name in node.inputs:
        part = source(name, edit, Slice)
        if part is None or edit.uses(name) > 1:
            runs += [(axis, current)] if current else []
            current, axis = [], -1
            continue
        found = -1
        if current:
            shape = _starts(part)
            found = next((index for index in range(len(shape)) if _consecutive(current[-1], part, index)), -1)
            if found == -1:
                runs.append((axis, current))
                current = []
        axis = found
        current.append(part)
    return [*runs, (axis, current)] if current else runs


def _merged_slice(node: Node, op: Concat, axis: int, slices: list[Node], edit: GraphEditor) -> Value | None:
    """One slice in place of several, moved as the Concat has them."""
    behind, before = axis == op.axis + 1, axis == op.axis - 1
    if len(slices) < 2 or (axis != op.axis and (not (behind or before) or _sizes(slices[0])[axis] != 1)):
        return None
    if (behind and len(slices) <= 3) or (before and len(slices) <= 2):
        return None
    first, last = slices[0], slices[-1]
    sizes = tuple(
        begin + size - start for start, begin, size in zip(_starts(first), _starts(last), _sizes(last), strict=True)
    )
    part = Slice(_starts(first), sizes, (1,) * len(sizes))
    result = edit.add(first.name, part, [edit.value(first.inputs[0])], first.origin)
    if axis == op.axis:
        return result
    shape = list(sizes)
    shape[op.axis], shape[axis] = shape[op.axis] * shape[axis], 1
    stem = result.name
    if behind:
        perm = list(range(len(sizes)))
        perm[axis], perm[op.axis] = perm[op.axis], perm[axis]
        result = edit.add(f"{stem}_Transpose", Transpose(tuple(perm)), [result], node.origin)
    return edit.add(f"{stem}_Reshape", Reshape(tuple(shape)), [result], node.origin)


def _eliminate_slice_concat(node: Node, edit: GraphEditor) -> bool:
    assert isinstance(node.op, Concat)
    replaced: dict[str, str] = {}
    for axis, slices in _runs(node, edit):
        merged = _merged_slice(node, node.op, axis, slices, edit)
        if merged is not None:
            replaced |= {part.outputs[0]: merged.name for part in slices}
    inputs: list[str] = []
    last = ""  # what stands for several slices in a row stands there once
    for name in node.inputs:
        if name not in replaced:
            last = ""
            inputs.append(name)
        elif replaced[name] != last:
            last = replaced[name]
            inputs.append(last)
    if len(inputs) == len(node.inputs):
        return bool(replaced)
    return swap_in(node, edit.add(node.name, node.op, values(inputs, edit), node.origin), edit)


def eliminate_slice_concat(edit: GraphEditor) -> bool:
    """EliminateSliceConcat: from the last node to the first."""
    changed = False
    for node in reversed([node for node in nodes_as_made(edit) if isinstance(node.op, Concat)]):
        changed |= _eliminate_slice_concat(node, edit)
    return changed


def _merge_products(edit: GraphEditor, shared: int) -> bool:
    """Float products with one operand (number ``shared``) in common are one large product."""
    groups: dict[str, list[Node]] = {}
    for node in nodes_as_made(edit):
        if type(node.op) is MatMul and edit.value(node.outputs[0]).type.quant is None:
            groups.setdefault(node.inputs[shared], []).append(node)
    changed = False
    for common, products in groups.items():
        if len(products) > 1:
            changed |= _merge_group(common, products, shared, edit)
    return changed


def _merge_group(common: str, products: list[Node], shared: int, edit: GraphEditor) -> bool:
    own, axis = 1 - shared, 0 if shared else 1
    chosen: list[Node] = []
    for node in products:
        if not any(_depends(node.inputs[own], other.inputs[own], edit) for other in chosen):
            chosen.append(node)
    if len(chosen) < 2:
        return False
    operands = values([node.inputs[own] for node in chosen], edit)
    joined = edit.add(f"{operands[0].name}_merge", Concat(axis), operands, chosen[0].origin)
    sides = [joined, edit.value(common)] if shared else [edit.value(common), joined]
    product = edit.add(f"{chosen[0].name}_bigMatMul", MatMul(), sides, chosen[0].origin)
    begin = 0
    for node in chosen:
        sizes = edit.value(node.outputs[0]).type.shape
        starts = (begin, 0) if axis == 0 else (0, begin)
        part = edit.add(f"{node.name}_extract", Slice(starts, sizes, (1, 1)), [product], node.origin)
        begin += sizes[axis]
        edit.redirect(node.outputs[0], part.name)
    return True


# How far Glow looks for a dependency; beyond, it takes it that there is one.
_DEPTH = 6


def _depends(one: str, other: str, edit: GraphEditor, depth: int = _DEPTH) -> bool:
    """Whether one of two values may be computed of the other."""
    return _reaches(one, other, edit, depth) or _reaches(other, one, edit, depth)


def _reaches(value: str, target: str, edit: GraphEditor, depth: int) -> bool:
    if value == target:
        return True
    node = edit.producer(value)
    if node is None or not node.inputs:
        return False
    return depth == 0 or any(_reaches(name, target, edit, depth - 1) for name in node.inputs)


def merge_products_of_columns(edit: GraphEditor) -> bool:
    """MergeMatMulOnLHS: products with the same right-hand side."""
    return _merge_products(edit, 1)


def merge_products_of_rows(edit: GraphEditor) -> bool:
    """MergeMatMulOnRHS: products with the same left-hand side."""
    return _merge_products(edit, 0)


def unstack_broadcast_product(node: Node, edit: GraphEditor) -> bool:
    """ConvertBroadcastedBatchMatMul: by one matrix that is repeated, all rows are multiplied at once."""
    repeated = source(node.inputs[1], edit, Tile, Broadcast) if isinstance(node.op, BatchMatMul) else None
    if repeated is None:
        return False
    columns = edit.value(repeated.inputs[0])
    axis = repeated.op.axis if isinstance(repeated.op, Broadcast) else _tiled_axis(repeated)
    if axis != 0 or columns.type.shape[0] != 1:
        return False
    count, rows, depth = edit.value(node.inputs[0]).type.shape
    width = edit.value(node.inputs[1]).type.shape[2]
    name, origin = node.name, node.origin
    if columns.type.shape != (1, depth, width):
        columns = edit.add(repeated.name, Broadcast((1, depth, width), 0), [columns], repeated.origin)
    stack = Reshape((count * rows, depth))
    left = edit.add(f"{name}.reshapeLHS", stack, [edit.value(node.inputs[0])], origin)
    right = edit.add(f"{name}.squeezedRHS.reshape", Reshape((depth, width)), [columns], origin)
    product = edit.add(name, MatMul(), [left, right], origin)
    return swap_in(node, edit.add(f"{name}.reshapeResult", Reshape((count, rows, width)), [product], origin), edit)


def _tiled_axis(node: Node) -> int:
    assert isinstance(node.op, Tile)
    return next((axis for axis, count in enumerate(node.op.repeats) if count > 1), 0)


def _concat_of_dequantized(node: Node, edit: GraphEditor) -> bool:
    """OptimizeConcatQuantization: between Dequantizes and a Quantize, a Concat may stay in int8."""
    users = edit.users(node.outputs[0]) if isinstance(node.op, Concat) else []
    if len(users) != 1 or edit.uses(node.outputs[0]) != 1 or not isinstance(users[0].op, Quantize):
        return False
    sources = [source(name, edit, Dequantize) for name in node.inputs]
    if any(before is None or edit.uses(before.outputs[0]) != 1 for before in sources):
        return False
    type_ = edit.value(users[0].outputs[0]).type
    inputs = []
    for before in sources:
        assert before is not None
        x = edit.value(before.inputs[0])
        if x.type.quant == type_.quant:
            inputs.append(x)
        else:
            rescaled = type_.reshaped(x.type.shape)
            inputs.append(edit.add(f"{before.name}_rescale", Rescale(), [x], before.origin, (rescaled,)))
    return swap_in(users[0], edit.add(node.name, node.op, inputs, node.origin, (type_,)), edit)


def optimize_concat_quantization(edit: GraphEditor) -> bool:
    """OptimizeConcatQuantization."""
    return each(edit, _concat_of_dequantized)
