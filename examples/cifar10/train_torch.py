"""Train AN13331's network on images in class folders, with PyTorch; the extra tinyglow[torch].

    python examples/cifar10/train_torch.py images/train images/test --epochs 5 -o out
    python examples/cifar10/train_torch.py images/train images/test --epochs 5 -o out --resume   (from the checkpoint)

``out`` gets what ``train.py`` writes: the checkpoint after each epoch (``checkpoint.pt``, with the state of the
optimizer), ``history.json``, ``history.svg``, ``layers.png``, and ``network.onnx``: ``input`` float32 [1, 3, 32, 32],
RGB from -1 to 1.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from images import draw_maps, plot, read
from torch import nn

History = dict[str, list[float]]


def network(classes: int) -> nn.Sequential:
    """Four convolutions of 32 channels with batch normalization, three max pools, one fully connected layer."""
    layers: list[nn.Module] = []
    for number, pooled in enumerate((False, True, True, True)):
        layers += [nn.Conv2d(32 if number else 3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if pooled else []
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 4 * 4, classes))


def batches(count: int, size: int, seed: int) -> Iterator[torch.Tensor]:
    """Places of all images in a random order, ``size`` at a time."""
    yield from torch.randperm(count, generator=torch.Generator().manual_seed(seed)).split(size)


def tested(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
    """Mean loss and accuracy (0 to 1)."""
    model.eval()
    with torch.no_grad():
        scores = torch.cat([model(part) for part in images.split(500)])
    loss = float(nn.functional.cross_entropy(scores, labels))
    return loss, float((scores.argmax(dim=1) == labels).float().mean())


def epoch(
    model: nn.Module, optimizer: torch.optim.Optimizer, images: torch.Tensor, labels: torch.Tensor, size: int, seed: int
) -> tuple[float, float]:
    """One pass over all images: mean loss and accuracy on the way."""
    model.train()
    losses, right = 0.0, 0
    for places in batches(len(images), size, seed):
        optimizer.zero_grad()
        scores = model(images[places])
        loss = nn.functional.cross_entropy(scores, labels[places])
        loss.backward()
        optimizer.step()
        losses += float(loss.detach()) * len(places)
        right += int((scores.argmax(dim=1) == labels[places]).sum())
    return losses / len(images), right / len(images)


def maps(model: nn.Sequential, image: torch.Tensor) -> list[np.ndarray]:
    """What each ReLU answers to an image: [height, width, channels]."""
    model.eval()
    found, x = [], image[None]
    with torch.no_grad():
        for layer in model:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                found.append(x[0].permute(1, 2, 0).numpy())
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
    (images, labels, names), (others, right, other_names) = read(arguments.train), read(arguments.test)
    if other_names != names:
        raise SystemExit(f"the classes differ: {', '.join(names)} and {', '.join(other_names)}")
    torch.manual_seed(arguments.seed)
    out: Path = arguments.output
    out.mkdir(parents=True, exist_ok=True)
    x, xt = (torch.from_numpy(array.transpose(0, 3, 1, 2).copy()) for array in (images, others))
    y, yt = torch.from_numpy(labels), torch.from_numpy(right)
    model = network(len(names))
    optimizer = torch.optim.Adam(model.parameters(), arguments.rate)
    history: History = {"loss": [], "accuracy": [], "val_loss": [], "val_accuracy": []}
    if arguments.resume:
        kept = torch.load(out / "checkpoint.pt", weights_only=True)
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
        history = json.loads((out / "history.json").read_text("utf-8"))
    begin, done = time.monotonic(), len(history["loss"])
    for number in range(done, done + arguments.epochs):
        figures = (*epoch(model, optimizer, x, y, arguments.batch, arguments.seed + number), *tested(model, xt, yt))
        for name, value in zip(history, figures, strict=True):
            history[name].append(value)
        print(f"Epoch {number + 1}/{done + arguments.epochs}: ", end="")
        print(", ".join(f"{name} {value:.4f}" for name, value in zip(history, figures, strict=True)), flush=True)
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, out / "checkpoint.pt")
        (out / "history.json").write_text(json.dumps(history, indent=1), "utf-8")
    plot(out / "history.svg", history)
    draw_maps(out / "layers.png", maps(model, xt[0]))
    model.eval()
    names_of = {"input_names": ["input"], "output_names": ["output"], "opset_version": 13}
    exported = nn.Sequential(model, nn.Softmax(dim=1)) if arguments.softmax else model
    torch.onnx.export(exported, (torch.zeros(1, 3, 32, 32),), str(out / "network.onnx"), dynamo=False, **names_of)
    accuracy = 100 * history["val_accuracy"][-1]
    print(f"{out}: {accuracy:.2f} % of {len(right)} test images after {done + arguments.epochs} epochs, ", end="")
    print(f"seed {arguments.seed}, torch {torch.__version__}, {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
