"""Names from model files as messages print them."""

from __future__ import annotations


def shown(name: str) -> str:
    """A name from the file as a message may print it: on one line, without control characters."""
    return name if name.isprintable() and name else repr(name)
