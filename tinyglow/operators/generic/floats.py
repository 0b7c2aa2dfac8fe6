"""Operators of two float operands that have int8 kernels of their own, by the function that they compute."""

from __future__ import annotations

from tinyglow.ir.op import Op
from tinyglow.operators.add import Add
from tinyglow.operators.div import Div
from tinyglow.operators.max import Max
from tinyglow.operators.min import Min
from tinyglow.operators.mul import Mul
from tinyglow.operators.pow import Pow
from tinyglow.operators.sub import Sub

FLOAT_BINARY: dict[str, Op] = {
    "add": Add(),
    "sub": Sub(),
    "mul": Mul(),
    "div": Div(),
    "max": Max(),
    "min": Min(),
    "pow": Pow(),
}
