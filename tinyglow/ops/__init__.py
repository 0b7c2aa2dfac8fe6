"""The registry: every operator and every kernel, found in the modules of this package. Adding a file adds to it."""

from __future__ import annotations

import importlib
import pkgutil
from types import GenericAlias

from tinyglow.ir.kernel import Kernel
from tinyglow.ir.op import Op

_MODULES = [importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__)]

OPS: dict[str, type[Op]] = {
    cls.__name__: cls
    for module in _MODULES
    for cls in vars(module).values()
    # An alias such as NDArray[float32] passes for a class in Python 3.10.
    if isinstance(cls, type) and not isinstance(cls, GenericAlias)
    if issubclass(cls, Op) and cls.__module__ == module.__name__
}
KERNELS: dict[str, Kernel] = {
    kernel.symbol: kernel for module in _MODULES for kernel in vars(module).values() if isinstance(kernel, Kernel)
}
ONNX_OPS: dict[str, type[Op]] = {name: cls for cls in OPS.values() for name in cls.onnx_types}
TFLITE_OPS: dict[str, type[Op]] = {name: cls for cls in OPS.values() for name in cls.tflite_types}
