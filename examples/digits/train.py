"""Train AN13438's network on a data set of digits, from scratch or from another network's convolutions; numpy alone.

python examples/digits/train.py parts/train parts/validation -o digits.onnx
python examples/digits/train.py parts/train parts/validation --transfer examples/mnist/mnist_nxp.onnx -o digits.onnx
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from network import Array, Labels, Network

from tinyglow.dataset.store import all_samples
from tinyglow.images import ImageOptions, load_images


def read(folder: str | Path) -> tuple[Array, Labels]:
    """(images [n, 28, 28, 1] in 0..1, labels [n]) of a data set in folders 0 to 9."""
    samples = all_samples(Path(folder))
    images = load_images([sample.path for sample in samples], ImageOptions("0to1", "NHWC"), (28, 28, 1))
    return images, np.array([int(sample.label) for sample in samples])


def main() -> None:
    """Train, say how well it goes, and write the network of the best epoch."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", help="the data set to train on")
    parser.add_argument("validation", help="the data set that chooses the best epoch")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--transfer", metavar="ONNX", help="keep the convolutions of this network")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    (images, labels), (checked, right) = read(arguments.train), read(arguments.validation)
    network = Network.random(arguments.seed)
    if arguments.transfer:
        network = Network.load(arguments.transfer).transferred(arguments.seed)
    best = -1.0

    def after(epoch: int, loss: float) -> None:
        nonlocal best
        accuracy = network.accuracy(checked, right)
        mark = ""
        if accuracy > best:
            best, mark = accuracy, " *"
            network.save(arguments.output)
        print(f"epoch {epoch + 1:3}: loss {loss:.4f}, validation {100 * accuracy:.2f} %{mark}", flush=True)

    network.train(images, labels, arguments.epochs, arguments.seed, after)
    print(f"{arguments.output}: {100 * best:.2f} % of {len(right)} validation images")


if __name__ == "__main__":
    main()
