"""Which data sets of CMSIS-NN are of which operator, by their names."""

from __future__ import annotations

import re

from tests.cmsis_nn import calls, models, recurrent_calls

# What the name of a data set is, in the order in which they are tried; a text: why we do not run it.
KINDS: tuple[tuple[str, str, calls.Call | str], ...] = (
    ("float", r".*_f(16|32)(_.*)?", "floating point"),
    ("network", r"ds_cnn_.*", "a whole network of layers that are here too"),
    ("lstm, int16", r"lstm_.*_s16", recurrent_calls.lstm_int16),
    ("lstm", r"lstm_.*", recurrent_calls.lstm),
    ("svdf", r"svdf.*", recurrent_calls.svdf),
    ("batch matmul, int16", r"batch_matmul_.*_s16", recurrent_calls.batch_matmul_s16),
    ("batch matmul", r"batch_matmul_.*", recurrent_calls.batch_matmul),
    ("transposed convolution", r"(reverse_)?transpose_conv.*", calls.transposed_convolution),
    ("transpose", r"transpose_.*", models.transpose),
    ("pad", r"pad_.*", models.pad),
    ("maximum, minimum", r"(maximum|minimum)_.*", models.extreme),
    ("max pool, int16", r"maxpool_int16.*", calls.max_pool_s16),
    ("max pool", r"max_?pool.*", calls.max_pool),
    ("average pool, int16", r"avgpooling_int16.*", recurrent_calls.average_pool_s16),
    ("softmax, int8 to int16", r"softmax_s8_s16", "SOFTMAX of int8 with int16 results is refused"),
    ("softmax, int16", r"softmax_s16", recurrent_calls.softmax_s16),
    ("softmax", r"softmax", calls.softmax),
    ("average pool", r"avgpooling.*", calls.average_pool),
    ("add, int16", r"add_s16.*", calls.add_s16),
    ("add", r"add", calls.add),
    ("mul, int16", r"mul_s16.*", calls.mul_s16),
    ("mul", r"mul", calls.mul),
    ("fully connected, int16", r"fully_connected_int16.*|fc_int16.*", calls.fully_connected_s16),
    ("fully connected, int4", r"fully_connected_int4.*", calls.fully_connected),
    ("fully connected", r"fully_connected.*|fc_.*", calls.fully_connected),
    ("convolution, int16", r"(dw_)?int16xint8.*|requantize_s64", calls.convolution_s16),
    ("convolution, int4", r".*int4.*", calls.convolution),
    ("convolution", r".*", calls.convolution),
)


def kind_of(name: str) -> tuple[str, calls.Call | str]:
    """The kind of a data set, and how it is run, or why not."""
    return next((kind, call) for kind, pattern, call in KINDS if re.fullmatch(pattern, name))
