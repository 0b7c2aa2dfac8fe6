"""How many test sounds the integers recognize: ``python examples/keyword/accuracy.py out``, with out/profile.yaml."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import tinyglow

out = Path(sys.argv[1])
graph, test = tinyglow.load(out / "kws.onnx", "kws"), np.load(out / "test.npz")
program = tinyglow.lower(tinyglow.quantize(graph, tinyglow.load_profile(out / "profile.yaml")))
(shares,) = tinyglow.interpret(program, {"features": test["features"]}).values()
classes = shares.reshape(len(test["labels"]), -1).argmax(axis=1)
print(f"int8: {100 * float((classes == test['labels']).mean()):.2f} % of {len(classes)} test sounds")
