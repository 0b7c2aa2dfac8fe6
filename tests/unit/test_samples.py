"""Samples as users have them: arrays in .npy and .npz files, tables, folders of images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers import dense_net, run_cli
from tinyglow.cli.samples import labels_of, named_arrays, one_array
from tinyglow.errors import InputError
from tinyglow.pipeline.binding import NAMELESS, bind_inputs

ROWS = np.random.default_rng(0).standard_normal((5, 8)).astype(np.float32)


def test_archives(tmp_path: Path) -> None:
    """The only array of a .npz file, one of several by its name, or all by their names."""
    np.savez(tmp_path / "one.npz", x=ROWS)
    np.savez(tmp_path / "two.npz", x=ROWS, z=-ROWS)
    assert (one_array(str(tmp_path / "one.npz")) == ROWS).all()
    assert (one_array(f"{tmp_path / 'two.npz'}:z") == -ROWS).all()
    assert list(named_arrays(str(tmp_path / "two.npz"))) == ["x", "z"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("header", ["", "a{0}b{0}c{0}d{0}e{0}f{0}g{0}h\n"])
def test_tables(delimiter: str, header: str, tmp_path: Path) -> None:
    """A sample on each line, with or without a line of names, whatever separates the columns."""
    lines = [delimiter.join(f"{value:.9g}" for value in row) for row in ROWS]
    path = tmp_path / "x.csv"
    path.write_text(header.format(delimiter) + "\n".join([*lines, ""]), encoding="utf-8")
    assert (one_array(str(path)).astype(np.float32) == ROWS).all()


def test_labels_of_tables(tmp_path: Path) -> None:
    """A column of whole numbers is integers, as classes are."""
    path = tmp_path / "y.csv"
    path.write_text("label\n3\n1\n2\n", encoding="utf-8")
    labels = labels_of(str(path))
    assert labels.dtype == np.int64
    assert labels.tolist() == [3, 1, 2]
    assert one_array(str(path)).tolist() == [[3.0], [1.0], [2.0]]


def test_commands_take_all_of_them(tmp_path: Path) -> None:
    """profile makes the same of an array, an archive and a table."""
    model = dense_net().save(tmp_path)
    np.save(tmp_path / "x.npy", ROWS)
    np.savez(tmp_path / "x.npz", x=ROWS)
    np.savetxt(tmp_path / "x.csv", ROWS, delimiter=",")
    profiles = []
    for given in (
        f"x={tmp_path / 'x.npy'}",
        f"x={tmp_path / 'x.npz'}",
        str(tmp_path / "x.npz"),
        f"x={tmp_path / 'x.csv'}",
        str(tmp_path / "x.npy"),
        str(tmp_path / "x.csv"),
    ):
        answer = run_cli("profile", model, "--input", given, "-o", tmp_path / "p.yaml")
        assert answer.status == 0, answer.err
        profiles.append((tmp_path / "p.yaml").read_text(encoding="utf-8"))
    assert len(set(profiles)) == 1


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two classes, "b" with two images and "a" with one: 4 x 2 pixels, RGB, of one value each."""
    for name, value in (("b/1.png", 10), ("b/2.png", 20), ("a/1.png", 255)):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 2), (value, 0, 0)).save(path)
    return tmp_path / "pictures"


def test_folders_of_images(pictures: Path, tmp_path: Path) -> None:
    """Classes one after the other by the alphabet, pixels as the options say."""
    from argparse import Namespace

    from tinyglow.cli.samples import images_of

    def images(mode: str, layout: str = "NCHW", order: str = "RGB") -> np.ndarray:  # type: ignore[type-arg]
        options = Namespace(image_mode=mode, image_layout=layout, image_channel_order=order)
        return images_of(str(pictures), options)

    pixels = images("pixels")
    assert pixels.dtype == np.uint8
    assert pixels.shape == (3, 3, 2, 4)
    assert pixels[:, 0, 0, 0].tolist() == [255, 10, 20]
    assert images("pixels", "NHWC", "BGR")[:, 0, 0].tolist() == [[0, 0, 255], [0, 0, 10], [0, 0, 20]]
    scaled = images("neg1to1")
    assert scaled.dtype == np.float32
    assert scaled.min() == -1 and scaled.max() == 1
    assert labels_of(str(pictures)).tolist() == [0, 1, 1]


def test_classes_by_number(tmp_path: Path) -> None:
    """Folders that are numbers are those classes."""
    for name in ("10", "2"):
        (tmp_path / name).mkdir()
        Image.new("L", (2, 2)).save(tmp_path / name / "x.png")
    assert labels_of(str(tmp_path)).tolist() == [2, 10]


def test_an_array_without_a_name_is_for_the_only_input() -> None:
    """Whatever that is called; of two inputs it is neither, and all are named."""
    one = {"x": (8,)}
    assert (bind_inputs(one, {}, {NAMELESS: ROWS})["x"] == ROWS).all()
    with pytest.raises(InputError, match="stands for x, which is given already"):
        bind_inputs(one, {}, {"x": ROWS, NAMELESS: ROWS})
    with pytest.raises(InputError, match=r"without a name: has shape \[5, 8\]"):
        bind_inputs({"x": (7,)}, {}, {NAMELESS: ROWS})
    with pytest.raises(InputError, match=r"the network has 2 inputs; expected A, B \(give each by its name"):
        bind_inputs({"A": (8,), "B": (8,)}, {}, {NAMELESS: ROWS})


def test_folders_without_classes(tmp_path: Path) -> None:
    """They have no labels."""
    Image.new("L", (2, 2)).save(tmp_path / "x.png")
    with pytest.raises(ValueError, match="no folders with images"):
        labels_of(str(tmp_path))
