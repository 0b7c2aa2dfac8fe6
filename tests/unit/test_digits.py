"""The digits that the project draws itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx.reference
import pytest
from PIL import Image

from tinyglow.demo import digits

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def network(checkout: Path) -> onnx.reference.ReferenceEvaluator:
    """The demo's float network, run by onnx itself."""
    return onnx.reference.ReferenceEvaluator(onnx.load(checkout / "examples/mnist/mnist_nxp.onnx"))


def _right(network: onnx.reference.ReferenceEvaluator, images: np.ndarray, labels: np.ndarray) -> int:
    (logits,) = network.run(None, {"max_pooling_1_input": images})
    return int((logits.argmax(axis=1) == labels).sum())


def test_committed_images_are_what_is_drawn(checkout: Path) -> None:
    """The PNG files of the example hold exactly the demo set: no pixel differs, no file is missing or left over."""
    images, labels = digits.demo_set()
    folder = checkout / "examples/mnist/digits"
    names = [f"{label}_{i // 10}.png" for i, label in enumerate(labels)]
    assert sorted(names) == sorted(path.name for path in folder.iterdir())
    for name, image in zip(names, images[..., 0], strict=True):
        with Image.open(folder / name) as png:
            assert png.mode == "L"
            np.testing.assert_array_equal(np.asarray(png), np.rint(image * 255), err_msg=name)


def test_drawing_is_deterministic() -> None:
    """The same digit and variant give the same picture, whatever was drawn in between; other variants differ."""
    first = digits.draw(3, 7)
    digits.draw(8, 0)
    np.testing.assert_array_equal(digits.draw(3, 7), first)
    pictures = {digits.draw(digit, variant).tobytes() for digit in range(10) for variant in range(10)}
    assert len(pictures) == 100


def test_sets_have_the_shape_the_network_takes() -> None:
    """The demo has each digit twice, calibration uses none of the demo's pictures and cycles through the digits."""
    images, labels = digits.demo_set()
    assert (images.shape, images.dtype, labels.dtype) == ((20, 28, 28, 1), np.float32, np.int64)
    assert np.bincount(labels).tolist() == [2] * 10
    calibration, answers = digits.calibration_set(25)
    assert (calibration.shape, calibration.dtype) == ((25, 28, 28, 1), np.float32)
    assert answers.tolist() == [*range(10), *range(10), *range(5)]
    assert not {image.tobytes() for image in images} & {image.tobytes() for image in calibration}


def test_pictures_keep_the_frame_of_mnist() -> None:
    """Values are multiples of 1/255 from 0 to full white; strokes fit 22 pixels, centred by mass to half a pixel."""
    images, _ = digits.calibration_set(200)
    for image in images[..., 0]:
        np.testing.assert_array_equal(image, np.rint(image * 255).astype(np.float32) / np.float32(255))
        assert image.min() == 0
        assert image.max() == 1
        rows, columns = np.nonzero(image)
        # 20 pixels of strokes, and what their soft edges touch on both sides
        assert max(np.ptp(rows), np.ptp(columns)) + 1 <= 22
        weights = image[rows, columns] / image.sum()
        assert abs(rows @ weights - 14) <= 0.5
        assert abs(columns @ weights - 14) <= 0.5


def test_network_reads_the_digits(network: onnx.reference.ReferenceEvaluator) -> None:
    """A network that was trained on MNIST and never saw these digits reads 19 of the demo's 20 and 93 % of others."""
    assert _right(network, *digits.demo_set()) >= 19
    assert _right(network, *digits.calibration_set(200)) > 186


def test_network_needs_the_strokes(network: onnx.reference.ReferenceEvaluator) -> None:
    """The figure above measures reading: pictures turned upside down are read far less often."""
    images, labels = digits.calibration_set(100)
    assert _right(network, images[:, ::-1], labels) < 60


@pytest.mark.parametrize(("digit", "variant"), [(10, 0), (-1, 0), (3, -1)])
def test_what_cannot_be_drawn_is_refused(digit: int, variant: int) -> None:
    """A digit outside 0 to 9 or a negative variant is an error, not another digit."""
    with pytest.raises(ValueError, match=f"no digit {digit} in variant {variant}"):
        digits.draw(digit, variant)
