"""Caffe2 networks as files: a net of operators, and one that makes the weights (caffe2/proto/caffe2.proto of PyTorch).

They come as a folder with ``predict_net.pb`` and ``init_net.pb``, or as two files; as text they end in ``.pbtxt``.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path
from typing import Any

from tinyglow.errors import ModelError, Problem
from tinyglow.frontend.names import shown
from tinyglow.frontend.protobuf_file import read_message
from tinyglow.frontend.protobuf_schema import message_classes
from tinyglow.frontend.translation import HINT
from tinyglow.ir.op import UnsupportedError
from tinyglow.ir.record import Record

PREDICT, INIT = "predict_net.pb", "init_net.pb"
_KIND = "Caffe2 network"
_MESSAGES: Mapping[str, Mapping[str, tuple[int, str]]] = {
    "Argument": {
        "name": (1, "string"),
        "f": (2, "float"),
        "i": (3, "int64"),
        "s": (4, "bytes"),
        "floats": (5, "float*"),
        "ints": (6, "int64*"),
        "strings": (7, "bytes*"),
    },
    "DeviceOption": {
        "device_type": (1, "int32"),
        "device_id": (2, "int32"),
        "random_seed": (3, "uint32"),
        "node_name": (4, "string"),
        "numa_node_id": (5, "int32"),
        "extra_info": (6, "string*"),
    },
    "OperatorDef": {
        "input": (1, "string*"),
        "output": (2, "string*"),
        "name": (3, "string"),
        "type": (4, "string"),
        "arg": (5, "Argument*"),
        "device_option": (6, "DeviceOption"),
        "engine": (7, "string"),
        "control_input": (8, "string*"),
        "is_gradient_op": (9, "bool"),
        "debug_info": (10, "string"),
        "domain": (11, "string"),
        "op_version": (12, "int64"),
    },
    "NetDef": {
        "name": (1, "string"),
        "op": (2, "OperatorDef*"),
        "type": (3, "string"),
        "num_workers": (4, "int32"),
        "device_option": (5, "DeviceOption"),
        "arg": (6, "Argument*"),
        "external_input": (7, "string*"),
        "external_output": (8, "string*"),
    },
}


class Element(IntEnum):
    """Numbers of element types (TensorProto.DataType)."""

    FLOAT = 1
    INT32 = 2
    BOOL = 5
    UINT8 = 6
    INT8 = 7
    INT64 = 10
    FLOAT16 = 12
    DOUBLE = 13


# Hints for running and training, which change no result of inference.
_WITHOUT_EFFECT = {
    *("ws_nbytes_limit", "exhaustive_search", "cudnn_exhaustive_search", "deterministic", "use_cudnn", "init_params"),
    *("shared_buffer", "float16_compute", "enable_tensor_core", "is_test", "momentum", "num_batches", "net_pos"),
    *("ratio", "training_mode", "algo", "cached"),
}


@functools.cache
def net_class() -> Any:
    """The class of networks."""
    return message_classes("caffe2", _MESSAGES)["NetDef"]


def is_fill(kind: str) -> bool:
    """Whether operators of a type make constants."""
    return kind.endswith("Fill")


def is_caffe2(path: Path) -> bool:
    """Whether a path is what a Caffe2 network goes by: its folder or one of its files."""
    if path.is_dir():
        return (path / PREDICT).exists() or (path / INIT).exists()
    return path.suffix == ".pbtxt" or (path.suffix == ".pb" and path.stem.endswith(("predict_net", "init_net")))


class Net(Record):
    """A network.

    Attributes:
        predict: Its operators.
        init: Those that make its weights.
        path: The file of the operators.
    """

    predict: Any
    init: Any
    path: Path


def read_net(path: Path, weights: Path | None = None) -> Net:
    """The two nets of a network.

    Args:
        path: A folder, or the file of one net; the other lies beside it, under the usual name.
        weights: The file of the other net.

    Returns:
        The nets, whichever file has which.

    Raises:
        ModelError: A file cannot be read.
    """
    if path.is_dir():
        return _sorted(path / PREDICT, path / INIT)
    return _sorted(path, weights or _beside(path))


def _beside(path: Path) -> Path:
    """The other file of a network of which one is given."""
    for ours, other in (("predict_net", "init_net"), ("init_net", "predict_net"), ("pred_net", "init_net")):
        if path.stem.endswith(ours):
            return path.with_name(f"{path.stem.removesuffix(ours)}{other}{path.suffix}")
    found = "is one of the two files of a Caffe2 network"
    problem = Problem("", found, "both", "give the other one: --model-weights init_net.pb")
    raise ModelError(f"cannot read the model {path}", [problem])


def _sorted(one: Path, other: Path) -> Net:
    first, second = _read(one), _read(other)
    if first.op and all(is_fill(op.type) for op in first.op) and not all(is_fill(op.type) for op in second.op):
        return Net(second, first, other)
    return Net(first, second, one)


def _read(path: Path) -> Any:
    return read_message(path, net_class()(), path.suffix == ".pbtxt", _KIND, HINT)


class Arguments:
    """The arguments of an operator by name; what nobody has taken is refused in the end."""

    def __init__(self, op: Any) -> None:
        self._given: dict[str, Any] = {}
        for arg in op.arg:
            if arg.name in self._given:
                raise UnsupportedError(f"argument {shown(arg.name)} is given twice", "each argument once")
            self._given[arg.name] = arg

    def has(self, name: str) -> bool:
        """Whether there is such an argument that nobody has taken."""
        return name in self._given

    def _one(self, name: str, field: str, what: str) -> Any:
        arg = self._given.pop(name)
        if not arg.HasField(field):
            raise UnsupportedError(f"argument {name} is no {what}", what)
        return getattr(arg, field)

    def integer(self, name: str, default: int = 0) -> int:
        """A number without fraction."""
        return int(self._one(name, "i", "integer")) if name in self._given else default

    def real(self, name: str, default: float = 0.0) -> float:
        """A number."""
        return float(self._one(name, "f", "number")) if name in self._given else default

    def text(self, name: str, default: str = "") -> str:
        """Text."""
        return self._one(name, "s", "text").decode("utf-8", "replace") if name in self._given else default

    def data(self, name: str) -> bytes:
        """Bytes."""
        return bytes(self._one(name, "s", "text")) if name in self._given else b""

    def integers(self, name: str) -> list[int] | None:
        """A list of integers; None if there is none."""
        return [int(item) for item in self._given.pop(name).ints] if name in self._given else None

    def reals(self, name: str) -> list[float]:
        """A list of numbers."""
        return [float(item) for item in self._given.pop(name).floats] if name in self._given else []

    def check(self) -> None:
        """Raises UnsupportedError for arguments that nobody has taken, and that may change the result."""
        left = sorted(self._given.keys() - _WITHOUT_EFFECT)
        if left:
            raise UnsupportedError(f"arguments that are not read: {', '.join(map(shown, left))}", "none of these")
