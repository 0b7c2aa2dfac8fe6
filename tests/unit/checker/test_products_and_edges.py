"""Proofs of calls that no layer of weights is: products of two matrices, and copies within one buffer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import NetBuilder, run_cli
from tests.unit.checker.planted import NET, Bundle, refused
from tinyglow.numerics.names import GLOW, ONNX, TFLITE


def _bundle(folder: Path, build: NetBuilder, inputs: dict[str, tuple[int, ...]], numerics: str = "glow") -> Bundle:
    net = build.build(inputs, ["y"])
    graph = tinyglow.load(net.save(folder), NET)
    quantized = tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(4)), numerics=numerics)
    tinyglow.emit(tinyglow.lower(quantized), folder / "bundle")
    return Bundle(folder / "bundle")


@pytest.mark.parametrize("numerics", [GLOW, TFLITE, ONNX])
def test_products_of_two_matrices(numerics: str, tmp_path: Path) -> None:
    """Their sums and requantization are stated among the sums."""
    build = NetBuilder()
    build.node("MatMul", "a", "b", output="y")
    bundle = _bundle(tmp_path, build, {"a": (1, 3, 5), "b": (1, 5, 4)}, numerics)
    assert run_cli("check-proof", bundle.folder).status == 0
    for call in bundle.proof["calls"]:
        if "sums" in call:
            call["sums"]["high"] -= 1
            bundle.write()
            assert "for sums, high; expected" in refused(bundle)


def test_a_copy_within_a_buffer_reads_nothing_that_it_writes(tmp_path: Path) -> None:
    """The edges of an image, repeated: from the output to the output."""
    build = NetBuilder()
    build.node("Pad", "x", build.constant(np.array([0, 0, 2, 0, 0, 0, 1, 2])), mode="edge", output="y")
    bundle = _bundle(tmp_path, build, {"x": (1, 2, 4, 3)})
    assert run_cli("check-proof", bundle.folder).status == 0
    calls = (bundle.folder / f"{NET}.c").read_text(encoding="utf-8").split("params net_call_".replace("net", NET))
    assert len(calls) > 2
    bundle.replace(r"(?s)(_call_2 = \{.*?in_offset = )\d+", r"\g<1>0")
    bundle.replace(r"(?s)(_call_2 = \{.*?out_offset = )\d+", r"\g<1>0")
    bundle.write()
    assert "is the same buffer as output, which is written" in refused(bundle)


def test_a_float_that_is_a_whole_number(tmp_path: Path) -> None:
    """The divisor of a mean in float; one that float32 does not hold is refused."""
    build = NetBuilder()
    build.node("ReduceMean", "x", output="y", axes=[0, 2], keepdims=1)
    net = build.build({"x": (3, 2, 7)}, ["y"])
    graph = tinyglow.load(net.save(tmp_path), NET)
    tinyglow.emit(tinyglow.lower(graph), tmp_path / "bundle")
    bundle = Bundle(tmp_path / "bundle")
    assert run_cli("check-proof", bundle.folder).status == 0
    bundle.replace(r"(divisor = )21\b", r"\g<1>123456789")
    bundle.write()
    assert "divisor: is 123456789; expected a float" in refused(bundle)
