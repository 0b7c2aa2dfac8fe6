"""The registry: every operator and every kernel, found in their packages. Adding a file adds to it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import GenericAlias, ModuleType

from tinyglow import kernels, operators
from tinyglow.ir.kernel import Kernel
from tinyglow.ir.op import Op
from tinyglow.numerics.epilogues import EPILOGUES


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    """All modules of a package, those of packages inside it included, in the order of their names."""
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        yield importlib.import_module(info.name)


_OPERATORS = list(_modules(operators))

OPS: dict[str, type[Op]] = {
    cls.__name__: cls
    for module in _OPERATORS
    for cls in vars(module).values()
    # ``issubclass`` of an abstract class asks all its subclasses. An alias such as NDArray[float32] passes for a class
    # in Python 3.10.
    if isinstance(cls, type) and not isinstance(cls, GenericAlias)
    if cls.__module__ == module.__name__ and Op in cls.__mro__
}
# An operator that is a function of one element makes its float kernel itself, of that function.
_FOUND = [
    (kernel, module.__name__)
    for module in (*_modules(kernels), *_OPERATORS)
    for kernel in vars(module).values()
    if isinstance(kernel, Kernel)
]
KERNELS: dict[str, Kernel] = {kernel.symbol: kernel for kernel, _ in _FOUND}
# A module that has each of them, of the kernels' own where it is one of these.
MODULES: dict[str, str] = {kernel.symbol: module for kernel, module in reversed(_FOUND)}
# Every loop that takes epilogues, with each but Glow's.
WITH_EPILOGUES: dict[str, Kernel] = {
    made.symbol: made
    for kernel in KERNELS.values()
    if kernel.epilogues
    for epilogue in EPILOGUES.values()
    if epilogue.serves(in_armv6m=kernel.in_armv6m)
    for made in (kernel.with_epilogue(epilogue),)
    if made is not kernel
}
ONNX_OPS: dict[str, type[Op]] = {name: cls for cls in OPS.values() for name in cls.onnx_types}
TFLITE_OPS: dict[str, type[Op]] = {name: cls for cls in OPS.values() for name in cls.tflite_types}
