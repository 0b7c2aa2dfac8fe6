"""Random networks, one for each integer."""

from __future__ import annotations

import tempfile
from pathlib import Path

import onnx

from tinyglow.quant.schema import Schema
from tinyglow.quant.scheme import Scheme
from tinyglow.testing.graphs import RandomModel, random_model
from tinyglow.testing.oracle.check import check
from tinyglow.testing.oracle.stations import Finding, Form

_SCHEMAS = (Schema.SYMMETRIC, Schema.SYMMETRIC_WITH_POWER2_SCALE, Schema.SYMMETRIC_WITH_UINT8)
_CORES = ("cortex-m0plus", "cortex-m7")


def form_of(seed: int) -> Form:
    """How the network of ``seed`` is compiled: most by default, one in five as Glow would, others by other schemes."""
    scheme = Scheme()
    if seed % 5 == 1:
        scheme = Scheme(like_glow=True)
    elif seed % 10 == 2:
        scheme = Scheme(schema=_SCHEMAS[seed // 10 % 3])
    elif seed % 10 == 3:
        scheme = Scheme(channelwise=True)
    elif seed % 10 == 7:
        scheme = Scheme(precision="int16") if seed % 20 == 7 else Scheme(Schema.SYMMETRIC, bias_dtype="int8")
    target = _CORES[seed // 4 % 2] if seed % 4 == 0 else ""
    float_nodes = 1 + seed // 10 % 2 if seed % 10 == 8 else 0
    return Form(scheme, seed % 5 == 4, float_nodes, float_io=seed % 10 == 5, target=target)


def check_model(model: RandomModel, proto: onnx.ModelProto | None = None) -> Finding | None:
    """What is wrong with how tinyglow compiles a random model, or ``proto`` in its place."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        path.write_bytes((proto or model.proto).SerializeToString())
        return check(path, model.samples, form_of(model.seed))


def check_seed(seed: int) -> Finding | None:
    """What is wrong with how tinyglow compiles the random network of ``seed``."""
    return check_model(random_model(seed))
