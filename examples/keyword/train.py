"""Train a network that hears keywords, from sounds to ONNX; numpy alone.

    python examples/keyword/train.py -o out                         (words that the project speaks itself)
    python examples/keyword/train.py --data speech_commands -o out  (a folder of .wav files for each word)

``out`` gets kws.onnx, words.txt, ranges.npy (features of 100 sounds that were trained on, for the profile), one.npy
and test.npz (features of test sounds), and sounds/, a test sound of each word. A tenth of the recordings is tested
with, and the name up to "_nohash_", a speaker in Speech Commands, decides which: no speaker is in both parts.
"""

from __future__ import annotations

import argparse
import time
import zlib
from pathlib import Path

import numpy as np
from layers import Array, Labels, Separable
from mfcc import COEFFICIENTS, FRAMES, features, read_wave, write_wave
from speech import LABELS, say

Sounds = list[np.ndarray]
_FIRST_TEST_SPEAKER = 1_000_000


def spoken(count: int, first: int) -> tuple[Sounds, Labels]:
    """``count`` sounds of each word."""
    sounds = [say(label, first + i) for i in range(count) for label in LABELS]
    return sounds, np.arange(len(sounds), dtype=np.int64) % len(LABELS)


def recorded(folder: Path) -> tuple[tuple[str, ...], tuple[Sounds, Labels], tuple[Sounds, Labels]]:
    """Words, and the sounds to train on and to test with, of folders of .wav files."""
    words = tuple(sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("_")))
    parts: tuple[tuple[Sounds, list[int]], ...] = (([], []), ([], []))
    for number, word in enumerate(words):
        for path in sorted((folder / word).glob("*.wav")):
            speaker = path.stem.partition("_nohash_")[0]
            sounds, labels = parts[zlib.crc32(speaker.encode()) % 10 == 0]
            sounds.append(read_wave(path))
            labels.append(number)
    if not all(labels for _, labels in parts):
        raise SystemExit(f"{folder}: too few .wav files in folders of words to train and to test")
    train, test = ((sounds, np.array(labels, np.int64)) for sounds, labels in parts)
    return words, train, test


def mapped(sounds: Sounds) -> Array:
    """Features of all sounds: float32 [n, FRAMES, COEFFICIENTS, 1]."""
    return np.stack([features(sound) for sound in sounds])


def main() -> None:
    """Train, and write everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR", help="recordings (default: the project speaks)")
    parser.add_argument("--count", type=int, default=100, help="sounds of each word it speaks (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=20, help="default: %(default)s")
    parser.add_argument("--channels", type=int, default=24, help="of every map (default: %(default)s)")
    parser.add_argument("--blocks", type=int, default=3, help="depthwise and pointwise pairs (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    begin, out = time.process_time(), arguments.output
    if arguments.data:
        words, (sounds, labels), (tested, right) = recorded(arguments.data)
    else:
        words, (sounds, labels) = LABELS, spoken(arguments.count, arguments.seed * 10_000)
        tested, right = spoken(max(arguments.count // 5, 1), _FIRST_TEST_SPEAKER)
    x, y = mapped(sounds), mapped(tested)
    network = Separable(len(words), arguments.channels, arguments.blocks, arguments.seed)

    def after(epoch: int, loss: float) -> None:
        print(f"epoch {epoch + 1:3}: loss {loss:.4f}, {time.process_time() - begin:.0f} s", flush=True)

    network.train(x, labels, arguments.epochs, arguments.seed, after)
    (out / "sounds").mkdir(parents=True, exist_ok=True)
    network.save(out / "kws.onnx", FRAMES, COEFFICIENTS)
    np.save(out / "one.npy", y[:1])
    (out / "words.txt").write_text("".join(f"{word}\n" for word in words), "utf-8")
    np.save(out / "ranges.npy", x[np.random.default_rng(arguments.seed).permutation(len(x))[:100]])
    for number, word in enumerate(words):
        write_wave(out / "sounds" / f"{word}.wav", tested[int(np.flatnonzero(right == number)[0])])
    accuracy = 100 * float((network.scores(y).argmax(axis=1) == right).mean())
    np.savez(out / "test.npz", features=y, labels=right)
    print(f"{out}: {accuracy:.2f} % of {len(right)} test sounds, {len(labels)} trained on, {arguments.epochs} epochs,")
    print(f"seed {arguments.seed}, numpy {np.__version__}, {time.process_time() - begin:.0f} s of computing time")


if __name__ == "__main__":
    main()
