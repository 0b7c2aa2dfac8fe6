"""``<net>.o``: the bundle as one object, as Glow writes it; projects that link Glow's link this one."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyglow.bundle.options import UTILS
from tinyglow.targets.boards import Board


def build_object(files: Mapping[str, bytes], net: str, board: Board, compiler: str | None) -> bytes:
    """The object of the bundle ``files`` for ``board``'s core, built by ``compiler`` (as ``find_compiler`` takes it).

    It holds code and parameters, not the weights. Of what it defines only the entry function, and the dynamic API's
    configuration, are visible to a linker: two bundles may be linked together, with the same kernels in both.
    It asks for nothing but the compiler's own library, and glow_tcm_addr where the bundle uses fast memory.
    Raises ToolError.
    """
    from tinyglow.sim.relocatable import keep_global  # most bundles are C alone, and their compilation starts faster
    from tinyglow.sim.toolchain import find_compiler

    chosen = find_compiler(compiler, board)
    with tempfile.TemporaryDirectory(prefix="tinyglow-") as work:
        folder = Path(work)
        for name, data in files.items():
            if name.endswith((".c", ".h")) and name not in UTILS:
                (folder / name).write_bytes(data)
        combined = chosen.link_relocatable(sorted(folder.glob("*.c")), board, folder / f"{net}.o")
        return keep_global(combined.read_bytes(), {net, f"{net}_config"}, f"{net}.o")


def stack_statement(files: Mapping[str, bytes], net: str, board: Board | None) -> dict[str, Any] | None:
    """What the proof of a bundle says of its stack: the bound for its object; None where it has none for a Cortex-M.

    Raises ToolError if the stack has no bound.
    """
    data = files.get(f"{net}.o")
    if data is None or board is None or board.is_host:
        return None
    from tinyglow.sim.stack import stack_bound  # which needs a disassembler

    found = stack_bound(net, data)
    return {"bytes": found.nbytes, "path": list(found.path), "library": list(found.library)}


def without_sources(files: Mapping[str, bytes], net: str) -> dict[str, bytes]:
    """A bundle's files without what its object was built from: as Glow writes it."""
    kept = (f"{net}.h", *UTILS)
    return {name: data for name, data in files.items() if not name.endswith((".c", ".h")) or name in kept}
