"""Models of other tests whose kernel calls are committed too: quantized ones, and float operators that ONNX has not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

from tests.onnx_quantized import networks

HAS_TFLITE = find_spec("tflite") is not None  # the extra tinyglow[tflite]


@dataclass(frozen=True)
class Model:
    """A model file.

    Attributes:
        data: Makes it.
        suffix: Of its name.
        ways: See ``calls.WAYS``.
    """

    data: Callable[[], bytes]
    suffix: str
    ways: Sequence[str]


_FLOAT = ("cos", "rsqrt", "log", "cast", "less", "logic", "select", "select_v2", "cast_int32_at_run_time", "cast_truth")
_FLOAT += ("cumsum_01", "gather_nd", "reduce_all", "reverse", "l2_pool_1", "strided_slice_masks", "conv_batch_n1_to_1")
_FLOAT += ("average_pool_relu", "batch_matmul_left", "bilinear_half_11_3", "mirror_pad", "dynamic_update_slice_inside")
# Of sums with a constant, one: all others are computed in the same way.
_INT8_LEFT_OUT = ("add_row_relu", "sub_constant", "sub_row_relu")


def _of_tflite(file: str, name: str) -> bytes:
    from tests.tflite import cases, int8_cases, int16_cases

    modules = {"float": cases, "int8": int8_cases, "int16": int16_cases}
    return modules[file].case(name).model


def _tflite() -> dict[str, Model]:
    from tests.tflite import int8_cases, int16_cases

    names = {"float": _FLOAT, "int8": int8_cases.names(), "int16": int16_cases.names()}
    ways = {"float": ("float",), "int8": ("tflite", "tflm"), "int16": ("tflite",)}
    return {
        f"{file} {name}": Model(partial(_of_tflite, file, name), "tflite", ways[file])
        for file in names
        for name in names[file]
        if not (file == "int8" and name in _INT8_LEFT_OUT)
    }


def _of_onnx(kind: str, dtype: str) -> bytes:
    return networks.NETWORKS[kind](dtype, dtype == "int8").SerializeToString()


MODELS: dict[str, Model] = {
    f"{kind} {dtype}": Model(partial(_of_onnx, kind, dtype), "onnx", ("onnx", "glow"))
    for kind in networks.NETWORKS
    for dtype in networks.LIMITS
}
MODELS |= _tflite() if HAS_TFLITE else {}
