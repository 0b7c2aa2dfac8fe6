"""Words that the project speaks itself: harmonics of a voice and hiss, shaped by the formants of each sound.

It is no speech that people would mistake for a person's. But it has what tells words apart, their formants over time
(Peterson and Barney, 1952, "Control methods used in a study of the vowels"), and speakers differ in pitch, tract,
tempo, loudness and the noise around them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from mfcc import RATE, SAMPLES

# Formants in Hz and whether the voice sounds; of hiss: the middle and width of its band in Hz.
_VOWELS = {
    "i": (270, 2290, 3010), "I": (390, 1990, 2550), "e": (530, 1840, 2480), "a": (730, 1090, 2440),
    "o": (570, 840, 2410), "u": (300, 870, 2240), "A": (640, 1190, 2390), "r": (490, 1350, 1690),
    "l": (360, 1100, 2600), "n": (280, 1500, 2500), "w": (300, 610, 2200), "j": (280, 2200, 2960),
    "d": (250, 1700, 2600), "g": (250, 1900, 2300), "b": (250, 900, 2200),
}  # fmt: skip
_HISS = {
    "s": (5500, 2500),
    "f": (4500, 5000),
    "t": (4000, 4000),
    "p": (1200, 1500),
    "h": (1800, 2500),
    "k": (2000, 1500),
}
# Each sound with its length in hundredths of a second; "_" is a pause.
_WORDS = {
    "yes": "j6 e16 s16", "no": "n9 o14 u10", "up": "A14 _5 p6", "down": "d5 a14 u8 n10", "left": "l8 e12 f8 _3 t5",
    "right": "r8 a12 i8 _3 t5", "on": "a16 n14", "off": "o16 f16", "stop": "s12 _3 t4 a14 _4 p5", "go": "g5 o12 u12",
}  # fmt: skip
_OTHERS = ("h8 a12 u8 s12", "t5 r7 i16", "k5 a10 _3 t5", "b4 r8 d5", "f10 I12 s8", "w8 a10 n8 d5", "s10 I8 k4 s8")
LABELS = ("silence", "unknown", *_WORDS)


def _envelope(frequency: npt.NDArray[np.float64], formants: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How loud a tract with these formants [time, 3] makes a frequency [time]."""
    widths, levels = (90.0, 110.0, 170.0), (1.0, 0.6, 0.3)
    parts = [
        level / (1 + ((frequency - formants[:, i]) / width) ** 2)
        for i, (width, level) in enumerate(zip(widths, levels, strict=True))
    ]
    return np.sum(parts, axis=0)


def _spoken(word: str, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """A word by a random speaker."""
    tempo, tract, pitch = rng.uniform(0.8, 1.25), rng.uniform(0.88, 1.18), rng.uniform(90, 230)
    voice, hiss, formants = [], [], []
    shaped: list[tuple[int, int, float, float]] = []
    for part in word.split():
        sound, length = part[0], max(int(RATE * tempo * int(part[1:]) / 100 * rng.uniform(0.85, 1.15)), 1)
        begin = sum(map(len, voice))
        voice.append(np.full(length, float(sound in _VOWELS) * (0.4 if sound in "dgbn" else 1.0)))
        last = formants[-1][-1] if formants else np.array(_VOWELS["A"], float)
        aim = np.array(_VOWELS.get(sound, last / tract), float) * tract * rng.uniform(0.96, 1.04, 3)
        glide = np.minimum(np.arange(length) / (0.05 * RATE), 1)[:, None]
        formants.append(last + (aim - last) * glide)
        if sound in _HISS:
            shaped.append((begin, length, *map(float, _HISS[sound])))
    loud, tracts = np.concatenate(voice), np.concatenate(formants)
    smooth = np.hanning(int(0.02 * RATE))
    loud = np.convolve(loud, smooth / smooth.sum(), "same")
    time = np.arange(len(loud))
    pitches = pitch * (1.1 - 0.25 * time / len(loud)) * (1 + 0.01 * np.sin(2 * np.pi * 5 * time / RATE))
    phase = 2 * np.pi * np.cumsum(pitches) / RATE
    made = np.zeros(len(loud))
    for harmonic in range(1, int(4000 / pitch) + 1):
        made += np.sin(harmonic * phase) * _envelope(harmonic * pitches, tracts) / harmonic**0.5
    made *= loud
    for begin, length, middle, width in shaped:
        spectrum = np.fft.rfft(rng.standard_normal(length))
        spectrum *= np.exp(-(((np.fft.rfftfreq(length, 1 / RATE) - middle) / width) ** 2))
        hiss = np.fft.irfft(spectrum, length)
        made[begin : begin + length] += 0.5 * hiss / (hiss.std() + 1e-9) * np.hanning(length)
    return made


def say(label: str, seed: int) -> npt.NDArray[np.int16]:
    """A second of sound int16 [16000] with a word of ``LABELS``: equal seeds speak equally."""
    rng = np.random.default_rng([LABELS.index(label), seed])
    made = rng.standard_normal(SAMPLES) * 10 ** rng.uniform(-3, -1.7)
    if label != "silence":
        word = _WORDS.get(label) or _OTHERS[rng.integers(len(_OTHERS))]
        spoken = _spoken(word, rng)[: SAMPLES - 1]
        begin = rng.integers(0, SAMPLES - len(spoken))
        made[begin : begin + len(spoken)] += spoken / np.abs(spoken).max() * rng.uniform(0.2, 0.8)
    return np.rint(np.clip(made, -1, 1) * 32767).astype(np.int16)
