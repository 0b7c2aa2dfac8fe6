"""Activations that a convolution applies to its own output (Glow's FusedActivation)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.op import UnsupportedError
from tinyglow.ir.record import Record
from tinyglow.ir.types import QuantParams
from tinyglow.kernels.elementwise.clip import HIGHEST, LOWEST, clip_bounds
from tinyglow.kernels.elementwise.leaky_relu import slope_requant
from tinyglow.numerics import glow


class Activation(Record):
    """An activation that a layer's kernel applies.

    Attributes:
        kind: "NONE", "RELU", "CLIP" or "LEAKY_RELU".
        args: Of CLIP: low and high. Of LEAKY_RELU: the slope of negative values.
    """

    kind: str = "NONE"
    args: tuple[float, ...] = ()

    def constants(self, out: QuantParams) -> dict[str, Any]:
        """The kernel's parameters act_min, act_max, leaky and negative, for an int8 output with ``out``.

        As Glow's emitConstQuantActivationArgs (lib/LLVMIRCodeGen/LLVMIRGen.cpp) quantizes them; bounds beyond int8 are
        those of int8.
        """
        low, high, slope = glow.INT8_MIN, glow.INT8_MAX, glow.Requant(0, 0, 1, out.offset)
        if self.kind == "RELU":
            low = out.offset
        elif self.kind == "CLIP":
            low, high = clip_bounds(self.args[0], self.args[1], out)
        elif self.kind == "LEAKY_RELU":
            slope = slope_requant(self.args[0], out.offset)
        return {"act_min": low, "act_max": high, "leaky": int(self.kind == "LEAKY_RELU"), "negative": slope}

    def is_saturation(self, out: QuantParams) -> bool:
        """Whether int8's own bounds already do what a RELU or CLIP does."""
        bounds = self.constants(out)
        return self.kind in ("RELU", "CLIP") and (bounds["act_min"], bounds["act_max"]) == (-128, 127)

    def run_float(self, x: Array) -> Array:
        """The activation of float32 values."""
        if self.kind == "RELU":
            return np.maximum(x, np.float32(0))
        if self.kind == "CLIP":
            return np.clip(x, np.float32(self.args[0]), np.float32(self.args[1]))
        if self.kind == "LEAKY_RELU":
            return np.where(x >= 0, x, np.float32(self.args[0]) * x)
        return x

    def __str__(self) -> str:
        return self.kind + (str(list(self.args)) if self.args else "")


NO_ACTIVATION = Activation()


# ``activation`` of Conv2DFloatParams.
NONE, BOUNDS, SLOPE = range(3)


def float_activation(activation: Activation) -> dict[str, Any]:
    """The fields of Conv2DFloatParams that stand for ``activation``; infinity counts as the largest float.

    Raises UnsupportedError for bounds and slopes that are no numbers.
    """
    if not all(math.isfinite(bound) or (math.isinf(bound) and activation.kind == "CLIP") for bound in activation.args):
        raise UnsupportedError(f"an activation {activation}", "numbers")
    if activation.kind == "RELU":
        return {"activation": BOUNDS, "low": 0.0, "high": HIGHEST, "slope": 0.0}
    if activation.kind == "CLIP":
        low, high = (min(max(glow.float32(bound), LOWEST), HIGHEST) for bound in activation.args)
        return {"activation": BOUNDS, "low": low, "high": high, "slope": 0.0}
    if activation.kind == "LEAKY_RELU":
        return {"activation": SLOPE, "low": 0.0, "high": 0.0, "slope": glow.float32(activation.args[0])}
    return {"activation": NONE, "low": 0.0, "high": 0.0, "slope": 0.0}
