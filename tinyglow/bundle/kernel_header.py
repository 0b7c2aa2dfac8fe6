"""The headers of kernels: C structs, prototypes and contracts, from their declarations in Python.

``python -m tinyglow.bundle.kernel_header`` updates the runtime's own copies: a header for each kernel in
``runtime_c/include/<family>/``, and ``tg_kernels.h``, which includes them all.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from tinyglow import resources
from tinyglow.bundle.contracts import arguments, cores, fields, sharing
from tinyglow.bundle.render import render
from tinyglow.ir.c_struct import GENERATED
from tinyglow.ir.kernel import MEMORY_CTYPES, Kernel, Role
from tinyglow.registry import KERNELS

COMMITTED = resources.RUNTIME / "include"
_WIDTH = 116  # of a comment's text


def _arguments(kernel: Kernel) -> str:
    arguments = [f"const {kernel.params_ctype} *p"]
    for operand in kernel.operands:
        if operand.role is Role.CODE:
            arguments.append(f"tg_code *{operand.name}")
            continue
        const = "const " if operand.role is Role.IN else ""
        arguments.append(f"{const}{MEMORY_CTYPES[operand.dtype]} *{operand.name}")
    if kernel.scratch:
        arguments.append("tg_i32 *scratch")
    indent = " " * (len(kernel.symbol) + 6)
    wrapped = textwrap.wrap(", ".join(text.replace(" ", "~") for text in arguments), 118 - len(indent))
    return ("\n" + indent).join(wrapped).replace("~", " ")


def _describe(kernel: Kernel) -> dict[str, Any]:
    lines = [part for text in arguments(kernel) for part in textwrap.wrap(text, _WIDTH, subsequent_indent="    ")]
    return {
        "summary": kernel.summary,
        "symbol": kernel.symbol,
        "params_ctype": kernel.params_ctype,
        "fields": fields(kernel),
        "arguments": _arguments(kernel),
        "cores": cores(kernel),
        "lines": [*lines, *textwrap.wrap(sharing(kernel), _WIDTH)],
    }


def kernel_headers(kernels: Iterable[Kernel], families: bool = False) -> dict[str, str]:
    """The text of each header for ``kernels``, by its path.

    Args:
        kernels: The kernels, in any order.
        families: Whether each kernel's header is in a folder of its family, as in the runtime; a bundle has no folders.

    Returns:
        ``tg_kernels.h``, which includes the others, and a header for each kernel.
    """
    found = {}
    for kernel in sorted(kernels, key=lambda kernel: kernel.c_file if families else kernel.symbol):
        folder = PurePosixPath(kernel.c_file).parent if families else PurePosixPath()
        found[(folder / f"{kernel.symbol}.h").as_posix()] = render("kernel.h.j2", kernel=_describe(kernel))
    return {GENERATED: render("kernels.h.j2", headers=list(found)), **found}


def main(folder: Path = COMMITTED) -> None:
    """Write the headers of all kernels into the runtime's include folder, and remove headers whose kernel is gone."""
    headers = kernel_headers(KERNELS.values(), families=True)
    for path in folder.glob("*/*.h"):
        if path.relative_to(folder).as_posix() not in headers:
            path.unlink()
    for name, text in headers.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
