"""BatchedAdd: a row added to each row of a matrix."""

from __future__ import annotations

from typing import ClassVar

from tinyglow.ir.forms import OnnxForms, TFLiteForms
from tinyglow.operators.add import Add


class BatchedAdd(Add):
    """Each row of [rows, columns] plus [columns]. Glow's lowering makes it; it takes no rescale in."""

    onnx_types: ClassVar[OnnxForms] = {}
    tflite_types: ClassVar[TFLiteForms] = {}
    absorbs_rescale_before: ClassVar[tuple[int, ...]] = ()
    absorbs_rescale_after: ClassVar[bool] = False
