"""Random float networks as ONNX models: what the oracle feeds to the compiler.

>>> from tinyglow.testing.graphs import random_model
>>> model = random_model(7)
>>> model.proto, model.samples(16)
"""

from __future__ import annotations

from tinyglow.testing.graphs.draw import Draw, RandomModel, Tensor, covered_operators
from tinyglow.testing.graphs.model import random_model

__all__ = ["Draw", "RandomModel", "Tensor", "covered_operators", "random_model"]
