"""Table 1 of AN12892: how many examples of each digit does a network need, from scratch and with transfer learning?

From scratch, all of AN13438's network is trained. With transfer learning, the convolutions of a network that was
trained on MNIST stay as they are, and the last two layers are trained anew. Each run chooses its examples at random
and starts from other weights; the pictures to test with are the same for all, by hands of which no example was
trained on.

    python examples/transfer/table.py --plot transfer.svg
    python examples/transfer/table.py --train parts/train --test parts/test      (digits of your own)
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "digits"))

import numpy as np
from network import Array, Labels, Network
from train import read

from tinyglow.demo.drawn import drawn_picture

SOURCE = Path(__file__).resolve().parents[1] / "mnist" / "mnist_nxp.onnx"
KINDS = ("from scratch", "transfer")
_FIRST_TEST_HAND = 100_000


def drawn(hands: Sequence[int]) -> tuple[Array, Labels]:
    """Each digit once by each hand: images [n, 28, 28, 1] in 0..1, and labels."""
    pictures = [drawn_picture(digit, hand) for hand in hands for digit in range(10)]
    return np.stack(pictures)[..., None].astype(np.float32) / np.float32(255), np.arange(len(pictures)) % 10


def chosen(images: Array, labels: Labels, count: int, seed: int) -> tuple[Array, Labels]:
    """``count`` random examples of each digit. Exits if a digit has fewer."""
    rng = np.random.default_rng(seed)
    places = [np.flatnonzero(labels == digit) for digit in range(10)]
    short = [f"{digit} ({len(place)})" for digit, place in enumerate(places) if len(place) < count]
    if short:
        raise SystemExit(f"fewer than {count} examples: {', '.join(short)}; name smaller --counts, or gather more")
    picked = np.concatenate([rng.permutation(place)[:count] for place in places])
    return images[picked], labels[picked]


def plot(path: str, counts: Sequence[int], results: dict[str, list[list[float]]], note: str) -> None:
    """Accuracy over examples, with each run as a point, as the note's figure 9."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    for kind, marker in zip(KINDS, "os", strict=True):
        means = [100 * float(np.mean(runs)) for runs in results[kind]]
        (line,) = axes.plot(counts, means, marker=marker, label=kind)
        for count, runs in zip(counts, results[kind], strict=True):
            axes.plot([count] * len(runs), [100 * run for run in runs], ".", color=line.get_color(), alpha=0.5)
    axes.set(xscale="log", xlabel="examples of each digit", ylabel="accuracy on the test pictures, %", title=note)
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path)


def main() -> None:
    """Train, print the table, and draw it if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", default="10,30,100,300", help="examples of each digit (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--epochs", type=int, default=25, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--train", metavar="DIR", help="examples of your own (default: the script draws them)")
    parser.add_argument("--test", metavar="DIR", help="pictures to test with, with --train")
    parser.add_argument("--test-hands", type=int, default=50, help="hands that draw the test pictures (default: 50)")
    parser.add_argument("--plot", metavar="FILE", help="draw it there (.svg, .png; needs matplotlib)")
    arguments = parser.parse_args()
    if bool(arguments.train) != bool(arguments.test):
        parser.error("--train and --test go together")
    begin, counts = time.process_time(), [int(count) for count in arguments.counts.split(",")]
    source = Network.load(SOURCE)
    pool = read(arguments.train) if arguments.train else drawn(range(max(counts)))
    last = _FIRST_TEST_HAND + arguments.test_hands
    tested = read(arguments.test) if arguments.test else drawn(range(_FIRST_TEST_HAND, last))
    results: dict[str, list[list[float]]] = {kind: [[] for _ in counts] for kind in KINDS}
    for run in range(arguments.runs):
        seed = arguments.seed + run
        for place, count in enumerate(counts):
            images, labels = chosen(*pool, count, seed)
            for kind, network in zip(KINDS, (Network.random(seed), source.transferred(seed)), strict=True):
                network.train(images, labels, arguments.epochs, seed)
                results[kind][place].append(network.accuracy(*tested))
    print(f"| examples of each digit | {' | '.join(f'{kind} | lowest to highest' for kind in KINDS)} |")
    print("|--:|--:|--:|--:|--:|")
    for place, count in enumerate(counts):
        cells = [results[kind][place] for kind in KINDS]
        texts = [f"{100 * np.mean(c):.1f} % | {100 * min(c):.1f} to {100 * max(c):.1f} %" for c in cells]
        print(f"| {count} | {' | '.join(texts)} |")
    known, seconds = 100 * source.accuracy(*tested), time.process_time() - begin
    print(f"\n{arguments.runs} runs of {arguments.epochs} epochs, seeds from {arguments.seed};")
    print(f"{len(tested[1])} test pictures,", end=" ")
    print(f"of which the MNIST network as it is recognizes {known:.1f} %; numpy {np.__version__};")
    print(f"{seconds:.0f} s of computing time")
    if arguments.plot:
        plot(arguments.plot, counts, results, f"{len(tested[1])} test pictures, {arguments.runs} runs")
        print(arguments.plot)


if __name__ == "__main__":
    main()
