"""TFLite's variables: values that an inference leaves for the next one. In the graph they are states."""

from __future__ import annotations

from typing import ClassVar

from tinyglow.ir.forms import OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.operators.reshape import Reshape

VARIABLES: TFLiteForms = {
    "VAR_HANDLE": TFLiteForm(1, "VarHandleOptions", ("container", "shared_name")),
    "READ_VARIABLE": TFLiteForm(1, "ReadVariableOptions"),
    "ASSIGN_VARIABLE": TFLiteForm(1, "AssignVariableOptions"),
    "CUSTOM CIRCULAR_BUFFER": TFLiteForm(1, "", ("cycles_max",)),
    "CALL_ONCE": TFLiteForm(1, "CallOnceOptions", ("init_subgraph_index",)),
}


class Variable(Reshape):
    """What the frontend makes states of (``frontend.tflite_variables``)."""

    onnx_types: ClassVar[OnnxForms] = {}
    tflite_types: ClassVar[TFLiteForms] = VARIABLES
