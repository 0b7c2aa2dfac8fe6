"""Channels whose bias leaves no room for LiteRT's multiplier, beside weights that cannot change the result."""

from __future__ import annotations

import numpy as np
import pytest

from tinyglow.ir.graph import Node
from tinyglow.ir.types import QuantParams
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.kernels.window import Window
from tinyglow.numerics.epilogues.tflm import TFLM
from tinyglow.operators.conv2d import Conv2D
from tinyglow.operators.exact_layers import with_constant_channels


def _layer(bias: int) -> ConvLayer:
    """A 1x1 convolution of one channel, whose results are sums * 2**-27."""
    names = ("in_h", "in_w", "in_c", "out_h", "out_w", "out_c", "kernel_h", "kernel_w", "stride_h", "stride_w")
    sizes = dict.fromkeys((*names, "dilation_h", "dilation_w", "group", "images"), 1) | {"pad_top": 0, "pad_left": 0}
    return ConvLayer(
        node=Node("node", Conv2D(Window((1, 1))), ("x", "w", "b"), ("y",), "node"),
        sizes=sizes,
        filters=np.array([[[[100]]]], np.int8),
        filter_offsets=np.zeros(1, np.int32),
        bias=np.array([bias], np.int32),
        requants=[TFLM.constants(2.0**-27)],
        in_offset=0,
        out=QuantParams(1.0, 0),
        activation={"act_min": -128, "act_max": 127},
        per_channel=True,
        epilogue=TFLM,
    )


@pytest.mark.parametrize("bias", [1_900_000_000, -1_800_000_000, 2**31 - 13_000])
def test_small_weights_become_none(bias: int) -> None:
    """The constant's result is that of every input, by CMSIS-NN's product of 64 bits."""
    layer = with_constant_channels(_layer(bias))
    least, most = layer.sum_bounds()
    assert least == most and TFLM.holds_for([(int(least[0]), int(most[0]))], layer.requants)
    (result,) = TFLM.requantize(least.astype(np.int32), layer.requants[0])
    sums = bias + 100 * np.arange(-128, 128)
    assert set(TFLM.requantize(sums.astype(np.int32), _layer(bias).requants[0]).tolist()) == {int(result)}
    assert int(result) == round(bias * 2.0**-27)


@pytest.mark.parametrize("bias", [2**30 + 2**26 + 50, 2**31 - 12_000, -(2**31) + 12_000])
def test_weights_that_count_stay(bias: int) -> None:
    """The result may lie on either side of a half, or the sum may leave 32 bits: then the layer is refused later."""
    layer = with_constant_channels(_layer(bias))
    assert layer.filters.any() and not TFLM.holds_for([(int(layer.bias[0]),) * 2], layer.requants)
