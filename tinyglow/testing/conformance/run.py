"""Run node tests: read the model, lower it in float, interpret it, and compare with what ONNX expects."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx

from tinyglow.errors import TinyglowError
from tinyglow.ir.graph import Array
from tinyglow.ir.program import Program
from tinyglow.pipeline.stations import interpret, load, lower, quantize
from tinyglow.testing.conformance.cases import NodeTest, bound

# What may become of a test, best first.
RIGHT, REFUSED, WRONG, CRASHED = "right", "refused", "wrong", "crashed"
_INTEGERS = "iub"
_TOO_WIDE = "doubles beyond the range of float32, which stands for them"
# Operators whose results depend on shapes and limits alone: of these all inputs may be constants.
_MAKERS = {"Range", "ConstantOfShape", "HannWindow", "HammingWindow", "BlackmanWindow", "MelWeightMatrix", "EyeLike"}


@dataclass
class Verdict:
    """What became of a test.

    Attributes:
        test: The test.
        kind: RIGHT, REFUSED, WRONG or CRASHED.
        reason: Why it is not right; "" if it is.
        bound: Inputs of the model that were given as constants, since the operator needs to know them.
        program: What was run, and with which inputs by placeholder; None if it was refused.
        inputs: For each data set the arrays of the program's inputs, by the model's names.
    """

    test: NodeTest
    kind: str
    reason: str = ""
    bound: tuple[str, ...] = ()
    program: Program | None = None
    inputs: list[dict[str, Array]] = field(default_factory=list)
    results: list[dict[str, Array]] = field(default_factory=list)


def _bindings(test: NodeTest) -> Iterator[dict[str, Array]]:
    """Which inputs to give as constants: none; integers and truth values but the first; all but the first; all.

    They are shapes, axes, limits, weights: a compiler for static shapes has to know them.
    """
    names = [info.name for info in test.model.graph.input]
    given = dict(zip(names, test.inputs[0], strict=False)) if test.inputs else {}
    known = {name: array for name, array in given.items() if array is not None and array.dtype.kind != "O"}
    first = names[0] if names else ""
    integers = {name: array for name, array in known.items() if name != first and array.dtype.kind in _INTEGERS}
    others = {name: array for name, array in known.items() if name != first}
    seen: list[set[str]] = []
    makers = any(node.op_type in _MAKERS for node in test.model.graph.node)
    empty = {name: array for name, array in known.items() if not array.size}  # C has no arrays of no size
    for binding in ({}, integers, others, *([known] if makers else [])):
        whole = {**empty, **binding}
        if set(whole) not in seen and (not whole or len(test.inputs) == 1):
            seen.append(set(whole))
            yield whole


def _loaded(model: onnx.ModelProto, folder: Path) -> Program:
    path = folder / "node.onnx"
    path.write_bytes(model.SerializeToString())
    graph = load(path, "node")
    return lower(quantize(graph, numerics="onnx") if graph.is_declared else graph)


def _reason(error: TinyglowError) -> str:
    found = [f"{problem.where}: {problem.found}" for problem in error.problems]
    return "; ".join(found) or error.summary


def run(test: NodeTest, folder: Path | None = None) -> Verdict:
    """What becomes of a test in the interpreter."""
    if folder is None:
        with tempfile.TemporaryDirectory() as made:
            return run(test, Path(made))
    refused: Verdict | None = None
    for binding in _bindings(test):
        try:
            program = _loaded(bound(test, binding), folder)
        except TinyglowError as error:
            refused = refused or Verdict(test, REFUSED, _reason(error))
            continue
        except Exception as error:  # a crash is a finding, not the end of the run
            return Verdict(test, CRASHED, f"{type(error).__name__}: {error}", tuple(binding))
        return _compared(test, program, binding)
    assert refused is not None
    return refused


def _compared(test: NodeTest, program: Program, binding: Mapping[str, Array]) -> Verdict:
    if not _fits_float32(test):
        return Verdict(test, REFUSED, f"data: {_TOO_WIDE}", tuple(binding))
    verdict = Verdict(test, RIGHT, bound=tuple(binding), program=program)
    names = [info.name for info in test.model.graph.input]
    outputs = [info.name for info in test.model.graph.output]
    placeholders = {program.source_names[name] for name in program.inputs}
    for arrays, expected in zip(test.inputs, test.outputs, strict=True):
        given = {
            name: _carried(array)
            for name, array in zip(names, arrays, strict=False)
            if name in placeholders and array is not None
        }
        verdict.inputs.append(given)
        try:
            results = interpret(program, given)
        except Exception as error:
            verdict.kind, verdict.reason = CRASHED, f"{type(error).__name__}: {error}"
            return verdict
        verdict.results.append(results)
        by_source = {program.source_names[name]: array for name, array in results.items()}
        fault = fault_of(test, by_source, dict(zip(outputs, expected, strict=True)))
        if fault:
            verdict.kind, verdict.reason = WRONG, fault
            return verdict
    return verdict


def _fits_float32(test: NodeTest) -> bool:
    """Whether float32 holds all numbers of a test in double: those beyond its range no network here can have."""
    doubles = [
        array[np.isfinite(array) & (array != 0)]
        for arrays in (*test.inputs, *test.outputs)
        for array in arrays
        if array is not None and array.dtype == np.float64
    ]
    limits = np.finfo(np.float32)
    sizes = [np.abs(array) for array in doubles]
    return all(((size >= limits.smallest_subnormal) & (size <= limits.max)).all() for size in sizes)


def _carried(array: Array) -> Array:
    """One sample, of the type that stands for the array's: all floats are float32."""
    known = "float32" if array.dtype.kind == "f" or array.dtype.name.startswith("bfloat") else array.dtype
    with np.errstate(over="ignore"):
        return array.astype(known)[np.newaxis]


def fault_of(test: NodeTest, results: Mapping[str, Array], expected: Mapping[str, Array | None]) -> str:
    """What is wrong with results [1, ...] by the model's names; "" if nothing is. As onnx's own runner compares."""
    for name, wanted in expected.items():
        if not name:
            continue
        if wanted is None or name not in results:
            return f"{name}: is no array, or was not computed"
        found = results[name]
        if found.size != wanted.size:
            return f"{name}: shape {list(found.shape[1:])} instead of {list(wanted.shape)}"
        found = found.reshape(wanted.shape)
        if (found.dtype.name, wanted.dtype.name) == (
            "int8",
            "uint8",
        ):  # a quantized network's integers, which are all signed
            found = (found.astype(np.int16) + 128).astype(np.uint8)
        kinds = [
            ("f" if array.dtype.kind == "V" or "float" in array.dtype.name else array.dtype.name)
            for array in (found, wanted)
        ]
        if kinds[0] != kinds[1]:
            return f"{name}: {found.dtype} instead of {wanted.dtype}"
        if kinds[1] == "f":
            with np.errstate(over="ignore"):
                found, right = found.astype(wanted.dtype).astype(np.float64), wanted.astype(np.float64)
        else:
            right = wanted
        try:
            np.testing.assert_allclose(found, right, rtol=test.rtol, atol=_absolute_tolerance(test, right))
        except AssertionError as error:
            return f"{name}: " + " ".join(str(error).split())[:160]
    return ""


def _absolute_tolerance(test: NodeTest, right: Array) -> float:
    """A test's own, but for Fourier transforms: their expected values are sums of float32 that cancel only roughly.

    Where 0 would be right there is what a float32 transform left of numbers as large as the largest: its last bit.
    """
    if not any(node.op_type == "DFT" for node in test.model.graph.node):
        return test.atol
    return max(test.atol, float(np.abs(right).max()) * 2.0**-24)


def run_all(tests: Sequence[NodeTest]) -> list[Verdict]:
    """What becomes of each test in the interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        return [run(test, Path(folder)) for test in tests]
