"""The layers of a bundle: which kernel call computes which layer, read from the comments of its source."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_MOST_BYTES = 16_000_000
_CALL = re.compile(r"/\* \d+\. (?P<origin>[^\n:]*)(?:: [^\n]*)? \*/\s*(?P<function>[A-Za-z_]\w*)\(")


@dataclass(frozen=True)
class LayerCall:
    """A call of a kernel: its function, and the value of the network that it computes."""

    function: str
    origin: str


def layer_calls(folder: Path, net: str) -> tuple[LayerCall, ...]:
    """The calls of the network's function in their order; () where the bundle has no such source."""
    source = folder / f"{net}.c"
    try:
        if source.stat().st_size > _MOST_BYTES:
            return ()
        text = source.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    return tuple(LayerCall(match["function"], match["origin"]) for match in _CALL.finditer(text))
