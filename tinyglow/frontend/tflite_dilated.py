"""Dilated convolutions as TensorFlow writes them: SPACE_TO_BATCH_ND, a plain convolution, BATCH_TO_SPACE_ND.

The first deals the pixels of an image out to block_h x block_w smaller images, the last gathers them. With stride 1 and
no padding between them that is one convolution whose dilation is the block. In the files the shapes between are often
wrong, since their batch was open when the file was written; here they are computed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tinyglow.frontend.tflite_file import FileModel, FileOperator, FileTensor
from tinyglow.ir.types import Shape

_RESHAPES = ("RESHAPE", "EXPAND_DIMS", "SQUEEZE")
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
_PLAIN = {
    "padding": "VALID",
    "stride_h": 1,
    "stride_w": 1,
    "dilation_h_factor": 1,
    "dilation_w_factor": 1,
}


@dataclass(frozen=True)
class _Chain:
    """Numbers of operators, from SPACE_TO_BATCH_ND to BATCH_TO_SPACE_ND, and where the convolution is among them."""

    steps: tuple[int, ...]
    middle: int


def fold_dilated(model: FileModel) -> FileModel:
    """The model with such chains as dilated convolutions; others stay, and are refused where they are read."""
    uses = Counter(index for operator in model.operators for index in operator.inputs)
    uses.update(model.outputs)
    readers = {index: number for number, operator in enumerate(model.operators) for index in operator.inputs[:1]}
    replaced: dict[int, list[FileOperator]] = {}
    tensors = list(model.tensors)
    for number, operator in enumerate(model.operators):
        if operator.op_type != "SPACE_TO_BATCH_ND":
            continue
        chain = _chain(model, number, readers, uses)
        made = None if chain is None else _dilated(model, chain, tensors)
        if chain is not None and made is not None:
            replaced.update((step, []) for step in chain.steps)
            replaced[chain.steps[-1]] = made
    if not replaced:
        return model
    operators = [new for number, old in enumerate(model.operators) for new in replaced.get(number, [old])]
    return replace(model, tensors=tuple(tensors), operators=tuple(operators))


def _chain(model: FileModel, first: int, readers: dict[int, int], uses: Counter[int]) -> _Chain | None:
    """The chain that begins with an operator, if it is one, and nothing else reads what is between."""
    steps, middle = [first], -1
    while True:
        outputs = model.operators[steps[-1]].outputs
        if len(outputs) != 1 or uses[outputs[0]] != 1 or outputs[0] not in readers:
            return None
        steps.append(readers[outputs[0]])
        kind = model.operators[steps[-1]].op_type
        if kind == "BATCH_TO_SPACE_ND" and middle > 0:
            return _Chain(tuple(steps), middle)
        if kind in _CONVOLUTIONS and middle < 0:
            middle = len(steps) - 1
        elif kind not in _RESHAPES:
            return None


def _dilated(model: FileModel, chain: _Chain, tensors: list[FileTensor]) -> list[FileOperator] | None:
    """The chain's operators as a PAD, a dilated convolution and reshapes; None if they are not such a convolution."""
    operators = [model.operators[number] for number in chain.steps]
    conv = operators[chain.middle]
    around = [_integers(model, operators[end], operand) for end in (0, -1) for operand in (1, 2)]
    if any(numbers is None for numbers in around) or any(
        conv.attributes.get(key) != value for key, value in _PLAIN.items()
    ):
        return None
    block, pads, block_behind, crops = (list(numbers or ()) for numbers in around)
    source, last = model.tensors[operators[0].inputs[0]], model.tensors[operators[-1].outputs[0]]
    image, result = model.tensors[conv.inputs[0]], model.tensors[conv.outputs[0]]
    left = [pad - crop for pad, crop in zip(pads, crops, strict=False)]
    is_fitting = block == block_behind and len(pads) == len(crops) == 2 * len(block) and min(left, default=-1) >= 0
    if not is_fitting or last.quantization != result.quantization or 1 + len(block) >= len(source.shape):
        return None
    axes = _spatial_axes(model.tensors[operators[0].outputs[0]].shape, image.shape, len(block))
    if axes is None:
        return None
    padded = list(source.shape)
    for index in range(len(block)):
        padded[1 + index] += left[2 * index] + left[2 * index + 1]
    wide = _placed(padded, axes, len(source.shape))
    dilation = dict.fromkeys((1, 2), 1) | dict(zip(axes, block, strict=False))
    taps = model.tensors[conv.inputs[1]].shape[1:3]
    out = [wide[0], *(wide[axis] - (taps[axis - 1] - 1) * dilation[axis] for axis in (1, 2)), result.shape[-1]]
    return _operators(model, operators, conv, tensors, left, (tuple(padded), wide, tuple(out)), dilation)


def _operators(
    model: FileModel,
    operators: Sequence[FileOperator],
    conv: FileOperator,
    tensors: list[FileTensor],
    pads: list[int],
    shapes: tuple[Shape, Shape, Shape],
    dilation: dict[int, int],
) -> list[FileOperator]:
    padded, wide, out = shapes
    last = operators[-1].outputs[0]
    source = operators[0].inputs[0]

    def tensor(like: int, suffix: str, shape: Shape) -> int:
        tensors.append(replace(tensors[like], name=f"{model.tensors[last].name}_{suffix}", shape=shape, data=None))
        return len(tensors) - 1

    result: list[FileOperator] = []
    if any(pads):
        rows = np.array([0, 0, *pads, *[0] * (2 * len(padded) - 2 - len(pads))], "<i4").reshape(-1, 2)
        name = f"{model.tensors[last].name}_pads"
        tensors.append(FileTensor(name, rows.shape, "INT32", rows.view(np.uint8).ravel(), None))
        amounts, source = len(tensors) - 1, tensor(source, "padded", padded)
        result.append(FileOperator("PAD", 1, (operators[0].inputs[0], amounts), (source,), "", {}))
    if wide != padded:
        source, before = tensor(source, "image", wide), source
        result.append(FileOperator("RESHAPE", 1, (before,), (source,), "", {}))
    end = last if model.tensors[last].shape == out else tensor(conv.outputs[0], "dilated", out)
    attributes = {**conv.attributes, "dilation_h_factor": dilation[1], "dilation_w_factor": dilation[2]}
    result.append(replace(conv, inputs=(source, *conv.inputs[1:]), outputs=(end,), attributes=attributes))
    if end != last:
        result.append(FileOperator("RESHAPE", 1, (end,), (last,), "", {}))
    return result


def _integers(model: FileModel, operator: FileOperator, operand: int) -> list[int] | None:
    if operand >= len(operator.inputs) or operator.inputs[operand] < 0:
        return None
    tensor = model.tensors[operator.inputs[operand]]
    if tensor.data is None or tensor.dtype != "INT32" or len(tensor.data) % 4:
        return None
    return [int(item) for item in tensor.data.view("<i4")]


def _spatial_axes(dealt: Shape, image: Shape, count: int) -> tuple[int, ...] | None:
    """Which dimensions of the convolution's image the first ``count`` spatial ones of the dealt tensor are."""
    if len(image) != 4:
        return None
    if len(dealt) == 4 and dealt[1:] == image[1:]:
        return (1, 2)[:count]
    if len(dealt) == 3 and count == 1:
        return {(1, dealt[1], dealt[2]): (2,), (dealt[1], 1, dealt[2]): (1,)}.get(image[1:])
    return None


def _placed(padded: Sequence[int], axes: tuple[int, ...], rank: int) -> Shape:
    """The shape of the image of a tensor whose only spatial dimension goes to ``axes``; an image's own."""
    if rank == 4:
        return tuple(padded)
    return (padded[0], *((1, padded[1]) if axes == (2,) else (padded[1], 1)), padded[2])
