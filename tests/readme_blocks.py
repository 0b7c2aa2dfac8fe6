"""The generated parts of README.md. ``python tests/readme_blocks.py`` writes them; tests/test_readme.py compares."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from pathlib import Path

from tinyglow.demo.tour import run_demo
from tinyglow.ops import KERNELS, ONNX_OPS

README = Path(__file__).resolve().parents[1] / "README.md"


def operators() -> str:
    """The operators that are read, and the kernels that run them."""
    names = ", ".join(f"`{name}`" for name in sorted([*ONNX_OPS, "Constant"]))
    rows = "\n".join(f"| `{k.symbol}` | {k.summary} |" for k in sorted(KERNELS.values(), key=lambda k: k.symbol))
    return f"From ONNX: {names}.\n\n| kernel | what it computes |\n|---|---|\n{rows}"


def demo() -> str:
    """What ``tinyglow demo`` prints, from the drawn digits on."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        run_demo(None, "zig")
    lines = [line.rstrip() for line in text.getvalue().splitlines()]
    begin = next(i for i, line in enumerate(lines) if line.startswith("drawn:"))
    shown = [line for line in lines[begin:] if line]
    return "```\n" + "\n".join(shown) + "\n```"


BLOCKS = {"operators": operators, "demo": demo}


def block(name: str, text: str) -> str:
    """What README.md has between the marks of ``name``."""
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, re.DOTALL)
    assert found, f"README.md has no marks for {name}"
    return found.group(1).rstrip("\n")


def main() -> int:
    """Rewrite all blocks."""
    text = README.read_text(encoding="utf-8")
    for name, make in BLOCKS.items():
        replacement = f"<!-- {name} -->\n{make()}\n<!-- /{name} -->"
        text = re.sub(rf"<!-- {name} -->\n.*?<!-- /{name} -->", lambda _, r=replacement: r, text, flags=re.DOTALL)
    README.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
