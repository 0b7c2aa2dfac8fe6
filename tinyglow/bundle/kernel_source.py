"""The C text of a kernel: its file in the runtime, or, with another epilogue than Glow's, what is made of that."""

from __future__ import annotations

import re
from pathlib import Path

from tinyglow import resources
from tinyglow.ir.kernel import Kernel
from tinyglow.numerics.epilogues.glow import GLOW

_INCLUDE = f'#include "{GLOW.c_header}"'


def kernel_source(kernel: Kernel, root: Path = resources.RUNTIME) -> str:
    """The text of a kernel's C file.

    A kernel with another epilogue than Glow's has the text of its loop's file, with the header of its epilogue and its
    own name.

    Args:
        kernel: The kernel.
        root: The runtime.

    Returns:
        The text.
    """
    if kernel.text:
        return kernel.text
    text = (root / "src" / (kernel.loop or kernel).c_file).read_text(encoding="utf-8")
    if not kernel.loop:
        return text
    named = re.sub(rf"\b{kernel.loop.symbol}(?=_params\b|\b)", kernel.symbol, text)
    include = f'#include "{kernel.epilogue.c_header}"'
    assert _INCLUDE in named, f"{kernel.loop.c_file} does not include {GLOW.c_header}"
    return named.replace(_INCLUDE, include)
