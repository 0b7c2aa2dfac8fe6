"""TFLite models of one operator each, as those that Glow was recorded with: ``tests/recordings/tflite_*/model.tflite``.

``python -m tests.tflite.recorded`` writes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.tflite.builder import TFLiteBuilder

FOLDER = Path(__file__).resolve().parents[1] / "recordings"


@dataclass(frozen=True)
class OneOperator:
    """An operator on inputs, then constants: names and shapes as recorded; ``dtypes`` of inputs and result."""

    kind: str
    inputs: Mapping[str, Sequence[int]]
    result: str
    shape: Sequence[int]
    options: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)
    dtypes: Mapping[str, str] = field(default_factory=dict)

    def build(self) -> bytes:
        """The file."""
        b = TFLiteBuilder()
        inputs = [b.tensor(name, shape, self.dtypes.get(name, "FLOAT32")) for name, shape in self.inputs.items()]
        constants = [b.constant(name, data) for name, data in self.constants.items()]
        dtype = self.dtypes.get(self.result, "FLOAT32")
        operands = [*inputs, *constants]
        made = b.node(self.kind, operands, self.shape, self.result, self.options, dtype=dtype, **self.fields)
        return b.build(inputs, [made])


_ROW, _PAIR = {"input": (1, 10)}, {"input1": (1, 3), "input2": (1, 3)}
_BOX, _PLANE = {"input": (1, 3, 4)}, {"input": (1, 2, 10)}
_TRUTHS = {"input1": "BOOL", "input2": "BOOL"}


def _strided(shape: Sequence[int], begin: list[int], end: list[int], **masks: int) -> OneOperator:
    constants = {"StridedSlice/begin": begin, "StridedSlice/end": end, "StridedSlice/strides": [1, 1, 1]}
    return OneOperator("STRIDED_SLICE", _BOX, "StridedSlice", shape, "StridedSliceOptions", masks, constants)


def _mean(shape: Sequence[int], axes: list[int], keeps: bool) -> OneOperator:
    of = {"KeepDims": keeps}
    return OneOperator("MEAN", _PLANE, "Mean", shape, "ReducerOptions", of, {"Mean/reduction_indices": axes})


MODELS: Mapping[str, OneOperator] = {
    "resize_bilinear": OneOperator(
        *("RESIZE_BILINEAR", {"input": (1, 3, 4, 2)}, "ResizeBilinear", (1, 5, 7, 2), "ResizeBilinearOptions"),
        constants={"ResizeBilinear/size": [5, 7]},
    ),
    "hardSwish": OneOperator("HARD_SWISH", {"input_1": (1, 10)}, "Identity", (1, 10)),
    "strided_slice_test4": _strided((1, 3, 1), [0, 0, 0], [1, 0, 1], EllipsisMask=2),
    "strided_slice_test5": _strided((1, 1, 3, 4), [0, 0, 0], [1, 2, 3], NewAxisMask=2),
    "strided_slice_test6": _strided((1, 3), [0, 0, 0], [1, 2, 3], ShrinkAxisMask=2),
    "cos": OneOperator("COS", _ROW, "Cos", (1, 10)),
    "sin": OneOperator("SIN", _ROW, "Sin", (1, 10)),
    "sqrt": OneOperator("SQRT", _ROW, "Sqrt", (1, 10)),
    "rsqrt": OneOperator("RSQRT", _ROW, "Rsqrt", (1, 10)),
    "log_softmax": OneOperator("LOG_SOFTMAX", {"input": (1, 3)}, "LogSoftmax", (1, 3)),
    "greater": OneOperator("GREATER", _PAIR, "Greater", (1, 3), dtypes={"Greater": "BOOL"}),
    "not_equal": OneOperator("NOT_EQUAL", _PAIR, "NotEqual", (1, 3), dtypes={"NotEqual": "BOOL"}),
    "logical_or": OneOperator(
        "LOGICAL_OR", {"input1": (1, 4), "input2": (1, 4)}, "LogicalOr", (1, 4), dtypes={**_TRUTHS, "LogicalOr": "BOOL"}
    ),
    "select": OneOperator(
        *("SELECT", {"cond": (1, 2, 3), "lhs": (1, 2, 3), "rhs": (1, 2, 3)}, "Select", (1, 2, 3)),
        dtypes={"cond": "BOOL"},
    ),
    "gather_axis1": OneOperator(
        *("GATHER", {"data": (1, 2, 3, 4), "indices": (1, 5)}, "GatherV2", (1, 1, 5, 3, 4), "GatherOptions"),
        fields={"Axis": 1},
        dtypes={"indices": "INT32"},
    ),
    "arg_max": OneOperator(
        *("ARG_MAX", _PLANE, "ArgMax", (1, 2), "ArgMaxOptions", {"OutputType": 4}, {"ArgMax/dimension": [2]}),
        dtypes={"ArgMax": "INT64"},
    ),
    "mean_keep_dims": _mean((1, 2, 1), [2], True),
    "mean_multiple_axis_no_keep_dims": _mean((1,), [1, 2], False),
    "tile": OneOperator(
        "TILE", {"input": (1, 2, 3)}, "Tile", (1, 6, 6), "TileOptions", constants={"Tile/multiples": [1, 3, 2]}
    ),
    "mul_broadcast": OneOperator(
        "MUL", {"input1": (1, 5, 5, 3), "input2": (1, 1, 1, 3)}, "Mul", (1, 5, 5, 3), "MulOptions"
    ),
    "depth_to_space": OneOperator(
        *("DEPTH_TO_SPACE", {"input": (1, 1, 2, 12)}, "DepthToSpace", (1, 2, 4, 3), "DepthToSpaceOptions"),
        fields={"BlockSize": 2},
    ),
}


def main() -> None:
    """Write the models."""
    for name, operator in MODELS.items():
        (FOLDER / f"tflite_{name}" / "model.tflite").write_bytes(operator.build())


if __name__ == "__main__":
    main()
