"""``.DAT`` files -> images, and images -> ``.DAT`` files, class by class."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from tinyglow.dataset.output import new_folder
from tinyglow.dataset.store import Sample, all_samples
from tinyglow.errors import InputError, Problem
from tinyglow.images import dat, image_bytes
from tinyglow.images.decode import NotAnImageError, decode
from tinyglow.images.preprocess import Pixels

_SIZE = f"{dat.SIDE} x {dat.SIDE} pixels"


def convert(folder: Path, output: Path, suffix: str) -> dict[str, int]:
    """Write every sample of a data set as another kind of file, in a new folder with the same classes and names.

    Args:
        folder: The data set: .DAT, PNG, JPEG and PPM files in class folders.
        output: The new data set; it must not be there yet, or be empty.
        suffix: Of the new files: ".png", ".jpg", ".ppm" or ".DAT". All but JPEG keep every pixel.

    Returns:
        How many samples each class has.

    Raises:
        InputError: A file is damaged or does not fit (all are named), or the folder cannot be written.
    """
    samples = all_samples(folder)
    problems = _same_names(samples)
    counts: Counter[str] = Counter()
    with new_folder(output) as aside:
        for sample in samples:
            try:
                data = _converted(sample.path, suffix)
            except NotAnImageError as error:
                problems.append(Problem(str(sample.path), error.found, error.expected, error.hint))
                continue
            target = aside / sample.label / f"{sample.path.stem}{suffix}"
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(data)
            counts[sample.label] += 1
        if problems:
            raise InputError("the samples cannot be converted", problems)
    return dict(counts)


def _same_names(samples: list[Sample]) -> list[Problem]:
    """Files that differ in their endings or capitals only: both would become one."""
    names = Counter((sample.label, sample.path.stem.casefold()) for sample in samples)
    hint = "rename one of them"
    return [
        Problem(str(sample.path), "has the same name as another sample but for the ending", "", hint)
        for sample in samples
        if names[sample.label, sample.path.stem.casefold()] > 1
    ]


def _converted(path: Path, suffix: str) -> bytes:
    pixels = decode(path)
    if pixels.dtype != np.uint8:
        raise NotAnImageError("has pixels of 16 bits", "8 bits")
    if suffix.lower() != dat.SUFFIX:
        return image_bytes(pixels, suffix)
    height, width, _ = pixels.shape
    if (height, width) != (dat.SIDE, dat.SIDE):
        raise NotAnImageError(f"has {width} x {height} pixels", _SIZE, "scale it first")
    return dat.write_dat(gray(pixels))


def gray(pixels: Pixels) -> Pixels:
    """Pixels [height, width, channels], uint8, as one channel: the luma of ITU-R BT.601, rounded."""
    if pixels.shape[2] == 1:
        return pixels
    sums = pixels.astype(np.uint32) @ np.array([299, 587, 114], np.uint32)
    return ((sums + 500) // 1000).astype(np.uint8)[:, :, np.newaxis]
