"""Kernels in Python and in C are the same tree: the same families, and names of which one says the other."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest

from tinyglow import kernels
from tinyglow.ir.kernel import Kernel
from tinyglow.kernels.elementwise.map import MapParams
from tinyglow.registry import KERNELS


def _declared() -> dict[str, str]:
    """Symbol of each kernel -> the module of ``tinyglow.kernels`` that has it, and whose name is made of its words."""
    names = [info.name for info in pkgutil.walk_packages(kernels.__path__, "tinyglow.kernels.")]
    return {
        value.symbol: name
        for name in names
        for value in vars(importlib.import_module(name)).values()
        if isinstance(value, Kernel) and set(name.rsplit(".", 1)[1].split("_")) <= set(value.symbol.split("_"))
    }


DECLARED = _declared()


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=lambda kernel: kernel.symbol)
def test_a_kernel_and_its_c_file_have_the_same_place(kernel: Kernel, checkout: Path) -> None:
    """The C file is named after the symbol, in the family whose package declares the kernel; so is its origin."""
    family, file = kernel.c_file.split("/")
    assert file == f"{kernel.symbol}.c"
    assert (checkout / "runtime_c/src" / kernel.origin.c_file).is_file()
    if kernel.params is MapParams:  # the operator whose function it is declares it
        assert family == "elementwise"
    else:
        assert DECLARED[kernel.symbol].split(".")[2] == family


def test_every_family_has_both_folders(checkout: Path) -> None:
    """``kernels/<family>`` stands for ``runtime_c/src/<family>`` and the other way round, but for what has no files."""
    in_c = {path.name for path in (checkout / "runtime_c/src").iterdir()}
    in_python = {path.name for path in (checkout / "tinyglow/kernels").iterdir() if (path / "__init__.py").is_file()}
    assert in_python - {"generic"} == in_c  # whose C the compiler writes
