"""Compilers without GNU C, and cores that the kernels have no code of their own for."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.benchmarks import measure
from tinyglow.ir.graph import Array
from tinyglow.ir.program import Program
from tinyglow.pipeline.stations import target_of
from tinyglow.registry import KERNELS
from tinyglow.sim import toolchain
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import Board, load_board
from tinyglow.testing.native import kernel_sources

# What leaves out everything that GNU C has beyond C99 and the Arm C Language Extensions.
PLAIN = "-DTG_PLAIN_C"


@pytest.mark.parametrize(
    ("core", "flags"),
    [
        ("cortex_m23", ()),
        ("cortex_m33-dsp", ()),
        ("cortex_m4", (PLAIN, "-fgnuc-version=0")),
    ],
)
@pytest.mark.slow  # compiles C
def test_kernels_compile(core: str, flags: tuple[str, ...], tmp_path: Path) -> None:
    """ARMv8-M without the DSP extension, and clang that says it is not GNU's: kernels with code for cores compile."""
    board = load_board("cortex-m0plus")
    compiler = find_compiler("zig", board)
    kernels = [kernel for symbol, kernel in KERNELS.items() if "_dsp" in symbol or "_code" in symbol]
    sources = kernel_sources(tmp_path, kernels)
    strict = ("-Wall", "-Wextra", "-Wconversion", "-Werror", f"-mcpu={core}", *flags)
    include = (tinyglow.resources.RUNTIME / "include",)
    assert compiler.compile_objects(sources, tmp_path, board, include_dirs=include, flags=strict)


@pytest.mark.long  # compiles C
def test_gcc_warns_of_nothing(tmp_path: Path) -> None:
    """gcc, whose own header for the extensions mixes signs: no warning of ours, and none of its."""
    board = load_board("cortex-m4")
    if not shutil.which("arm-none-eabi-gcc"):
        pytest.skip("arm-none-eabi-gcc is not installed")
    sources = kernel_sources(tmp_path, [kernel for symbol, kernel in KERNELS.items() if "_dsp" in symbol])
    strict = ("-Wall", "-Wextra", "-Wconversion", "-Werror", PLAIN)
    include = (tinyglow.resources.RUNTIME / "include",)
    compiler = find_compiler("gcc", board)
    assert compiler.compile_objects(sources, tmp_path, board, include_dirs=include, flags=strict)


def _cycles(program: Program, board: Board, inputs: dict[str, Array], folder: Path, compiler: str) -> int:
    """Of the network on the emulated core; its answers are the interpreter's."""
    tinyglow.emit(program, folder)
    done = tinyglow.simulate(folder, board, inputs, compiler)
    for name, expected in tinyglow.interpret(program, inputs).items():
        assert np.array_equal(done.outputs[name], expected)
    return done.costs[0].cycles


def _slower(model: str, core: str, compiler: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> float:
    """How many times the cycles a network takes without GNU C; both builds give the same answers."""
    board = load_board(core)
    program = tinyglow.lower(measure.quantized(model, measure.SCHEMES["asymmetric"]), target=target_of(board))
    inputs = dict(measure.sample_inputs(program))
    best = _cycles(program, board, inputs, folder / "gnu", compiler)
    monkeypatch.setattr(toolchain, "_COMMON", (*toolchain._COMMON, PLAIN))
    return _cycles(program, board, inputs, folder / "plain", compiler) / best


@pytest.mark.parametrize(("core", "times"), [("cortex-m0plus", 2), ("cortex-m4", 1.5), ("cortex-m7", 1.5)])
@pytest.mark.parametrize("model", ["mobilenet_block", "autoencoder"])
@pytest.mark.slow  # compiles C
def test_networks_are_fast_without_gnu_c(
    model: str, core: str, times: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The same answers, in at most twice the cycles on ARMv6-M, and one and a half times elsewhere."""
    assert 1 < _slower(model, core, "zig", monkeypatch, tmp_path) < times


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m7"])
@pytest.mark.parametrize("model", ["mobilenet_block", "kws_dscnn"])
@pytest.mark.long  # compiles C
def test_gcc_is_fast_without_gnu_c(model: str, core: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """gcc, whose registers spill sooner than clang's, takes at most one and a half times the cycles as well."""
    if not shutil.which("arm-none-eabi-gcc"):
        pytest.skip("arm-none-eabi-gcc is not installed")
    assert 1 < _slower(model, core, "gcc", monkeypatch, tmp_path) < 1.5
