"""Samples as users have them: .npy, .npz and .csv files, and folders of images. Files are untrusted."""

from __future__ import annotations

import argparse
import csv
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tinyglow.errors import InputError, Problem, reason
from tinyglow.resources import require_file

if TYPE_CHECKING:
    from tinyglow.ir.graph import Array

MAX_BYTES = 2**31  # of an array in an archive, or of a table
_NPY = b"\x93NUMPY"
_ZIP = b"PK"


def one_array(path: str) -> Array:
    """The array in a file: .npy, .npz that holds one (or ``FILE.npz:NAME``), or .csv with a sample on each line.

    Raises ValueError that says what is wrong.
    """
    file, colon, member = path.rpartition(":")
    if colon and file.lower().endswith(".npz") and not Path(path).exists():
        arrays = named_arrays(file)
        if member not in arrays:
            raise ValueError(f"holds no array {member!r}, but {', '.join(arrays)}")
        return arrays[member]
    start = _first_bytes(path)
    if start.startswith(_NPY):
        return checked(_mapped(path))
    if start.startswith(_ZIP):
        arrays = named_arrays(path)
        if len(arrays) != 1:
            raise ValueError(
                f"holds the arrays {', '.join(arrays)}, expected one: name it, as in {path}:{next(iter(arrays))}"
            )
        return next(iter(arrays.values()))
    return checked(_table(path))


def _first_bytes(path: str) -> bytes:
    try:
        require_file(path)
        with open(path, "rb") as file:
            return file.read(len(_NPY))
    except (OSError, ValueError) as error:
        raise ValueError(reason(error)) from error


def _mapped(path: str) -> Array:
    """A .npy file, mapped: a header that promises more than the file holds is an error and not an allocation."""
    import numpy as np

    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that Python 2 or somebody's own program wrote
            array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise ValueError(reason(error)) from error
    except Exception as error:  # a damaged header raises whatever Python's own parser does
        raise ValueError(f"is damaged, or no array of numbers: {error}") from error
    return array


def named_arrays(path: str) -> dict[str, Array]:
    """All arrays of a .npz file by name. Raises ValueError."""
    from tinyglow.pipeline.npz import read_npz

    try:
        found = read_npz(path, "the samples", MAX_BYTES)
    except InputError as error:
        raise ValueError(error.problems[0].found) from error
    if not found:
        raise ValueError("holds no arrays of numbers")
    return {name: checked(array) for name, array in found.items()}


def _table(path: str) -> Array:
    """The numbers of a text file, a sample on each line; a first line of names is left out."""
    import numpy as np

    if Path(path).stat().st_size > MAX_BYTES:
        raise ValueError("is larger than 2 GiB")
    rows: list[list[float]] = []
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            sample = file.read(4096)
            file.seek(0)
            delimiter = next((mark for mark in ("\t", ";", ",") if mark in sample), ",")
            for file_line, fields in enumerate(csv.reader(file, delimiter=delimiter), 1):
                if not any(field.strip() for field in fields):
                    continue
                try:
                    row = [float(field) for field in fields]
                except ValueError as error:
                    if not rows and file_line == 1 and not _has_number(fields):
                        continue
                    raise _no_number(file_line, fields) from error
                if rows and len(row) != len(rows[0]):
                    raise ValueError(f"line {file_line} has {len(row)} numbers, the first one {len(rows[0])}")
                rows.append(row)
    except UnicodeDecodeError as error:
        raise ValueError("is no .npy, .npz or .csv file") from error
    except (OSError, csv.Error) as error:
        raise ValueError(reason(error)) from error
    if not rows:
        raise ValueError("holds no numbers")
    return np.array(rows)


def _no_number(line: int, fields: list[str]) -> ValueError:
    if line == 1:
        return ValueError("is no .npy, .npz or .csv file")
    bad = next(field for field in fields if not _has_number([field]))
    return ValueError(f"line {line} holds {bad[:40]!r}, which is no number")


def _has_number(fields: list[str]) -> bool:
    for field in fields:
        try:
            float(field)
        except ValueError:
            continue
        return True
    return False


def checked(array: Array) -> Array:
    """The array, if it holds finite numbers. Raises ValueError."""
    import numpy as np

    if array.dtype.kind not in "fiu":
        raise ValueError(f"holds elements of type {array.dtype}, expected numbers")
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            if not np.isfinite(array.astype(np.float32)).all():
                raise ValueError("holds NaN, or values beyond float32")
    return np.asarray(array)


def _classes(folder: str) -> list[Path]:
    """The folders inside a folder, which are classes: by number if all are numbers, else by the alphabet."""
    inside = [entry for entry in Path(folder).iterdir() if entry.is_dir()]
    numbered = _are_numbers(inside)
    return sorted(inside, key=lambda entry: (int(entry.name), entry.name) if numbered else (0, entry.name))


def _are_numbers(classes: Sequence[Path]) -> bool:
    """Whether the folders of classes are named by their numbers."""
    return all(entry.name.isascii() and entry.name.isdigit() for entry in classes)


def _labelled_files(folder: str) -> list[tuple[Path, int]]:
    """The images of a folder, or of its classes one after the other, with the number of their class (-1 without)."""
    from tinyglow.images import image_files

    classes = _classes(folder)
    if not classes:
        return [(path, -1) for path in image_files(folder)]
    numbered = _are_numbers(classes)
    return [
        (path, int(entry.name) if numbered else number)
        for number, entry in enumerate(classes)
        for path in image_files(entry)
    ]


def labels_of(path: str) -> Array:
    """The class of each sample: of a file with one number for each, or of a folder whose folders are the classes.

    Raises ValueError.
    """
    import numpy as np

    if not Path(path).is_dir():
        array = one_array(path)
        array = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
        is_whole = array.dtype.kind == "f" and (array == np.rint(array)).all() and np.abs(array).max(initial=0) < 2**31
        return array.astype(np.int64) if is_whole else array
    labels = [label for _, label in _labelled_files(path)]
    if not labels or -1 in labels:
        raise ValueError("holds no folders with images, expected one for each class")
    return np.array(labels)


def images_of(folder: str, arguments: argparse.Namespace) -> Array:
    """The images of a folder as the options of ``add_inputs`` say: float32, or uint8 pixels. Raises InputError."""
    return _values_of([path for path, _ in _labelled_files(folder)], arguments)


def _values_of(files: Sequence[Path], arguments: argparse.Namespace) -> Array:
    import numpy as np

    from tinyglow.images import ImageOptions, load_images, read_pixels
    from tinyglow.images.preprocess import arrange

    mode = getattr(arguments, "image_mode", None)
    if mode is None:
        hint = "--image-mode pixels for networks that take uint8, 0to1 or neg1to1 as the network was trained"
        raise InputError("it is not clear how images become numbers", [Problem("--image-mode", "is missing", "", hint)])
    as_pixels = mode == "pixels"
    options = ImageOptions("" if as_pixels else mode, arguments.image_layout, arguments.image_channel_order)
    images = load_images(files, options)
    if not as_pixels:
        return images
    # The images are of one size, and fit into memory.
    pixels = [arrange(read_pixels(path), options) for path in files]
    wide = [path for path, picture in zip(files, pixels, strict=True) if picture.dtype != np.uint8]
    if wide:
        raise InputError("the images cannot be used", [Problem(str(path), "has 16 bits", "8 bits") for path in wide])
    return np.stack(pixels)


@dataclass(frozen=True)
class LabelledImages:
    """Images, their right classes by number, and the classes' names where folders give them."""

    files: tuple[Path, ...]
    labels: Array
    names: tuple[str, ...]
    values: Array


def labelled_images(arguments: argparse.Namespace) -> LabelledImages:
    """The images of --images in class folders, or those that the file of --labels names. Raises InputError."""
    import numpy as np

    from tinyglow.cli.glow.labels import read_labels

    if arguments.labels:
        files, labels = read_labels(arguments.labels, arguments.images or str(Path(arguments.labels).parent))
        return LabelledImages(tuple(files), np.array(labels, np.int64), (), _values_of(files, arguments))
    try:
        pairs = _labelled_files(arguments.images)
        numbers = [label for _, label in pairs]
        classes = _classes(arguments.images)
    except OSError as error:
        raise InputError("the images cannot be read", [Problem(arguments.images, reason(error))]) from error
    if not numbers or -1 in numbers:
        problem = Problem(arguments.images, "holds no folders with images", "one for each class")
        raise InputError("the images cannot be read", [problem])
    names = () if _are_numbers(classes) else tuple(entry.name for entry in classes)
    found = [path for path, _ in pairs]
    return LabelledImages(tuple(found), np.array(numbers, np.int64), names, _values_of(found, arguments))
