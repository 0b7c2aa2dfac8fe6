"""Turn a project of ``tinyglow deploy`` into one that hears: sounds, MFCC and the main program of ``firmware/``.

    tinyglow deploy out/kws.onnx --name kws --profile out/profile.yaml --board mps2-an500 --input features=out/one.npy
        --console semihosting -o out/firmware
    python examples/keyword/firmware.py out out/firmware --board mps2-an500 [SOUND.wav ...]

The firmware has what Python's integers answer for each sound, and says so if it answers anything else.
"""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path

import numpy as np
from mfcc import features, read_wave, tables

import tinyglow
from tinyglow.targets.boards import load_board

HERE = Path(__file__).resolve().parent


def rows(values: np.ndarray) -> str:
    """Numbers as C text."""
    texts = [str(int(value)) for value in values.ravel()]
    return ",\n".join("        " + ", ".join(texts[i : i + 20]) for i in range(0, len(texts), 20))


def sounds_header(names: list[str], words: list[str], sounds: np.ndarray, expected: np.ndarray, clock: int) -> str:
    """The file sounds.h: sounds int16 [n, 16000], and the integers [n, words] that the network answers."""

    def quoted(texts: list[str]) -> str:
        return ", ".join('"' + re.sub(r'[^ -~]|["\\?]', "_", text) + '"' for text in texts)

    def nested(arrays: np.ndarray) -> str:
        return ",\n".join("    {\n" + rows(array) + "}" for array in arrays)

    return f"""/* Sounds to hear, and what the network answers; written by firmware.py. */
#ifndef SOUNDS_H
#define SOUNDS_H

#include <stdint.h>

#define SOUNDS {len(sounds)}
#define CLOCK_HZ {clock}u

static const char *const sound_names[SOUNDS] = {{{quoted(names)}}};
static const char *const words[{len(words)}] = {{{quoted(words)}}};
static const int8_t expected[SOUNDS][{len(words)}] = {{
{nested(expected)}}};
static const int16_t sounds[SOUNDS][{sounds.shape[1]}] = {{
{nested(sounds)}}};

#endif
"""


def main() -> None:
    """Answer all sounds in Python, and write the project's sources."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trained", type=Path, help="the folder that train.py made, with profile.yaml")
    parser.add_argument("project", type=Path, help="the folder that tinyglow deploy made")
    parser.add_argument("--board", required=True)
    parser.add_argument("sounds", nargs="*", type=Path, metavar="WAV", help="default: the first four of TRAINED/sounds")
    arguments = parser.parse_args()
    files = arguments.sounds or sorted((arguments.trained / "sounds").glob("*.wav"))[:4]
    sounds = np.stack([read_wave(path) for path in files])
    graph = tinyglow.load(arguments.trained / "kws.onnx", "kws")
    profile = tinyglow.load_profile(arguments.trained / "profile.yaml")
    program = tinyglow.lower(tinyglow.quantize(graph, profile))
    heard = np.stack([features(sound) for sound in sounds])
    (answers,) = tinyglow.interpret(program, {"features": heard}).values()
    words = (arguments.trained / "words.txt").read_text("utf-8").split()
    source = arguments.project / "src"
    clock = int(load_board(arguments.board).clock_hz)
    header = sounds_header([path.name for path in files], words, sounds, answers.reshape(len(sounds), -1), clock)
    (source / "sounds.h").write_text(header, "utf-8")
    (source / "mfcc_tables.h").write_text(tables(), "utf-8")
    for name in ("main.c", "mfcc.c", "mfcc.h"):
        shutil.copy(HERE / "firmware" / name, source / name)
    for name in ("samples.c", "samples.h"):
        (source / name).unlink(missing_ok=True)
    print(f"{arguments.project}: hears {len(sounds)} sounds")


if __name__ == "__main__":
    main()
