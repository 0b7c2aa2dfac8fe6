"""Element types of an ONNX model's tensors, beside the values that stand for them: all floats are float32 here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import onnx

from tinyglow.ir.graph import Value

# What numpy calls the element types; what is not here no value stands for.
NAMES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    16: "bfloat16",
}
NUMBERS = {name: number for number, name in NAMES.items()}
_IN_SCHEMAS = {"float": "float32", "double": "float64"}
# Attributes that name the type of the result.
_TYPE_ATTRIBUTES = {"Cast": "to", "EyeLike": "dtype", "Bernoulli": "dtype", "BitCast": "to", "SequenceEmpty": "dtype"}
_TYPE_ATTRIBUTES |= dict.fromkeys(("HannWindow", "HammingWindow", "BlackmanWindow"), "output_datatype")
_TYPE_ATTRIBUTES |= {"MelWeightMatrix": "output_datatype", "QuantizeLinear": "output_dtype"}
_DEFAULTS = dict.fromkeys(("HannWindow", "HammingWindow", "BlackmanWindow", "MelWeightMatrix"), "float32")


def _concrete(type_string: str) -> str:
    """``tensor(int64)`` as ``int64``; "" of a type parameter."""
    if not type_string.startswith("tensor("):
        return ""
    name = type_string[len("tensor(") : -1]
    name = _IN_SCHEMAS.get(name, name)
    return name if name in NUMBERS else ""


class Elements:
    """The element type of each tensor of a model, as far as it is known."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def set(self, name: str, number: int) -> None:
        """A tensor's type by ONNX's number."""
        self._known[name] = NAMES.get(number, "")

    def note(self, name: str, element: str) -> None:
        """A tensor's type by its name."""
        self._known[name] = element

    def of(self, name: str) -> str:
        """A tensor's type, "" if it is not known."""
        return self._known.get(name, "")

    def infer(self, node: onnx.NodeProto, schema: onnx.defs.OpSchema | None, values: Mapping[str, Value]) -> None:
        """Note the types of a node's results, by its schema, its attributes and its inputs."""
        if schema is None:
            return
        parameters: dict[str, str] = {}
        for source, formal in zip(node.input, _repeated(schema.inputs), strict=False):
            if self.of(source):
                parameters.setdefault(formal.type_str, self.of(source))
        for constraint in schema.type_constraints:
            if len(constraint.allowed_type_strs) == 1:
                parameters.setdefault(constraint.type_param_str, _concrete(constraint.allowed_type_strs[0]))
        given = self._by_attribute(node)
        for result, formal in zip(node.output, _repeated(schema.outputs), strict=False):
            if not result or self.of(result):
                continue
            element = given or _concrete(formal.type_str) or parameters.get(formal.type_str, "")
            value = values.get(result)
            if not element and value is not None:
                element = value.type.dtype
            self._known[result] = element

    def _by_attribute(self, node: onnx.NodeProto) -> str:
        if node.op_type in ("Constant", "ConstantOfShape"):
            return self._of_constant(node)
        if node.op_type == "CastLike" and len(node.input) > 1:
            return self.of(node.input[1])
        wanted = _TYPE_ATTRIBUTES.get(node.op_type)
        if node.op_type == "EyeLike" and not any(item.name == wanted for item in node.attribute):
            return self.of(node.input[0])
        number = next((item.i for item in node.attribute if item.name == wanted), 0)
        return NAMES.get(number, "") or _DEFAULTS.get(node.op_type, "")

    @staticmethod
    def _of_constant(node: onnx.NodeProto) -> str:
        kinds = {"value_float": "float32", "value_floats": "float32", "value_int": "int64", "value_ints": "int64"}
        for item in node.attribute:
            if item.name == "value":
                return NAMES.get(item.t.data_type, "")
            if item.name in kinds:
                return kinds[item.name]
        return "float32"


def _repeated(formals: Iterable[onnx.defs.OpSchema.FormalParameter]) -> Iterable[onnx.defs.OpSchema.FormalParameter]:
    """The formal parameters, the last one again and again: it may be variadic."""
    last = None
    for last in formals:
        yield last
    while last is not None:
        yield last
