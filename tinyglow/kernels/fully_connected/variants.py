"""The kernels that may compute an int8 fully connected layer: every function ``*_variant`` of this package."""

from __future__ import annotations

from collections.abc import Callable

from tinyglow.ir.op import Lowering
from tinyglow.ir.target import Variant
from tinyglow.kernels.discovery import variants_in
from tinyglow.kernels.fully_connected.layer import DenseLayer

VARIANTS: tuple[Callable[[DenseLayer, Lowering], Variant | None], ...] = variants_in(__package__)
