"""tinyglow: neural networks as C that runs on the smallest Arm chips, exactly.

>>> import tinyglow
>>> graph = tinyglow.load("mnist.onnx", define={"N": 1})
>>> profile = tinyglow.profile(graph, {"input": samples})
>>> board = tinyglow.load_board("frdm-ke16z")
>>> program = tinyglow.lower(tinyglow.quantize(graph, profile), target=tinyglow.target_of(board))
>>> outputs = tinyglow.interpret(program, {"input": samples})
>>> result = tinyglow.simulate(program, board, {"input": samples})
>>> tinyglow.emit(program, "bundle")

Names are loaded when they are first used, so that ``import tinyglow`` stays quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tinyglow.resources import VERSION

if TYPE_CHECKING:
    from tinyglow.errors import TinyglowError
    from tinyglow.ir.graph import Graph
    from tinyglow.ir.program import Program
    from tinyglow.ir.target import Optimize, Target
    from tinyglow.pipeline.compare import verify
    from tinyglow.pipeline.cycle_profile import profile_cycles
    from tinyglow.pipeline.execute import simulate
    from tinyglow.pipeline.shared_arena import emit_shared
    from tinyglow.pipeline.stations import emit, interpret, load, lower, profile, quantize, target_of
    from tinyglow.pipeline.streams import stream
    from tinyglow.pipeline.validate import validate
    from tinyglow.pipeline.variants import variants
    from tinyglow.quant.profile import load_profile, save_profile
    from tinyglow.quant.schema import Schema
    from tinyglow.quant.scheme import Scheme
    from tinyglow.targets.boards import load_board
    from tinyglow.tuning.tune import tune

__version__ = VERSION

_PLACES = {
    "Graph": "tinyglow.ir.graph",
    "Optimize": "tinyglow.ir.target",
    "Program": "tinyglow.ir.program",
    "Schema": "tinyglow.quant.schema",
    "Scheme": "tinyglow.quant.scheme",
    "Target": "tinyglow.ir.target",
    "TinyglowError": "tinyglow.errors",
    "emit": "tinyglow.pipeline.stations",
    "emit_shared": "tinyglow.pipeline.shared_arena",
    "interpret": "tinyglow.pipeline.stations",
    "load": "tinyglow.pipeline.stations",
    "load_board": "tinyglow.targets.boards",
    "load_profile": "tinyglow.quant.profile",
    "lower": "tinyglow.pipeline.stations",
    "profile": "tinyglow.pipeline.stations",
    "profile_cycles": "tinyglow.pipeline.cycle_profile",
    "quantize": "tinyglow.pipeline.stations",
    "save_profile": "tinyglow.quant.profile",
    "simulate": "tinyglow.pipeline.execute",
    "stream": "tinyglow.pipeline.streams",
    "target_of": "tinyglow.pipeline.stations",
    "tune": "tinyglow.tuning.tune",
    "validate": "tinyglow.pipeline.validate",
    "variants": "tinyglow.pipeline.variants",
    "verify": "tinyglow.pipeline.compare",
}

__all__ = [
    "Graph",
    "Optimize",
    "Program",
    "Schema",
    "Scheme",
    "Target",
    "TinyglowError",
    "__version__",
    "emit",
    "emit_shared",
    "interpret",
    "load",
    "load_board",
    "load_profile",
    "lower",
    "profile",
    "profile_cycles",
    "quantize",
    "save_profile",
    "simulate",
    "stream",
    "target_of",
    "tune",
    "validate",
    "variants",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'tinyglow' has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return __all__
