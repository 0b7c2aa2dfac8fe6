"""Records what onnxruntime answers to the models of this folder: ``python -m tests.onnx_quantized.record``.

Needs the package onnxruntime (1.32 made the file that is here), which the tests themselves do without.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from tests.onnx_quantized.networks import CASES, NETWORKS, inputs_of, name_of

FILE = Path(__file__).with_name("onnxruntime.npz")


def main() -> None:
    """Write the file."""
    recorded = {}
    for kind, dtype, channels in CASES:
        model = NETWORKS[kind](dtype, channels).SerializeToString()
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        answers = [session.run(None, {"x": sample})[0] for sample in inputs_of(kind, dtype)]
        recorded[name_of(kind, dtype, channels)] = np.stack(answers)
    np.savez_compressed(FILE, **recorded)


if __name__ == "__main__":
    main()
