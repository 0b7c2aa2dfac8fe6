"""Records what LiteRT answers to the cases of ``tests.tflite.cases``: ``python -m tests.tflite.record``.

With ``--missing`` what is recorded stays, and new cases alone are asked for.

Needs the package ai-edge-litert (2.3 made the file that is here), which the tests themselves do without. Its reference
kernels are asked where it has them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import interpreter

from tests.tflite import cases, int8_cases, int16_cases, numerics_cases

FILE = Path(__file__).with_name("litert.npz")
MODELS = Path(__file__).resolve().parents[3] / "shared/models"


def answers(model: bytes, inputs: cases.Array) -> list[cases.Array]:
    """LiteRT's outputs [samples, *shape] of a model with one input."""

    def runner(resolver: Any) -> Any:
        made = interpreter.Interpreter(model_content=model, experimental_op_resolver_type=resolver)
        made.allocate_tensors()
        return made

    try:
        running = runner(interpreter.OpResolverType.BUILTIN_REF)
    except ValueError:  # it has no reference kernels of FLOOR and the like
        running = runner(interpreter.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    (into,) = running.get_input_details()
    results = []
    for sample in inputs:
        running.set_tensor(into["index"], sample.reshape(into["shape"]).astype(into["dtype"]))
        running.invoke()
        results.append([running.get_tensor(out["index"]).copy() for out in running.get_output_details()])
    return [np.stack(parts) for parts in zip(*results, strict=True)]


def main() -> None:
    """Write the file."""
    recorded = dict(np.load(FILE)) if "--missing" in sys.argv else {}
    for kind, prefix in ((cases, ""), (int8_cases, "int8."), (numerics_cases, "numerics."), (int16_cases, "int16.")):
        for name in kind.names():
            if f"{prefix}{name}.0" in recorded:
                continue
            case = kind.case(name)
            for index, output in enumerate(answers(case.model, case.inputs)):
                recorded[f"{prefix}{name}.{index}"] = output
        for name, inputs in kind.model_inputs().items():
            if name not in recorded:
                (recorded[name],) = answers((MODELS / name).read_bytes(), inputs)
    np.savez_compressed(FILE, **recorded)


if __name__ == "__main__":
    main()
