"""Names in C: a network's and its macros are nobody else's, and take no more room than they must."""

from __future__ import annotations

from pathlib import Path

import pytest
from onnx import TensorProto, helper

import tinyglow
from tests.helpers import NetBuilder
from tinyglow.bundle.c_names import is_taken
from tinyglow.bundle.emit import bundle_files, check_name, default_name
from tinyglow.errors import InputError

NETWORKS = (
    "GLOW_SUCCESS BundleConfig SymbolTableEntry linux unix exp index memcpy memset expf printf size_t tg Tg_x errno"
)
MACROS = [
    ("tg", "KERNELS_H"),
    ("size", "MAX"),
    ("glow_mem", "ALIGN"),
    ("uint8", "MAX"),
    ("flt", "EPSILON"),
    ("clock", "HZ"),
]


@pytest.mark.parametrize("name", NETWORKS.split())
def test_networks_have_no_name_of_c_or_glow(name: str) -> None:
    """What the header could not declare, or would redefine, is refused; a file of that name gives another network."""
    with pytest.raises(InputError, match="no name for a network"):
        check_name(name)
    assert default_name(Path(f"{name}.onnx")) == f"net_{name}"


@pytest.mark.parametrize(("net", "placeholder"), MACROS)
def test_macros_are_nobody_elses(net: str, placeholder: str, tmp_path: Path) -> None:
    """The macro of a placeholder that is C's, Glow's or ours already is refused, or the network's name before."""
    build = NetBuilder()
    build.node("Relu", placeholder, output="y")
    made = build.build({placeholder: (1, 4)}, ["y"])
    with pytest.raises(InputError, match=r"no name for a network|its macro [A-Z_0-9]+ is another's"):
        graph = tinyglow.load(made.save(tmp_path), net)
        tinyglow.emit(tinyglow.lower(graph), tmp_path / "bundle")


@pytest.mark.parametrize(
    "name", ["net", "mnist", "MNIST", "MODEL", "FPGA", "ecg", "SIGNAL", "glow_mnist", "M_INPUT", "int_net"]
)
def test_ordinary_names_are_free(name: str) -> None:
    """What merely looks like a name of C's is none."""
    assert not is_taken(name)


def test_columns_do_not_grow_with_the_longest_name(tmp_path: Path) -> None:
    """A bundle is in proportion to its model, one name of which may be very long."""
    count, long = 300, "n" * 100_000
    names = [long, *(f"x{index}" for index in range(1, count))]
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1]) for name in names]
    outs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph([helper.make_node("Concat", names, ["y"], axis=1)], "g", infos, outs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    files = bundle_files(tinyglow.lower(tinyglow.load(tmp_path / "m.onnx", "net")), 1.0)
    assert sum(map(len, files.values())) < 10 * len(long) + 1_000 * count
