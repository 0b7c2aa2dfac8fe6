"""SpaceToDepth: blocks of pixels as channels; NHWC."""

from __future__ import annotations

from typing import ClassVar

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Importer, Lowering, Op, ShapeError, SourceNode, UnsupportedError
from tinyglow.ir.types import TensorType
from tinyglow.kernels.reshape.transpose import permute
from tinyglow.kernels.window import require_image
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.tflite_node import add_and_bind
from tinyglow.operators.transpose import Transpose
from tinyglow.operators.window import NCHW_TO_NHWC, NHWC_TO_NCHW

# From [n, h, y, w, x, c] with blocks of y * x pixels to [n, h, w, y, x, c].
_GATHER_BLOCKS = (0, 1, 3, 2, 4, 5)
# How DepthToSpace's result [n, h, y, w, x, c] comes out of [n, h, w, y, x, c] or [n, h, w, c, y, x], by its mode.
SPREAD_BLOCKS = {"DCR": (0, 1, 3, 2, 4, 5), "CRD": (0, 1, 4, 2, 5, 3)}


def block_size(node: SourceNode, attribute: str = "blocksize") -> int:
    """Rows and columns of a block. Raises UnsupportedError below 1."""
    block = node.integer(attribute, 0)
    if block < 1:
        raise UnsupportedError(f"{attribute} {block}", "at least 1")
    return block


def order_mode(node: SourceNode) -> str:
    """The order of a block's elements: depth, column, row (DCR), or column, row, depth (CRD)."""
    mode = node.text("mode", "DCR")
    if mode not in SPREAD_BLOCKS:
        raise UnsupportedError(f"mode {mode!r}", "DCR or CRD")
    return mode


class SpaceToDepth(Op):
    """Each ``block`` x ``block`` pixels of an image [n, h, w, c] become one with their channels row by row."""

    block: int

    onnx_types: ClassVar[OnnxForms] = {"SpaceToDepth": OnnxForm(28, ("blocksize", "mode"))}
    tflite_types: ClassVar[TFLiteForms] = {"SPACE_TO_DEPTH": TFLiteForm(2, "SpaceToDepthOptions", ("block_size",))}
    moves: ClassVar[bool] = True
    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    keeps_params: ClassVar[bool] = True
    rescale_sinks: ClassVar[bool] = True

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        value, edit = importer.value(node.inputs[0]), importer.editor
        channels, block, mode = require_image(value.type.shape)[1], block_size(node), order_mode(node)
        nhwc = edit.add(node.name, Transpose(NCHW_TO_NHWC), [value], node.name)
        result = edit.add(node.name, cls(block), [nhwc], node.name)
        if mode == "CRD":  # channel by channel instead of pixel by pixel
            n, height, width, depth = result.type.shape
            blocks = edit.add(node.name, Reshape((n, height, width, block**2, channels)), [result], node.name)
            moved = edit.add(node.name, Transpose((0, 1, 2, 4, 3)), [blocks], node.name)
            result = edit.add(node.name, Reshape((n, height, width, depth)), [moved], node.name)
        importer.bind(node.outputs[0], edit.add(node.name, Transpose(NHWC_TO_NCHW), [result], node.name))

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        add_and_bind(node, importer, cls(block_size(node, "block_size")), [importer.value(node.inputs[0])])

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        n, height, width, channels = require_image(inputs[0].shape)
        if height % self.block or width % self.block:
            raise ShapeError(f"{height} x {width} pixels in blocks of {self.block}", "sizes that can be divided")
        return (inputs[0].reshaped((n, height // self.block, width // self.block, channels * self.block**2)),)

    def _blocks(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        n, height, width, channels = shape
        return n, height // self.block, self.block, width // self.block, self.block, channels

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x = inputs[0]
        blocks = x.reshape(len(x), *self._blocks(x.shape[1:]))
        moved = blocks.transpose(0, *(axis + 1 for axis in _GATHER_BLOCKS))
        n, height, width = (moved.shape[1], moved.shape[2], moved.shape[3])
        return (moved.reshape(len(x), n, height, width, -1),)

    def lower(self, node: Node, lowering: Lowering) -> None:
        type_ = lowering.type_of(node.inputs[0])
        buffers = lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])
        permute(lowering, *buffers, type_.reshaped(self._blocks(type_.shape)), _GATHER_BLOCKS)
