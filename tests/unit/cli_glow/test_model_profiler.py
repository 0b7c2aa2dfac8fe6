"""model-profiler: ranges over raw numbers in files, for networks with any inputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import NetBuilder, Place, run_cli
from tinyglow.quant.profile import load_profile

SHAPES = {"a": (1, 4), "b": (1, 4)}
SAMPLES = 3


@pytest.fixture
def two_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """y = relu(a + b), and samples: a/ of raw bytes, b/ of text, lists of both."""
    monkeypatch.chdir(tmp_path)
    build = NetBuilder()
    build.node("Relu", build.node("Add", "a", "b", name="add"), name="relu", output="y")
    net = build.build(SHAPES, ["y"])
    net.save(tmp_path)
    for name, array in net.samples(SAMPLES).items():
        (tmp_path / name).mkdir()
        for index, sample in enumerate(array):
            if name == "a":
                (tmp_path / name / f"{index}.bin").write_bytes(sample.astype("<f4").tobytes())
            else:
                text = ",\n ".join(repr(float(value)) for value in sample.ravel())
                (tmp_path / name / f"{index}.txt").write_text(f" {text} ,\n", encoding="utf-8")
    np.savez("samples.npz", **net.samples(SAMPLES))
    place = Place(tmp_path)
    place.file("a.txt", "a/0.bin\na/1.bin,\na/2.bin 'cat', 1\n")
    place.file("b.txt", "0.txt,dog\n1.txt ,2\n2.txt\n")
    return place


def _profile(*datasets: str) -> tuple[object, ...]:
    return ("model-profiler", "-model=net.onnx", "-dump-profile=p.yaml", *(f"-input-dataset={d}" for d in datasets))


@pytest.mark.parametrize(
    "datasets",
    [("a,rawbin,dir,a", "b,rawtxt,dir,b"), ("b,rawtxt,file,b.txt,b", "a,rawbin,file,a.txt")],
    ids=["folders", "lists"],
)
def test_the_profile_is_that_of_the_samples(two_inputs: Place, datasets: tuple[str, ...]) -> None:
    """Files of a folder or of a list, raw or text, give the ranges of the same numbers in arrays."""
    answer = run_cli(*_profile(*datasets))
    assert (answer.status, answer.err) == (0, "")
    with np.load("samples.npz") as arrays:
        expected = tinyglow.profile(tinyglow.load("net.onnx"), dict(arrays), margin=False).ranges
    found = load_profile("p.yaml").ranges
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("datasets", "because"),
    [
        ((), ("-input-dataset: is missing",)),
        (("a,rawbin,dir,a",), ("b: has no -input-dataset",)),
        (("c,rawbin,dir,a", "b,rawtxt,dir,nowhere"), ("c is no input", "nowhere")),
        (("a,rawbin,dir,a", "a,rawbin,dir,a"), ("is given twice",)),
        (("a,raw,dir,a", "b,rawtxt,folder,b"), ("a,raw,dir,a: is not of the form", "b,rawtxt,folder,b: is not")),
        (("a,rawbin,file,a.txt", "b,rawtxt,file,short.txt"), ("different numbers of samples",)),
        (("a,rawtxt,dir,a", "b,rawtxt,dir,b"), ("0.bin", "1.bin", "2.bin")),
        (("a,rawbin,dir,a", "b,rawbin,dir,b"), ("expected 16, for 4 float32 values",)),
        (
            ("a,rawbin,dir,a", "b,rawtxt,dir,bad"),
            ("nan.txt: holds NaN", "many.txt: has 5 values", "word.txt: could not"),
        ),
        (("a,rawbin,file,empty.txt", "b,rawtxt,dir,b"), ("no path on line 2",)),
    ],
)
def test_what_is_refused(two_inputs: Place, datasets: tuple[str, ...], because: tuple[str, ...]) -> None:
    """Datasets that are missing, misspelt or do not fit are errors that name them, all at once."""
    two_inputs.file("short.txt", "b/0.txt\n")
    two_inputs.file("empty.txt", "a/0.bin\n\na/1.bin\n")
    (two_inputs.folder / "bad").mkdir()
    for name, text in {"nan": "1,nan,2,3", "many": "1,2,3,4,5", "word": "1,2,3,four"}.items():
        two_inputs.file(f"bad/{name}.txt", text)
    two_inputs.refuses(*_profile(*datasets), because=because)


def test_large_files_are_not_read(two_inputs: Place) -> None:
    """A text far too large for its numbers is refused by its size."""
    two_inputs.file("b/0.txt", "1,2,3," + " " * 10_000 + "4")
    two_inputs.refuses(*_profile("a,rawbin,dir,a", "b,rawtxt,dir,b"), because="too many for 4 values")
