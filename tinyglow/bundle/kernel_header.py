"""``tg_kernels.h``: the C structs and prototypes of kernels, from their declarations in Python.

``python -m tinyglow.bundle.kernel_header`` updates the runtime's own copy, which has all kernels.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinyglow import resources
from tinyglow.bundle.render import render
from tinyglow.ir.kernel import CTYPES, Kernel, Role, c_fields
from tinyglow.registry import KERNELS

COMMITTED = resources.RUNTIME / "include" / "tg_kernels.h"


def _arguments(kernel: Kernel) -> str:
    arguments = [f"const {kernel.params_ctype} *p"]
    for operand in kernel.operands:
        if operand.role is Role.CODE:
            arguments.append(f"tg_code *{operand.name}")
            continue
        const = "const " if operand.role is Role.IN else ""
        arguments.append(f"{const}{CTYPES[operand.dtype]} *{operand.name}")
    if kernel.scratch:
        arguments.append("int32_t *scratch")
    return ", ".join(arguments)


def _describe(kernel: Kernel) -> dict[str, Any]:
    return {
        "summary": kernel.summary,
        "symbol": kernel.symbol,
        "params_ctype": kernel.params_ctype,
        "fields": c_fields(kernel.params),
        "arguments": _arguments(kernel),
    }


def kernel_header(kernels: Iterable[Kernel]) -> str:
    """Text of ``tg_kernels.h`` for ``kernels``, sorted by symbol."""
    return render("kernels.h.j2", kernels=[_describe(k) for k in sorted(kernels, key=lambda k: k.symbol)])


def main() -> None:
    """Write the header of all kernels to where the runtime compiles with it."""
    COMMITTED.write_text(kernel_header(KERNELS.values()), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
