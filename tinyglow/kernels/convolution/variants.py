"""The kernels that may compute an int8 convolution: every function ``*_variant`` of this package's modules."""

from __future__ import annotations

from collections.abc import Callable

from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels.convolution.layer import ConvLayer
from tinyglow.kernels.discovery import variants_in

VARIANTS: tuple[Callable[[ConvLayer, Lowering], Variant | None], ...] = variants_in(__package__)
