"""Macros of the header for each placeholder: an application need not know what the network's types and scales are."""

from __future__ import annotations

import ctypes
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.unit.bundle.cc import WARNINGS, command_of
from tinyglow.bundle.header import BundleInfo, Placeholder, parse_header, write_header
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.numerics import glow

SCALE, OFFSET = float(np.float32(0.0123456789)), -17
PLACEHOLDERS = (
    Placeholder("image", TensorType((1, 28, 28, 1), "int8", QuantParams(SCALE, OFFSET)), 0, True),
    Placeholder("wide", TensorType((3,), "int16", QuantParams(2.0**-9, 0)), 784, True),
    Placeholder("real", TensorType((), "float32"), 792, False),
    Placeholder("x", TensorType((2,), "int8", QuantParams(2.0, 1)), 796, False),
    Placeholder("x_SCALE", TensorType((2,), "int8", QuantParams(1.0, 0)), 800, False),
)
INFO = BundleInfo("net", PLACEHOLDERS, 0, 804, 0, 4)


def _header(folder: Path) -> None:
    (folder / "net.h").write_text(write_header(INFO, 1.0), encoding="utf-8")


def test_macros_say_what_the_placeholder_is(tmp_path: Path) -> None:
    """Type, elements, bytes, dimensions, and scale and offset where there are any; none that is another's macro."""
    text = write_header(INFO, 1.0)
    macros = dict(re.findall(r"^#define NET_(\w+)  (.+)$", text, re.MULTILINE))
    assert macros["image_TYPE"] == "int8_t" and macros["wide_TYPE"] == "int16_t" and macros["real_TYPE"] == "float"
    assert (macros["image_COUNT"], macros["wide_BYTES"]) == ("784u", "6u")
    assert (macros["image_RANK"], macros["image_SHAPE"]) == ("4u", "{ 1, 28, 28, 1 }")
    assert (macros["real_RANK"], macros["real_SHAPE"]) == ("0u", "{ 1 }")
    assert np.float32(macros["image_SCALE"][:-1]) == np.float32(SCALE) and macros["image_OFFSET"] == f"({OFFSET})"
    assert "real_SCALE" not in macros and "x_OFFSET" not in macros and "x_SCALE_OFFSET" in macros
    assert macros["x_SCALE"].strip() == "800"
    names = re.findall(r"^#define (\w+)", text, re.MULTILINE)
    assert len(names) == len(set(names))
    assert parse_header(text, "net.h") == INFO


PROGRAM = """
#include "net.h"
void convert(const float *x, int count, int8_t *narrow, int16_t *wide, float *back);
void convert(const float *x, int count, int8_t *narrow, int16_t *wide, float *back) {
  static const int32_t shape[] = NET_image_SHAPE;
  for (int i = 0; i < count && shape[1] == 28; i++) {
    narrow[i] = NET_image_QUANTIZE(x[i]);
    wide[i] = NET_wide_QUANTIZE(x[i]);
    back[i] = NET_image_DEQUANTIZE(narrow[i]);
  }
}
"""


@pytest.mark.parametrize("compiler", ["gcc", "g++"])
def test_macros_convert_as_the_network_does(compiler: str, tmp_path: Path) -> None:
    """Every real number, also halves, NaN and what is far outside, becomes the integer that numpy gives; and back."""
    _header(tmp_path)
    suffix, flags = ("cpp", ["-Wall", "-Wextra", "-Werror"]) if compiler == "g++" else ("c", WARNINGS)
    entry = 'extern "C" ' if suffix == "cpp" else ""
    text = PROGRAM.replace("void convert", f"{entry}void convert", 1)
    (tmp_path / f"m.{suffix}").write_text(text, encoding="utf-8")
    command = [*command_of(compiler), *flags, "-fPIC", "-shared", f"m.{suffix}", "-o", "m.so"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    halves = (np.arange(-300, 300) + 0.5) * SCALE
    x = np.concatenate(
        [np.random.default_rng(0).normal(0, 2, 5_000), halves, [np.nan, np.inf, -np.inf, 1e30, -1e30, 0]]
    )
    x = x.astype(np.float32)
    narrow, wide, back = np.zeros(len(x), np.int8), np.zeros(len(x), np.int16), np.zeros(len(x), np.float32)
    library = ctypes.CDLL(str(tmp_path / "m.so"))
    library.convert(
        *(ctypes.c_void_p(x.ctypes.data), len(x)), *(ctypes.c_void_p(a.ctypes.data) for a in (narrow, wide, back))
    )
    np.testing.assert_array_equal(narrow, glow.quantize(x, SCALE, OFFSET, "int8"))
    np.testing.assert_array_equal(wide, glow.quantize(x, 2.0**-9, 0, "int16"))
    np.testing.assert_array_equal(back, glow.dequantize(narrow, SCALE, OFFSET))


def test_two_networks_share_the_conversions(tmp_path: Path) -> None:
    """Both headers in one file, in either order, in C as strict as can be."""
    _header(tmp_path)
    other = BundleInfo("other", PLACEHOLDERS[:1], 0, 784, 0, 4)
    (tmp_path / "other.h").write_text(write_header(other, 1.0), encoding="utf-8")
    (tmp_path / "m.c").write_text(
        '#include "other.h"\n#include "net.h"\nint unused(void);\nint unused(void) { return 0; }\n', encoding="utf-8"
    )
    command = [*command_of("gcc"), *WARNINGS, "-c", "m.c"]
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == 0
