"""C that calls any kernel by its number, for programs that get their cases at run time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tinyglow.bundle.render import render
from tinyglow.ir.kernel import Kernel, Role
from tinyglow.registry import KERNELS, WITH_EPILOGUES
from tinyglow.testing.functions import described_functions

ALL = (*KERNELS.values(), *WITH_EPILOGUES.values())


def kernel_numbers(kernels: Iterable[Kernel] = KERNELS.values()) -> dict[str, int]:
    """The number under which ``tg_dispatch`` knows each kernel, by symbol."""
    return {symbol: number for number, symbol in enumerate(sorted(kernel.symbol for kernel in kernels))}


def write_dispatch(folder: Path, kernels: Iterable[Kernel] = KERNELS.values()) -> Path:
    """Write ``dispatch.c``: ``void tg_dispatch(uint32_t kernel, const void *params, void *const *operands)``.

    For an operand that is code, a pointer to the number of one of ``functions.specimens()``.
    """
    numbers, by_symbol = kernel_numbers(kernels), {kernel.symbol: kernel for kernel in kernels}
    described = [
        {
            "symbol": symbol,
            "number": number,
            "code": [i for i, operand in enumerate(by_symbol[symbol].operands) if operand.role is Role.CODE],
            "operands": len(by_symbol[symbol].operands) + (by_symbol[symbol].scratch is not None),
        }
        for symbol, number in numbers.items()
    ]
    functions = described_functions() if any(kernel["code"] for kernel in described) else []
    path = folder / "dispatch.c"
    text = render("testing/dispatch.c.j2", kernels=described, functions=functions)
    path.write_text(text, encoding="utf-8", newline="\n")
    return path
