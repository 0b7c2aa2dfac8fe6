"""Headers and weights that others wrote: read whatever their form, contradictions named."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.foreign.making import HEADER
from tinyglow.bundle.foreign import AreaSizes, parse_foreign_header
from tinyglow.bundle.weights import read_weights
from tinyglow.errors import InputError


def refusal(text: str) -> str:
    """What is said of a header that is refused."""
    with pytest.raises(InputError) as caught:
        parse_foreign_header(text, "net.h")
    return str(caught.value)


def test_a_static_header_is_read() -> None:
    """Entry, sizes, and every placeholder with type, scale, offset and place."""
    header = parse_foreign_header(HEADER, "inc.h")
    assert (header.api, header.entries, header.model) == ("static", ("inc",), "inc")
    assert header.sizes == AreaSizes(64, 128, 64, 64)
    x, y = header.placeholders
    assert (x.name, x.dtype, x.shape, x.offset, x.nbytes) == ("x", "int8", (1, 16), 0, 16)
    assert x.quant is not None and (x.quant.scale, x.quant.offset) == (0.5, 0)
    assert (y.dtype, y.quant, y.nbytes, y.is_input) == ("float32", None, 64, None)


def test_other_spellings_are_understood() -> None:
    """Windows line ends, hexadecimal sizes with suffixes, prototypes over lines, functions that return nothing."""
    text = HEADER.replace("MEM_SIZE      128", "MEM_SIZE (0x80UL)").replace(
        "int inc(uint8_t *constantWeight, ", "void inc(\n    uint8_t* constantWeight,\n    "
    )
    header = parse_foreign_header(text.replace("\n", "\r\n"), "inc.h")
    assert header.sizes == AreaSizes(64, 128, 64, 64)
    assert not header.returns_int


def test_a_verbose_header_lists_constants_and_several_entries() -> None:
    """Constants are no placeholders; of several functions the first is the default."""
    constants = (
        '// Constants:\n//\n//   Name: "w"\n//   Type: i8[S:0.1 O:3]<4 x 4>\n//   Offset: 0 (bytes)\n//\n#define INC_x'
    )
    text = HEADER.replace("#define INC_x", constants).replace(
        "#endif\n", "int second(uint8_t *constantWeight, uint8_t *mutableWeight, uint8_t *activations);\n#endif\n"
    )
    header = parse_foreign_header(text, "inc.h")
    assert [tensor.name for tensor in header.constants] == ["w"]
    assert [tensor.name for tensor in header.placeholders] == ["x", "y"]
    assert header.entries == ("inc", "second")


def test_types_of_all_kinds_are_known() -> None:
    """Element types that tinyglow itself does not have, and aligned rows."""
    for text, dtype, size in (("i16[S:0.5 O:0]", "int16", 32), ("index32", "int32", 64), ("float16", "float16", 32)):
        changed = HEADER.replace("i8[S:0.500000000 O:0][-64.000,63.500]<1 x 16>", f"{text}<1:64 x 16>")
        header = parse_foreign_header(changed.replace("Size: 16 (bytes)", f"Size: {size} (bytes)"), "inc.h")
        assert header.placeholders[0].dtype == dtype


def test_what_is_wrong_is_named_all_at_once() -> None:
    """No entry, no placeholders, missing sizes, absurd ones, contradictions between comments and macros."""
    assert "declares no entry function" in refusal(
        HEADER.replace("int inc(", "int inc_(").replace("uint8_t *activations", "int n")
    )
    assert "describes no placeholders" in refusal(HEADER.replace("//   Name", "//   Called"))
    text = refusal(HEADER.replace("#define INC_MEM_ALIGN", "#define ALIGN").replace("INC_MUTABLE", "MUTABLE"))
    assert "does not define INC_MEM_ALIGN" in text and "does not define INC_MUTABLE_MEM_SIZE" in text
    assert "wants 99,999,999,999 bytes of activations" in refusal(HEADER.replace("SIZE  64", "SIZE  99999999999"))
    assert "an alignment of 48" in refusal(HEADER.replace("MEM_ALIGN  64", "MEM_ALIGN  48"))
    assert "y: reaches beyond the mutable memory, to byte 128; expected 100" in refusal(
        HEADER.replace("      128", "  100")
    )
    assert "y: lies at 64 by its comment; expected 32" in refusal(HEADER.replace("INC_y  64", "INC_y  32"))
    assert "x: has 17 bytes, its type" in refusal(HEADER.replace("Size: 16 (bytes)", "Size: 17 (bytes)"))
    assert "type 'i4<1 x 16>' is not understood" in refusal(HEADER.replace("float<1 x 16>", "i4<1 x 16>"))
    assert "more than" in refusal(HEADER.replace("float<1 x 16>", "float<99999 x 99999>"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("net.weights.txt", " 0X01, 0XFF, 0X03,\n 0X04,\n"),
        ("net.txt", "1, 255, 3, 4"),
        (
            "net.h",
            "/* { 9 } */\n#define N 4 // { 8 }\nconst uint8_t net[N] __attribute__((aligned(64))) = {1,-1,\n3,4};\n",
        ),
        (
            "net.c",
            "int other[2] = {7, 8};\nstatic unsigned char w[] = {0x1u, 0xff, 3, 4,};\nunsigned int net_len = 4;\n",
        ),
        ("open.h", "uint8_t w[4] = {1, 255, 3, 4}; /* { never closed /* // "),
        ("two.h", "uint8_t a[2] = {1, 2};\nuint8_t w[4] = {1, 255, 3, 4};\n"),
    ],
)
def test_weights_are_read_from_text(tmp_path: Path, name: str, text: str) -> None:
    """Glow's own text, and arrays in C files with whatever is around them."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert read_weights(path, 4) == bytes([1, 255, 3, 4])


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("1, 2, 256", "number 3 is 256"),
        ("1, two, 3", "number 2 is 'two'"),
        ("uint8_t a[1] = {1};\nuint8_t b[2] = {1, 2};\n", "holds 2 arrays of bytes, 0 of 4"),
        ("int a[4] = {1, 2, 3, 4};\n", "holds 0 arrays of bytes"),
        ("uint8_t a[4] = {1, sizeof(x), 3, 4};\n", "number 2 is 'sizeof(x)'"),
    ],
)
def test_weights_that_are_none_are_refused(tmp_path: Path, text: str, because: str) -> None:
    """The first number that is none, values beyond a byte, arrays of other types, several arrays."""
    path = tmp_path / "net.h"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_weights(path, 4)
    assert because in str(caught.value)


def _growth(read: Callable[[str], None], text: str) -> float:
    """How much longer four times a text takes: 4 times where the time is linear, 16 times where it is quadratic.

    Processor time, the least of some: on any machine, however busy it is.
    """

    def least(text: str) -> float:
        times = []
        for _ in range(4):
            begin = time.process_time()
            read(text)
            times.append(time.process_time() - begin)
        return min(times)

    return least(4 * text) / max(least(text), 1e-4)


@pytest.mark.parametrize("part", ["/*", "{", "a[", "1 "])
def test_hostile_weights_are_refused_in_linear_time(tmp_path: Path, part: str) -> None:
    """Text that would keep a careless reader busy for hours."""
    path = tmp_path / "net.h"

    def read(text: str) -> None:
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError):
            read_weights(path, 4)

    assert _growth(read, part * 50_000) < 9


@pytest.mark.parametrize("part", ["int ", '// Name: "', " ", "extern const "])
def test_hostile_headers_are_refused_in_linear_time(part: str) -> None:
    """Likewise."""

    def read(text: str) -> None:
        assert "declares no entry function" in refusal(text)

    assert _growth(read, part * 20_000) < 9
