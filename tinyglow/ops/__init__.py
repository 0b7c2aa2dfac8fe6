"""The registry: every operator and every kernel, found in the modules of this package."""

from __future__ import annotations

from tinyglow.ir.kernel import Kernel
from tinyglow.ir.op import Op
from tinyglow.ops import conv2d, copy, fully_connected, matmul, max_pool, quantize, rescale, reshape, transpose

_MODULES = (conv2d, copy, fully_connected, matmul, max_pool, quantize, rescale, reshape, transpose)

OPS: dict[str, type[Op]] = {
    cls.__name__: cls
    for module in _MODULES
    for cls in vars(module).values()
    if isinstance(cls, type) and issubclass(cls, Op) and cls.__module__ == module.__name__
}
KERNELS: dict[str, Kernel] = {
    kernel.symbol: kernel for module in _MODULES for kernel in vars(module).values() if isinstance(kernel, Kernel)
}
ONNX_OPS: dict[str, type[Op]] = {name: cls for cls in OPS.values() for name in cls.onnx_types}
