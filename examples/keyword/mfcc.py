"""MFCC in integers, the definition of what ``firmware/mfcc.c`` computes; equal to it in every bit.

A second of 16-bit sound at 16 kHz becomes 49 frames of 40 ms, 20 ms apart, and each frame ten coefficients, as in
ML-KWS (Zhang et al., "Hello Edge", 2017): Hann window, discrete Fourier transform of 1,024 points, 40 triangular bands
between 20 and 4,000 Hz on the mel scale, logarithm, discrete cosine transform.

    python examples/keyword/mfcc.py --tables firmware/src/mfcc_tables.h        (the constants, as C)
    python examples/keyword/mfcc.py sound.wav                                  (the coefficients of a file)
"""

from __future__ import annotations

import argparse
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE = 16_000
SAMPLES = RATE  # of one second
FRAME, STEP, POINTS = 640, 320, 1024
FRAMES = (SAMPLES - FRAME) // STEP + 1
BANDS, COEFFICIENTS = 40, 10
LOWEST, HIGHEST = 20.0, 4000.0  # Hz
Q = 8  # bits after the point of a coefficient
_STAGES = POINTS.bit_length() - 1
_LOG_BITS, _LOG_Q, _DCT_Q = 6, 12, 14
_LEVEL = 32  # a band's logarithm to base 2 that counts as 0: of sound of medium loudness
Ints = npt.NDArray[np.int64]


def _mel(hertz: npt.NDArray[np.float64] | float) -> npt.NDArray[np.float64]:
    return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)


def _bands() -> list[tuple[int, Ints]]:
    """Of each band: the first bin of the transform that it reads, and its weights with 15 bits after the point."""
    edges = np.linspace(_mel(LOWEST), _mel(HIGHEST), BANDS + 2)
    mels = _mel(np.arange(POINTS // 2 + 1) * (RATE / POINTS))
    found = []
    for low, middle, high in zip(edges, edges[1:], edges[2:], strict=False):
        weights = np.minimum((mels - low) / (middle - low), (high - mels) / (high - middle))
        integers = np.rint(np.clip(weights, 0, 1) * 32767).astype(np.int64)
        used = np.flatnonzero(integers)
        # A narrow band may lie between two bins: then it reads the nearest.
        if not len(used):
            used = np.array([np.abs(mels - middle).argmin()])
            integers[used] = 32767
        found.append((int(used[0]), integers[used[0] : used[-1] + 1]))
    return found


_angles = 2 * np.pi * np.arange(POINTS // 2) / POINTS
WINDOW: Ints = np.rint(32767 * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME))).astype(np.int64)
COSINES: Ints = np.rint(32767 * np.cos(_angles)).astype(np.int64)
SINES: Ints = np.rint(32767 * np.sin(_angles)).astype(np.int64)
BAND_WEIGHTS = _bands()
LOGARITHMS: Ints = np.rint(2**_LOG_Q * np.log2(1 + np.arange(2**_LOG_BITS) / 2**_LOG_BITS)).astype(np.int64)
_cosines = np.cos(np.pi * np.outer(np.arange(COEFFICIENTS), np.arange(BANDS) + 0.5) / BANDS)
# The first coefficient, the loudness, is far larger than the others: a quarter of it has the range that they have, so
# that one scale of int8 suits all. Logarithms are natural ones: ln 2 is part of the transform.
_lifter = np.where(np.arange(COEFFICIENTS) == 0, 0.25, 1.0)[:, None]
DCT: Ints = np.rint(2**_DCT_Q * np.log(2) * np.sqrt(2 / BANDS) * _lifter * _cosines).astype(np.int64)
REVERSED = np.array([int(f"{i:0{_STAGES}b}"[::-1], 2) for i in range(POINTS)])


def transform(real: Ints) -> tuple[Ints, Ints]:
    """The Fourier transform of [frames, POINTS], divided by POINTS: halved in each of its stages, rounded down.

    Of values within 30 bits every stage stays within 31.
    """
    real, imaginary = real[:, REVERSED].copy(), np.zeros_like(real)
    half = 1
    while half < POINTS:
        step = POINTS // (2 * half)
        cosine, sine = COSINES[::step], SINES[::step]
        a, b = real.reshape(len(real), -1, 2, half), imaginary.reshape(len(real), -1, 2, half)
        x, y = a[:, :, 1].copy(), b[:, :, 1].copy()
        turned_x = (x * cosine + y * sine) >> 15
        turned_y = (y * cosine - x * sine) >> 15
        a[:, :, 1], b[:, :, 1] = (a[:, :, 0] - turned_x) >> 1, (b[:, :, 0] - turned_y) >> 1
        a[:, :, 0], b[:, :, 0] = (a[:, :, 0] + turned_x) >> 1, (b[:, :, 0] + turned_y) >> 1
        half *= 2
    return real, imaginary


def logarithm(values: Ints) -> Ints:
    """The logarithm to base 2 of positive integers, ``_LOG_Q`` bits after the point, from the seven highest bits."""
    exponent = np.frexp(values.astype(np.float64))[1] - 1
    exponent -= (np.int64(1) << exponent) > values  # a float rounds up below a power of two
    below = np.maximum(_LOG_BITS - exponent, 0)
    mantissa = ((values << below) >> np.maximum(exponent - _LOG_BITS, 0)) - 2**_LOG_BITS
    result: Ints = (exponent.astype(np.int64) << _LOG_Q) + LOGARITHMS[mantissa]
    return result


def mfcc(sound: npt.NDArray[np.int16]) -> npt.NDArray[np.int32]:
    """Coefficients int32 [FRAMES, COEFFICIENTS], ``Q`` bits after the point, of sound int16 [SAMPLES]."""
    frames = np.lib.stride_tricks.sliding_window_view(sound.astype(np.int64), FRAME)[::STEP]
    padded = np.zeros((len(frames), POINTS), np.int64)
    padded[:, :FRAME] = (frames * WINDOW) >> 1  # 29 bits and a sign
    real, imaginary = transform(padded)
    power = (real * real + imaginary * imaginary) >> 15
    energies = [(power[:, first : first + len(w)] * w).sum(axis=1) for first, w in BAND_WEIGHTS]
    logs = logarithm(np.stack(energies, axis=1) + 1) - (_LEVEL << _LOG_Q)
    result: npt.NDArray[np.int32] = ((logs @ DCT.T) >> (_LOG_Q + _DCT_Q - Q)).astype(np.int32)
    return result


def features(sound: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
    """What the network reads: float32 [FRAMES, COEFFICIENTS, 1]."""
    return (mfcc(sound).astype(np.float32) / np.float32(1 << Q))[..., None]


def read_wave(path: str | Path) -> npt.NDArray[np.int16]:
    """A second of a mono file of 16 bits at 16 kHz; what is missing is silence, what is too long is cut off.

    Raises ValueError for another format.
    """
    with wave.open(str(path), "rb") as file:
        kind = (file.getnchannels(), file.getsampwidth(), file.getframerate())
        if kind != (1, 2, RATE):
            raise ValueError(f"{path}: has channels, bytes and rate {kind}; (1, 2, {RATE}) is needed")
        found = np.frombuffer(file.readframes(SAMPLES), "<i2").astype(np.int16)
    return np.pad(found, (0, SAMPLES - len(found)))


def write_wave(path: str | Path, sound: npt.NDArray[np.int16]) -> None:
    """Write sound as ``read_wave`` reads it."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(sound.astype("<i2").tobytes())


def tables() -> str:
    """The constants as a C header."""

    def array(kind: str, name: str, values: npt.ArrayLike) -> str:
        texts = [str(int(value)) for value in np.ravel(values)]
        rows = [", ".join(texts[i : i + 20]) for i in range(0, len(texts), 20)]
        return f"static const {kind} {name}[{len(texts)}] = {{\n    " + ",\n    ".join(rows) + "};\n"

    firsts = [first for first, _ in BAND_WEIGHTS]
    ends = np.cumsum([len(weights) for _, weights in BAND_WEIGHTS])
    constants = {
        "MFCC_POINTS": POINTS, "MFCC_BANDS": BANDS, "MFCC_LOG_BITS": _LOG_BITS, "MFCC_LOG_Q": _LOG_Q,
        "MFCC_LEVEL": _LEVEL << _LOG_Q, "MFCC_SHIFT": _LOG_Q + _DCT_Q - Q,
    }  # fmt: skip
    parts = [
        "/* Constants of mfcc.c, written by mfcc.py. */\n#ifndef MFCC_TABLES_H\n#define MFCC_TABLES_H\n\n",
        "#include <stdint.h>\n\n",
        *(f"#define {name} {value}\n" for name, value in constants.items()),
        "\n",
        array("int16_t", "mfcc_window", WINDOW),
        array("int16_t", "mfcc_cosines", COSINES),
        array("int16_t", "mfcc_sines", SINES),
        array("uint16_t", "mfcc_first_bin", firsts),
        array("uint16_t", "mfcc_band_end", ends),
        array("int16_t", "mfcc_band_weights", np.concatenate([weights for _, weights in BAND_WEIGHTS])),
        array("int16_t", "mfcc_logarithms", LOGARITHMS),
        array("int16_t", "mfcc_dct", DCT),
        "\n#endif\n",
    ]
    return "".join(parts)


def main() -> None:
    """Write the tables, or print the coefficients of files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", metavar="WAV")
    parser.add_argument("--tables", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    if arguments.tables:
        arguments.tables.write_text(tables(), "utf-8")
    for path in arguments.files:
        print(path)
        for row in mfcc(read_wave(path)) / (1 << Q):
            print(" ".join(f"{value:8.3f}" for value in row))


if __name__ == "__main__":
    main()
