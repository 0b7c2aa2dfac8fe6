"""Which constants the cases of kernels have with each epilogue: a module for each, found by itself.

A module has a function ``constants(magnitude, offset)``: a strategy of ``Requant``. Sums are about as large as
``magnitude``, and most scales map them to between 8 and 256. The ends of all ranges are among the constants.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable

from hypothesis import strategies as st

from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.glow import Requant

Constants = Callable[[float, int], st.SearchStrategy[Requant]]

CONSTANTS: dict[str, Constants] = {
    info.name: importlib.import_module(f"{__name__}.{info.name}").constants for info in pkgutil.iter_modules(__path__)
}


def constants_of(epilogue: Epilogue, magnitude: float, offset: int) -> st.SearchStrategy[Requant]:
    """Constants for cases with this epilogue. Raises LookupError if nothing says which."""
    if epilogue.name not in CONSTANTS:
        found = f"epilogue {epilogue.name} has no cases"
        raise LookupError(f"{found}: add tinyglow/testing/epilogues/{epilogue.name}.py")
    return CONSTANTS[epilogue.name](magnitude, offset)
