"""The runtime's own tg_kernels.h, and the files of the runtime against the registry of kernels."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tinyglow import resources
from tinyglow.bundle import kernel_header as module
from tinyglow.bundle.kernel_header import COMMITTED, kernel_header
from tinyglow.registry import KERNELS
from tinyglow.testing.native import runtime_sources


def test_committed_header_is_current() -> None:
    """tg_kernels.h is what the registry says; ``python -m tinyglow.bundle.kernel_header`` brings it up to date."""
    assert COMMITTED.read_text(encoding="utf-8") == kernel_header(KERNELS.values())


def test_main_writes_the_committed_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module's main writes the header of all kernels where the runtime includes it from."""
    assert COMMITTED == resources.RUNTIME / "include" / "tg_kernels.h"
    monkeypatch.setattr(module, "COMMITTED", tmp_path / "tg_kernels.h")
    module.main()
    assert (tmp_path / "tg_kernels.h").read_bytes() == COMMITTED.read_bytes()


def test_header_is_independent_of_the_order_of_kernels() -> None:
    """The same kernels give the same text in whatever order they are named."""
    kernels = list(KERNELS.values())
    assert kernel_header(kernels) == kernel_header(reversed(kernels))


def test_header_of_some_kernels_names_no_others() -> None:
    """A bundle's header declares the kernels it is asked for alone."""
    some = [KERNELS["tg_copy_s8"], KERNELS["tg_conv2d_s8"]]
    assert re.findall(r"^void (\w+)\(", kernel_header(some), re.MULTILINE) == ["tg_conv2d_s8", "tg_copy_s8"]


def test_each_kernel_has_a_file_of_its_name_and_each_file_a_kernel() -> None:
    """A kernel's function lives alone in the file that bears its name, and the runtime holds no other file."""
    assert {path.relative_to(resources.RUNTIME / "src").as_posix() for path in runtime_sources()} == {
        kernel.c_file for kernel in KERNELS.values()
    }
    for kernel in KERNELS.values():
        text = (resources.RUNTIME / "src" / kernel.c_file).read_text(encoding="utf-8")
        assert kernel.c_file.endswith(f"/{kernel.symbol}.c")
        assert re.findall(r"^void (\w+)\(", text, re.MULTILINE) == [kernel.symbol]
