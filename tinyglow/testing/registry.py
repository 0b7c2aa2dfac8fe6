"""Which generator makes the cases of which kernel. Every file of ``generators`` adds to it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tinyglow.ir.kernel import Kernel
from tinyglow.registry import KERNELS, WITH_EPILOGUES
from tinyglow.testing.budget import BUSY_MACHINE
from tinyglow.testing.case import Case

Generator = Callable[..., st.SearchStrategy[Case]]

_GENERATORS: dict[str, Generator] = {}


def generates(kernel: Kernel) -> Callable[[Generator], Generator]:
    """Register the decorated function as the one that makes cases for ``kernel``.

    That of a kernel which takes epilogues takes one too, as ``epilogue``.
    """

    def register(generator: Generator) -> Generator:
        if kernel.symbol in _GENERATORS:
            raise ValueError(f"{kernel.symbol} has a case generator already")
        _GENERATORS[kernel.symbol] = generator
        return generator

    return register


@cache
def _load() -> None:
    package = importlib.import_module("tinyglow.testing.generators")
    for info in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{info.name}")


def covered_kernels() -> list[str]:
    """The symbols of all kernels that have a case generator, sorted."""
    _load()
    return sorted(_GENERATORS)


def cases(kernel: Kernel | str) -> st.SearchStrategy[Case]:
    """Calls of a kernel (or of the kernel with that symbol) with data, over all that lowering can produce.

    Raises LookupError for a kernel without a generator.
    """
    _load()
    found = (KERNELS.get(kernel) or WITH_EPILOGUES.get(kernel)) if isinstance(kernel, str) else kernel
    symbol = found.with_glow.symbol if found else kernel
    if not found or symbol not in _GENERATORS:
        raise LookupError(f"{symbol} has no case generator: add one to tinyglow/testing/generators")
    if found.with_glow is found:
        return _GENERATORS[found.symbol]()
    return _GENERATORS[found.with_glow.symbol](epilogue=found.epilogue).map(lambda case: replace(case, kernel=found))


def fixed_cases(kernel: Kernel | str, count: int) -> list[Case]:
    """``count`` cases, the same in every run: for what cannot draw while it runs, as another process."""
    found: list[Case] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=BUSY_MACHINE,
    )
    @given(cases(kernel))
    def collect(case: Case) -> None:
        found.append(case)

    collect()
    return found
