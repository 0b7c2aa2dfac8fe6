"""Good models and profiles of all formats, small enough that thousands of damaged ones can be read."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from tests.unit.formats.nets import Caffe2Net, save_caffe
from tinyglow.frontend.caffe2_file import net_class
from tinyglow.frontend.caffe_file import weights_class
from tinyglow.testing.conformance.cases import collect, collect_models

ROOT = Path(__file__).resolve().parents[2]
ONNX, TFLITE, CAFFE2, CAFFE, PROFILE = "ONNX", "TFLite", "Caffe2", "Caffe", "profile"
FORMATS = (ONNX, TFLITE, CAFFE2, CAFFE, PROFILE)
_MOST_BYTES = 200_000
_RNG = np.random.default_rng(7)


@dataclass(frozen=True)
class Good:
    """One model, which can be read.

    Attributes:
        format: Of its files.
        name: What it is.
        files: Their contents by name; the first one is given to the reader.
        messages: The protobuf class of those files that are messages.
        shapes: Of inputs that the files have no shapes of.
    """

    format: str
    name: str
    files: Mapping[str, bytes]
    messages: Mapping[str, Any]
    shapes: Mapping[str, tuple[int, ...]]


@functools.cache
def corpus() -> Mapping[str, Sequence[Good]]:
    """The models by format."""
    return {
        ONNX: [*_onnx_files(), *_node_tests()],
        TFLITE: [_one(TFLITE, path) for path in _files("*.tflite")],
        CAFFE2: _caffe2(),
        CAFFE: _caffe(),
        PROFILE: [_one(PROFILE, path) for path in _files("profile.yaml")],
    }


def _files(pattern: str) -> list[Path]:
    found = sorted(path for folder in ("tests", "examples") for path in (ROOT / folder).rglob(pattern))
    return [path for path in found if path.stat().st_size < _MOST_BYTES]


def _one(format_: str, path: Path) -> Good:
    return Good(format_, str(path.relative_to(ROOT)), {f"net{path.suffix}": path.read_bytes()}, {}, {})


def _of_model(name: str, data: bytes) -> Good:
    return Good(ONNX, name, {"net.onnx": data, "net.data": bytes(64)}, {"net.onnx": onnx.ModelProto}, {})


def _onnx_files() -> list[Good]:
    return [_of_model(str(path.relative_to(ROOT)), path.read_bytes()) for path in _files("*.onnx")]


def _node_tests() -> list[Good]:
    """The models of ONNX's own tests that fit; they have all operators."""
    models = [(test.name, test.model.SerializeToString()) for test in (*collect(), *collect_models())]
    return [_of_model(name, data) for name, data in models if 0 < len(data) < _MOST_BYTES]


def _caffe2() -> list[Good]:
    """A small image network and a small network of vectors."""
    filters, channels = _RNG.standard_normal((4, 3, 3, 3)), _RNG.uniform(0.5, 2, 4)
    image, rows = Caffe2Net(), Caffe2Net()
    image.op("Conv", ["data", image.weight("w", filters), image.weight("b", channels)], ["x"], kernel=3, pad=1)
    image.op("SpatialBN", ["x", *[image.weight(f"s{i}", channels) for i in range(4)]], ["x"], is_test=1)
    image.op("Relu", ["x"], ["x"])
    image.op("MaxPool", ["x"], ["p"], kernel=2, stride=2)
    image.op("LRN", ["p"], ["n", "scale"], size=3, alpha=0.5, beta=0.75, bias=1.0)
    image.op("Concat", ["n", "p"], ["c", "sizes"], axis=1)
    image.op("Slice", ["c"], ["d"], starts=[0, 1, 0, 0], ends=[-1, 7, -1, -1])
    image.op("AveragePool", ["d"], ["y"], global_pooling=1)
    rows.op(
        "FC", ["data", rows.weight("f", _RNG.standard_normal((6, 8))), rows.weight("g", _RNG.uniform(0, 1, 6))], ["h"]
    )
    rows.op("Sigmoid", ["h"], ["i"])
    rows.op("Mul", ["h", "i"], ["h"], broadcast=1)
    rows.op("Reshape", ["h"], ["r", "old"], shape=[0, 2, 3])
    rows.op("Transpose", ["r"], ["t"], axes=[0, 2, 1])
    rows.op("Split", ["t"], ["a", "b"], axis=2)
    rows.op("Add", ["a", "b"], ["s"])
    rows.op("Softmax", ["s"], ["y"])
    found = []
    for name, net, shape in (("image", image, (1, 3, 6, 6)), ("rows", rows, (2, 8))):
        net.predict.external_input.insert(0, "data")
        net.predict.external_output.append("y")
        files = {
            "predict_net.pb": net.predict.SerializeToString(),
            "init_net.pb": net.init.SerializeToString(),
        }
        found.append(Good(CAFFE2, name, files, dict.fromkeys(files, net_class()), {"data": shape}))
    return found


_LAYERS = """name: "net"
layer { name: "in" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 6 dim: 7 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "x" convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "bn" type: "BatchNorm" bottom: "x" top: "x" batch_norm_param { eps: 0.01 } }
layer { name: "scale" type: "Scale" bottom: "x" top: "x" scale_param { bias_term: true } }
layer { name: "relu" type: "ReLU" bottom: "x" top: "x" relu_param { negative_slope: 0.1 } }
layer { name: "cut" type: "Slice" bottom: "x" top: "a" top: "b" slice_param { slice_point: 1 axis: 1 } }
layer { name: "all" type: "Concat" bottom: "b" bottom: "a" top: "c" }
layer { name: "pool" type: "Pooling" bottom: "c" top: "p" pooling_param { pool: AVE kernel_size: 2 stride: 2 pad: 1 } }
layer { name: "power" type: "Power" bottom: "p" top: "q" power_param { power: 2 scale: 0.5 shift: 1 } }
layer { name: "sum" type: "Eltwise" bottom: "p" bottom: "q" top: "e" eltwise_param { coeff: 1 coeff: -2 } }
layer { name: "ip" type: "InnerProduct" bottom: "e" top: "i" inner_product_param { num_output: 5 } }
layer { name: "prob" type: "Softmax" bottom: "i" top: "y" }
"""


def _caffe() -> list[Good]:
    def data(*shape: int) -> Any:
        return _RNG.uniform(0.5, 2, shape).astype(np.float32)

    weights = {
        "conv": [data(4, 3, 3, 3), data(4)],
        "bn": [data(4), data(4), data(1)],
        "scale": [data(4), data(4)],
        "ip": [data(5, 4 * 3 * 3), data(5)],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = save_caffe(Path(folder), _LAYERS, weights)
        files = {path.name: path.read_bytes(), "net.caffemodel": path.with_suffix(".caffemodel").read_bytes()}
    known = {"net.caffemodel": weights_class()}
    return [Good(CAFFE, "layers", files, known, {})]
