"""DepthToSpace: channels as blocks of pixels; NHWC."""

from __future__ import annotations

from typing import ClassVar

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.op import Importer, SourceNode, UnsupportedError
from tinyglow.kernels.window import require_image
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.space_to_depth import SPREAD_BLOCKS, block_size, order_mode
from tinyglow.operators.transpose import Transpose
from tinyglow.operators.window import NCHW_TO_NHWC, NHWC_TO_NCHW


def _channels_left(depth: int, block: int) -> int:
    """How many channels ``depth`` channels are, spread over blocks of pixels."""
    if depth % block**2:
        raise UnsupportedError(f"{depth} channels in blocks of {block} x {block}", "a number that can be divided")
    return depth // block**2


class DepthToSpace(Reshape):
    """ONNX's DepthToSpace; in the graph it is a Transpose between two Reshapes, under Glow's names for these."""

    onnx_types: ClassVar[OnnxForms] = {"DepthToSpace": OnnxForm(28, ("blocksize", "mode"))}
    tflite_types: ClassVar[TFLiteForms] = {"DEPTH_TO_SPACE": TFLiteForm(2, "DepthToSpaceOptions", ("block_size",))}

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        edit, block, mode = importer.editor, block_size(node), order_mode(node)
        value = importer.value(node.inputs[0])
        n, depth, height, width = require_image(value.type.shape)
        channels = _channels_left(depth, block)
        inner = (block, block, channels) if mode == "DCR" else (channels, block, block)
        nhwc = edit.add(node.name, Transpose(NCHW_TO_NHWC), [value], node.name)
        parts = edit.add(f"{node.name}_reshape_in", Reshape((n, height, width, *inner)), [nhwc], node.name)
        moved = edit.add(f"{node.name}_transpose", Transpose(SPREAD_BLOCKS[mode]), [parts], node.name)
        shape = (n, height * block, width * block, channels)
        result = edit.add(f"{node.name}_reshape_out", Reshape(shape), [moved], node.name)
        importer.bind(node.outputs[0], edit.add(node.name, Transpose(NHWC_TO_NCHW), [result], node.name))

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        edit, block = importer.editor, block_size(node, "block_size")
        value = importer.value(node.inputs[0])
        n, height, width, depth = require_image(value.type.shape)
        channels = _channels_left(depth, block)
        blocks = Reshape((n, height, width, block, block, channels))
        parts = edit.add(f"{node.name}_reshape_in", blocks, [value], node.name)
        moved = edit.add(f"{node.name}_transpose", Transpose(SPREAD_BLOCKS["DCR"]), [parts], node.name)
        shape = (n, height * block, width * block, channels)
        importer.bind(node.outputs[0], edit.add(f"{node.name}_reshape_out", Reshape(shape), [moved], node.name))
