"""Reading Caffe: each form of a layer computes what numpy does, and what is not read is refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.unit.formats.nets import Array, convolved, results, save_caffe, softmax, windows
from tinyglow.errors import ModelError

_RNG = np.random.default_rng(3)
_X = _RNG.standard_normal((1, 4, 6, 7)).astype(np.float32)
_FILTERS = _RNG.standard_normal((3, 4, 3, 3)).astype(np.float32)
_BIAS, _CHANNELS = _RNG.standard_normal(3).astype(np.float32), _RNG.uniform(0.5, 2, 4).astype(np.float32)
_MATRIX, _ROW = _RNG.standard_normal((5, 168)).astype(np.float32), _RNG.standard_normal(5).astype(np.float32)
_BY_CHANNEL = _CHANNELS[:, None, None]
_INPUT = 'layer { name: "in" type: "Input" top: "data" input_param { shape { dim: 1 dim: 4 dim: 6 dim: 7 } } }\n'

# What a layer has beside its name, its weights, and what it computes.
_FORMS: dict[str, tuple[str, list[Array], Array]] = {
    "convolution": (
        'type: "Convolution" convolution_param { num_output: 3 kernel_size: 3 pad: 1 stride: 2 }',
        [_FILTERS, _BIAS],
        convolved(_X, _FILTERS, _BIAS, 2, 1),
    ),
    "no bias": (
        'type: "Convolution" convolution_param { num_output: 3 kernel_h: 3 kernel_w: 3 bias_term: false }',
        [_FILTERS],
        convolved(_X, _FILTERS, 0 * _BIAS),
    ),
    "maximum, rounded up": (
        'type: "Pooling" pooling_param { pool: MAX kernel_size: 3 stride: 2 }',
        [],
        np.nanmax(windows(_X, 3, 2, 0, 0, True), (4, 5)),
    ),
    "average, rounded up": (
        'type: "Pooling" pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }',
        [],
        np.nanmean(windows(_X, 3, 2, 1, 0, True), (4, 5)),
    ),
    "rounded down": (
        'type: "Pooling" pooling_param { kernel_size: 3 stride: 2 round_mode: FLOOR }',
        [],
        windows(_X, 3, 2, 0, 0, False).max((4, 5)),
    ),
    "whole image": (
        'type: "Pooling" pooling_param { pool: AVE global_pooling: true }',
        [],
        _X.mean((2, 3), keepdims=True),
    ),
    "inner product": (
        'type: "InnerProduct" inner_product_param { num_output: 5 }',
        [_MATRIX, _ROW],
        _X.reshape(1, -1) @ _MATRIX.T + _ROW,
    ),
    "transposed weights": (
        'type: "InnerProduct" inner_product_param { num_output: 5 transpose: true }',
        [_MATRIX.T, _ROW],
        _X.reshape(1, -1) @ _MATRIX.T + _ROW,
    ),
    "batch norm": (
        'type: "BatchNorm" batch_norm_param { eps: 0.01 }',
        [3 * _CHANNELS, 3 * _CHANNELS, np.float32([3])],
        (_X - _BY_CHANNEL) / np.sqrt(_BY_CHANNEL + 0.01),
    ),
    "scale": (
        'type: "Scale" scale_param { bias_term: true }',
        [_CHANNELS, -_CHANNELS],
        _X * _BY_CHANNEL - _BY_CHANNEL,
    ),
    "bias": ('type: "Bias"', [_CHANNELS], _X + _BY_CHANNEL),
    "leaky": ('type: "ReLU" relu_param { negative_slope: 0.25 }', [], np.where(_X < 0, 0.25 * _X, _X)),
    "slopes": ('type: "PReLU"', [_CHANNELS], np.where(_X < 0, _BY_CHANNEL * _X, _X)),
    "softmax": ('type: "Softmax"', [], softmax(_X, 1)),
    "power": ('type: "Power" power_param { power: 2 scale: 0.5 shift: 1 }', [], (0.5 * _X + 1) ** 2),
    "exponential": ('type: "Exp" exp_param { base: 2 }', [], 2**_X),
    "flatten": ('type: "Flatten"', [], _X.reshape(1, -1)),
    "reshape": ('type: "Reshape" reshape_param { shape { dim: 0 dim: -1 dim: 7 } }', [], _X.reshape(1, 24, 7)),
    "weighted sum": (
        'bottom: "data" type: "Eltwise" eltwise_param { operation: SUM coeff: 1 coeff: -3 }',
        [],
        -2 * _X,
    ),
    "product": ('bottom: "data" type: "Eltwise" eltwise_param { operation: PROD }', [], _X**2),
    "concatenation": ('bottom: "data" type: "Concat"', [], np.concatenate([_X, _X], 1)),
    "reduction": (
        'type: "Reduction" reduction_param { operation: SUMSQ axis: 2 coeff: 0.5 }',
        [],
        0.5 * (_X**2).sum((2, 3)),
    ),
    "swish": ('type: "Swish" swish_param { beta: 2 }', [], _X / (1 + np.exp(-2 * _X))),
    "dropout": ('type: "Dropout" dropout_param { dropout_ratio: 0.5 }', [], _X),
}


@pytest.mark.parametrize("form", _FORMS)
def test_a_layer_computes_what_numpy_does(form: str, tmp_path: Path) -> None:
    """In float, from the files to the result."""
    text, weights, expected = _FORMS[form]
    layer = f'layer {{ name: "one" bottom: "data" top: "y" {text} }}\n'
    (result,) = results(save_caffe(tmp_path, _INPUT + layer, {"one": weights}), _X)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


_TRAINING = """name: "net"
layer { name: "train" type: "Data" top: "data" top: "label" include { phase: TRAIN } transform_param { scale: 0.5 }
  data_param { source: "somewhere" batch_size: 64 backend: LMDB } }
layer { name: "test" type: "Data" top: "data" top: "label" include { phase: TEST }
  data_param { source: "elsewhere" batch_size: 1 backend: LMDB } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" param { lr_mult: 1 } param { lr_mult: 2 }
  convolution_param { num_output: 3 kernel_size: 3 weight_filler { type: "xavier" } bias_filler { type: "constant" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "cut" type: "Slice" bottom: "conv" top: "a" top: "b" slice_param { slice_point: 1 } }
layer { name: "two" type: "Power" bottom: "b" top: "b2" power_param { scale: 2 } }
layer { name: "again" type: "Concat" bottom: "a" bottom: "b2" top: "both" }
layer { name: "accuracy" type: "Accuracy" bottom: "both" bottom: "label" top: "accuracy" include { phase: TEST } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "both" bottom: "label" top: "loss" }
"""


def test_a_network_with_its_training_is_what_it_is_for_inference(tmp_path: Path) -> None:
    """Data layers are inputs, losses are left out, blobs may be overwritten; either file names the other."""
    path = save_caffe(tmp_path, _TRAINING, {"conv": [_FILTERS, _BIAS]})
    expected = np.maximum(convolved(_X, _FILTERS, _BIAS), 0)
    expected[:, 1:] *= 2
    for given in (path, path.with_suffix(".caffemodel")):
        (result,) = results(given, _X)
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('type: "Convolution" convolution_param { kernel_size: 3 }', "has 0 blobs of weights"),
        ('type: "Pooling" pooling_param { pool: STOCHASTIC kernel_size: 2 }', "stochastic pooling"),
        ('type: "Pooling"', "has no kernel_size"),
        ('type: "SPP"', "unsupported operator SPP of domain 'caffe'"),
        ('type: "Flatten" flatten_param { axis: 7 }', "axis 7 of 4 dimensions"),
        ('type: "LRN" lrn_param { norm_region: WITHIN_CHANNEL }', "normalization within channels"),
        ('type: "Pooling" pooling_param { kernel: 2 }', 'has no field named "kernel"'),
        ('type: "ReLU" bottom: "nothing" top: "z"', "has 2 outputs"),
    ],
)
def test_what_is_not_read_is_refused_by_name(text: str, found: str, tmp_path: Path) -> None:
    """By the layer, or by the line of the file."""
    path = save_caffe(tmp_path, _INPUT + f'layer {{ name: "one" bottom: "data" top: "y" {text} }}\n', {})
    with pytest.raises(ModelError) as caught:
        results(path, _X)
    assert found in str(caught.value)


def test_files_that_lack_are_named(tmp_path: Path) -> None:
    """The weights, and layers of the first form."""
    path = save_caffe(tmp_path, 'layers { name: "one" }', {})
    with pytest.raises(ModelError, match="upgrade_net_proto_text"):
        results(path, _X)
    path.with_suffix(".caffemodel").unlink()
    with pytest.raises(ModelError, match=r"--model-weights NAME\.caffemodel"):
        results(path, _X)
