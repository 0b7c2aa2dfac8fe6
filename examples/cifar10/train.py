"""Train AN13331's network on images in class folders, with Keras; the extra tinyglow[train].

    python examples/cifar10/train.py images/train images/test --epochs 5 -o out
    python examples/cifar10/train.py images/train images/test --epochs 5 -o out --resume     (from the checkpoint)

``out`` gets the checkpoint after each epoch (``checkpoint.keras``), the history (``history.json``, ``history.svg``),
the pictures of the layers (``layers.png``), and the network (``network.onnx``): ``input`` float32 [1, 3, 32, 32], RGB
from -1 to 1.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
from images import SIDE, draw_maps, plot, read
from onnx_file import write_onnx


def network(classes: int) -> Any:
    """Four convolutions of 32 channels with batch normalization, three max pools, one fully connected layer."""
    layers = keras.layers
    steps: list[Any] = [keras.Input((SIDE, SIDE, 3))]
    for pooled in (False, True, True, True):
        steps += [layers.Conv2D(32, 3, padding="same"), layers.BatchNormalization(momentum=0.9), layers.ReLU()]
        steps += [layers.MaxPooling2D()] if pooled else []
    return keras.Sequential([*steps, layers.Flatten(), layers.Dense(classes)])


def maps(model: Any, image: np.ndarray) -> list[np.ndarray]:
    """What each ReLU answers to an image: [height, width, channels]."""
    found, x = [], image[None]
    for layer in model.layers:
        x = np.asarray(layer(x, training=False)) if isinstance(layer, keras.layers.BatchNormalization) else layer(x)
        if isinstance(layer, keras.layers.ReLU):
            found.append(np.asarray(x)[0])
    return found


def main() -> None:
    """Train, and write everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path, help="a folder with a folder of images for each class")
    parser.add_argument("test", type=Path, help="the same, of other images")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=0.001)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--softmax", action="store_true", help="the ONNX file answers with probabilities, not scores")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in the output folder")
    arguments = parser.parse_args()
    keras.utils.set_random_seed(arguments.seed)
    (images, labels, names), (tested, right, tested_names) = read(arguments.train), read(arguments.test)
    if tested_names != names:
        raise SystemExit(f"the classes differ: {', '.join(names)} and {', '.join(tested_names)}")
    out: Path = arguments.output
    out.mkdir(parents=True, exist_ok=True)
    checkpoint, record = out / "checkpoint.keras", out / "history.json"
    history: dict[str, list[float]] = {}
    if arguments.resume:
        model, history = keras.saving.load_model(checkpoint), json.loads(record.read_text("utf-8"))
    else:
        model = network(len(names))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(arguments.rate), loss, metrics=["accuracy"])
    begin, done = time.monotonic(), len(history.get("loss", []))

    def after(epoch: int, found: dict[str, float]) -> None:
        """What a run that ends early needs to go on from the checkpoint."""
        for name, value in found.items():
            history.setdefault(name, []).append(float(value))
        record.write_text(json.dumps(history, indent=1), "utf-8")

    kept = [keras.callbacks.ModelCheckpoint(checkpoint), keras.callbacks.LambdaCallback(on_epoch_end=after)]
    model.fit(
        images,
        labels,
        arguments.batch,
        epochs=done + arguments.epochs,
        initial_epoch=done,
        validation_data=(tested, right),
        callbacks=kept,
        verbose=2,
    )
    plot(out / "history.svg", history)
    draw_maps(out / "layers.png", maps(model, tested[0]))
    write_onnx(model, out / "network.onnx", arguments.softmax)
    accuracy = 100 * history["val_accuracy"][-1]
    print(f"{out}: {accuracy:.2f} % of {len(right)} test images after {done + arguments.epochs} epochs, ", end="")
    print(f"seed {arguments.seed}, keras {keras.__version__} on {keras.backend.backend()}, ", end="")
    print(f"{time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
