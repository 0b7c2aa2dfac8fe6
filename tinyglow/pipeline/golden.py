"""Recordings of the real Glow at work: a folder with facts.json, graph.json and io.npz for one configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinyglow.errors import InputError, Problem
from tinyglow.ir.graph import Array
from tinyglow.quant.quantizer import Scheme
from tinyglow.quant.schema import Schema

# Inputs of Glow's nodes that are part of the operator here: channel parameters, what a Pad is inserted into.
_IMPLICIT = frozenset(
    ("Selected", "Cond", "Big", "FilterScales", "FilterOffsets", "BiasScales", "BiasOffsets", "Indices")
)


@dataclass(frozen=True)
class GlowType:
    """A type as Glow prints it: the scale has nine decimals."""

    kind: str
    dims: tuple[int, ...]
    scale: float | None = None
    offset: int | None = None

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
    input_dims: Mapping[str, tuple[int, ...]]


def _type(field: Any) -> GlowType:
    return GlowType(field["kind"], tuple(field["dims"]), field.get("scale"), field.get("offset"))


def _node(record: Mapping[str, Any], sources: Mapping[str, str]) -> GlowNode:
    fields = record["fields"]
    inputs = tuple(sources[name] for name in fields if name in sources and name not in _IMPLICIT)
    result = fields.get("Result") or fields.get("Output")
    activation = fields.get("FusedActivation", "NONE")
    return GlowNode(record["id"], record["kind"], _type(result) if result else None, inputs, activation)


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
        facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
        graph = json.loads((folder / "graph.json").read_text(encoding="utf-8"))
        with np.load(folder / "io.npz", allow_pickle=False) as arrays:
            io = {name: arrays[name] for name in arrays.files}
        scheme, float_io, profile = scheme_of_flags(facts["flags"])
        sources: dict[str, dict[str, str]] = {}
        for source, _, target, field in graph["edges"]:
            sources.setdefault(target, {})[field] = source
        nodes = {record["id"]: _node(record, sources.get(record["id"], {})) for record in graph["nodes"]}
        saves = [sources[node.name] for node in nodes.values() if node.kind == "Save"]
        return Golden(
            folder,
            scheme,
            float_io,
            profile,
            nodes,
            {save["Output"]: save["Input"] for save in saves},
            {name.removeprefix("input."): data for name, data in io.items() if name.startswith("input.")},
            {name.removeprefix("output."): data for name, data in io.items() if name.startswith("output.")},
            facts["sizes"],
            facts["targets"],
            {p["name"]: tuple(p["type"]["dims"]) for p in facts["placeholders"]},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        found = f"cannot be read ({type(error).__name__}: {error})"
        expected = "a folder with the recorded facts.json, graph.json and io.npz"
        raise InputError("this is no golden recording", [Problem(str(folder), found, expected)]) from error
