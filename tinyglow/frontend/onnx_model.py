"""A model file as an ONNX model: what it is, or what a network of another format becomes."""

from __future__ import annotations

from pathlib import Path

from tinyglow.frontend.caffe2_file import is_caffe2
from tinyglow.frontend.caffe_file import is_caffe
from tinyglow.frontend.foreign_formats import is_keras
from tinyglow.frontend.onnx_file import read_model
from tinyglow.frontend.translation import Translated


def onnx_model(path: str | Path, weights: str | Path = "", like_glow: bool = False) -> Translated:
    """The model of a file.

    Args:
        path: The file, or the folder of a Caffe2 network.
        weights: The second file of a network that has two, where it does not lie beside the first one.
        like_glow: Whether to read what a network leaves open as Glow does.

    Returns:
        The model, with what is missing of it.

    Raises:
        ModelError: A file cannot be read, or is none of these.
    """
    path, second = Path(path), Path(weights) if weights else None
    if is_caffe2(path):
        from tinyglow.frontend import caffe2  # each format's reader when a file is of it

        return caffe2.translated(path, second, like_glow)
    if is_caffe(path):
        from tinyglow.frontend import caffe

        return caffe.translated(path, second)
    if is_keras(path):
        from tinyglow.frontend import keras_file

        return keras_file.translated(path)
    return Translated(read_model(path))
