"""Convolutions between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND are dilated convolutions, and become that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tflite", reason="needs the package tflite, of the extra tinyglow[tflite]")

import tinyglow
from tests.tflite.builder import TFLiteBuilder
from tests.tflite.cases import numbers
from tinyglow.errors import ModelError
from tinyglow.interp import run_graph
from tinyglow.operators.conv2d import Conv2D

FIELDS = {"StrideH": 1, "StrideW": 1, "Padding": 1}


def answer(b: TFLiteBuilder, x: int, y: int, folder: Path, inputs: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What the model computes, in which one dilated convolution is left."""
    path = folder / "net.tflite"
    path.write_bytes(b.build([x], [y]))
    graph = tinyglow.load(path)
    (conv,) = (node.op for node in graph.nodes if isinstance(node.op, Conv2D))
    assert max(conv.window.dilation) > 1
    return next(iter(run_graph(graph, {"x": inputs}).values()))


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
@pytest.mark.parametrize(
    ("block", "pads", "crops"),
    [
        ([2, 2], [[2, 2], [2, 3]], [[0, 0], [0, 1]]),  # as TensorFlow writes SAME
        ([2, 3], [[0, 1], [0, 1]], [[0, 1], [0, 1]]),  # as it writes VALID
        ([3, 1], [[3, 3], [1, 1]], [[0, 0], [0, 0]]),
    ],
)
def test_images(kind: str, block: list[int], pads: list[list[int]], crops: list[list[int]], folder_of: Path) -> None:
    """An image dealt out in two dimensions, with padding and crops, gives what the dilated convolution gives."""
    height, width = 7, 8
    filters = numbers(4, 3, 3, 2) if kind == "CONV_2D" else numbers(1, 3, 3, 2)
    channels = 4 if kind == "CONV_2D" else 2
    options = "Conv2DOptions" if kind == "CONV_2D" else "DepthwiseConv2DOptions"
    inputs = numbers(2, 1, height, width, 2)
    total = [size + sum(pad) for size, pad in zip((height, width), pads, strict=True)]
    out = [size - 2 * step - sum(crop) for size, step, crop in zip(total, block, crops, strict=True)]

    b = TFLiteBuilder()
    x = b.tensor("x", (1, height, width, 2))
    dealt_shape = (1, *(size // step for size, step in zip(total, block, strict=True)), 2)  # of a wrong batch
    dealt = b.node("SPACE_TO_BATCH_ND", [x, b.constant("b", block), b.constant("p", pads)], dealt_shape)
    inner = (1, dealt_shape[1] - 2, dealt_shape[2] - 2, channels)
    sums = b.node(
        kind, [dealt, b.constant("w", filters), -1], inner, options=options, FusedActivationFunction=1, **FIELDS
    )
    y = b.node("BATCH_TO_SPACE_ND", [sums, b.constant("b2", block), b.constant("c", crops)], (1, *out, channels))
    actual = answer(b, x, y, folder_of, inputs)

    b = TFLiteBuilder()
    x = b.tensor("x", (1, height, width, 2))
    kept = [[pad[0] - crop[0], pad[1] - crop[1]] for pad, crop in zip(pads, crops, strict=True)]
    wide = (1, *(size + sum(pad) for size, pad in zip((height, width), kept, strict=True)), 2)
    padded = b.node("PAD", [x, b.constant("p", [[0, 0], *kept, [0, 0]])], wide)
    dilation = {"DilationHFactor": block[0], "DilationWFactor": block[1], "FusedActivationFunction": 1}
    y = b.node(kind, [padded, b.constant("w", filters), -1], (1, *out, channels), options=options, **FIELDS, **dilation)
    np.testing.assert_allclose(actual, answer(b, x, y, folder_of, inputs), rtol=1e-5, atol=1e-6)


@pytest.fixture
def folder_of(tmp_path: Path) -> Path:
    """For model files."""
    return tmp_path


def _chain(b: TFLiteBuilder, x: int, crops: list[list[int]], **fields: int) -> int:
    dealt = b.node("SPACE_TO_BATCH_ND", [x, b.constant("b", [2]), b.constant("p", [[4, 0]])], (1, 6, 3))
    image = b.node("EXPAND_DIMS", [dealt, b.constant("axis", [-3])], (1, 1, 6, 3))
    weights = b.constant("w", numbers(5, 1, 3, 3))
    sums = b.node("CONV_2D", [image, weights, -1], (1, 1, 4, 5), options="Conv2DOptions", **{**FIELDS, **fields})
    flat = b.node("SQUEEZE", [sums], (1, 4, 5), options="SqueezeOptions", SqueezeDims=[1])
    return b.node("BATCH_TO_SPACE_ND", [flat, b.constant("b2", [2]), b.constant("c", crops)], (1, 8, 5))


def test_sequences(tmp_path: Path) -> None:
    """Keras's causal Conv1D with a dilation, whose sequence becomes an image between."""
    b = TFLiteBuilder()
    x = b.tensor("x", (1, 8, 3))
    inputs, weights = numbers(2, 1, 8, 3), numbers(5, 1, 3, 3)
    actual = answer(b, x, _chain(b, x, [[0, 0]]), tmp_path, inputs)
    padded = np.pad(inputs, ((0, 0), (0, 0), (4, 0), (0, 0)))
    expected = sum(padded[:, :, 2 * tap : 2 * tap + 8] @ weights[:, 0, tap].T for tap in range(3))
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("change", ["another reader", "a stride", "crops beyond the padding"])
def test_other_chains_are_refused(change: str, tmp_path: Path) -> None:
    """What is no dilated convolution stays a SPACE_TO_BATCH_ND of its own, which a sequence has no form of."""
    b = TFLiteBuilder()
    x = b.tensor("x", (1, 8, 3))
    fields = {"StrideW": 2} if change == "a stride" else {}
    outputs = [_chain(b, x, [[5, 0]] if change.startswith("crops") else [[0, 0]], **fields)]
    if change == "another reader":
        outputs.append(b.node("RELU", [1 + [t.name for t in b.tensors].index("p")], (1, 6, 3)))
    path = tmp_path / "net.tflite"
    path.write_bytes(b.build([x], outputs))
    with pytest.raises(ModelError, match=r"node 'space_to_batch_nd_0' \(SPACE_TO_BATCH_ND\): blocks of shape"):
        tinyglow.load(path)
