"""The commands, one file each: ``register`` adds its options, ``run`` does the work and returns the exit status."""

from __future__ import annotations

import importlib
import pkgutil

from tinyglow.cli.options import AddCommand

# The order of ``tinyglow --help``; commands that are not named here follow by the alphabet.
_FIRST = ("demo", "profile", "compile", "run", "verify", "validate", "crosscheck", "boards")


def register(command: AddCommand, wanted: str = "") -> None:
    """Add every command in this folder; or only the one that is ``wanted``, if there is one of that name.

    The others' options take time that a short command would wait for.
    """
    found = [module.name for module in pkgutil.iter_modules(__path__)]
    found = [name for name in found if name.replace("_", "-") == wanted] or found
    for name in sorted(found, key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name)):
        importlib.import_module(f"{__name__}.{name}").register(command)
