"""Networks whose sums leave 32 bits: refused, or compiled to wrap as Glow's do; the proof says which sums may."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import Net, NetBuilder, run_cli
from tinyglow.errors import ModelError
from tinyglow.ir.graph import Graph
from tinyglow.ir.target import ANY
from tinyglow.quant.profile import Profile, Range
from tinyglow.targets.boards import HOST

WRAPS = replace(ANY, wraps=True)
TERMS = 40_000  # products of up to 255 * 255: more than 2**31 in all


def _dense() -> Net:
    """One unit whose weights are 0 or 1."""
    weights = (np.arange(TERMS) % 8 > 0).astype(np.float32).reshape(TERMS, 1)
    build = NetBuilder()
    y = build.node("Gemm", "x", build.constant(weights), name="gemm", output="y")
    return build.build({"x": (1, TERMS)}, [y])


def _convolution() -> Net:
    """The same as windows that see all channels."""
    weights = (np.arange(TERMS) % 8 > 0).astype(np.float32).reshape(1, TERMS, 1, 1)
    build = NetBuilder()
    y = build.node("Conv", "x", build.constant(weights), build.constant([0.0]), name="conv", output="y")
    return build.build({"x": (1, TERMS, 1, 1)}, [y])


def _quantized(net: Net, folder: Path) -> Graph:
    graph = tinyglow.load(net.save(folder), "net")
    ranges = {f"{name}:0": Range(0.0, 1.0) for name, value in graph.values.items() if value.data is None}
    return tinyglow.quantize(graph, Profile({**ranges, "x:0": Range(0.0, 1.0)}))


@pytest.mark.parametrize(("net", "name"), [(_dense(), "gemm"), (_convolution(), "conv")], ids=["dense", "convolution"])
def test_it_is_refused_or_wraps(net: Net, name: str, tmp_path: Path) -> None:
    """The message has inputs that overflow; fed with them, the network wraps to what the message says, in C as well."""
    quantized = _quantized(net, tmp_path)
    with pytest.raises(ModelError, match=rf"{name}: channel 0: a sum of \d+, which 32 bits wrap to -\d+") as caught:
        tinyglow.lower(quantized)
    assert "inputs of 127 where its weight is above -128, -128 elsewhere" in str(caught.value)
    assert "--wrap" in str(caught.value)

    program = tinyglow.lower(quantized, target=WRAPS)
    witness = np.where(np.arange(TERMS) % 8 > 0, 127, -128).astype(np.int8)
    shape = program.buffers["x"].type.shape
    inputs = {"x": np.stack([witness, np.full(TERMS, -128, np.int8)]).reshape(2, *shape)}
    (output,) = tinyglow.interpret(program, inputs).values()
    # The largest sum there is comes out below what no input at all gives.
    assert output.ravel()[0] == -128
    assert all(comparison.equal for comparison in tinyglow.verify(program, HOST, inputs))

    tinyglow.emit(program, tmp_path / "bundle")
    proof = json.loads((tmp_path / "bundle/net.proof.json").read_text(encoding="ascii"))
    sums = next(call["sums"] for call in proof["calls"] if "sums" in call)
    assert sums["wraps"] is True and sums["high"] > 2**31
    answer = run_cli("check-proof", tmp_path / "bundle")
    assert answer.status == 0 and "may wrap, as was asked for" in answer.out

    del sums["wraps"]
    (tmp_path / "bundle/net.proof.json").write_text(json.dumps(proof), encoding="ascii")
    assert "its sums reach" in run_cli("check-proof", tmp_path / "bundle").err


def test_a_bias_wraps_on_request(tmp_path: Path) -> None:
    """A bias that 32 bits do not hold beside tiny weights: refused, or what Glow's formula leaves of it."""
    build = NetBuilder()
    y = build.node("Gemm", "x", build.constant(np.full((2, 2), 1e-9)), build.constant([1.0, -2.0]), name="gemm")
    net = build.build({"x": (1, 2)}, [y])
    path = net.save(tmp_path)
    graph = tinyglow.load(path, "net")
    quantized = tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(4)))
    with pytest.raises(ModelError, match=r"too small beside the bias; --wrap computes what Glow does"):
        tinyglow.lower(quantized)
    program = tinyglow.lower(quantized, target=WRAPS)
    assert all(comparison.equal for comparison in tinyglow.verify(program, HOST, net.samples(3)))
    tinyglow.emit(program, tmp_path / "bundle")
    assert run_cli("check-proof", tmp_path / "bundle").status == 0
