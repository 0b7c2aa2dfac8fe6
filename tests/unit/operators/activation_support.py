"""What the tests of single operators share: a model of one node, its float result, its int8 result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from onnx.reference import ReferenceEvaluator

from tests.helpers import Net, NetBuilder
from tinyglow.errors import ModelError
from tinyglow.frontend.onnx import load_onnx
from tinyglow.interp import run_graph
from tinyglow.ir.program import Program
from tinyglow.ir.verify import verify
from tinyglow.pipeline import stations

Array = npt.NDArray[np.generic]
Floats = npt.NDArray[np.float32]


def one_node(
    op_type: str, shape: tuple[int, ...], *constants: npt.ArrayLike | None, opset: int = 14, **attributes: object
) -> Net:
    """A model of one node with input ``x``; None among the constants is an input left out."""
    build = NetBuilder()
    names = ["" if data is None else build.constant(data) for data in constants]
    build.node(op_type, "x", *names, name="node", output="y", **attributes)
    return build.build({"x": shape}, ["y"], opset=opset)


def reference(net: Net, x: Floats) -> Array:
    """The result of each sample of x [samples, *shape] as onnx itself computes it."""
    evaluator = ReferenceEvaluator(net.proto)
    return np.stack([np.asarray(evaluator.run(None, {"x": sample})[0]) for sample in x])


def float_result(net: Net, x: Floats, folder: Path) -> Array:
    """The result [samples, *shape] of the imported graph."""
    (result,) = run_graph(verify(load_onnx(net.save(folder)), "read"), {"x": x}).values()
    return result


def assert_computes(net: Net, folder: Path, samples: int = 2, scale: float = 3.0, atol: float = 1e-6) -> None:
    """The imported graph gives what onnx gives, and so do its simplified form's nodes."""
    x = net.samples(samples)["x"] * np.float32(scale)
    expected = reference(net, x)
    actual = float_result(net, x, folder)
    assert actual.dtype == np.float32
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=atol)
    (simplified,) = run_graph(stations.load(net.save(folder)), {"x": x}).values()
    np.testing.assert_allclose(simplified, actual, rtol=1e-5, atol=atol)


def int8_program(net: Net, x: Floats, folder: Path) -> Program:
    """The program, float outside, made from the profile of x."""
    graph = stations.load(net.save(folder))
    return stations.lower(stations.quantize(graph, stations.profile(graph, {"x": x}, margin=False), float_io=True))


def snr(net: Net, x: Floats, folder: Path) -> float:
    """Power of the float result over that of the int8 result's error, in dB."""
    (actual,) = stations.interpret(int8_program(net, x, folder), {"x": x}).values()
    expected = float_result(net, x, folder).reshape(actual.shape)
    error = actual.astype(np.float64) - expected
    return float(10 * np.log10((expected.astype(np.float64) ** 2).sum() / max((error**2).sum(), 1e-30)))


def kernels_of(program: Program) -> list[str]:
    """Symbols of the kernels called, in order."""
    return [call.kernel.symbol for call in program.calls]


def model_problem(net: Net, folder: Path) -> str:
    """What is said of a model that cannot be imported."""
    with pytest.raises(ModelError) as caught:
        load_onnx(net.save(folder))
    return str(caught.value)
