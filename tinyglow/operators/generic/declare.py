"""The table of ONNX's operators that are made of plain ones: each entry is a function, with the form that it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tinyglow.ir.forms import OnnxForm
from tinyglow.ir.graph import Value
from tinyglow.ir.record import Record
from tinyglow.operators.generic.build import Build

Maker = Callable[[Build], "Value | Sequence[Value]"]


class General(Record):
    """How an operator of ONNX is made of plain ones.

    Attributes:
        form: The versions and attributes that are read.
        make: Adds the nodes; gives the results in the order of the node's outputs.
        domain: Of the operator; "" for ONNX's own.
    """

    form: OnnxForm
    make: Maker
    domain: str = ""


GENERAL: dict[str, General] = {}


def makes(
    *names: str,
    version: int = 28,
    attributes: Sequence[str] = (),
    ignored: Mapping[str, str] | None = None,
    domain: str = "",
) -> Callable[[Maker], Maker]:
    """Declare that a function makes the nodes for these operators.

    Args:
        *names: The operators, as ONNX names them.
        version: The newest version of their schemas that is known.
        attributes: Those that the function reads.
        ignored: Attributes that change nothing in what is supported, with the reason.
        domain: Of the operators.
    """

    def declare(make: Maker) -> Maker:
        for name in names:
            GENERAL[name] = General(OnnxForm(version, tuple(attributes), ignored or {}), make, domain)
        return make

    return declare
