"""Reading Caffe2: each form of an operator computes what numpy does, and what is not read is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import text_format

from tests.unit.formats.nets import Array, Caffe2Net, convolved, results, softmax, windows
from tinyglow.cli import main
from tinyglow.errors import ModelError

_RNG = np.random.default_rng(2)
_X = _RNG.standard_normal((1, 4, 6, 8)).astype(np.float32)
_NHWC = np.moveaxis(_X, 1, 3)
_FILTERS = _RNG.standard_normal((3, 4, 3, 3)).astype(np.float32)
_BIAS, _CHANNELS = _RNG.standard_normal(3).astype(np.float32), _RNG.uniform(0.5, 2, 4).astype(np.float32)
_MATRIX, _ROW = _RNG.standard_normal((5, 192)).astype(np.float32), _RNG.standard_normal(5).astype(np.float32)
_BY_CHANNEL = _CHANNELS[:, None, None]


def _lrn() -> Array:
    squares = np.pad(_X**2, ((0, 0), (1, 1), (0, 0), (0, 0)))
    sums = squares[:, :-2] + squares[:, 1:-1] + squares[:, 2:]
    return np.asarray(_X / (2 + 0.5 / 3 * sums) ** 0.75)


_FORMS: dict[str, tuple[str, list[Array], dict[str, Any], Array]] = {
    "convolution": ("Conv", [_FILTERS, _BIAS], {"kernel": 3, "pad": 1}, convolved(_X, _FILTERS, _BIAS, 1, 1)),
    "convolution with stride": (
        "Conv",
        [_FILTERS, _BIAS],
        {"kernels": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]},
        convolved(_X, _FILTERS, _BIAS, 2, 1),
    ),
    "channels last": (
        "Conv",
        [_FILTERS, _BIAS],
        {"kernel_h": 3, "kernel_w": 3, "order": "NHWC"},
        np.moveaxis(convolved(_X, _FILTERS, _BIAS), 1, 3),
    ),
    "convolution and Relu": (
        "ConvRelu",
        [_FILTERS, _BIAS],
        {"kernel": 3},
        np.maximum(convolved(_X, _FILTERS, _BIAS), 0),
    ),
    "maximum": ("MaxPool", [], {"kernel": 2, "stride": 2}, windows(_X, 2, 2, 0, 0, False).max((4, 5))),
    "average with the border": (
        "AveragePool",
        [],
        {"kernel": 3, "pad": 1, "count_include_pad": 1},
        windows(_X, 3, 1, 1, 0, False).mean((4, 5)),
    ),
    "average": ("AveragePool", [], {"kernel": 3, "pad": 1}, np.nanmean(windows(_X, 3, 1, 1, np.nan, False), (4, 5))),
    "global average": ("AveragePool", [], {"global_pooling": 1}, _X.mean((2, 3), keepdims=True)),
    "batch norm": (
        "SpatialBN",
        [_CHANNELS] * 4,
        {"epsilon": 0.01, "is_test": 1},
        (_X - _BY_CHANNEL) / np.sqrt(_BY_CHANNEL + 0.01) * _BY_CHANNEL + _BY_CHANNEL,
    ),
    "fully connected": ("FC", [_MATRIX, _ROW], {}, _X.reshape(1, -1) @ _MATRIX.T + _ROW),
    "fully connected, transposed": ("FCTransposed", [_MATRIX.T, _ROW], {}, _X.reshape(1, -1) @ _MATRIX.T + _ROW),
    "fully connected along the last": (
        "FC",
        [_MATRIX[:, :8], _ROW],
        {"axis": 3},
        _X @ _MATRIX[:, :8].T + _ROW,
    ),
    "softmax": ("Softmax", [], {}, softmax(_X.reshape(1, -1), 1).reshape(_X.shape)),
    "a summand for each channel": ("Add", [_CHANNELS], {"broadcast": 1, "axis": 1}, _X + _BY_CHANNEL),
    "a power": ("Pow", [], {"exponent": 2.0}, _X**2),
    "a slope for each channel": ("PRelu", [-_CHANNELS], {}, np.where(_X < 0, -_BY_CHANNEL * _X, _X)),
    "leaky": ("LeakyRelu", [], {"alpha": 0.25}, np.where(_X < 0, 0.25 * _X, _X)),
    "clip": ("Clip", [], {"min": -0.5, "max": 0.5}, _X.clip(-0.5, 0.5)),
    "local response": ("LRN", [], {"size": 3, "alpha": 0.5, "beta": 0.75, "bias": 2.0}, _lrn()),
    "shuffled": ("ChannelShuffle", [], {"group": 2, "kernel": 1}, _X[:, [0, 2, 1, 3]]),
    "resized": ("ResizeNearest", [], {"height_scale": 2.0, "width_scale": 3.0}, _X.repeat(2, 2).repeat(3, 3)),
    "reshaped": ("Reshape", [], {"shape": [0, -1]}, _X.reshape(1, -1)),
    "transposed": ("NCHW2NHWC", [], {}, _NHWC),
    "a slice up to the end": (
        "Slice",
        [],
        {"starts": [0, 1, 0, 2], "ends": [-1, 3, -1, -2]},
        _X[:, 1:3, :, 2:7],
    ),
    "squared": ("Sqr", [], {}, _X**2),
    "swish": ("Swish", [], {}, _X / (1 + np.exp(-_X))),
    "linear for each channel": ("ElementwiseLinear", [_CHANNELS, _CHANNELS], {}, _X * _BY_CHANNEL + _BY_CHANNEL),
    "sum of the last": ("ReduceBackSum", [], {"num_reduce_dim": 2}, _X.sum((2, 3))),
    "dropout": ("Dropout", [], {"ratio": 0.5, "is_test": 1}, _X),
}


def _saved(folder: Path, kind: str, constants: list[Array], arguments: dict[str, Any]) -> Path:
    net = Caffe2Net()
    names = [net.weight(f"w{index}", data) for index, data in enumerate(constants)]
    net.op(kind, ["data", *names], ["y"], **arguments)
    return net.save(folder / "net", ["y"])


@pytest.mark.parametrize("form", _FORMS)
def test_an_operator_computes_what_numpy_does(form: str, tmp_path: Path) -> None:
    """In float, from the files to the result."""
    kind, constants, arguments, expected = _FORMS[form]
    x = np.ascontiguousarray(_NHWC) if arguments.get("order") == "NHWC" else _X
    (result,) = results(_saved(tmp_path, kind, constants, arguments), x)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


def test_glow_counts_borders_in_averages(tmp_path: Path) -> None:
    """Where the network does not say it, Glow's graph has it so."""
    path = _saved(tmp_path, "AveragePool", [], {"kernel": 3, "pad": 1})
    (result,) = results(path, _X, like_glow=True)
    np.testing.assert_allclose(result, windows(_X, 3, 1, 1, 0, False).mean((4, 5)), rtol=1e-4, atol=1e-5)


def _network(folder: Path) -> tuple[Path, Array]:
    """A network with blobs that are overwritten, and what it computes."""
    net = Caffe2Net()
    net.op("Conv", ["data", net.weight("w", _FILTERS), net.weight("b", _BIAS)], ["x"], kernel=3)
    net.op("Relu", ["x"], ["x"])
    net.op("MaxPool", ["x"], ["x"], kernel=2, stride=2)
    net.op("ConstantFill", [], ["two"], init=True, shape=[3], value=2.0)
    net.op("Mul", ["x", "two"], ["y"], broadcast=1, axis=1)
    expected = 2 * windows(np.maximum(convolved(_X, _FILTERS, _BIAS), 0), 2, 2, 0, 0, False).max((4, 5))
    return net.save(folder / "lenet", ["y"]), expected


def test_the_two_files_may_be_given_in_any_way(tmp_path: Path) -> None:
    """As a folder, as one with the other beside it, as two in any order, as text."""
    folder, expected = _network(tmp_path)
    predict, init = folder / "predict_net.pb", folder / "init_net.pb"
    texts = []
    net = Caffe2Net()
    for path, message in ((predict, net.predict), (init, net.init)):
        message.ParseFromString(path.read_bytes())
        texts.append(tmp_path / f"{path.stem}.pbtxt")
        texts[-1].write_text(text_format.MessageToString(message), encoding="utf-8")
    for path, weights in ((folder, ""), (predict, ""), (init, ""), (init, str(predict)), (texts[0], str(texts[1]))):
        (result,) = results(path, _X, weights=weights)
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


def test_the_tools_take_both_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``-model`` twice, with the shape in ``-model-input``, which Caffe2 files do not have."""
    folder, _ = _network(tmp_path)
    files = [f"-model={folder / name}" for name in ("init_net.pb", "predict_net.pb")]
    end = ["-backend=CPU", f"-emit-bundle={tmp_path / 'out'}"]
    for given in (files, [f"-model={folder}"]):
        shape = "-model-input=data,float,[1,4,6,8]"
        assert main(["model-compiler", *given, shape, "-network-name=net", *end]) == 0
        assert (tmp_path / "out" / "net.h").exists()
    assert main(["model-compiler", *files, *end]) == 2
    assert "-model-input=data,float,[1,3,32,32]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "arguments", "found"),
    [
        ("Conv", {"kernel": 3, "colour": 1}, "arguments that are not read: colour"),
        ("Conv", {"kernel": "x"}, "argument kernel is no integer"),
        ("Conv", {}, "has no argument kernel"),
        ("MaxPool", {"kernel": 2, "legacy_pad": 3}, "argument legacy_pad is 3, Caffe's"),
        ("MaxPool", {"kernel": 2, "order": "NCWH"}, "argument order is 'NCWH'"),
        ("Int8Conv", {"kernel": 3}, "an operator on integers of Caffe2's own"),
        ("LengthsSum", {}, "unsupported operator LengthsSum of domain 'caffe2'"),
        ("Reshape", {}, "has 1 inputs"),
    ],
)
def test_what_is_not_read_is_refused_by_name(kind: str, arguments: dict[str, Any], found: str, tmp_path: Path) -> None:
    """Together with everything else that is wrong."""
    path = _saved(tmp_path, kind, [], arguments)
    with pytest.raises(ModelError) as caught:
        results(path, _X)
    assert found in str(caught.value)
    assert kind in str(caught.value)


def test_an_empty_network_is_refused(tmp_path: Path) -> None:
    """With what to do instead."""
    for name in ("predict_net.pb", "init_net.pb"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(ModelError, match="convert it to ONNX"):
        results(tmp_path, _X)
    (tmp_path / "init_net.pb").unlink()
    with pytest.raises(ModelError, match="No such file"):
        results(tmp_path, _X)
