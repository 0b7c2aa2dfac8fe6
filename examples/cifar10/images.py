"""What the training scripts share, whatever the framework: images in, and pictures of the training out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from tinyglow.dataset.store import class_names, samples_of
from tinyglow.images import read_pixels

SIDE = 32


def read(folder: Path) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """(images float32 [n, 32, 32, 3] from -1 to 1, classes [n], their names); all are scaled to 32 x 32, RGB."""
    names, images, labels = class_names(folder), [], []
    for number, name in enumerate(names):
        for sample in samples_of(folder, name):
            pixels = read_pixels(sample.path)
            picture = Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[:, :, 0]).convert("RGB")
            images.append(np.asarray(picture.resize((SIDE, SIDE)) if picture.size != (SIDE, SIDE) else picture))
            labels.append(number)
    if not images:
        raise SystemExit(f"{folder}: holds no images in class folders")
    return np.stack(images).astype(np.float32) / np.float32(127.5) - 1, np.array(labels), names


def plot(path: Path, history: dict[str, list[float]]) -> None:
    """Loss and accuracy by epoch; nothing without matplotlib."""
    try:
        import matplotlib
    except ModuleNotFoundError:
        print("matplotlib is not installed: no plot")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    for axes, name in ((left, "loss"), (right, "accuracy")):
        epochs = range(1, len(history[name]) + 1)
        axes.plot(epochs, history[name], "o-", label="training")
        axes.plot(epochs, history[f"val_{name}"], "s-", label="test")
        axes.set(xlabel="epoch", title=name)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend()
        axes.grid(alpha=0.3)
    figure.savefig(path)


def draw_maps(path: Path, maps: Sequence[np.ndarray]) -> None:
    """Maps [height, width, channels] as gray pictures: a row for each map, a picture for each channel."""
    rows = []
    for values in maps:
        scaled = np.uint8(255 * values / max(float(values.max()), 1e-9))
        channels = [Image.fromarray(np.ascontiguousarray(scaled[:, :, c])) for c in range(values.shape[2])]
        cells = [np.asarray(channel.resize((SIDE, SIDE), Image.Resampling.NEAREST)) for channel in channels]
        rows.append(np.hstack([np.pad(cell, 1) for cell in cells]))
    Image.fromarray(np.vstack(rows)).save(path)
