"""process-image: images as C text, byte for byte what an int8 or float program takes, and back."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.helpers import Place, run_cli
from tinyglow.images.serialize import Form, as_text, deserialize, form_of, parse_text, serialize

MODES = {
    "neg1to1": (-1, 1),
    "neg1to1i8": (-1, 127 / 128),
    "0to1": (0, 1),
    "0to255": (0, 255),
    "neg128to127": (-128, 127),
}
FORMS = st.builds(
    Form,
    type=st.sampled_from(["int8", "uint8", "float32"]),
    mode=st.sampled_from(list(MODES)),
    layout=st.sampled_from(["NHWC", "NCHW"]),
    channel_order=st.sampled_from(["RGB", "BGR"]),
)


def _pixels(channels: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (4, 5, channels)).astype(np.uint8)


def _picture(folder: Path, channels: int, name: str = "in.png") -> tuple[Path, npt.NDArray[np.uint8]]:
    pixels = _pixels(channels)
    Image.fromarray(pixels if channels == 3 else pixels[:, :, 0]).save(folder / name)
    return folder / name, pixels


def _bytes_of(path: Path) -> bytes:
    """The numbers in a file of C text, read without the code under test."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("//")]
    return bytes(int(field, 16) for field in "".join(lines).replace(" ", "").split(",") if field)


def _value(pixel: int, type_: str, mode: str) -> bytes:
    if type_ == "int8":
        return struct.pack("<b", pixel - 128)
    if type_ == "uint8":
        return struct.pack("<B", pixel)
    low, high = MODES[mode]
    return struct.pack("<f", np.float32(pixel) * np.float32((high - low) / 255.0) + np.float32(low))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("type_", ["int8", "uint8", "float32"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_every_byte(tmp_path: Path, channels: int, type_: str, mode: str, layout: str, order: str) -> None:
    """Each value stands where layout and order put it, as its type and mode say; the way back gives the same pixels."""
    picture, pixels = _picture(tmp_path, channels)
    options = [f"-image-mode={mode}", f"-image-layout={layout}", f"-image-channel-order={order}"]
    output = tmp_path / "out.inc"
    answer = run_cli(
        "process-image", f"-image-path={picture}", f"-output-path={output}", f"-image-type={type_}", *options
    )
    assert answer.status == 0
    ordered = pixels if order == "RGB" else pixels[:, :, ::-1]
    moved = ordered if layout == "NHWC" else ordered.transpose(2, 0, 1)
    expected = b"".join(_value(int(pixel), type_, mode) for pixel in moved.ravel())
    assert _bytes_of(output) == expected
    assert run_cli("process-image", "-i", output, "-o", tmp_path / "back.png").status == 0
    with Image.open(tmp_path / "back.png") as back:
        assert np.array_equal(np.asarray(back).reshape(pixels.shape), pixels)


@given(FORMS, st.sampled_from([1, 3]), st.integers(1, 3), st.integers(0, 1000))
def test_text_and_back(form: Form, channels: int, batch: int, seed: int) -> None:
    """Serialized and read again, by the comment alone, any image is itself; a batch is its repetition."""
    pixels = _pixels(channels, seed)
    data, shaped = serialize(pixels, form, batch)
    one, _ = serialize(pixels, form)
    assert data == one * batch
    found, facts = parse_text(as_text(data, shaped, "any.png"))
    assert found == data
    assert np.array_equal(deserialize(found, form_of(facts, {}, ())), pixels)


@given(st.text(max_size=200) | st.text("0xXaAfF19,/* \n", max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Reading never fails in another way than it says."""
    try:
        data, facts = parse_text(text)
        deserialize(data, form_of(facts, {}, ()))
    except ValueError as error:
        assert str(error)


def test_the_comment_ends_with_its_line(tmp_path: Path) -> None:
    """A file name cannot leave its comment: line ends, backslashes and trigraphs are taken out of it."""
    data, form = serialize(_pixels(1), Form(type="uint8"))
    for name in ("a\nint x;.png", "a.png\\", "a.png??/", "a\r\u2028b.png"):
        text = as_text(data, form, name)
        code = [line for line in text.split("\n") if not line.startswith("//")]
        assert all(set(line) <= set("0123456789ABCDEFX, ") for line in code)
        assert not any(line.endswith(("\\", "??/")) for line in text.split("\n"))


def test_a_c_compiler_agrees(tmp_path: Path) -> None:
    """Included into an array, the text has the size it says and holds floats that C reads as such."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("needs a C compiler for this machine")
    picture, pixels = _picture(tmp_path, 1)
    run_cli("process-image", "-image-path", picture, "-output-path", tmp_path / "x.inc", "-image-mode", "0to1")
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include <string.h>\nstatic const unsigned char image[] = {\n#include "x.inc"\n};\n'
        "int main(void) { float v[20]; if (sizeof image != sizeof v) return 1; memcpy(v, image, sizeof v);\n"
        'for (int i = 0; i < 20; ++i) printf("%.9g\\n", (double)v[i]);\nreturn 0; }\n',
        encoding="utf-8",
    )
    subprocess.run([compiler, "-std=c99", "-Wall", "-Werror", "main.c", "-o", "main"], cwd=tmp_path, check=True)
    out = subprocess.run([tmp_path / "main"], capture_output=True, encoding="utf-8", check=True).stdout
    expected = pixels.ravel().astype(np.float32) * np.float32(1 / 255)
    assert np.array_equal(np.array(out.split(), np.float32), expected)


def test_a_folder(tmp_path: Path) -> None:
    """A folder of images becomes a folder of files with the same names; other files are left out."""
    (tmp_path / "in").mkdir()
    for name in ("a.png", "b.jpg"):
        _picture(tmp_path / "in", 3, name)
    (tmp_path / "in/notes.md").write_text("no image", encoding="utf-8")
    answer = run_cli(
        "process-image", "-i", tmp_path / "in", "-o", tmp_path / "out", "-f", "bin", "-t", "uint8", "-b", "2"
    )
    assert answer.status == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.bin", "b.bin"]
    assert (tmp_path / "out/a.bin").read_bytes() == _pixels(3).tobytes() * 2


def test_bytes_become_an_image(tmp_path: Path) -> None:
    """A .bin says nothing of itself: type and shape come from options."""
    (tmp_path / "x.bin").write_bytes(_pixels(3).tobytes())
    options = ("-t", "uint8", "-image-shape=1,4,5,3")
    assert run_cli("process-image", "-i", tmp_path / "x.bin", "-o", tmp_path / "x.png", *options).status == 0
    with Image.open(tmp_path / "x.png") as back:
        assert np.array_equal(np.asarray(back), _pixels(3))


@pytest.mark.parametrize(
    ("name", "content", "options", "because"),
    [
        ("x.bin", b"123", ("-t", "int8"), "does not say its shape"),
        ("x.bin", b"123", ("-t", "int8", "-image-shape=1,2,2,1"), "has 3 bytes; expected 4"),
        ("x.bin", b"123", ("-image-shape=2x2",), "expected four sizes"),
        ("x.bin", b"12", ("-t", "uint8", "-image-shape=1,1,1,2"), "2 channels"),
        ("x.bin", b"\0\0\xc0\x7f", ("-image-shape=1,1,1,1",), "NaN"),
        ("x.inc", b"0X00, 0X100,", (), "holds 256"),
        ("x.inc", b"int main", (), "expected bytes with commas"),
        ("x.inc", b"// Type: double\n1,", (), "expected int8, uint8, float32"),
        ("x.inc", b"// Shape: many\n1,", (), "expected four sizes"),
        ("x.inc", b"", (), "holds no bytes|expected bytes"),
        ("x.png", b"", (), "is no image"),
        ("missing.png", None, (), "No such file"),
        ("missing.inc", None, (), "No such file"),
    ],
)
def test_what_is_refused(tmp_path: Path, name: str, content: Any, options: tuple[str, ...], because: str) -> None:
    """Files that are none, and bytes that do not fit, are refused with what was expected; nothing is written."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    texts = because.split("|")
    answer = Place(tmp_path).refuses(
        "process-image", "-i", tmp_path / name, "-o", tmp_path / "y.png", *options, because=""
    )
    assert any(text in answer.err for text in texts)
