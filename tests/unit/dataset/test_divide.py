"""Data sets are converted, balanced and split: seeded, whole or not at all, and without anything in two parts."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.helpers import run_cli
from tests.unit.dataset.samples import files, make
from tinyglow.dataset.divide import split
from tinyglow.errors import InputError
from tinyglow.images import read_pixels


@pytest.mark.parametrize("kind", ["png", "ppm"])
def test_images_and_back_lose_nothing(tmp_path: Path, kind: str) -> None:
    """Every pixel comes back, under the same name."""
    source = make(tmp_path / "a", {"0": 3, "zig zag": 2})
    answer = run_cli("dat-to-image", str(source), "-o", str(tmp_path / "b"), "--format", kind)
    assert answer.status == 0 and "5 samples of 2 labels" in answer.out
    images = sorted(files(tmp_path / "b"))
    assert images == [name.replace("DAT", kind) for name in sorted(files(source))]
    np.testing.assert_array_equal(
        np.asarray(Image.open(tmp_path / "b" / images[0])).ravel(),
        np.frombuffer(files(source)["0/00001.DAT"], np.uint8),
    )
    assert run_cli("image-to-dat", str(tmp_path / "b"), "-o", str(tmp_path / "c")).status == 0
    assert files(tmp_path / "c") == files(source)


def test_jpeg_comes_near_and_colour_becomes_gray(tmp_path: Path) -> None:
    """A colour image of the right size is taken by its luma."""
    (tmp_path / "a/x").mkdir(parents=True)
    Image.new("RGB", (28, 28), (200, 100, 50)).save(tmp_path / "a/x/1.png")
    assert run_cli("image-to-dat", str(tmp_path / "a"), "-o", str(tmp_path / "b")).status == 0
    assert set(files(tmp_path / "b")["x/1.DAT"]) == {round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)}
    assert run_cli("dat-to-image", str(tmp_path / "b"), "-o", str(tmp_path / "c"), "--format", "jpg").status == 0
    assert np.abs(read_pixels(tmp_path / "c/x/1.jpg").astype(int) - 124).max() <= 2


def test_all_files_that_do_not_fit_are_named_and_nothing_is_written(tmp_path: Path) -> None:
    """Damaged, of another size, and two of the same name."""
    source = make(tmp_path / "a", {"0": 2})
    (source / "0/short.DAT").write_bytes(b"\1" * 10)
    Image.new("L", (32, 32)).save(source / "0/large.png")
    (source / "0/00002.png").write_bytes((source / "0/00001.DAT").read_bytes())
    answer = run_cli("image-to-dat", str(source), "-o", str(tmp_path / "b"))
    assert answer.status == 2
    for text in (
        "short.DAT: has 10 bytes",
        "large.png: has 32 x 32 pixels",
        "00002.png: has the same name",
        "00002.DAT",
    ):
        assert text in answer.err
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    """And an empty one is used."""
    source = make(tmp_path / "a", {"0": 1})
    (tmp_path / "b").mkdir()
    assert run_cli("dat-to-image", str(source), "-o", str(tmp_path / "b")).status == 0
    before = files(tmp_path)
    for words in (("dat-to-image",), ("image-to-dat",), ("balance", "--count", "1"), ("split", "--test", "0")):
        answer = run_cli(words[0], str(source), "-o", str(tmp_path / "b"), *words[1:])
        assert (answer.status == 2 and "is there already" in answer.err) or "no sample in the part" in answer.err
    assert files(tmp_path) == before


def test_balance_takes_as_many_of_each_class(tmp_path: Path) -> None:
    """The same ones for the same seed, others for another; each copy is one of the data set's files."""
    source = make(tmp_path / "a", {"0": 30, "1": 20})
    for name, seed in (("b", "1"), ("c", "1"), ("d", "2")):
        answer = run_cli("balance", str(source), "-o", str(tmp_path / name), "--count", "10", "--seed", seed)
        assert answer.status == 0, answer.err
    chosen = {name: files(tmp_path / name) for name in "bcd"}
    assert Counter(name[0] for name in chosen["b"]) == {"0": 10, "1": 10}
    assert chosen["b"] == chosen["c"] != chosen["d"]
    assert chosen["b"].items() <= files(source).items()


def test_balance_says_which_classes_are_short(tmp_path: Path) -> None:
    """All of them, with what is missing; nothing is written."""
    source = make(tmp_path / "a", {"0": 12, "1": 3, "2": 9})
    (source / "3").mkdir()
    answer = run_cli("balance", str(source), "-o", str(tmp_path / "b"), "--count", "10")
    assert answer.status == 2
    for text in ("class 1: has 3 samples; expected 10 (7 are missing)", "class 2: has 9", "class 3: has 0"):
        assert text in answer.err
    assert "class 0" not in answer.err and not (tmp_path / "b").exists()
    assert run_cli("balance", str(source), "-o", str(tmp_path / "b"), "--count", "0").status == 2


def test_split_shares_out_each_class(tmp_path: Path) -> None:
    """70, 15 and 15 of 100, whatever the class; every sample is in exactly one part."""
    source = make(tmp_path / "a", {"0": 100, "1": 60})
    for name in "bc":
        answer = run_cli("split", str(source), "-o", str(tmp_path / name))
        assert answer.status == 0, answer.err
    parts = files(tmp_path / "b")
    assert parts == files(tmp_path / "c")
    assert Counter(name.rpartition("/")[0] for name in parts) == {
        "train/0": 70, "test/0": 15, "validation/0": 15, "train/1": 42, "test/1": 9, "validation/1": 9
    }  # fmt: skip
    assert {name.partition("/")[2]: data for name, data in parts.items()} == files(source)
    assert run_cli("split", str(source), "-o", str(tmp_path / "d"), "--seed", "2").status == 0
    assert files(tmp_path / "d").keys() != parts.keys()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), repeats=st.integers(1, 40), by_writer=st.booleans())
def test_nothing_is_in_two_parts(
    tmp_path_factory: pytest.TempPathFactory, seed: int, repeats: int, by_writer: bool
) -> None:
    """No picture, whatever its name and class, and no writer where they are kept apart."""
    tmp_path = tmp_path_factory.mktemp("split")
    source = make(tmp_path / "a", {"0": 24, "1": 36}, writers=12, seed=seed)
    rng = np.random.default_rng(seed)
    originals = sorted(source.rglob("*.DAT"))
    for number in range(repeats):
        original = originals[rng.integers(len(originals))]
        writer = original.name.partition("_")[0] if by_writer else "writer1"
        (source / "01"[rng.integers(2)] / f"{writer}_9{number:04d}.DAT").write_bytes(original.read_bytes())
    found = split(source, tmp_path / "b", {"train": 2, "test": 1}, seed, by_writer)
    assert found.repeated == repeats
    where: dict[tuple[str, str], set[str]] = {}
    for name, data in files(tmp_path / "b").items():
        part = name.partition("/")[0]
        where.setdefault(("pixels", hashlib.sha256(data).hexdigest()), set()).add(part)
        if by_writer:
            where.setdefault(("writer", Path(name).name.partition("_")[0]), set()).add(part)
    assert all(len(parts) == 1 for parts in where.values())
    assert sum(sum(counts.values()) for counts in found.counts.values()) == 60 + repeats
    share = sum(found.counts["train"].values()) / (60 + repeats)
    assert 0.4 < share < 0.9


def test_the_same_picture_in_two_classes_is_pointed_out(tmp_path: Path) -> None:
    """It stays, in one part, and a note names both files; PNG and .DAT of the same pixels are the same picture."""
    source = make(tmp_path / "a", {"0": 10, "1": 10})
    pixels = np.frombuffer((source / "0/00003.DAT").read_bytes(), np.uint8).reshape(28, 28)
    Image.fromarray(pixels).save(source / "1/copy.png")
    answer = run_cli("split", str(source), "-o", str(tmp_path / "b"))
    assert answer.status == 0 and "1 samples repeat" in answer.out
    assert "00003.DAT" in answer.err and "copy.png" in answer.err and "different classes" in answer.err


def test_a_split_that_leaves_a_part_without_a_class_is_refused(tmp_path: Path) -> None:
    """With every class and part concerned; so are files without a writer, and shares that are none."""
    source = make(tmp_path / "a", {"0": 20, "1": 1})
    answer = run_cli("split", str(source), "-o", str(tmp_path / "b"))
    assert answer.status == 2 and "class 1: has no sample in the part test" in answer.err
    assert "validation" in answer.err and not (tmp_path / "b").exists()
    answer = run_cli("split", str(source), "-o", str(tmp_path / "b"), "--by-writer")
    assert answer.status == 2 and "does not name its writer" in answer.err
    for words in (("--train", "-1"), ("--train", "nan"), ("--train", "0", "--test", "0", "--validation", "0")):
        assert run_cli("split", str(source), "-o", str(tmp_path / "b"), *words).status == 2
    with pytest.raises(InputError, match="is empty"):
        split(tmp_path / "nothing", tmp_path / "b", {"train": 1}) if (tmp_path / "nothing").mkdir() is None else None
