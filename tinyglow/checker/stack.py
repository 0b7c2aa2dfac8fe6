"""What the proof says of the stack, by the bundle's object."""

from __future__ import annotations

from typing import Any

from tinyglow.checker.findings import Findings


def check_stack(net: str, data: bytes | None, stated: dict[str, Any] | None, found: Findings) -> None:
    """A bundle without an object has no figure: what its C takes depends on who compiles it."""
    found.require(stated is None, f"{net}.proof.json", "states a stack figure", "none, for the bundle has no object")
    found.facts.append("no stack figure: the bundle has no object")
