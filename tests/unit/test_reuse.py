"""Activations in the place of an input that has been read: less memory, and no answer depends on it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyglow
from tests.helpers import MNIST_INPUT, run_cli
from tests.unit.test_plan import programs
from tinyglow.bundle.emit import bundle_files
from tinyglow.demo import digits
from tinyglow.interp import run_program
from tinyglow.ir.program import Program, Region
from tinyglow.lowering.plan import plan, roomiest_input
from tinyglow.lowering.reuse import reuse_inputs
from tinyglow.lowering.tcm import use_tcm
from tinyglow.pipeline import compare
from tinyglow.pipeline.stations import target_of
from tinyglow.quant.profile import load_profile
from tinyglow.targets.boards import load_board
from tinyglow.testing import budget


@budget(300)
@given(program=programs(), fast=st.sampled_from([0, 0, 60]), seed=st.integers(0, 2**32 - 1))
def test_no_answer_depends_on_it(program: Program, fast: int, seed: int) -> None:
    """Activations lie within the input's memory, the others take no more than all did, the outputs are the same.

    With fast memory or without.
    """
    generator = np.random.default_rng(seed)
    inputs = {
        name: generator.integers(-128, 128, (2, program.buffers[name].type.nbytes)).astype(np.int8)
        for name in program.inputs
    }
    plain, planned = plan(program), plan(use_tcm(reuse_inputs(program), fast))
    host = planned.buffers[roomiest_input(program)]
    for buffer in planned.in_input_memory:
        assert host.offset <= buffer.offset and buffer.end <= -(-host.end // program.alignment) * program.alignment
    assert planned.sizes[Region.ACTIVATION] <= plain.sizes[Region.ACTIVATION]
    assert planned.sizes[Region.MUTABLE] == plain.sizes[Region.MUTABLE]
    for name in program.placeholders:
        assert planned.buffers[name].offset == plain.buffers[name].offset
    actual = run_program(planned, inputs)
    for name, array in run_program(plain, inputs).items():
        assert np.array_equal(actual[name], array)


def _mnist(board: str, checkout: Path, reuse: bool) -> Program:
    graph = tinyglow.load(checkout / "examples/mnist/mnist_nxp.onnx", "mnist", {"N": 1})
    quantized = tinyglow.quantize(graph, load_profile(checkout / "tests/golden/mnist_nxp/profile.yaml"))
    return tinyglow.lower(quantized, target=replace(target_of(load_board(board)), reuse_inputs=reuse))


@pytest.mark.parametrize("board", ["frdm-ke16z", "mimxrt1060-evk"])
@pytest.mark.slow  # compiles C
def test_the_largest_image_pays_for_the_rest(board: str, checkout: Path) -> None:
    """AN13438's network computes in its image's 784 bytes: no activation lies elsewhere, C answers as numpy.

    The working memory of kernels in between hides no difference.
    """
    pytest.importorskip("unicorn")
    plain, program = (_mnist(board, checkout, reuse) for reuse in (False, True))
    assert plain.sizes[Region.ACTIVATION] > 0 == program.sizes[Region.ACTIVATION]
    assert program.sizes[Region.MUTABLE] == plain.sizes[Region.MUTABLE] == 796
    for result in tinyglow.verify(program, load_board(board), {MNIST_INPUT: digits.demo_set()[0][:3]}):
        assert result.equal and result.vectors == 3


@pytest.mark.slow  # compiles C
def test_the_first_difference_is_found_in_the_inputs_memory(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer whose C is wrong is named, though images, results and working memory share the input's place."""

    def spoilt(*arguments: object, **more: object) -> dict[str, bytes]:
        files = bundle_files(*arguments, **more)
        head, start, rest = files["mnist.c"].decode().partition("mnist_call_3 = {")
        struct, end, tail = rest.partition("};")
        struct = re.sub(r"multiplier = (\d+)", lambda found: f"multiplier = {int(found[1]) // 2}", struct)
        return {**files, "mnist.c": f"{head}{start}{struct}{end}{tail}".encode()}

    program = _mnist("frdm-ke16z", checkout, reuse=True)
    monkeypatch.setattr(compare, "bundle_files", spoilt)
    (result,) = tinyglow.verify(program, load_board("host"), {MNIST_INPUT: digits.demo_set()[0][:1]})
    assert result.first_layer == program.calls[2].origin


def test_the_header_says_that_the_input_is_lost(checkout: Path, tmp_path: Path) -> None:
    """``--reuse-inputs`` makes a bundle that needs less, whose header tells so; without it nothing is said."""
    model = (checkout / "examples/mnist/mnist_nxp.onnx", "--define", "N=1")
    profile = ("--profile", checkout / "tests/golden/mnist_nxp/profile.yaml", "--board", "frdm-ke16z", "--name", "m")
    for more in ((), ("--reuse-inputs",)):
        answer = run_cli("compile", *model, *profile, "-o", tmp_path / f"bundle{len(more)}", *more)
        assert answer.status == 0, answer.err
    plain, header = ((tmp_path / f"bundle{n}" / "m.h").read_text(encoding="utf-8") for n in (0, 1))
    assert "overwrites its input" in header and "overwrites its input" not in plain
    assert "M_ACTIVATIONS_MEM_SIZE  0" in header
