"""The C text of a kernel: its file in the runtime, or what is made of another kernel's."""

from __future__ import annotations

import re
from pathlib import Path

from tinyglow import resources
from tinyglow.ir.kernel import Kernel


def kernel_source(kernel: Kernel, root: Path = resources.RUNTIME) -> str:
    """The text of a kernel's C file.

    A kernel that is made of another has its text, with its own name in place of the other's, also in the names of
    functions and types that begin with it; the values of its own settings; and the name of its own epilogue.

    Args:
        kernel: The kernel.
        root: The runtime.

    Returns:
        The text.

    Raises:
        ValueError: A setting is none of the other kernel's.
    """
    if kernel.text:
        return kernel.text
    if kernel.loop is None:
        return (root / "src" / kernel.c_file).read_text(encoding="utf-8")
    text = re.sub(rf"\b{kernel.loop.symbol}(?=_|\b)", kernel.symbol, kernel_source(kernel.loop, root))
    for name, value in kernel.settings:
        text, found = re.subn(rf"^#define {name} .*$", f"#define {name} {value}", text, flags=re.MULTILINE)
        if found != 1:
            raise ValueError(f"{kernel.origin.c_file} defines {name} {found} times: a setting is defined once")
    old, new = kernel.loop.epilogue.name, kernel.epilogue.name
    text = text.replace(f"tg_epilogue_{old}", f"tg_epilogue_{new}")
    return text.replace(f"TG_EPILOGUE_{old.upper()}", f"TG_EPILOGUE_{new.upper()}")
