"""The headers of kernels, and the files of the runtime, against the registry of kernels."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tinyglow import resources
from tinyglow.bundle import kernel_header as module
from tinyglow.bundle.contracts import MEANINGS, elements
from tinyglow.bundle.kernel_header import COMMITTED, kernel_headers
from tinyglow.bundle.kernel_source import kernel_source
from tinyglow.ir.c_struct import struct_bytes, struct_fields
from tinyglow.ir.kernel import Role, c_fields
from tinyglow.kernels.generic.each import each_kernel
from tinyglow.kernels.generic.fold import scan_kernel
from tinyglow.registry import KERNELS, WITH_EPILOGUES
from tinyglow.testing import fixed_cases
from tinyglow.testing.native import runtime_sources

ALL = (*KERNELS.values(), *WITH_EPILOGUES.values())


def _committed() -> dict[str, str]:
    paths = [COMMITTED / "tg_kernels.h", *COMMITTED.glob("*/*.h")]
    return {path.relative_to(COMMITTED).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def test_committed_headers_are_current() -> None:
    """They are what the registry says; ``python -m tinyglow.bundle.kernel_header`` brings them up to date."""
    assert _committed() == kernel_headers(KERNELS.values(), families=True)


def test_main_writes_the_committed_headers(tmp_path: Path) -> None:
    """The module's main writes all headers where the runtime includes them from, and removes what has no kernel."""
    assert COMMITTED == resources.RUNTIME / "include"
    (tmp_path / "convolution").mkdir()
    (tmp_path / "convolution/tg_gone_s8.h").write_text("", encoding="utf-8")
    (tmp_path / "tg_core.h").write_text("", encoding="utf-8")
    module.main(tmp_path)
    found = {path.relative_to(tmp_path).as_posix(): path.read_text("utf-8") for path in tmp_path.rglob("*.h")}
    assert found == {**_committed(), "tg_core.h": ""}


def test_headers_are_independent_of_the_order_of_kernels() -> None:
    """The same kernels give the same texts in whatever order they are named."""
    kernels = list(KERNELS.values())
    assert kernel_headers(kernels) == kernel_headers(reversed(kernels))


def test_headers_of_some_kernels_name_no_others() -> None:
    """A bundle has the headers of the kernels it is asked for alone."""
    headers = kernel_headers([KERNELS["tg_copy_s8"], KERNELS["tg_conv2d_s8"]])
    assert list(headers) == ["tg_kernels.h", "tg_conv2d_s8.h", "tg_copy_s8.h"]
    assert re.findall(r"^void (\w+)\(", "".join(headers.values()), re.MULTILINE) == ["tg_conv2d_s8", "tg_copy_s8"]


def test_each_kernel_has_a_file_of_its_name_and_each_file_a_kernel() -> None:
    """A kernel's function lives alone in the file that bears its name, and the runtime holds no other file."""
    assert {path.relative_to(resources.RUNTIME / "src").as_posix() for path in runtime_sources()} == {
        kernel.c_file for kernel in KERNELS.values() if not kernel.loop
    }
    for kernel in ALL:
        assert kernel.c_file.endswith(f"/{kernel.symbol}.c")
        assert set(re.findall(r"^void (\w+)\(", kernel_source(kernel), re.MULTILINE)) == {kernel.symbol}


def test_structs_hold_what_the_c_reads() -> None:
    """Every field that the C reads and no other: the struct of a 3x3 kernel has no kernel_h."""
    for kernel in ALL:
        names = [name for name, _ in struct_fields(kernel)]
        own = re.sub(r"/\*.*?\*/", " ", kernel_source(kernel), flags=re.DOTALL)
        fields = c_fields(kernel.params)
        read = set(re.findall(r"\bp->(\w+)", own)) & {name for name, _ in fields}
        assert read <= set(names) or re.search("^#if !?TG_(PER_CHANNEL|ANY_WINDOW)$", own, re.MULTILINE)
        assert [field for field in fields if field[0] in names] == struct_fields(kernel)
    assert "leaky" in dict(struct_fields(KERNELS["tg_depthwise_dsp_s8"]))
    assert "leaky" not in dict(struct_fields(KERNELS["tg_depthwise_channelwise_dsp_s8"]))  # of the same text
    lean = KERNELS["tg_conv2d_3x3_dsp_s8"]
    assert not {"kernel_h", "stride_h", "group", "leaky"} & {name for name, _ in struct_fields(lean)}
    assert struct_bytes(lean) <= 40
    for symbol in ("tg_depthwise_3x3_dsp_s8", "tg_depthwise_3x3_channelwise_dsp_s8"):
        assert not {"kernel_h", "kernel_w"} & {name for name, _ in struct_fields(KERNELS[symbol])}


def test_every_parameter_is_explained() -> None:
    """The table has a meaning for each, and none for what no kernel has."""
    kernels = [*KERNELS.values(), each_kernel("where", "float32"), scan_kernel("sum", "float32")]  # two have no file
    names = {name for kernel in kernels for name, _ in struct_fields(kernel)}
    assert names <= MEANINGS.keys()
    assert MEANINGS.keys() <= {name for kernel in kernels for name, _ in c_fields(kernel.params)}


@pytest.mark.parametrize("symbol", sorted(KERNELS))
def test_sizes_of_arguments_are_true(symbol: str) -> None:
    """What the header says of an argument's size is the size in cases of all kinds."""
    kernel = KERNELS[symbol]
    for case in fixed_cases(symbol, 4):
        for operand in kernel.operands:
            product = elements(kernel, operand)
            if product and operand.role is not Role.CODE:
                assert eval(product, {}, vars(case.params)) == case.elements(operand), operand.name


def test_most_images_and_results_have_a_size() -> None:
    """The rules for sizes are in force."""
    operands = [(kernel, operand) for kernel in KERNELS.values() for operand in kernel.operands]
    named = [bool(elements(kernel, operand)) for kernel, operand in operands if operand.name in ("input", "output")]
    assert sum(named) > 0.8 * len(named)


# Loops over working memory, which nothing but one call reads and writes. Compilers that may assume less of these words
# read parameters again and again: 1.6 % more cycles of kws_dscnn on the Cortex-M0+.
_WORKING_MEMORY = {
    "tg_code.h",
    "tg_conv2d_3x3_dsp_s8.c",
    "tg_conv2d_3x3_pool_dsp_s8.c",
    "tg_conv2d_code_s8.c",
    "tg_conv2d_dual_mac_s8.c",
    "tg_depthwise_3x3_s8.c",
    "tg_depthwise_runs.h",
    "tg_depthwise_plane_s8.c",
    "tg_dual_mac.h",
    "tg_max_2x2.h",
    "tg_plane.h",
}


def test_what_lies_in_byte_arrays_may_alias_them() -> None:
    """Applications declare the memories as arrays of bytes, so pointers into them are to types of tg_core.h."""
    folder = resources.RUNTIME
    for path in [*folder.glob("src/*/*.c"), *folder.glob("include/*.h")]:
        if path.name in _WORKING_MEMORY:
            continue
        code = re.sub(r"/\*.*?\*/|TG_ANYWHERE uint32_t \*", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not re.findall(r"\b(?:u?int(?:16|32)_t|float) \*", code), path.name


def test_no_header_has_the_name_of_another() -> None:
    """In a bundle all lie in one folder: those of kernels, and those that kernels share."""
    shared = {path.name for path in COMMITTED.glob("*.h")}
    assert shared.isdisjoint(f"{kernel.symbol}.h" for kernel in KERNELS.values())
