"""Whether an operator of a TFLite file is of a form that is read: its kind, its version, its options."""

from __future__ import annotations

from tinyglow.frontend.names import shown
from tinyglow.frontend.refusal import unsupported
from tinyglow.frontend.tflite_file import FileOperator
from tinyglow.frontend.tflite_schema import defaults
from tinyglow.ir.op import UnsupportedError
from tinyglow.registry import TFLITE_OPS


def check_form(operator: FileOperator) -> None:
    """Raises UnsupportedError unless an operator is known, and its version, and all that its options say."""
    if operator.op_type not in TFLITE_OPS:
        raise unsupported(shown(operator.op_type))
    form = TFLITE_OPS[operator.op_type].tflite_types[operator.op_type]
    if operator.fault:
        raise UnsupportedError(operator.fault, "what the schema of this version of the package tflite knows")
    if operator.version > form.version:
        raise UnsupportedError(f"is version {operator.version} of the operator", f"up to {form.version}")
    known = {*form.attributes, *form.without_effect} if operator.options == form.options else set()
    for name, value in operator.attributes.items():
        if name not in known and value != defaults(operator.options)[name]:
            found = f"attribute {name} of its {operator.options} is {shown(str(value))}"
            raise UnsupportedError(found, ", ".join([form.options, *form.attributes]) if form.options else "none")
