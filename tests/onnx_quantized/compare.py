"""The shared float networks as onnxruntime's static quantizer writes them, ours beside onnxruntime.

``python -m tests.onnx_quantized.compare FOLDER`` writes ``compared.json``: for each network, format, one scale or
one for each channel, int8 or uint8: the numerics, the share of output elements that are equal to onnxruntime's (plain:
without its graph optimizations), the largest difference, and the share of inputs with the same class. With ``--cores``:
of how many test inputs C gives what numpy gives, on this machine and on emulated cores. FOLDER holds the networks with
their inputs. Needs the package onnxruntime (1.32 made the file that is here), which the tests themselves do without.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import version_converter
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process

import tinyglow
from tests.benchmarks.mlperf_tiny import CORES
from tests.calibration import Samples
from tinyglow.pipeline.stations import target_of
from tinyglow.targets.boards import load_board

FILE = Path(__file__).with_name("compared.json")
NETWORKS = ("autoencoder", "cifar10", "kws_dscnn", "lenet_mnist", "mnist_nxp_nchw", "mobilenet_block", "ops_zoo")
FORMATS = {"qdq": quantization.QuantFormat.QDQ, "qoperator": quantization.QuantFormat.QOperator}
TYPES = {"int8": quantization.QuantType.QInt8, "uint8": quantization.QuantType.QUInt8}
_BY_CHANNEL = "qdq channels int8"  # what the quantizer's documentation advises
_ON_CORES = 2  # test inputs

Row = dict[str, Any]


def _inputs(folder: Path, name: str, kind: str, shape: list[int]) -> Any:
    data = np.load(folder / f"{name.removesuffix('_nchw')}.{kind}.npy")
    return data.reshape(-1, *shape)


def _answers(path: Path, name: str, inputs: Any, optimized: bool) -> Any:
    """What onnxruntime answers, [samples, elements]; optimized: after its graph optimizations, which join operators."""
    options = onnxruntime.SessionOptions()
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return np.stack([session.run(None, {name: sample})[0] for sample in inputs]).reshape(len(inputs), -1)


def _quantized_files(folder: Path, name: str, scratch: Path) -> Iterator[tuple[str, Path, str, Any]]:
    """The network as the quantizer writes it: for each form the name of its row, the file, its input, test inputs."""
    model = onnx.load(folder / f"{name}.onnx")
    source = model.graph.input[0]
    shape = [dimension.dim_value for dimension in source.type.tensor_type.shape.dim]
    onnx.save(version_converter.convert_version(model, 13), scratch / "plain.onnx")
    quant_pre_process(str(scratch / "plain.onnx"), str(scratch / "float.onnx"), skip_symbolic_shape=True)
    calibration, test = (_inputs(folder, name, kind, shape) for kind in ("calib", "test"))
    for form, channels, dtype in itertools.product(FORMATS, (False, True), TYPES):
        path = scratch / "net.onnx"
        quantization.quantize_static(
            scratch / "float.onnx",
            path,
            Samples({source.name: calibration}),
            quant_format=FORMATS[form],
            per_channel=channels,
            activation_type=TYPES[dtype],
            weight_type=quantization.QuantType.QInt8,
        )
        yield f"{name} {form} {'channels' if channels else 'tensor'} {dtype}", path, source.name, test


def quantized_by_channel(folder: Path, name: str, scratch: Path) -> Path:
    """The file of a network in QDQ form, int8 with a scale for each channel, in the folder ``scratch``."""
    for key, path, *_ in _quantized_files(folder, name, scratch):
        if key.endswith(_BY_CHANNEL):
            return path
    raise AssertionError(name)


def _compared(path: Path, name: str, test: Any) -> Row:
    """A file beside onnxruntime, on all test inputs."""
    theirs, plain = (_answers(path, name, test, optimized) for optimized in (True, False))
    quantized = tinyglow.quantize(tinyglow.load(path, "net"))
    program = tinyglow.lower(quantized)
    (ours,) = tinyglow.interpret(program, {program.inputs[0]: test}).values()
    ours = ours.reshape(theirs.shape)
    return {
        "numerics": quantized.numerics,
        "equal": round(float((ours == theirs).mean()), 4),
        "plain": round(float((ours == plain).mean()), 4),
        "largest": float(np.abs(ours - theirs).max()),
        "classes": float((ours.argmax(axis=1) == theirs.argmax(axis=1)).mean()),
    }


def _on_cores(path: Path, test: Any) -> Row:
    """C beside numpy, by core: how many test inputs were equal, and of how many."""
    found: Row = {}
    graph = tinyglow.quantize(tinyglow.load(path, "net"))
    for board in map(load_board, ("host", *CORES)):
        program = tinyglow.lower(graph, target=target_of(board))
        count = len(test) if board.name == "host" else _ON_CORES
        answers = tinyglow.simulate(program, board, {program.inputs[0]: test[:count]}).outputs
        (expected,), (ours,) = tinyglow.interpret(program, {program.inputs[0]: test[:count]}).values(), answers.values()
        same = expected.reshape(count, -1) == ours.reshape(count, -1)
        found[board.name] = [int(same.all(axis=1).sum()), count]
    return found


def main() -> int:
    """Compare and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cores", action="store_true", help="C on this machine and on emulated cores instead")
    asked = parser.parse_args()
    rows: dict[str, Row] = json.loads(FILE.read_text(encoding="utf-8"))
    for name in NETWORKS:
        with tempfile.TemporaryDirectory() as scratch:
            for key, path, source, test in _quantized_files(asked.folder, name, Path(scratch)):
                row = rows.setdefault(key, {})
                row.update({"cores": _on_cores(path, test)} if asked.cores else _compared(path, source, test))
                FILE.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
