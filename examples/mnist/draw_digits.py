"""Writes the demo's digit images to digits/<digit>_<variant>.png beside this file (needs Pillow: the test extra)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tinyglow.demo import digits


def main() -> None:
    """Draw and write all of them."""
    folder = Path(__file__).resolve().parent / "digits"
    folder.mkdir(exist_ok=True)
    images, labels = digits.demo_set()
    for i, (image, label) in enumerate(zip(images[..., 0], labels, strict=True)):
        grey = np.rint(image * 255).astype(np.uint8)
        Image.fromarray(grey).save(folder / f"{label}_{i // 10}.png", optimize=True)
    print(f"{len(labels)} images in {folder.name}/")


if __name__ == "__main__":
    main()
