"""Unusual conversions in quantized ONNX files: chains of them, types as attributes, biases in other steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import tinyglow
from tests.onnx_quantized.networks import Builder, twice_network
from tinyglow.errors import ModelError
from tinyglow.frontend.onnx_double_quantized import join_conversions

IMAGE = {"x": (TensorProto.FLOAT, [1, 3, 8, 8])}


def _kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def _loaded(model: onnx.ModelProto, folder: Path) -> tinyglow.Graph:
    path = folder / "net.onnx"
    path.write_bytes(model.SerializeToString())
    return tinyglow.load(path, "net")


def _declared(model: onnx.ModelProto, folder: Path) -> list[tuple[str, float, int]]:
    """Dtype, scale and zero point of what the first node's integers are."""
    values = _loaded(model, folder).values.values()
    return [(v.declared.dtype, v.declared.quant.scale, v.declared.quant.offset) for v in values if v.declared]


def _twice(dtype: str, *pairs: tuple[float, int]) -> onnx.ModelProto:
    """The input, quantized with each of these scales and zero points in turn."""
    b = Builder(dtype, False)
    x = "x"
    for scale, zero in pairs:
        own = b.constant("scale", np.float32(scale)), b.constant("zero", np.array(zero, dtype))
        b.add("QuantizeLinear", [x, *own], f"{x}q")
        x = b.add("DequantizeLinear", [f"{x}q", *own], f"{x}d")
    return b.model(IMAGE, {x: TensorProto.FLOAT})


def test_two_pairs_become_one_of_both_ranges(tmp_path: Path) -> None:
    """Its ends are the nearer ones: here 0 to 2.55 of the first and -1 to 1.55 of the second."""
    (made,) = _declared(_twice("uint8", (0.01, 0), (0.01, 100)), tmp_path)
    assert made[0] == "int8" and made[2] == -128
    assert made[1] == pytest.approx(1.55 / 255)


def test_pairs_of_one_range_stay_as_they_are(tmp_path: Path) -> None:
    """A second pair with the same parameters changes nothing."""
    assert _declared(_twice("int8", (0.01, 3), (0.01, 3), (0.01, 3)), tmp_path) == [
        ("int8", float(np.float32(0.01)), 3)
    ]


def test_all_pairs_of_a_chain_are_joined() -> None:
    """Each with the one that came of those before it; what does nothing between them goes too."""
    model = twice_network("int8", False)
    before = _kinds(model)
    join_conversions(model.graph)
    after = _kinds(model)
    assert before.count("QuantizeLinear") == 6 and after.count("QuantizeLinear") == 3
    assert "Identity" in before and "Identity" not in after
    made = {tensor.name for tensor in model.graph.initializer} | {"x"} | {n.output[0] for n in model.graph.node}
    assert all(made.issuperset(node.input) for node in model.graph.node)


@pytest.mark.parametrize("what", ["types", "output", "two readers", "scale", "empty", "body", "circle"])
def test_what_others_see_is_not_joined(what: str) -> None:
    """Nor are pairs of two types, of ranges with nothing in common, without constant scales, or without an end."""
    model = _twice("int8", (0.01, 3), (0.02, 127 if what == "empty" else 5))
    graph = model.graph
    if what == "empty":
        zeros = [tensor for tensor in graph.initializer if tensor.name.startswith("zero")]
        zeros[0].CopyFrom(onnx.numpy_helper.from_array(np.int8(-128), zeros[0].name))
    elif what == "types":
        zeros = [tensor for tensor in graph.initializer if tensor.name.startswith("zero")]
        zeros[1].CopyFrom(onnx.numpy_helper.from_array(np.uint8(5), zeros[1].name))
    elif what == "output":
        graph.output.append(helper.make_tensor_value_info("xd", TensorProto.FLOAT, None))
    elif what == "two readers":
        graph.node.append(helper.make_node("Relu", ["xd"], ["r"]))
    elif what == "body":  # of an operator that reads it in one of its branches
        relu = helper.make_node("Relu", ["xd"], ["r"])
        branch = helper.make_graph([relu], "b", [], [helper.make_tensor_value_info("r", TensorProto.FLOAT, None)])
        graph.node.append(helper.make_node("If", ["c"], ["i"], then_branch=branch, else_branch=branch))
    elif what == "circle":  # a damaged file
        graph.node[0].output[0] = "a"
        graph.node.extend(helper.make_node("Identity", [one], [other]) for one, other in ("ab", "ba"))
    else:
        graph.node[0].input[1] = "x"
    kinds = _kinds(model)
    join_conversions(graph)
    assert _kinds(model) == kinds


def test_the_type_of_integers_may_be_an_attribute(tmp_path: Path) -> None:
    """Without a zero point output_dtype says it; UINT8 is the default. Both must agree where both are given."""
    b = Builder("int8", False)
    scale = b.constant("scale", np.float32(0.01))
    b.add("QuantizeLinear", ["x", scale], "q", output_dtype=TensorProto.INT8)
    b.add("DequantizeLinear", ["q", scale], "y")
    model = b.model(IMAGE, {"y": TensorProto.FLOAT})
    model.opset_import[0].version = 21
    assert [made[0::2] for made in _declared(model, tmp_path)] == [("int8", 0)]
    model.graph.node[0].ClearField("attribute")
    assert [made[0::2] for made in _declared(model, tmp_path)] == [("int8", -128)]
    model.graph.node[0].attribute.append(helper.make_attribute("output_dtype", TensorProto.INT8))
    for node in model.graph.node:
        node.input.append(b.constant("zero", np.uint8(3)))
        model.graph.initializer.append(b.constants[-1])
    with pytest.raises(ModelError, match="output_dtype INT8 with a zero point of UINT8"):
        _loaded(model, tmp_path)


def _layer(bias: Any, *scale: Any) -> onnx.ModelProto:
    b = Builder("uint8", False)
    x = b.convert("x", 0.05)
    weights, _ = b.weights("w", (4, 3, 3, 3), 0, 0.05)
    operands = [b.constant("bias", bias), *(b.constant("of_bias", item) for item in scale)]
    y = b.add("Conv", [x, b.dequantized(weights, 0), b.add("DequantizeLinear", operands, "bias_dq")], "conv")
    return b.model(IMAGE, {b.convert(y, 0.37): TensorProto.FLOAT})


@pytest.mark.parametrize(
    ("bias", "scale"),
    [
        (np.array([400, -200, 90, 0], np.int32), [np.float32(0.01)]),
        (np.array([40, -20, 9, 0], np.int8), [np.float32(0.1), np.int8(0)]),
        (np.array([140, 80, 109, 100], np.uint8), [np.float32(0.1), np.uint8(100)]),
    ],
    ids=["steps", "int8", "uint8"],
)
def test_a_bias_in_other_steps_is_the_real_number(bias: Any, scale: list[Any], tmp_path: Path) -> None:
    """onnxruntime computes such a layer in float; here it is one of integers, with the bias rounded to its steps."""
    quantized = tinyglow.quantize(_loaded(_layer(bias, *scale), tmp_path))
    (made,) = [value for value in quantized.values.values() if value.type.dtype == "int32"]
    assert made.data is not None and made.type.quant is not None
    np.testing.assert_allclose(made.data * made.type.quant.scale, [4, -2, 0.9, 0], atol=made.type.quant.scale / 2)


def test_a_bias_in_almost_the_same_steps_counts_as_it_is(tmp_path: Path) -> None:
    """Up to a hundredth, and a millionth, of the product of scales, as in onnxruntime."""
    steps = np.array([4000, -200, 90, 0], np.int32)
    model = _layer(steps, np.float32(1))
    scales = {tensor.name: tensor for tensor in model.graph.initializer}
    of_weights = next(tensor for name, tensor in scales.items() if name.startswith("w_s"))
    product = 0.05 * float(onnx.numpy_helper.to_array(of_weights))
    for ratio, same in ((1.009, True), (0.991, True), (1.02, False)):
        name = next(name for name in scales if name.startswith("of_bias"))
        scales[name].CopyFrom(onnx.numpy_helper.from_array(np.float32(product * ratio), name))
        quantized = tinyglow.quantize(_loaded(model, tmp_path))
        (made,) = [value.data for value in quantized.values.values() if value.type.dtype == "int32"]
        assert made is not None and np.array_equal(made, steps) == same, ratio
