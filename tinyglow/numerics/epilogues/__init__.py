"""The epilogues, each in a module of its own, found by itself. Adding a module adds one."""

from __future__ import annotations

import importlib
import pkgutil

from tinyglow.numerics.epilogue import Epilogue

EPILOGUES: dict[str, Epilogue] = {
    found.name: found
    for info in pkgutil.iter_modules(__path__)
    for found in vars(importlib.import_module(f"{__name__}.{info.name}")).values()
    if isinstance(found, Epilogue)
}
