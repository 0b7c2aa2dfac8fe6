"""The example of examples/keyword: MFCC in C is Python's to the bit, the network learns, the firmware hears."""

from __future__ import annotations

import ctypes
import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinyglow
from tinyglow.pipeline.fidelity import float_outputs

_MODULES = ("layers", "mfcc", "speech")


@pytest.fixture(scope="module")
def scripts(checkout: Path) -> Any:
    """The modules of the example."""
    folder = str(checkout / "examples/keyword")
    sys.path.insert(0, folder)
    try:
        yield {name: importlib.import_module(name) for name in _MODULES}
    finally:
        sys.path.remove(folder)
        for name in _MODULES:
            sys.modules.pop(name, None)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("gcc"), reason="needs gcc")
def test_mfcc_in_c_is_that_of_python(scripts: Any, checkout: Path, tmp_path: Path) -> None:
    """Of words, of silence, of the loudest square wave, of noise and of a single impulse: each bit."""
    mfcc, source = scripts["mfcc"], checkout / "examples/keyword/firmware"
    (tmp_path / "mfcc_tables.h").write_text(mfcc.tables(), encoding="utf-8")
    library = tmp_path / "mfcc.so"
    flags = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-O2", "-shared", "-fPIC", f"-I{tmp_path}"]
    subprocess.run(["gcc", *flags, str(source / "mfcc.c"), "-o", str(library)], check=True)
    compiled = ctypes.CDLL(str(library))
    rng = np.random.default_rng(1)
    square = np.where(np.arange(16000) // 20 % 2, 32767, -32768)
    impulse = np.zeros(16000)
    impulse[300] = -32768
    sounds = [scripts["speech"].say(label, 3) for label in ("silence", "yes", "unknown")]
    for sound in (*sounds, square, np.zeros(16000), rng.integers(-32768, 32768, 16000), impulse):
        samples = np.ascontiguousarray(sound, np.int16)
        expected, found = mfcc.mfcc(samples), np.zeros((mfcc.FRAMES, mfcc.COEFFICIENTS), np.int32)
        for frame in range(mfcc.FRAMES):
            begin = samples[frame * mfcc.STEP :].copy()
            compiled.mfcc_frame(begin.ctypes.data_as(ctypes.c_void_p), found[frame].ctypes.data_as(ctypes.c_void_p))
        np.testing.assert_array_equal(found, expected)


def test_mfcc_is_near_the_float_one(scripts: Any) -> None:
    """Every step in float64, as the textbooks have it: no coefficient differs by more than a tenth."""
    mfcc = scripts["mfcc"]
    sound = scripts["speech"].say("go", 5)
    frames = np.lib.stride_tricks.sliding_window_view(sound.astype(float), mfcc.FRAME)[:: mfcc.STEP]
    spectrum = np.fft.rfft(frames * (mfcc.WINDOW / 2), mfcc.POINTS) / mfcc.POINTS
    power = np.abs(spectrum) ** 2 / 2**15
    energies = [(power[:, first : first + len(w)] * w).sum(axis=1) for first, w in mfcc.BAND_WEIGHTS]
    logs = np.log(np.stack(energies, axis=1) + 1) - 32 * np.log(2)
    basis = np.cos(np.pi * np.outer(np.arange(mfcc.COEFFICIENTS), np.arange(mfcc.BANDS) + 0.5) / mfcc.BANDS)
    expected = logs @ basis.T * np.sqrt(2 / mfcc.BANDS)
    expected[:, 0] /= 4
    loud = energies[10] > np.median(energies[10])
    assert np.abs(expected - mfcc.features(sound)[..., 0])[loud].max() < 0.1


def test_gradients_and_the_file(scripts: Any, tmp_path: Path) -> None:
    """Central differences agree with the gradients of every array; tinyglow computes what numpy does."""
    rng = np.random.default_rng(1)
    x, labels = rng.standard_normal((6, 13, 10, 1)).astype(np.float32), np.arange(6) % 3
    network = scripts["layers"].Separable(3, 4, 1, 2)
    _, gradients = network.gradients(x, labels)
    for array, gradient in zip(network._arrays(), gradients, strict=True):
        place = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
        kept, losses = array[place], []
        for step in (0.002, -0.002):
            array[place] = kept + step
            losses.append(network.gradients(x, labels)[0])
        array[place] = kept
        assert (losses[0] - losses[1]) / 0.004 == pytest.approx(gradient[place], rel=0.1)
    before = network.gradients(x, labels)[0]
    network.train(x, labels, 80, 1)
    assert network.gradients(x, labels)[0] < 0.8 * before
    network.save(tmp_path / "a.onnx", 13, 10)
    (shares,) = float_outputs(tinyglow.load(tmp_path / "a.onnx"), {"features": x[:, None]}).values()
    scores = np.exp(network.scores(x))
    np.testing.assert_allclose(shares.reshape(6, 3), scores / scores.sum(axis=1, keepdims=True), atol=1e-4)


def test_words_are_spoken_and_stored(scripts: Any, tmp_path: Path) -> None:
    """Equal seeds speak equally, others do not; a file holds what was written, and other formats are refused."""
    mfcc, say = scripts["mfcc"], scripts["speech"].say
    assert (say("yes", 1) == say("yes", 1)).all() and (say("yes", 1) != say("yes", 2)).any()
    mfcc.write_wave(tmp_path / "a.wav", say("yes", 1)[:9000])
    read = mfcc.read_wave(tmp_path / "a.wav")
    assert (read[:9000] == say("yes", 1)[:9000]).all() and not read[9000:].any() and len(read) == 16000
    data = bytearray((tmp_path / "a.wav").read_bytes())
    data[24:28] = (8000).to_bytes(4, "little")
    (tmp_path / "b.wav").write_bytes(data)
    with pytest.raises(ValueError, match="8000"):
        mfcc.read_wave(tmp_path / "b.wav")


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt" or not shutil.which("make"), reason="needs a shell and make")
def test_the_script_ends_in_a_firmware_that_hears(checkout: Path, tmp_path: Path) -> None:
    """Reduced: few sounds and epochs, then the same steps; C answers what Python does."""
    for name in ("ziglang", "unicorn"):
        pytest.importorskip(name)
    small = {"TRAIN": "--count 3 --epochs 1 --channels 8 --blocks 1", "PYTHON": sys.executable}
    done = subprocess.run(
        ["sh", "examples/keyword/run.sh", str(tmp_path / "out")],
        cwd=checkout,
        env={**os.environ, **small},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # where QEMU writes what semihosting prints
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    runs = done.stdout.count("all answers as in Python")
    assert runs == (2 if shutil.which("qemu-system-arm") else 1)
    line = r"^\w+\.wav: \w+ \(confidence [0-9.]+ %, MFCC [0-9.]+ ms, inference [0-9.]+ ms\)$"
    assert len(re.findall(line, done.stdout, re.MULTILINE)) == 4 * runs, done.stdout[-3000:]
