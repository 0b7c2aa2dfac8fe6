"""What a C kernel of the flat convention is declared as."""

from __future__ import annotations

from tinyglow.numerics.names import TFLITE
from tinyglow.testing.kit import conventions
from tinyglow.testing.kit.problem import operator, require_numerics


def prototype(op: str, numerics: str = TFLITE, symbol: str = "") -> str:
    """The C prototype of a kernel of the flat convention: inputs, then the output, then the numbers.

    Args:
        op: The operator.
        numerics: Whose arithmetic; the constants of requantization differ.
        symbol: The function (default: the operator's name).

    Returns:
        The prototype, without a semicolon.

    Raises:
        InputError: There is no such operator or numerics.
    """
    known = operator(op)
    require_numerics(known, numerics)
    return conventions.prototype(known, numerics, symbol)
