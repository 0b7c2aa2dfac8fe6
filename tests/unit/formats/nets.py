"""Networks of Caffe2 and Caffe for tests, and what their layers compute, in plain numpy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyglow.frontend.caffe2_file import net_class
from tinyglow.frontend.caffe_file import weights_class
from tinyglow.frontend.read import load_model
from tinyglow.frontend.request import Request
from tinyglow.interp import run_graph

Array = npt.NDArray[Any]


class Caffe2Net:
    """A network of Caffe2 under construction; ``weights`` go into its init net."""

    def __init__(self) -> None:
        self.predict, self.init = net_class()(name="net"), net_class()(name="init")

    def op(self, kind: str, inputs: list[str], outputs: list[str], init: bool = False, **arguments: object) -> None:
        """An operator of one of the two nets."""
        made = (self.init if init else self.predict).op.add(type=kind)
        made.input.extend(inputs)
        made.output.extend(outputs)
        for name, value in arguments.items():
            arg = made.arg.add(name=name)
            if isinstance(value, list):
                (arg.floats if isinstance(value[0], float) else arg.ints).extend(value)
            else:
                setattr(arg, {int: "i", float: "f", str: "s"}[type(value)], _plain(value))

    def weight(self, name: str, data: Array) -> str:
        """A constant of the init net."""
        values = [float(number) for number in data.ravel()]
        self.op("GivenTensorFill", [], [name], init=True, shape=list(data.shape), values=values)
        self.predict.external_input.append(name)
        return name

    def save(self, folder: Path, outputs: list[str]) -> Path:
        """The folder with the two files."""
        self.predict.external_input.insert(0, "data")
        del self.predict.external_output[:]
        self.predict.external_output.extend(outputs)
        folder.mkdir(exist_ok=True)
        (folder / "predict_net.pb").write_bytes(self.predict.SerializeToString())
        (folder / "init_net.pb").write_bytes(self.init.SerializeToString())
        return folder


def _plain(value: object) -> object:
    return value.encode() if isinstance(value, str) else value


def save_caffe(folder: Path, layers: str, weights: Mapping[str, list[Array]], name: str = "net") -> Path:
    """The two files of a Caffe network; the one with the layers."""
    model = weights_class()()
    for layer, blobs in weights.items():
        made = model.layer.add(name=layer)
        for data in blobs:
            blob = made.blobs.add()
            blob.shape.dim.extend(data.shape)
            blob.data.extend(data.ravel().tolist())
    (folder / f"{name}.caffemodel").write_bytes(model.SerializeToString())
    (folder / f"{name}.prototxt").write_text(layers, encoding="utf-8")
    return folder / f"{name}.prototxt"


def results(path: Path, data: Array, **more: Any) -> list[Array]:
    """What the graph of a network makes of one sample, which gives the shape of input ``data`` too."""
    graph = load_model(path, None, Request(shapes={"data": data.shape}, **more))
    return [array[0] for array in run_graph(graph, {"data": data[np.newaxis]}).values()]


def windows(x: Array, kernel: int, stride: int, pad: int, fill: float, up: bool) -> Array:
    """The windows of an image [1, C, H, W] as [1, C, rows, columns, kernel, kernel]; NaN beyond the border.

    up: whether sizes are rounded up, as Caffe does, unless the last window would begin beyond the image.
    """

    def count(size: int) -> int:
        exact = (size + 2 * pad - kernel) / stride
        found = int(np.ceil(exact) if up else np.floor(exact)) + 1
        return found - int(up and pad > 0 and (found - 1) * stride >= size + pad)

    rows, columns = count(x.shape[2]), count(x.shape[3])
    whole = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)), constant_values=fill)
    beyond = np.pad(whole, ((0, 0), (0, 0), (0, kernel), (0, kernel)), constant_values=np.nan)
    every = np.lib.stride_tricks.sliding_window_view(beyond, (kernel, kernel), (2, 3))
    return every[:, :, : rows * stride : stride, : columns * stride : stride]


def convolved(x: Array, filters: Array, bias: Array, stride: int = 1, pad: int = 0) -> Array:
    """A convolution of an image [1, C, H, W]."""
    parts = windows(x, filters.shape[2], stride, pad, 0, up=False)
    return np.asarray(np.einsum("nchwij,ocij->nohw", parts, filters) + bias[:, None, None])


def softmax(x: Array, axis: int) -> Array:
    """Probabilities along one axis."""
    powers = np.exp(x - x.max(axis, keepdims=True))
    return np.asarray(powers / powers.sum(axis, keepdims=True))
