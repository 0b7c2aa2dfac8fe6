"""Where onnx's reference implementation has no answer, or not the specification's: the specification's, in numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from tests.unit.forms.onnx_cases import base, build
from tests.unit.operators.single import one_node, reference

Array = npt.NDArray[Any]
# Of inputs x [samples, ...], the operator set and the node's attributes: its first result; None: onnx knows it.
Answer = Callable[[Array, int, Mapping[str, Any]], "Array | None"]


def _batch_normalization(x: Array, opset: int, attributes: Mapping[str, Any]) -> Array | None:
    """Before operator set 14 onnx's own takes a node with a momentum for one that trains."""
    scale, bias, mean, variance = (
        np.asarray(part, np.float32).reshape(-1, 1, 1) for part in base("BatchNormalization", opset).constants
    )
    epsilon = np.float32(attributes.get("epsilon", 1e-5))
    return scale * (x - mean) / np.sqrt(variance + epsilon) + bias


def _softmax(x: Array, opset: int, attributes: Mapping[str, Any]) -> Array | None:
    """Before operator set 13 all dimensions from ``axis`` on are one; onnx's own has the newer rule for all."""
    axis = attributes["axis"] % 4
    rows = x.reshape(len(x), int(np.prod(x.shape[1 : axis + 1])), -1)
    powers = np.exp(rows - rows.max(axis=2, keepdims=True))
    return None if opset >= 13 else (powers / powers.sum(axis=2, keepdims=True)).reshape(x.shape)


def _max_pool(x: Array, opset: int, attributes: Mapping[str, Any]) -> Array | None:
    """onnx's own ignores some uneven pads."""
    pads, strides = attributes.get("pads", [0, 0, 0, 0]), attributes.get("strides", [1, 1])
    kernel = attributes.get("kernel_shape", [3, 3])
    size = x.shape[-2:]
    if attributes.get("auto_pad") == "SAME_LOWER":
        total = [max(0, (-(-n // s) - 1) * s + k - n) for n, s, k in zip(size, strides, kernel, strict=True)]
        pads = [-(-n // 2) for n in total] + [n // 2 for n in total]
    elif "pads" not in attributes or attributes.get("ceil_mode"):
        return None
    around = [(0, 0)] * (x.ndim - 2) + [(pads[0], pads[2]), (pads[1], pads[3])]
    wide = np.pad(x, around, constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(wide, kernel, (-2, -1))
    return windows[..., :: strides[0], :: strides[1], :, :].max(axis=(-2, -1))


def _resize(x: Array, opset: int, attributes: Mapping[str, Any]) -> Array | None:
    """The first forms are a Resize of operator set 13 whose coordinates are asymmetric, and whose rounding is floor."""
    if opset > 10:
        return None
    given = base("Resize" if opset == 10 else "Upsample", opset)
    scales = attributes.get("scales") or given.attributes.get("scales") or given.constants[0]
    mode = {"mode": attributes.get("mode", "nearest"), "nearest_mode": "floor"}
    asymmetric = {"coordinate_transformation_mode": "asymmetric"}
    return reference(one_node("Resize", x.shape[1:], (None, scales), **mode, **asymmetric), {"x": x})[0]


def _pad(x: Array, opset: int, attributes: Mapping[str, Any]) -> Array | None:
    """A negative pad takes elements away."""
    return x[:, :, :, 1:] if attributes.get("pads") == [0, 0, -1, 0, 0, 0, 0, 0] else None


def _nearest_bfloat16(x: Array) -> Array:
    """float32 of which 16 bits are left, the last rounded to nearest, a tie to even; onnx 1.16 cuts them off."""
    bits = np.asarray(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


_ANSWERS: dict[str, Answer] = {
    "BatchNormalization": _batch_normalization,
    "MaxPool": _max_pool,
    "Pad": _pad,
    "Resize": _resize,
    "Softmax": _softmax,
    "Upsample": _resize,
}


def expected(proto: onnx.ModelProto, op_type: str, opset: int, attributes: Mapping[str, Any], x: Array) -> list[Array]:
    """The model's outputs [samples, ...]."""
    if op_type == "Resize" and attributes.get("antialias"):  # it means nothing to the nearest element; onnx's own fails
        return expected(build(op_type, opset, **{**attributes, "antialias": 0}), op_type, opset, {}, x)
    if op_type == "Cast" and attributes.get("to") == onnx.TensorProto.BFLOAT16:
        plain, cast = expected(build(op_type, opset, **{**attributes, "to": 1}), op_type, opset, {}, x)
        return [plain, _nearest_bfloat16(cast)]
    answer = _ANSWERS[op_type](x, opset, attributes) if op_type in _ANSWERS else None
    return reference(proto, {"x": x}) if answer is None else [answer]
