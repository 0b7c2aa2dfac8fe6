"""``tg_kernels.h``: the C structs and prototypes of kernels, from their declarations in ``ops``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinyglow.bundle.render import render
from tinyglow.ir.kernel import CTYPES, Kernel, Role, c_fields


def _arguments(kernel: Kernel) -> str:
    arguments = [f"const {kernel.params_ctype} *p"]
    for operand in kernel.operands:
        const = "const " if operand.role is Role.IN else ""
        arguments.append(f"{const}{CTYPES[operand.dtype]} *{operand.name}")
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
