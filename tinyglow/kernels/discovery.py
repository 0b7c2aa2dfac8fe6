"""Finding the kernels of a family, so that adding a kernel is adding a file."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any


def variants_in(package: str) -> tuple[Callable[..., Any], ...]:
    """The functions whose names end in ``_variant``, in all modules of a family, in the order of the modules' names.

    Such a function takes a layer and the lowering and returns a Variant, or None where its kernel does not apply.
    ``portable_variant`` is left out: it applies everywhere, and callers put it first.

    Args:
        package: The family's name as Python imports it, such as "tinyglow.kernels.convolution".

    Returns:
        The functions, each once.
    """
    found: list[Callable[..., Any]] = []
    for info in pkgutil.iter_modules(importlib.import_module(package).__path__):
        if info.name == "variants":  # the module that asks
            continue
        module = importlib.import_module(f"{package}.{info.name}")
        found += [
            function
            for name, function in vars(module).items()
            if name.endswith("_variant") and name != "portable_variant" and function.__module__ == module.__name__
        ]
    return tuple(found)
