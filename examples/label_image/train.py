"""Retrain MobileNet v1 0.25 128 x 128 to new classes of images, as eIQ's transfer learning lab does, with Keras 3.

    python examples/label_image/train.py images/train images/test --others images/others -o out
    python examples/label_image/train.py images/train images/test --weights imagenet -o out         (needs a network)

1. MobileNet learns to see on ``--others``, classes that have nothing to do with the new ones; or takes the weights that
   Google trained on ImageNet, which Keras downloads.
2. All layers are frozen, the last one is replaced by a new one with as many classes as ``train`` has, and trained.

``out`` gets network.onnx, ``input`` float32 [1, 3, 128, 128], RGB from -1 to 1, to ``output``, a share for each class;
labels.txt; and history.json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cifar10"))
os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
from onnx_file import write_onnx
from PIL import Image

from tinyglow.dataset.store import class_names, samples_of

SIDE = 128
Set = tuple[np.ndarray, np.ndarray]


def read(folder: Path) -> tuple[Set, tuple[str, ...]]:
    """(images float32 [n, 128, 128, 3] from -1 to 1 and their classes, names of the classes)."""
    names, images, labels = class_names(folder), [], []
    for number, name in enumerate(names):
        for sample in samples_of(folder, name):
            with Image.open(sample.path) as image:
                images.append(np.asarray(image.convert("RGB").resize((SIDE, SIDE))))
            labels.append(number)
    if not images:
        raise SystemExit(f"{folder}: holds no images in class folders")
    return (np.stack(images).astype(np.float32) / np.float32(127.5) - 1, np.array(labels)), names


def base(weights: str | None, width: float) -> Any:
    """MobileNet without its last layer, to [n, channels]."""
    network = keras.applications.MobileNet(
        input_shape=(SIDE, SIDE, 3), alpha=width, weights=weights, include_top=False, pooling="avg"
    )
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9  # few steps must do: Keras' 0.99 is for long trainings
    return network


def with_classes(network: Any, classes: int) -> Any:
    """A new last layer."""
    return keras.Model(network.input, keras.layers.Dense(classes, "softmax")(network.output))


def fit(model: Any, data: Set, epochs: int, rate: float, tested: Set | None) -> dict[str, list[float]]:
    """Train what is not frozen."""
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(*data, 32, epochs=epochs, validation_data=tested, verbose=2).history
    return {name: [float(value) for value in values] for name, values in history.items()}


def main() -> None:
    """Learn to see, freeze, retrain, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path, help="a folder with a folder of images for each class")
    parser.add_argument("test", type=Path, help="the same, of other images")
    parser.add_argument("--others", type=Path, help="images of other classes to learn seeing with")
    parser.add_argument("--weights", choices=["imagenet"], help="instead: what Keras downloads")
    parser.add_argument("--width", type=float, default=0.25, help="alpha of MobileNet (default: 0.25)")
    parser.add_argument("--first-epochs", type=int, default=10, help="on the other classes (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=10, help="of the new last layer (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    if bool(arguments.others) == bool(arguments.weights):
        parser.error("one of --others and --weights says where MobileNet learns to see")
    keras.utils.set_random_seed(arguments.seed)
    begin, out = time.process_time(), arguments.output
    (train, names), (test, tested_names) = read(arguments.train), read(arguments.test)
    if tested_names != names:
        raise SystemExit(f"the classes differ: {', '.join(names)} and {', '.join(tested_names)}")
    network, history = base(arguments.weights, arguments.width), {}
    if arguments.others:
        others, kinds = read(arguments.others)
        first = with_classes(network, len(kinds))
        history["others"] = fit(first, others, arguments.first_epochs, 0.002, None)
    network.trainable = False
    # The frozen layers answer each image once; only the last layer sees it in every epoch.
    seen = [(network.predict(images, 32, verbose=0), labels) for images, labels in (train, test)]
    model = with_classes(network, len(names))
    source = keras.Input(seen[0][0].shape[1:])
    last = keras.Model(source, model.layers[-1](source))
    history["classes"] = fit(last, seen[0], arguments.epochs, 0.02, seen[1])
    out.mkdir(parents=True, exist_ok=True)
    write_onnx(model, out / "network.onnx")
    (out / "labels.txt").write_text("".join(f"{name}\n" for name in names), "utf-8")
    (out / "history.json").write_text(json.dumps(history, indent=1), "utf-8")
    right = 100 * float((model.predict(test[0], verbose=0).argmax(axis=1) == test[1]).mean())
    print(f"{out}: {right:.2f} % of {len(test[1])} test images, {len(train[1])} trained on, {arguments.epochs} epochs,")
    print(f"seed {arguments.seed}, keras {keras.__version__} on {keras.backend.backend()},", end=" ")
    print(f"{time.process_time() - begin:.0f} s of computing time")


if __name__ == "__main__":
    main()
