"""MLPerf Tiny's networks beside their float forms.

Measured are the int8 files as they come, and what tinyglow makes of the float files. Nothing of Glow's is recorded for
these.
"""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import tinyglow
from tinyglow.ir.graph import Array, Graph
from tinyglow.pipeline.fidelity import decibels, float_outputs, real_values

_CALIBRATION, _TEST = 32, 32


@dataclass(frozen=True)
class Pair:
    """A network's float file and its int8 file; "" where there is none. made_of: what its inputs here are."""

    title: str
    float_file: str
    int8_file: str
    made_of: str


PAIRS = (
    Pair("visual wake words, MobileNet", "vww_96_float", "vww_96_int8", "CIFAR-10 images, enlarged, 0 to 1"),
    Pair("image classification, ResNet-8", "pretrainedResnet", "pretrainedResnet_quant", "CIFAR-10 images, 0 to 255"),
    Pair("keyword spotting, DS-CNN", "kws_ref_model_float32", "kws_ref_model", "made-up coefficients"),
    Pair("anomaly detection, autoencoder", "ad01_fp32", "ad01_int8", "made-up spectra"),
    Pair("streaming wake words, 1-D DS-CNN", "", "str_ww_ref_model", "made-up spectra"),
)


def images(shared: Path, count: int) -> Array:
    """The first ``count`` test images of CIFAR-10, one of each class by turns: [count, 32, 32, 3], 0 to 255."""
    with tarfile.open(shared / "data/cifar10_jpg.tar.xz") as archive:
        members = [member for member in archive if member.name.startswith("test/") and member.isfile()]
        by_turns = sorted(members, key=lambda member: (Path(member.name).name, member.name))[:count]
        opened = [archive.extractfile(member) for member in by_turns]
        data = [np.asarray(Image.open(io.BytesIO(file.read())).convert("RGB")) for file in opened if file is not None]
    return np.stack(data).astype(np.float32)


def _walks(shape: tuple[int, ...], low: float, high: float, count: int) -> Array:
    """Made-up signals: sums of random steps along the second dimension, within low..high."""
    walks = np.random.default_rng(7).standard_normal((count, *shape)).cumsum(axis=1)
    walks -= walks.min(axis=tuple(range(1, walks.ndim)), keepdims=True)
    walks /= walks.max(axis=tuple(range(1, walks.ndim)), keepdims=True)
    return (low + (high - low) * walks).astype(np.float32)


def samples(pair: Pair, shape: tuple[int, ...], pictures: Array) -> Array:
    """Calibration and test inputs one after the other, [64, *shape] float32."""
    count = _CALIBRATION + _TEST
    if pair.int8_file == "vww_96_int8":
        return pictures.repeat(3, axis=1).repeat(3, axis=2) / 255
    if pair.int8_file == "pretrainedResnet_quant":
        return pictures
    if pair.int8_file == "kws_ref_model":
        signals = _walks(shape[1:], -8, 8, count)
        signals[:, :, 0] -= 30  # the first coefficient is the loudness
        return signals
    low, high = (-70.0, 5.0) if pair.int8_file == "ad01_int8" else (0.0, 0.9)
    return _walks(shape[1:], low, high, count)


def _figures(reference: Graph, quantized: Graph, given: Array) -> tuple[float, float | None]:
    """(SNR in dB, share of the same top-1) of an integer graph's only output beside that of another graph in float."""
    program, (name,) = tinyglow.lower(quantized), reference.inputs
    (expected,) = float_outputs(reference, {name: given.reshape(-1, *reference.type_of(name).shape)}).values()
    ((output, answer),) = tinyglow.interpret(program, {program.inputs[0]: given}).items()
    actual = real_values(answer, program.buffers[output].type).reshape(len(given), -1).astype(np.float64)
    expected = expected.reshape(actual.shape).astype(np.float64)
    same = float((actual.argmax(1) == expected.argmax(1)).mean()) if actual.shape[1] < 100 else None
    return round(decibels(float((expected**2).sum()), float(((actual - expected) ** 2).sum())), 1), same


def measure_mlperf(shared: Path) -> dict[str, dict[str, float | str | None]]:
    """By title: SNR in dB and share of the same top-1, of the int8 file and of ours from the float file.

    A file without a float form is compared with what its own integers stand for.
    """
    folder, pictures = shared / "models/mlperf_tiny", images(shared, _CALIBRATION + _TEST)
    found: dict[str, dict[str, float | str | None]] = {}
    for pair in PAIRS:
        ready = tinyglow.quantize(tinyglow.load(folder / f"{pair.int8_file}.tflite"))
        given = samples(pair, ready.type_of(ready.inputs[0]).shape, pictures)
        test, row = given[_CALIBRATION:], found.setdefault(pair.title, {"inputs": pair.made_of})
        graph = tinyglow.load(folder / f"{pair.float_file}.tflite") if pair.float_file else ready
        row["file"], row["file_top1"] = _figures(graph, ready, test)
        if pair.float_file:
            ours = tinyglow.quantize(graph, tinyglow.profile(graph, {graph.inputs[0]: given[:_CALIBRATION]}))
            row["tinyglow"], row["top1"] = _figures(graph, ours, test)
    return found
