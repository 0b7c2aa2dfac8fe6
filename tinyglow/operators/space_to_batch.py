"""TFLite's SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND over images: their batch and channels change places around blocks.

Around a convolution they are its dilation (``frontend.tflite_dilated``). Names and order of the nodes are those of
Glow (lib/Importer/TFLiteModelLoader.cpp, loadSpaceToBatchNd, loadBatchToSpaceNd).
"""

from __future__ import annotations

from typing import ClassVar

from tinyglow.ir.forms import OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Value
from tinyglow.ir.op import Importer, SourceNode, UnsupportedError
from tinyglow.kernels.window import require_image
from tinyglow.operators.pad import Pad
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.slice import Slice
from tinyglow.operators.space_to_depth import SPREAD_BLOCKS, SpaceToDepth
from tinyglow.operators.tflite_node import add_and_bind, add_node, constant_integers
from tinyglow.operators.transpose import Transpose

# Batch and channels of an image [n, h, w, c], there and back.
_TURN = Transpose((3, 1, 2, 0))


def _block(node: SourceNode, importer: Importer) -> int:
    """The side of the square blocks. Raises UnsupportedError for others."""
    sides = constant_integers(node, importer, 1, "block_shape")
    if len(sides) != 2 or sides[0] != sides[1] or sides[0] < 1:
        raise UnsupportedError(f"blocks of shape {sides}", "squares")
    return sides[0]


def _margins(node: SourceNode, importer: Importer, meaning: str) -> tuple[int, int, int, int]:
    """(top, left, bottom, right). Raises UnsupportedError for what is no image's."""
    margins = constant_integers(node, importer, 2, meaning)
    if len(margins) != 4 or min(margins) < 0:
        raise UnsupportedError(f"{meaning} {margins}", "two of at least 0 for height and for width")
    top, bottom, left, right = margins
    return top, left, bottom, right


class SpaceToBatch(SpaceToDepth):
    """The pixels of an image dealt out to block x block smaller images. In the graph it is other operators."""

    onnx_types: ClassVar[OnnxForms] = {}
    tflite_types: ClassVar[TFLiteForms] = {"SPACE_TO_BATCH_ND": TFLiteForm(3, "SpaceToBatchNDOptions")}

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        value, block = importer.value(node.inputs[0]), _block(node, importer)
        require_image(value.type.shape)
        top, left, bottom, right = _margins(node, importer, "paddings")
        pad = Pad((0, top, left, 0), (0, bottom, right, 0))
        result = add_node(node, importer, pad, [value])
        for op, part in ((_TURN, "trIn"), (SpaceToDepth(block), "S2D"), (_TURN, "trOut")):
            result = add_node(node, importer, op, [result], f"{node.name}.{part}")
        importer.bind(node.outputs[0], result)


class BatchToSpace(Reshape):
    """The images of a batch gathered pixel by pixel into one. In the graph it is other operators."""

    onnx_types: ClassVar[OnnxForms] = {}
    tflite_types: ClassVar[TFLiteForms] = {"BATCH_TO_SPACE_ND": TFLiteForm(3, "BatchToSpaceNDOptions")}

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        value, block = importer.value(node.inputs[0]), _block(node, importer)
        count, height, width, channels = require_image(value.type.shape)
        if count % block**2:
            raise UnsupportedError(f"{count} images in blocks of {block} x {block}", "a number that can be divided")
        top, left, bottom, right = _margins(node, importer, "crops")
        sizes = (count // block**2, height * block - top - bottom, width * block - left - right, channels)
        if min(sizes) < 1:
            raise UnsupportedError(f"crops that leave {list(sizes)}", "at least one pixel")
        result = _spread(node, importer, value, block)
        add_and_bind(node, importer, Slice((0, top, left, 0), sizes, (1, 1, 1, 1)), [result])


def _spread(node: SourceNode, importer: Importer, value: Value, block: int) -> Value:
    count, height, width, channels = value.type.shape
    left = count // block**2
    steps = (
        (_TURN, "trPre"),
        (Reshape((channels, height, width, block, block, left)), "D2S_reshape_in"),
        (Transpose(SPREAD_BLOCKS["DCR"]), "D2S_transpose"),
        (Reshape((channels, height * block, width * block, left)), "D2S_reshape_out"),
        (_TURN, "trPost"),
    )
    for op, part in steps:
        value = add_node(node, importer, op, [value], f"{node.name}.{part}")
    return value
