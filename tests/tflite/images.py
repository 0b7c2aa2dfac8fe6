"""ResNet-8's answers to CIFAR-10's test images, beside LiteRT: ``python -m tests.tflite.images FOLDER IMAGES``.

FOLDER holds the reference models (mlcommons/tiny), IMAGES the test images, a folder for each class, in the order of
the classes. The project carries neither. LiteRT's reference kernels answer to each image, then C on this machine, and
numpy to every tenth. What was found is recorded in ``images.json``. Needs the package ai-edge-litert besides.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

import tinyglow
from tests.benchmarks.mlperf_tiny import NETWORKS, quantized
from tests.tflite.registry import Array
from tests.tflite.sweep import equal_samples, only_output, run_numpy
from tinyglow.images.decode import image_files, read_pixels
from tinyglow.pipeline.stations import target_of
from tinyglow.targets.boards import HOST

RECORDED = Path(__file__).with_name("images.json")
(_NETWORK,) = (network for network in NETWORKS if network.file == "pretrainedResnet_quant.tflite")
_EVERY = 10  # of the images one goes to numpy


@dataclass(frozen=True)
class Found:
    """What was run, and how many images were answered as LiteRT answers them.

    Attributes:
        images: All of them.
        equal: Those with all outputs of C on this machine equal to LiteRT's.
        classes: Those with the same class.
        right: Those that LiteRT puts in their own class.
        numpy: [equal, all] of numpy.
    """

    images: int
    equal: int
    classes: int
    right: int
    numpy: tuple[int, int]


def load_images(folder: Path) -> tuple[Array, Array]:
    """uint8 [samples, height, width, 3] and the class of each [samples]; classes are the folder's own, by name."""
    files = [(path, index) for index, part in enumerate(sorted(folder.iterdir())) for path in image_files(part)]
    return np.stack([read_pixels(path) for path, _ in files]), np.array([index for _, index in files])


def compare(models: Path, folder: Path) -> Found:
    """Run all and compare."""
    from tests.tflite.record import answers  # needs LiteRT

    pixels, labels = load_images(folder)
    inputs = (pixels.astype(np.int16) - 128).astype(np.int8)[:, np.newaxis]
    (expected,) = answers((models / _NETWORK.file).read_bytes(), inputs)
    graph = quantized(models, _NETWORK)
    program = tinyglow.lower(graph, target=target_of(HOST))
    ours = only_output(dict(tinyglow.simulate(program, HOST, {program.inputs[0]: inputs}).outputs))
    some = run_numpy(tinyglow.lower(graph), inputs[::_EVERY])
    classes, due = (answer.reshape(len(inputs), -1).argmax(axis=1) for answer in (ours, expected))
    return Found(
        images=len(inputs),
        equal=equal_samples(expected, ours),
        classes=int((classes == due).sum()),
        right=int((due == labels).sum()),
        numpy=(equal_samples(expected[::_EVERY], some), len(some)),
    )


def load_record() -> Found:
    """What is recorded."""
    fields = json.loads(RECORDED.read_text(encoding="utf-8"))
    return Found(**{**fields, "numpy": tuple(fields["numpy"])})


def sentence() -> str:
    """The record as a sentence."""
    found = load_record()
    return (
        f"ResNet-8 on CIFAR-10's {found.images:,} test images (JPEG copies): in C on this machine {found.classes:,} "
        f"get LiteRT's class and {found.equal:,} all ten of its outputs; in numpy {found.numpy[0]:,} of "
        f"{found.numpy[1]:,} get its outputs. The class is right for {100 * found.right / found.images:.1f} %."
    )


def main() -> int:
    """Compare, record, and say whether everything was equal."""
    found = compare(Path(sys.argv[1]), Path(sys.argv[2]))
    RECORDED.write_text(json.dumps(asdict(found), indent=1) + "\n", encoding="utf-8")
    print(found)
    return 0 if found.equal == found.images and found.numpy[0] == found.numpy[1] else 1


if __name__ == "__main__":
    sys.exit(main())
