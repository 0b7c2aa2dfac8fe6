"""Train AN13438's network with Keras 3, as chapter 4 of the note does; the extra tinyglow[train].

python examples/digits/train_keras.py mnist/train mnist/test -o digits.onnx

The file has ``input`` float32 [1, 1, 28, 28] in 0..1 and ``output``, a value for each digit.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1] / "cifar10"))  # which has a train.py too
os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
from onnx_file import write_onnx
from train import read


def network() -> Any:
    """Three times a max pool and a convolution of four channels with ReLU, then 28 units with ReLU, then ten."""
    layers = keras.layers
    steps: list[Any] = [keras.Input((28, 28, 1))]
    for _ in range(3):
        steps += [layers.MaxPooling2D(), layers.Conv2D(4, 3, padding="same", activation="relu")]
    return keras.Sequential([*steps, layers.Flatten(), layers.Dense(28, activation="relu"), layers.Dense(10)])


def main() -> None:
    """Train, say how well it goes after each epoch, and write the network of the last one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", help="a data set to train on, in folders 0 to 9")
    parser.add_argument("test", help="a data set to test with")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--epochs", type=int, default=10, help="default: %(default)s")
    parser.add_argument("--batch", type=int, default=64, help="default: %(default)s")
    parser.add_argument("--rate", type=float, default=0.004, help="at first; it falls to 0 (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    keras.utils.set_random_seed(arguments.seed)
    begin, (images, labels), tested = time.process_time(), read(arguments.train), read(arguments.test)
    model, steps = network(), arguments.epochs * -(-len(labels) // arguments.batch)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    rate = keras.optimizers.schedules.CosineDecay(arguments.rate, steps)
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    history = model.fit(
        images, labels, arguments.batch, epochs=arguments.epochs, validation_data=tested, verbose=2
    ).history
    write_onnx(model, arguments.output)
    print(f"{arguments.output}: {100 * history['val_accuracy'][-1]:.2f} % of {len(tested[1])} test images, ", end="")
    print(f"{len(labels)} trained on, {arguments.epochs} epochs, seed {arguments.seed}, ", end="")
    print(
        f"keras {keras.__version__} on {keras.backend.backend()}, {time.process_time() - begin:.0f} s of computing time"
    )


if __name__ == "__main__":
    main()
