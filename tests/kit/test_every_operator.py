"""The bugs that programmers make are found in kernels of every operator that can have them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinyglow.numerics.names import GLOW, ONNX, TFLITE
from tinyglow.testing import KernelFault, check_kernel, is_full, operators, problems, reference
from tinyglow.testing.kit.problem import Operator

Array = np.ndarray[Any, Any]
Kernel = Callable[..., Array]
PAIRS = [(name, numerics) for name, known in operators().items() for numerics in known.numerics]
FAST = {("matmul", "glow"), ("add_u8", "onnx")}
LONG = {(name, known.numerics[0]) for name, known in operators().items() if not name.endswith(("_u8", "lstm"))}
WITH_SUMS = ("fully_connected", "matmul")


def _offsets(known: Operator, numerics: str) -> list[str]:
    return [name for name in known.numbers_of(numerics) if name.endswith("_offset")]


def _other_numbers(known: Operator, numerics: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Kernel:
    """The right kernel, called with other numbers."""
    right = reference(known.name, numerics)
    return lambda **given: right(**{**given, **change(given)})


def _wrong_tail(known: Operator, numerics: str) -> Kernel:
    """What is left over after groups of four is not computed; of fewer, the last."""
    right = reference(known.name, numerics)

    def kernel(**given: Any) -> Array:
        out = right(**given)
        rest = out.size % 4 or 1
        out[-rest:] = ~out[-rest:]
        return out

    return kernel


def _unsaturated(known: Operator, numerics: str) -> Kernel:
    """What is beyond the largest number begins again at the least."""
    right, ends = reference(known.name, numerics), np.iinfo(known.output)

    def kernel(**given: Any) -> Array:
        out = right(**given)
        return np.where(out == min(ends.max, given.get("act_max", ends.max)), ends.min, out)

    return kernel


def _truncated(known: Operator, numerics: str) -> Kernel:
    """Twice the result is rounded, and half of that cut off downwards."""
    right, ends = reference(known.name, numerics), np.iinfo(known.output)
    name, by = {GLOW: ("post_shift", -1), ONNX: ("requant_scale", 0)}.get(numerics, ("shift", 1))

    def kernel(**given: Any) -> Array:
        out, middle = right(**given), 128 if known.output == "uint8" else 0
        if numerics == GLOW and np.any(np.asarray(given[name]) < 1):
            return out
        own = {name: given[name] * np.float32(2) if numerics == ONNX else given[name] + by}
        own |= {"output_offset": middle} if "output_offset" in given else {}
        own |= {"act_min": ends.min, "act_max": ends.max} if "act_min" in given else {}
        twice = right(**{**given, **own}).astype(np.int64) - middle
        low, high = given.get("act_min", ends.min), given.get("act_max", ends.max)
        cut = np.clip((twice >> 1) + given.get("output_offset", 0), low, high)
        return np.where((twice <= ends.min - middle) | (twice >= ends.max - middle), out, cut)

    return kernel


def _narrow_sums(known: Operator, numerics: str) -> Kernel:
    """Sums are kept in 16 bits."""
    requantize = reference("requantize", numerics)

    def kernel(**given: Any) -> Array:
        x = given["input"].astype(np.int64) - given["input_offset"]
        if known.name == "matmul":
            sums = x @ (given["other"].astype(np.int64) - given["other_offset"])
        else:
            sums = x @ (given["weights"].astype(np.int64) - given["weights_offset"]).T + given["bias"]
        narrow = sums.astype(np.int16).astype(np.int32).ravel()
        return requantize(**{"act_min": -128, "act_max": 127, **given, "input": narrow, "count": narrow.size})

    return kernel


def _aliased(known: Operator, numerics: str) -> Kernel:
    """The output is cleared before the input is read."""
    right = reference(known.name, numerics)

    def kernel(output: Array, **given: Any) -> None:
        output[...] = 0
        output[...] = right(**given).reshape(output.shape)

    return kernel


def planted(known: Operator, numerics: str) -> dict[str, Kernel]:
    """The bugs that a kernel of the operator can have, by what kind they are."""
    numbers, offsets = known.numbers_of(numerics), _offsets(known, numerics)
    found = {"wrong tail": _wrong_tail(known, numerics)}
    if len(offsets) > 1:
        a, b = offsets[0], offsets[-1]
        swapped = _other_numbers(known, numerics, lambda given: {a: given[b], b: given[a]})
        found["swapped offset"] = swapped
    if "pad_left" in numbers:
        shifted = _other_numbers(known, numerics, lambda given: {"pad_left": given["pad_left"] + 1})
        found["padding off by one"] = shifted
    if known.name.removesuffix("_u8").removesuffix("_s16") not in ("softmax", "lookup", "concat"):
        found["missing saturation"] = _unsaturated(known, numerics)
    scaled = {*numbers, *known.inputs_of(numerics)} & {"post_shift", "requant_scale", "shift"}
    if scaled and not known.name.startswith(("add", "sub", "softmax", "lstm")):
        found["wrong rounding"] = _truncated(known, numerics)
    if known.name in WITH_SUMS and numerics != TFLITE:  # which rounds fully connected layers otherwise
        found["int16 overflow"] = _narrow_sums(known, numerics)
    if known.in_place:
        found["aliasing"] = _aliased(known, numerics)
    return found


def _chosen() -> list[Any]:
    """Two of them; with the long tests one of each operator, in the full mode all."""
    chosen = [pair for pair in PAIRS if is_full() or pair in FAST | LONG]
    return [pytest.param(*pair, marks=[] if pair in FAST else [pytest.mark.long]) for pair in chosen]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "numerics"), _chosen())
def test_every_bug_is_found(name: str, numerics: str) -> None:
    """Each within 300 calls; the right kernel passes."""
    known = operators()[name]
    assert check_kernel(reference(name, numerics), name, numerics, examples=15).calls == 15
    for kind, kernel in planted(known, numerics).items():
        with pytest.raises(KernelFault) as caught:
            check_kernel(kernel, name, numerics, in_place=kind == "aliasing", shrinks=0)
        assert caught.value.question.operator == name, kind
        assert caught.value.examples <= 900, kind


def test_every_kind_of_bug_is_planted() -> None:
    """Those of the list, each in several operators; problems are refused of what a numerics does not have."""
    kinds = [kind for name, numerics in PAIRS for kind in planted(operators()[name], numerics)]
    wanted = {"wrong rounding", "padding off by one", "swapped offset", "int16 overflow", "aliasing", "wrong tail"}
    assert {*wanted, "missing saturation"} == set(kinds)
    assert all(kinds.count(kind) >= 6 for kind in kinds)
    with pytest.raises(Exception, match="does not have the operator"):
        problems("add_s16", "glow")
