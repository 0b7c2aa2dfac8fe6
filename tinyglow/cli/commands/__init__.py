"""The commands, one file each: ``register`` adds its options, ``run`` does the work and returns the exit status."""

from __future__ import annotations

import importlib
import pkgutil

from tinyglow.cli.options import AddCommand

# The order of ``tinyglow --help``; commands that are not named here follow by the alphabet.
_FIRST = ("demo", "profile", "compile", "run", "verify", "validate", "crosscheck", "boards")


def register_all(command: AddCommand) -> None:
    """Add every command in this folder."""
    found = [module.name for module in pkgutil.iter_modules(__path__)]
    for name in sorted(found, key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name)):
        importlib.import_module(f"{__name__}.{name}").register(command)
