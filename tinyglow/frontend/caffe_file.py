"""Caffe networks as files: layers as text (``.prototxt``), weights as a binary message (``.caffemodel``).

Names and numbers of fields are those of BVLC/caffe, src/caffe/proto/caffe.proto.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinyglow.errors import ModelError, Problem
from tinyglow.frontend.caffe_schema import ENUMS, MESSAGES, WEIGHTS
from tinyglow.frontend.protobuf_file import read_message
from tinyglow.frontend.protobuf_schema import message_classes
from tinyglow.frontend.translation import HINT
from tinyglow.ir.graph import Array
from tinyglow.ir.op import UnsupportedError

NETWORK, MODEL = ".prototxt", ".caffemodel"
_UPGRADE = "bring it to the newer form with Caffe's upgrade_net_proto_text"
_TEST = 1  # the phase


@functools.cache
def _net_class() -> Any:
    return message_classes("caffe", MESSAGES, ENUMS)["NetParameter"]


@functools.cache
def weights_class() -> Any:
    """The class of files of weights."""
    return message_classes("caffe", WEIGHTS)["NetParameter"]


def is_caffe(path: Path) -> bool:
    """Whether a path is one of the files that a Caffe network goes by."""
    return path.suffix in (NETWORK, MODEL)


def read_layers(path: Path, weights: Path | None = None) -> tuple[Any, Path, Mapping[str, Sequence[Array]]]:
    """A network's layers and weights.

    Args:
        path: Either file.
        weights: The other one; by default it has the same name, or is the only one of its kind beside it.

    Returns:
        The network, its file, and for each layer by name its blobs.

    Raises:
        ModelError: A file is missing or damaged.
    """
    other = weights or _beside(path, MODEL if path.suffix == NETWORK else NETWORK)
    network, model = (path, other) if path.suffix == NETWORK else (other, path)
    net = read_message(network, _net_class()(), True, "Caffe network", HINT)
    if net.layers:
        problem = Problem("", "has layers in Caffe's first form ('layers')", "'layer'", _UPGRADE)
        raise ModelError(f"cannot read the model {network}", [problem])
    return net, network, _blobs(model)


def _beside(path: Path, suffix: str) -> Path:
    same = path.with_suffix(suffix)
    if same.exists():
        return same
    found = sorted(path.parent.glob(f"*{suffix}"))
    if len(found) == 1:
        return found[0]
    what = "no" if not found else "more than one"
    problem = Problem(
        "", f"has {what} {suffix} file beside it", "one of each", f"name it: --model-weights NAME{suffix}"
    )
    raise ModelError(f"cannot read the model {path}", [problem])


def _blobs(path: Path) -> Mapping[str, Sequence[Array]]:
    net = read_message(path, weights_class()(), False, "Caffe model with weights", HINT)
    try:
        return {layer.name: [_array(blob) for blob in layer.blobs] for layer in (*net.layers, *net.layer)}
    except UnsupportedError as error:
        raise ModelError(f"cannot read the model {path}", [Problem("", error.found, error.expected)]) from error


def _array(blob: Any) -> Array:
    """A blob, by its shape, or by the four sizes that old files have."""
    data = np.array(blob.double_data or blob.data, np.float32)
    old = [blob.num, blob.channels, blob.height, blob.width]
    shape = list(blob.shape.dim) if blob.HasField("shape") else old
    if min(shape, default=1) < 0 or len(shape) > 8 or np.prod(shape, dtype=object) != data.size:
        raise UnsupportedError(f"has weights of shape {shape} with {data.size} numbers", "as many as the shape says")
    return data.reshape(shape)


def is_in_test(layer: Any) -> bool:
    """Whether a layer belongs to the network for inference, by its include and exclude rules."""
    if layer.exclude and layer.include:
        raise UnsupportedError("include and exclude rules", "one kind of them")
    if layer.include:
        return any(_meets(rule) for rule in layer.include)
    return not any(_meets(rule) for rule in layer.exclude)


def _meets(rule: Any) -> bool:
    """Whether the phase TEST at level 0 without stages is what a rule asks for."""
    phase = not rule.HasField("phase") or rule.phase == _TEST
    level = rule.min_level <= 0 and (not rule.HasField("max_level") or rule.max_level >= 0)
    return bool(phase and level and not rule.stage)
