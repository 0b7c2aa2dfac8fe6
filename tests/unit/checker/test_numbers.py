"""Numbers inside of kernels without constant weights: exact, refused where they overflow, and proved in the bundle."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinyglow
from tests.helpers import NetBuilder, run_cli
from tinyglow.checker.check import check_proof
from tinyglow.errors import ModelError
from tinyglow.ir.graph import Graph
from tinyglow.ir.target import ANY
from tinyglow.kernels.intermediates import int8_ends, requantized, scaled_twice
from tinyglow.numerics import glow, tflite
from tinyglow.quant.profile import Profile, Range
from tinyglow.targets.boards import HOST

WRAPS = replace(ANY, wraps=True)


def _sum(folder: Path, width: float, numerics: str = "glow", kind: str = "Add") -> Graph:
    """The sum of two inputs, of which one has a range of its own; the result is in -1 to 1. Or another function."""
    build = NetBuilder()
    y = build.node(kind, "a", "b", name="add", output="y")
    graph = tinyglow.load(build.build({"a": (1, 256), "b": (1, 256)}, [y]).save(folder), "net")
    ranges = {f"{name}:0": Range(-1.0, 1.0) for name in graph.values} | {"a:0": Range(-width, width)}
    return tinyglow.quantize(graph, Profile(ranges), numerics=numerics)


@pytest.mark.parametrize("scale", [1e-6, 0.013, 0.5, 1.0, 3.7, 300.0, 2.0**23, 9e6])
def test_ranges_are_exact(scale: float) -> None:
    """Of both roundings: what whole numbers give for every int8 is between the ends, and reaches them."""
    for offset in (-128, 0, 5, 127):
        r, x = glow.requantize_params(scale, 3), [value - offset for value in range(-128, 128)]
        inside = [(value >> r.pre) * r.multiplier + ((1 << r.post) >> 1) for value in x]
        results = [(value >> r.post) + r.offset for value in inside]
        number, _ = requantized(int8_ends("input", offset), r)
        assert (number.low, number.high) == (min(inside + results), max(inside + results))
        by = tflite.multiplier_of(scale)
        number, ends = scaled_twice(int8_ends("input", offset), by.multiplier, by.shift)
        shifted = [value << max(by.shift, 0) for value in x]
        assert (number.low, number.high) == (min(shifted), max(shifted))
        if number.fits:
            found = tflite.scaled_twice(np.array(x), by)
            assert (ends.low, ends.high) == (found.min(), found.max())


@pytest.mark.parametrize("numerics", ["glow", "tflite"])
def test_it_is_refused_or_wraps(numerics: str, tmp_path: Path) -> None:
    """The message has an element that overflows; fed with it, the network wraps, in C as in numpy."""
    quantized = _sum(tmp_path, 2e9, numerics)
    with pytest.raises(ModelError, match=r"add: .* which 32 bits wrap to .*-?128 of its \w+.* gives it") as caught:
        tinyglow.lower(quantized)
    assert "--wrap" in str(caught.value)
    program = tinyglow.lower(quantized, target=WRAPS)
    a = np.linspace(-2e9, 2e9, 256, dtype=np.float32)[np.newaxis]
    inputs = {"a": a, "b": np.zeros((1, 256), np.float32)}
    (found,) = tinyglow.interpret(program, inputs).values()
    assert (found[a > 1e8] != 127).any() or (found[a < -1e8] != -128).any()  # what saturates without a wrap
    assert all(result.equal for result in tinyglow.verify(program, HOST, inputs))
    tinyglow.emit(program, tmp_path / "bundle")
    done = check_proof(tmp_path / "bundle")
    assert done.faults == [] and any("may wrap, as in the runtime" in fact for fact in done.facts)


def test_ordinary_ranges_are_not_refused(tmp_path: Path) -> None:
    """Not even of scales that differ by a million."""
    for numerics in ("glow", "tflite"):
        assert tinyglow.lower(_sum(tmp_path, 1e6, numerics))


def _lowered(proof: dict[str, Any], text: str) -> str:
    proof["calls"][0]["numbers"]["input"]["high"] -= 1
    return text


def _forgotten(proof: dict[str, Any], text: str) -> str:
    del proof["calls"][0]["numbers"]
    return text


def _enlarged(proof: dict[str, Any], text: str) -> str:
    return re.sub(r"(\.input_scale = \{(?:\.multiplier = )?)\d+", r"\g<1>2000000000", text, count=1)


@pytest.mark.parametrize(
    ("plant", "message"),
    [(_lowered, "for numbers, input, high"), (_forgotten, "states no numbers"), (_enlarged, "for numbers, input")],
)
def test_a_planted_fault_is_refused(plant: Callable[[dict[str, Any], str], str], message: str, tmp_path: Path) -> None:
    """A number lowered or forgotten in the proof; a scale enlarged in the C. Hashes are made to fit."""
    folder = tmp_path / "bundle"
    tinyglow.emit(tinyglow.lower(_sum(tmp_path, 3.0)), folder)
    assert check_proof(folder).faults == []
    source, place = folder / "net.c", folder / "net.proof.json"
    proof, text = json.loads(place.read_text(encoding="ascii")), source.read_text(encoding="utf-8")
    changed = plant(proof, text)
    source.write_text(changed, encoding="utf-8")
    proof["files"]["net.c"] = hashlib.sha256(source.read_bytes()).hexdigest()
    place.write_text(json.dumps(proof), encoding="ascii")
    assert changed != text or plant is not _enlarged
    answer = run_cli("check-proof", folder)
    assert answer.status == 2 and message in answer.err, answer


@pytest.mark.parametrize("bits", ["40000000000", "-40000000000", "32", "64"])
def test_a_shift_without_measure_is_refused(bits: str, tmp_path: Path) -> None:
    """The C is a stranger's: no number with billions of bits is made of it."""
    folder = tmp_path / "bundle"
    tinyglow.emit(tinyglow.lower(_sum(tmp_path, 3.0, "tflite", "Mul")), folder)
    source, place = folder / "net.c", folder / "net.proof.json"
    text, count = re.subn(r"(\.shift = )-?\d+", rf"\g<1>{bits}", source.read_text(encoding="utf-8"), count=1)
    assert count == 1
    source.write_text(text, encoding="utf-8")
    proof = json.loads(place.read_text(encoding="ascii"))
    proof["files"]["net.c"] = hashlib.sha256(source.read_bytes()).hexdigest()
    place.write_text(json.dumps(proof), encoding="ascii")
    answer = run_cli("check-proof", folder)
    expected = f"shift shifts by {bits} bits" if len(bits) < 4 else f"shift: is {bits}; expected a number of int8_t"
    assert answer.status == 2 and expected in answer.err, answer
