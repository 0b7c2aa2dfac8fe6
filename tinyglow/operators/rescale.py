"""RescaleQuantized: a change of quantization parameters."""

from __future__ import annotations

from typing import ClassVar

from tinyglow.ir.forms import TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Importer, Lowering, Op, OtherNumerics, SourceNode, UnsupportedError
from tinyglow.ir.types import TensorType
from tinyglow.kernels.elementwise.rescale import lower_rescale
from tinyglow.numerics import tflite_tables
from tinyglow.numerics.names import TFLITE
from tinyglow.operators import litert_int16
from tinyglow.operators.tables import TABLES


class Rescale(Op):
    """The same real values with other quantization parameters (Glow's RescaleQuantized).

    In a float graph it stands where the model file changes what it declares: at the borders of float and integers, too.
    """

    tflite_types: ClassVar[TFLiteForms] = {
        "QUANTIZE": TFLiteForm(5),
        "DEQUANTIZE": TFLiteForm(8),
    }
    glow_kind: ClassVar[str] = "RescaleQuantized"
    quantizable: ClassVar[bool] = True
    gives_probabilities: ClassVar[bool | None] = None
    has_int16: ClassVar[bool] = True
    absorbs_rescale_after: ClassVar[bool] = True
    other_numerics: ClassVar[OtherNumerics] = TABLES
    int16_numerics: ClassVar[OtherNumerics] = {TFLITE: litert_int16.lower_rescale_int16}

    def litert_table(self, source: tuple[float, int], result: tuple[float, int]) -> Array:
        return tflite_tables.rescale(source, result)

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        """Both directions: what the file declares of input and result says which one it is."""
        value = importer.value(node.inputs[0])
        if value.type.dtype != "float32":
            raise UnsupportedError(f"a {node.op_type} of {value.type.dtype}", "float32 or int8")
        importer.bind(node.outputs[0], importer.editor.add(node.name, cls(), [value], node.name))

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (inputs[0],)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0],)

    def lower(self, node: Node, lowering: Lowering) -> None:
        lower_rescale(node, lowering, relu=False)
