"""Networks that come quantized compute the same in numpy, in C on this machine and on cores, in their own numerics."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tflite", reason="needs the package tflite, of the extra tinyglow[tflite]")

import tinyglow
from tests.onnx_quantized.networks import qdq_network
from tests.tflite.int8_cases import residual_network
from tinyglow.numerics.names import NUMERICS
from tinyglow.pipeline.stations import target_of
from tinyglow.targets.boards import load_board

# A model for each numerics: one without fails here.
MODELS = {"glow": "tflite", "tflite": "tflite", "tflm": "tflite", "onnx": "onnx"}
CORES = ("host", "cortex-m0plus", "cortex-m4", "cortex-m7")


def _model(kind: str, folder: Path) -> Path:
    path = folder / f"net.{kind}"
    path.write_bytes(residual_network() if kind == "tflite" else qdq_network("int8", True).SerializeToString())
    return path


def test_every_numerics_has_a_model() -> None:
    """Whoever adds one says what it is tried on, on every core."""
    assert set(MODELS) == set(NUMERICS)


@pytest.mark.parametrize("numerics", MODELS)
@pytest.mark.parametrize("core", CORES)
@pytest.mark.slow  # compiles C
def test_numpy_is_c_is_a_core(numerics: str, core: str, tmp_path: Path) -> None:
    """With the kernels that are chosen for the core, which are those of the numerics."""
    graph = tinyglow.quantize(tinyglow.load(_model(MODELS[numerics], tmp_path), "net"), numerics=numerics)
    board = load_board(core)
    program = tinyglow.lower(graph, target=target_of(board))
    others = [call.kernel.symbol for call in program.calls if re.search("_tflm|_onnx", call.kernel.symbol)]
    assert bool(others) == (numerics != "glow")
    (name,) = program.inputs
    random, type_ = np.random.default_rng(3), program.buffers[name].type
    x = (
        random.normal(0, 1.2, (2, *type_.shape))
        if type_.dtype == "float32"
        else random.integers(-128, 128, (2, *type_.shape))
    )
    inputs = {name: x.astype(type_.dtype)}
    assert all(result.equal for result in tinyglow.verify(program, board, inputs))
