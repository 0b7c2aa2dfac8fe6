"""MNIST as folders of PNG files, as the other scripts and commands take images.

python examples/digits/mnist_folders.py mnist.npz -o mnist      (mnist.npz: the file that Keras downloads)
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image


def main() -> None:
    """Write ``train`` and ``test``, each with folders 0 to 9."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="x_train uint8 [n, 28, 28], y_train, x_test and y_test in a file of numpy")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--train", type=int, help="pictures to train on at most (default: all)")
    parser.add_argument("--test", type=int, help="pictures to test with at most (default: all)")
    arguments = parser.parse_args()
    with np.load(arguments.data, allow_pickle=False) as file:
        for part, count in (("train", arguments.train), ("test", arguments.test)):
            folder: Path = arguments.output / part
            for digit in range(10):
                (folder / str(digit)).mkdir(parents=True, exist_ok=True)
            images, labels = file[f"x_{part}"][:count], file[f"y_{part}"][:count]
            for number, (image, label) in enumerate(zip(images, labels, strict=True)):
                Image.fromarray(image).save(folder / str(label) / f"{number:05}.png")
            print(f"{folder}: {len(labels)} pictures")


if __name__ == "__main__":
    main()
