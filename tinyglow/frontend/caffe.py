"""Caffe network -> ONNX model of operator set 11."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinyglow.errors import ModelError, Problem
from tinyglow.frontend.caffe_file import is_in_test, read_layers
from tinyglow.frontend.caffe_layers import LAYERS, Layer
from tinyglow.frontend.names import shown
from tinyglow.frontend.translation import Translated, Translation
from tinyglow.ir.op import UnsupportedError

_OPSET = 11
# Layers that read training data, whose first blob is the input of the network; those that compute what it learns by;
# and those that a network for inference does without.
_DATA = ("Data", "ImageData", "HDF5Data", "MemoryData", "DummyData", "WindowData", "AnnotatedData")
_LOSSES = ("SoftmaxWithLoss", "EuclideanLoss", "HingeLoss", "SigmoidCrossEntropyLoss", "MultinomialLogisticLoss")
_DROPPED = (*_LOSSES, "Accuracy", "Silence")


def translated(path: Path, weights: Path | None = None) -> Translated:
    """The ONNX model of a Caffe network, as it is in the phase TEST.

    Layers that read data become inputs; losses and accuracies are left out, and the labels with them.

    Args:
        path: The file of the layers or of the weights.
        weights: The other file.

    Returns:
        The model.

    Raises:
        ModelError: A file is missing or damaged.
    """
    net, file, blobs = read_layers(path, weights)
    layers = _in_test(net, file)
    made = Translation("caffe", _OPSET, Counter(top for layer in layers for top in _tops(layer)), given=())
    ranks: dict[str, int] = {}
    for index, name in enumerate(net.input):
        _input(made, ranks, name, _declared(net, index))
    for layer in layers:
        _layer(made, ranks, layer, blobs.get(layer.name, ()))
    return made.finish(_outputs(layers), file)


def _in_test(net: Any, file: Path) -> list[Any]:
    layers = []
    for layer in net.layer:
        try:
            if is_in_test(layer) and layer.type not in _DROPPED:
                layers.append(layer)
        except UnsupportedError as error:
            problem = Problem(f"layer {shown(layer.name)}", error.found, error.expected)
            raise ModelError(f"cannot read the model {file}", [problem]) from error
    return layers


def _tops(layer: Any) -> Sequence[str]:
    """The blobs that a layer makes of others."""
    return () if layer.type in _DATA or layer.type == "Input" else list(layer.top)


def _declared(net: Any, index: int) -> list[int] | None:
    """The shape of an input that the network lists: four sizes for each, or one shape."""
    if index < len(net.input_shape):
        return list(net.input_shape[index].dim)
    sizes = list(net.input_dim[4 * index : 4 * index + 4])
    return sizes if len(sizes) == 4 else None


def _input(made: Translation, ranks: dict[str, int], name: str, shape: Sequence[int] | None) -> None:
    made.input(name, shape)
    ranks[name] = 4 if shape is None else len(shape)


def _layer(made: Translation, ranks: dict[str, int], layer: Any, blobs: Sequence[Any]) -> None:
    if layer.type == "Input":
        shapes = layer.input_param.shape
        for index, name in enumerate(layer.top):
            given = shapes[min(index, len(shapes) - 1)].dim if shapes else None
            _input(made, ranks, name, None if given is None else list(given))
        return
    if layer.type in _DATA:
        _input(made, ranks, layer.top[0] if layer.top else layer.name, None)
        for label in layer.top[1:]:
            made.drop(label, "labels for training")
        return

    def translate() -> None:
        LAYERS[layer.type](Layer(made, layer.name, list(layer.bottom), list(layer.top), layer, blobs, ranks))

    made.step(layer.name, layer.type, layer.top, translate if layer.type in LAYERS else None)


def _outputs(layers: Sequence[Any]) -> list[str]:
    """What is made and not read by another layer later on; a blob may be overwritten in place."""
    made: dict[str, None] = {}
    for layer in layers:
        for name in layer.bottom:
            made.pop(name, None)
        made.update(dict.fromkeys(_tops(layer)))
    return list(made)
