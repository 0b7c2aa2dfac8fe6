"""Inputs and outputs under other names in C."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import NetBuilder, conv_net, run_cli
from tinyglow.errors import InputError
from tinyglow.ir.program import Program
from tinyglow.ir.target import Target
from tinyglow.lowering.rename import rename_placeholders


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A convolution of ``x``, whose result is ``y``."""
    net = conv_net()
    graph = tinyglow.load(net.save(tmp_path_factory.mktemp("net")))
    return tinyglow.lower(tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(8))))


def test_only_names_change(program: Program) -> None:
    """The program computes the same, and takes its inputs by the new names and the model's."""
    renamed = rename_placeholders(program, {"x": "image", program.outputs[0]: "scores"})
    assert (renamed.inputs, renamed.outputs) == (("image",), ("scores",))
    samples = np.random.default_rng(0).standard_normal((2, *program.buffers["x"].type.shape)).astype(np.float32)
    (expected,) = tinyglow.interpret(program, {"x": samples}).values()
    for name in ("image", "x"):
        assert (tinyglow.interpret(renamed, {name: samples})["scores"] == expected).all()
    assert rename_placeholders(renamed, {"image": "x", "scores": program.outputs[0]}).calls == program.calls


def test_parts_of_an_input_follow_it(tmp_path: Path) -> None:
    """With line buffers, calls read some rows of an input at a time."""
    build = NetBuilder()
    wide = build.node("Conv", "x", build.weights(8, 1, 3, 3), build.weights(8), pads=[1, 1, 1, 1])
    build.node("Conv", wide, build.weights(4, 8, 3, 3), build.weights(4), strides=[2, 2], output="y")
    net = build.build({"x": (1, 1, 24, 24)}, ["y"])
    graph = tinyglow.load(net.save(tmp_path))
    quantized = tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(8)))
    made = tinyglow.lower(quantized, target=Target(line_buffers=True))
    assert any(buffer.part_of == "x" for buffer in made.buffers.values())
    renamed = rename_placeholders(made, {"x": "image"})
    assert renamed.inputs == ("image",) and all(buffer.part_of != "x" for buffer in renamed.buffers.values())
    tinyglow.emit(renamed, tmp_path / "bundle")
    assert run_cli("check-proof", tmp_path / "bundle").status == 0


@pytest.mark.parametrize(
    ("names", "because"),
    [
        ({"z": "image"}, "--rename z=image: the network has no such input or output; expected x"),
        ({"x": "my image"}, "my image is no C identifier"),
        ({"x": "CONSTANT_MEM_SIZE"}, "CONSTANT_MEM_SIZE is taken already"),
    ],
)
def test_names_that_cannot_be(names: dict[str, str], because: str, program: Program) -> None:
    """Unknown inputs, what C has no names for, and names that the header needs are refused."""
    with pytest.raises(InputError) as caught:
        rename_placeholders(program, names)
    assert because in str(caught.value)


def test_the_header_has_them(tmp_path: Path) -> None:
    """--rename gives compile's header, and a run, the new names."""
    net = conv_net()
    model = net.save(tmp_path)
    np.save(tmp_path / "x.npy", net.samples(4)["x"])
    assert run_cli("profile", model, "--input", f"x={tmp_path / 'x.npy'}", "-o", tmp_path / "p.yaml").status == 0
    command = (
        "compile",
        model,
        "--profile",
        tmp_path / "p.yaml",
        "--board",
        "host",
        "--name",
        "net",
        "-o",
        tmp_path / "b",
    )
    assert run_cli(*command, "--rename", "x=image").status == 0
    assert "#define NET_image " in (tmp_path / "b/net.h").read_text(encoding="utf-8")
