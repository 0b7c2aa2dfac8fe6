"""Bad inputs and profiles on the command line: named, exit status 2, and nothing changed."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import NetBuilder, Place, dense_net

# What a .npy file begins with, before its header of Python text (NEP 1).
NPY = b"\x93NUMPY\x01\x00"


# Inputs


def _npy(shape: str, data: bytes = b"", dtype: str = "<f4") -> bytes:
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (53 - len(header) % 64 + 64) + b"\n"
    return NPY + len(header).to_bytes(2, "little") + header + data


ARRAYS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "holds no numbers"),
    "text": (b"A text\nof two lines", "line 2 holds 'of two lines', which is no number"),
    "columns": (b"1, 2, 3", "has shape [1, 3]; expected [samples, 1, 8]"),
    "ragged": (b"a,b\n1,2\n3\n", "line 3 has 1 numbers, the first one 2"),
    "pickle": (pickle.dumps([1, 2, 3]), "is no .npy, .npz or .csv file"),
    "objects": (_npy("(2,)", pickle.dumps([1, 2]), "|O"), "is damaged, or no array of numbers"),
    "truncated": (_npy("(4, 1, 8)", bytes(100)), "is damaged"),
    "header cut": (_npy("(4, 1, 8)")[:40], "is damaged"),
    "header no Python": (_npy("(4, 1, 8"), "is damaged"),
    "header that runs": (_npy("__import__('os').getcwd()"), "is damaged"),
    "terabytes": (_npy("(1000000000, 1000, 8)"), "is damaged"),
    "beyond integers": (_npy(f"({2**40}, {2**40}, 8)"), "is damaged"),
    "negative": (_npy("(-4, 1, 8)", bytes(256)), "is damaged"),
    "complex": (_npy("(4, 1, 8)", bytes(256), "<c8"), "holds elements of type complex64"),
    "strings": (_npy("(4, 1, 8)", bytes(128), "<U1"), "holds elements of type <U1"),
    "NaN": (_npy("(1, 1, 8)", np.full(8, np.nan, np.float32).tobytes()), "holds NaN"),
    "infinite": (_npy("(1, 1, 8)", np.full(8, np.inf, np.float32).tobytes()), "beyond float32"),
    "too large": (_npy("(1, 1, 8)", np.full(8, 1e300).tobytes(), "<f8"), "beyond float32"),
    "no samples": (_npy("(0, 1, 8)"), "holds 0 samples"),
    "a number": (_npy("()", bytes(4)), "holds 0 samples"),
    "another size": (_npy("(4, 1, 9)", bytes(144)), "has shape [4, 1, 9]; expected [samples, 1, 8]"),
    "one sample alone": (_npy("(8,)", bytes(32)), "has shape [8]; expected [samples, 1, 8]"),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_bad_arrays(case: str, place: Place) -> None:
    """profile and run refuse an array that is damaged, of another kind or of another size, naming its file or input."""
    data, because = ARRAYS[case]
    path = place.file("bad.npy", data)
    output = ("-o", place.folder / "profile.yaml")
    model = place.folder / "dense.onnx"
    place.refuses("profile", model, "--input", f"x={path}", *output, because=("x", because))
    place.refuses(*place.run(f"x={path}"), "-o", place.folder / "out.npz", because=("x", because))


def test_arrays_that_are_not_there(place: Place) -> None:
    """A missing array, a folder without a way to read it and an archive of several are named."""
    place.refuses(*place.run("x=no.npy"), because="--input x=no.npy: No such file")
    place.refuses(*place.run(f"x={place.folder}"), because="--image-mode: is missing")
    several = place.folder / "several.npz"
    np.savez(several, x=np.zeros((1, 8), np.float32), z=np.zeros((1, 8), np.float32))
    place.refuses(*place.run(f"x={several}"), because=("holds the arrays x, z, expected one", "several.npz:x"))
    place.refuses(*place.run(f"x={several}:w"), because="holds no array 'w', but x, z")
    place.refuses(*place.run(str(several)), because="input z: the network has no such input")
    several.write_bytes(several.read_bytes()[:-40])
    place.refuses(*place.run(f"x={several}"), because="is damaged, or no .npz")


def test_inputs_by_wrong_names(place: Place) -> None:
    """An unknown input, none, one given twice and a malformed option are told apart, with the name that is expected."""
    array = place.folder / "x.npy"
    place.refuses(*place.run(f"image={array}"), because="input image: the network has no such input; expected x")
    place.refuses(*place.run(str(array)), "--input", f"x={array}", because="stands for x, which is given already")
    place.refuses(*place.run(str(array)), "--input", str(array), because="gives an input without a name a second time")
    place.refuses(*place.run("no.npy"), because="--input no.npy: No such file")
    place.refuses(*place.run(), "--input", f"x={array}", because="gives x a second time")
    without = ["run", place.folder / "bundle", "--board", "host"]
    place.refuses(*without, because="--input")


def test_integers_of_another_type(place: Place) -> None:
    """Bytes 0 to 255 are neither the int8 nor the float32 that the input takes, and are not guessed to be either."""
    np.save(place.folder / "bytes.npy", np.zeros((2, 1, 8), np.uint8))
    place.refuses(*place.run(f"x={place.folder / 'bytes.npy'}"), because="elements of type uint8, not int8 or float32")


def test_inputs_of_different_lengths(place: Place) -> None:
    """Two inputs with different numbers of samples are refused with both numbers."""
    build = NetBuilder()
    model = build.build({"a": (1, 2), "b": (1, 2)}, [build.node("Add", "a", "b")]).save(place.folder)
    for name, count in (("a", 3), ("b", 5)):
        np.save(place.folder / f"{name}.npy", np.zeros((count, 1, 2), np.float32))
    given = [part for name in "ab" for part in ("--input", f"{name}={place.folder / name}.npy")]
    because = ("input a: holds 3 samples", "input b: holds 5 samples")
    place.refuses("profile", model, *given, "-o", place.folder / "p.yaml", because=because)
    one = ("profile", model, *given[:2], "-o", place.folder / "p.yaml")
    place.refuses(*one, because="input b: is missing; expected one array for each input")


# Profiles


def test_the_profile_of_another_model(place: Place, checkout: Path) -> None:
    """A profile of another model lists the values it lacks; one with other weights says which differ."""
    mnist = checkout / "examples/mnist/mnist_nxp.onnx"
    answer = place.refuses(*place.compile(mnist), "--define", "N=1", because="values are missing")
    assert answer.err.count("\n  - ") > 10 and "has no entry 'sequential_dense_1_Relu:0' in the profile" in answer.err
    other = dense_net(seed=1).save(place.folder)
    place.refuses(*place.compile(other), because="the profile was made from a model with other weights")


def test_files_that_are_no_profile(place: Place) -> None:
    """A missing, a malformed and a binary profile are named. What may be wrong inside is tested with profiles."""
    place.refuses(*place.compile(profile="no.yaml"), because=("cannot read the profile no.yaml", "No such file"))
    place.refuses(*place.compile(profile=place.file("p.yaml", "a: [")), because=("p.yaml", "expected a profile as"))
    place.refuses(*place.compile(profile=place.folder / "dense.onnx"), because=("dense.onnx", "expected a profile as"))
