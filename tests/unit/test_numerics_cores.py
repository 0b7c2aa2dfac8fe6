"""Networks that come quantized compute the same in numpy, in C on this machine and on cores, in their own numerics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tflite", reason="needs the package tflite, of the extra tinyglow[tflite]")

import tinyglow
from tests.onnx_quantized.networks import qdq_network
from tests.tflite.int8_cases import residual_network
from tinyglow.pipeline.stations import target_of
from tinyglow.targets.boards import load_board

CORES = ("host", "cortex-m0plus", "cortex-m4", "cortex-m7")


def _model(kind: str, folder: Path) -> Path:
    path = folder / f"net.{kind}"
    path.write_bytes(residual_network() if kind == "tflite" else qdq_network("int8", True).SerializeToString())
    return path


@pytest.mark.parametrize("kind", ["tflite", "onnx"])
@pytest.mark.parametrize("core", CORES)
def test_numpy_is_c_is_a_core(kind: str, core: str, tmp_path: Path) -> None:
    """With the kernels that are chosen for the core, which are those of the numerics."""
    graph = tinyglow.quantize(tinyglow.load(_model(kind, tmp_path), "net"), numerics=kind)
    board = load_board(core)
    program = tinyglow.lower(graph, target=target_of(board))
    assert any("_tflm" in c.kernel.symbol or "_onnx" in c.kernel.symbol for c in program.calls)
    (name,) = program.inputs
    random, type_ = np.random.default_rng(3), program.buffers[name].type
    x = (
        random.normal(0, 1.2, (2, *type_.shape))
        if type_.dtype == "float32"
        else random.integers(-128, 128, (2, *type_.shape))
    )
    inputs = {name: x.astype(type_.dtype)}
    assert all(result.equal for result in tinyglow.verify(program, board, inputs))
