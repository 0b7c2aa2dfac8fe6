"""tinyglow: neural networks as C that runs on the smallest Arm chips, exactly.

>>> import tinyglow
>>> graph = tinyglow.load("mnist.onnx", define={"N": 1})
>>> profile = tinyglow.profile(graph, {"input": samples})
>>> board = tinyglow.load_board("frdm-ke16z")
>>> program = tinyglow.lower(tinyglow.quantize(graph, profile), target=tinyglow.target_of(board))
>>> outputs = tinyglow.interpret(program, {"input": samples})
>>> tinyglow.emit(program, "bundle")
>>> result = tinyglow.simulate("bundle", board, {"input": samples})

Names are loaded when they are first used, so that ``import tinyglow`` stays quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinyglow.boards import load_board
    from tinyglow.errors import TinyglowError
    from tinyglow.pipeline.compare import verify
    from tinyglow.pipeline.execute import simulate
    from tinyglow.pipeline.stations import emit, interpret, load, lower, profile, quantize, target_of
    from tinyglow.pipeline.validate import validate
    from tinyglow.quant.profile import load_profile, save_profile
    from tinyglow.tuning.tune import tune

__version__ = "0.1.0"

_STATIONS = ("emit", "interpret", "load", "lower", "profile", "quantize", "target_of")
_PLACES = {
    "TinyglowError": "tinyglow.errors",
    "load_board": "tinyglow.boards",
    "load_profile": "tinyglow.quant.profile",
    "save_profile": "tinyglow.quant.profile",
    "simulate": "tinyglow.pipeline.execute",
    "tune": "tinyglow.tuning.tune",
    "validate": "tinyglow.pipeline.validate",
    "verify": "tinyglow.pipeline.compare",
    **dict.fromkeys(
        ("emit", "interpret", "load", "lower", "profile", "quantize", "target_of"), "tinyglow.pipeline.stations"
    ),
}

__all__ = [
    "TinyglowError",
    "__version__",
    "emit",
    "interpret",
    "load",
    "load_board",
    "load_profile",
    "lower",
    "profile",
    "quantize",
    "save_profile",
    "simulate",
    "target_of",
    "tune",
    "validate",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'tinyglow' has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return __all__
