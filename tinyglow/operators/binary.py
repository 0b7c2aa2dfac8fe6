"""Base of the operators on two tensors, element by element."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Array, Value
from tinyglow.ir.op import Importer, NotInGlowError, Op, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.types import TensorType
from tinyglow.operators.broadcast import align_ranks, broadcast_inputs, broadcast_shape
from tinyglow.operators.concat import Concat
from tinyglow.operators.constants import computed
from tinyglow.operators.fused_activation import bind_activated
from tinyglow.operators.glow_nodes import Broadcast
from tinyglow.operators.matmul import MatMul
from tinyglow.operators.reduce_sum import ReduceSum
from tinyglow.operators.reshape import Reshape


class Binary(Op):
    """An operator on two tensors, element by element, with ONNX's multidirectional broadcasting.

    A single tensor (Sum, Max, Min) is the result itself, and more than two are combined in turn.
    """

    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    elementwise: ClassVar[bool] = True
    absorbs_rescale_before: ClassVar[tuple[int, ...]] = (0, 1)
    absorbs_rescale_after: ClassVar[bool] = True

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        """The partial results of more than two have names of their own: no profile holds them under the node's."""
        result, *others = (importer.value(name) for name in node.inputs)
        if importer.like_glow:
            _check_terms(node, [result, *others])
        if len(others) > 1 and node.op_type == "Sum" and importer.like_glow:
            importer.bind(node.outputs[0], _stacked_sum(node, [result, *others], importer.editor))
            return
        if len(others) > 1 and node.op_type == "Sum":
            importer.editor.namer.unique(node.name)  # Glow's Concat, which it then sums over
        for index, other in enumerate(others, start=1):
            name = node.name if index == len(others) else f"{node.name}_partial"
            result = cls()._combined(result, other, node, importer, name)
        importer.bind(node.outputs[0], result)

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        if len(node.inputs) != 2:
            raise UnsupportedError(f"has {len(node.inputs)} inputs", "2")
        x, y = (importer.value(name) for name in node.inputs)
        bind_activated(node, importer, cls.for_file(node, importer)._combined(x, y, node, importer, node.name))

    @classmethod
    def for_file(cls, node: SourceNode, importer: Importer) -> Binary:
        """The operator that a node of a TFLite file is."""
        return cls()

    def _combined(self, x: Value, y: Value, node: SourceNode, importer: Importer, name: str) -> Value:
        if x.type.dtype != y.type.dtype:
            raise UnsupportedError(f"operands of types {x.type.dtype} and {y.type.dtype}", "two of the same type")
        broadcast_shape(x.type.shape, y.type.shape)
        constant = computed(self, node.outputs[0], (x, y), importer)
        if constant is not None:
            return constant
        edit = importer.editor
        if importer.like_glow:
            return edit.add(name, self, _repeated_as_glow(x, y, edit, node.name), node.name)
        producers = [edit.producer(value.name) for value in (x, y)]
        # Glow makes a FullyConnected of MatMul and Add, and its bias of the vector as it is.
        product = any(producer is not None and isinstance(producer.op, MatMul) for producer in producers)
        return edit.add(name, self, broadcast_inputs(x, y, edit, name, keep_vectors=product), node.name)

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        x, y = inputs
        if x.dtype != y.dtype:
            raise ShapeError(f"operands of types {x.dtype} and {y.dtype}", "two of the same type")
        return (TensorType(broadcast_shape(x.shape, y.shape), x.dtype),)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (self.combine(*align_ranks(*inputs)),)

    @abstractmethod
    def combine(self, x: Array, y: Array) -> Array:
        """The elements of the result, in the dtype of ``x`` and ``y``: float32, or int64 for shapes."""


def _repeated_as_glow(x: Value, y: Value, edit: GraphEditor, origin: str) -> list[Value]:
    """Both operands of the result's shape, by a Broadcast where they are not (Glow: Function::broadcastInputs)."""
    shape = broadcast_shape(x.type.shape, y.type.shape)
    return [
        value
        if value.type.shape == shape
        else edit.add(f"broadcast_{value.name}", Broadcast(shape, len(shape) - len(value.type.shape)), [value], origin)
        for value in (x, y)
    ]


def _check_terms(node: SourceNode, terms: Sequence[Value]) -> None:
    """Raises NotInGlowError for what Glow's loadSum and loadMinMax do not take: they repeat no terms, or drop some."""
    shapes = {value.type.shape for value in terms}
    if node.op_type == "Sum" and len(shapes) > 1:
        raise NotInGlowError(
            f"terms of shapes {', '.join(str(list(shape)) for shape in sorted(shapes))}", "equal shapes"
        )
    if node.op_type in ("Max", "Min") and len(terms) != 2:
        raise NotInGlowError(f"{len(terms)} inputs", "2")


def _stacked_sum(node: SourceNode, terms: Sequence[Value], edit: GraphEditor) -> Value:
    """A Sum of more than two: they become the rows of one tensor, which are summed (Glow: loadSum)."""
    shape = (1, *terms[0].type.shape)
    rows = [edit.add(f"{node.name}.expanddims", Reshape(shape), [term], node.name) for term in terms]
    stacked = edit.add(node.name, Concat(0), rows, node.name)
    return edit.add(node.name, ReduceSum((0,)), [stacked], node.name)
