"""Recordings of the real Glow at work: a folder with facts.json, graph.json and io.npz for one configuration."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyglow.errors import InputError, Problem, reason
from tinyglow.ir.graph import Array
from tinyglow.ir.types import QuantParams
from tinyglow.pipeline.npz import read_npz
from tinyglow.quant.schema import Schema
from tinyglow.quant.scheme import Scheme
from tinyglow.resources import read_bounded

_MOST_BYTES, _MOST_NUMBER = 1 << 26, 1 << 40
# Inputs of Glow's nodes that are part of the operator here: channel parameters, what a Pad is inserted into.
_IMPLICIT = frozenset(("Selected", "Big", "FilterScales", "FilterOffsets", "BiasScales", "BiasOffsets"))
# Those that come last here, and are part of the operator where Glow lowers a PRelu, or numbers are constant.
_LAST = frozenset(("Cond", "Indices"))


@dataclass(frozen=True)
class GlowType:
    """A type as Glow prints it: the scale has nine decimals."""

    kind: str
    dims: tuple[int, ...]
    scale: float | None = None
    offset: int | None = None

    @property
    def params(self) -> QuantParams | None:
        """Scale and offset; None of what is not quantized."""
        return None if self.scale is None or self.offset is None else QuantParams(self.scale, self.offset)

    def __str__(self) -> str:
        params = "" if self.scale is None else f"[S:{self.scale:.9f} O:{self.offset}]"
        return f"{self.kind}{params}<{' x '.join(map(str, self.dims))}>"


@dataclass(frozen=True)
class GlowNode:
    """A node of a recorded graph: its result's type, its inputs in order and its fused activation."""

    name: str
    kind: str
    result: GlowType | None
    inputs: tuple[str, ...]
    activation: str


@dataclass(frozen=True)
class Golden:
    """One recorded configuration. Sizes in bytes; inputs and outputs [vectors, *shape] by placeholder."""

    folder: Path
    scheme: Scheme | None
    float_io: bool
    profile: str
    nodes: Mapping[str, GlowNode]
    outputs_of: Mapping[str, str]
    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]
    sizes: Mapping[str, int]
    targets: Mapping[str, Mapping[str, Any]]
    placeholders: Mapping[str, GlowType]

    @property
    def input_dims(self) -> dict[str, tuple[int, ...]]:
        """The shape of each placeholder."""
        return {name: type_.dims for name, type_ in self.placeholders.items()}


def _table(path: Path) -> dict[str, Any]:
    """A JSON file that holds a table. Raises OSError, ValueError, RecursionError."""
    found = json.loads(read_bounded(path, _MOST_BYTES).decode("utf-8"))
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} holds no table")
    return found


def _integer(value: Any) -> int:
    if not isinstance(value, int) or abs(value) > _MOST_NUMBER:
        raise ValueError(f"{str(value)[:40]!r} is no size")
    return value


def _dims(values: Any) -> tuple[int, ...]:
    dims = tuple(_integer(value) for value in values)
    if min(dims, default=1) < 1:
        raise ValueError(f"the dimensions {dims[:8]} are not above 0")
    return dims


def _require_arrays(golden: Golden) -> None:
    """Raise ValueError unless inputs and outputs are those of the placeholders, with equally many vectors of each."""
    arrays = {**golden.inputs, **golden.outputs}
    if not golden.inputs or not golden.outputs or len({len(array) for array in arrays.values()}) != 1:
        raise ValueError("io.npz lacks inputs or outputs, or they are of different numbers of vectors")
    for name, array in arrays.items():
        dims = golden.input_dims.get(name)
        if dims is None or not len(array) or array[0].size != math.prod(dims):
            raise ValueError(f"io.npz has {name[:80]!r} of shape {list(array.shape)[:8]}, facts.json {dims}")


def _type(field: Any) -> GlowType:
    scale, offset = field.get("scale"), field.get("offset")
    if scale is not None:
        scale, offset = float(scale), _integer(offset)
    return GlowType(str(field["kind"]), _dims(field["dims"]), scale, offset)


def _node(record: Mapping[str, Any], sources: Mapping[str, str]) -> GlowNode:
    fields = record["fields"]
    names = sorted((name for name in fields if name in sources and name not in _IMPLICIT), key=_LAST.__contains__)
    inputs = tuple(sources[name] for name in names)
    result = fields.get("Result") or fields.get("Output")
    activation = str(fields.get("FusedActivation", "NONE"))
    return GlowNode(str(record["id"]), str(record["kind"]), _type(result) if result else None, inputs, activation)


def scheme_of_flags(flags: list[str]) -> tuple[Scheme | None, bool, str]:
    """(scheme, float placeholders, profile's file name) of a command line of Glow's; no scheme if it does not quantize.

    Raises ValueError for an option that is not known.
    """
    options = dict(flag.lstrip("-").partition("=")[::2] for flag in flags)
    profile = options.pop("load-profile", "")
    float_io = "convert-placeholders" not in options
    options.pop("convert-placeholders", None)
    keep = options.pop("keep-original-precision-for-nodes", "")
    bias = options.pop("quantization-precision-bias", "Int32")
    calibration = options.pop("quantization-calibration", "None")
    scheme = Scheme(
        schema=Schema(options.pop("quantization-schema", "asymmetric")),
        bias_dtype={"Int8": "int8", "Int32": "int32"}[bias],
        channelwise=options.pop("enable-channelwise", None) is not None,
        calibrate=calibration == "KL",
        calibrate_constants=options.pop("calibrate-constants", None) is not None,
        keep_float=frozenset(name for name in keep.split(",") if name),
        like_glow=True,
    )
    if options:
        raise ValueError(f"unknown options {', '.join(options)}")
    return (scheme if profile else None), float_io, profile


def load_golden(folder: str | Path) -> Golden:
    """Read one configuration's folder. Raises InputError if it is not one."""
    folder = Path(folder)
    try:
        facts, graph = _table(folder / "facts.json"), _table(folder / "graph.json")
        io = read_npz(folder / "io.npz", "the recording")
        scheme, float_io, profile = scheme_of_flags(facts["flags"])
        sources: dict[str, dict[str, str]] = {}
        for source, _, target, field in graph["edges"]:
            sources.setdefault(target, {})[field] = source
        nodes = {record["id"]: _node(record, sources.get(record["id"], {})) for record in graph["nodes"]}
        saves = [sources[node.name] for node in nodes.values() if node.kind == "Save"]
        golden = Golden(
            folder,
            scheme,
            float_io,
            profile,
            nodes,
            {save["Output"]: save["Input"] for save in saves},
            {name.removeprefix("input."): data for name, data in io.items() if name.startswith("input.")},
            {name.removeprefix("output."): data for name, data in io.items() if name.startswith("output.")},
            {name: _integer(size) for name, size in facts["sizes"].items()},
            {
                name: {key: value for key, value in figures.items() if isinstance(value, int)}
                for name, figures in facts["targets"].items()
            },
            {str(p["name"]): _type(p["type"]) for p in facts["placeholders"]},
        )
        _require_arrays(golden)
        return golden
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        found = f"cannot be read ({type(error).__name__}: {reason(error)})"
        expected = "a folder with the recorded facts.json, graph.json and io.npz"
        raise InputError("this is no golden recording", [Problem(str(folder), found, expected)]) from error
