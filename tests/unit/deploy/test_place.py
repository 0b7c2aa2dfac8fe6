"""deploy --place: the firmware has its most used constants in a faster memory, and answers as without."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import MNIST_INPUT, run_cli
from tests.unit.deploy.test_deploy import INSTRUCTIONS, build
from tinyglow.pipeline.boot import boot
from tinyglow.pipeline.deploy import deploy
from tinyglow.pipeline.placing import place_constants
from tinyglow.sim.image import load_image
from tinyglow.targets.boards import Board, load_board
from tinyglow.targets.memories import Memory

pytestmark = pytest.mark.slow  # compiles C


def _two_flashes(board: Board) -> Board:
    """The board with a little more flash, and code that runs from the slower one."""
    own = Memory("near", 0x0100_0000, 1 << 16, "flash", 0)
    code = replace(board.code, wait_states=10)
    memories = tuple(code if memory.name == code.name else memory for memory in board.memories)
    return replace(board, memories=(*memories, own))


def _program(checkout: Path) -> tinyglow.Program:
    graph = tinyglow.load(checkout / "examples/mnist/mnist_nxp.onnx", "net", {"N": 1})
    profile = tinyglow.load_profile(checkout / "tests/golden/mnist_nxp/profile.yaml")
    return tinyglow.lower(tinyglow.quantize(graph, profile))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("mimxrt1060-evk", "tcm"),
        ("mps2-an386", "flash"),
        pytest.param("mps2-an386", "ram", marks=pytest.mark.long),
    ],
)
def test_constants_lie_in_the_faster_memory(tmp_path: Path, checkout: Path, name: str, kind: str) -> None:
    """TCM and RAM, which start-up code fills, and a second flash: all answers as compiled."""
    board = load_board(name)
    if kind != "tcm":
        board = _two_flashes(board)
    fast = next(m for m in board.memories if m.kind == kind and m.name != board.code_memory and m.start)
    program = place_constants(_program(checkout), board, [f"{fast.name}=1200"])
    inputs = {MNIST_INPUT: np.random.default_rng(3).standard_normal((2, 1, 28, 28)).astype(np.float32)}
    deploy(program, board, tmp_path / "project", inputs, None, "semihosting")
    elf = build(tmp_path / "project", board)
    symbol = load_image(elf).symbol("net_near_1")
    assert fast.start <= symbol.address < fast.start + fast.size
    assert boot(elf, board, INSTRUCTIONS).output.splitlines()[-1] == "all answers as compiled"


def test_the_option_and_what_it_does_not_go_with(tmp_path: Path, checkout: Path) -> None:
    """--place as for compile; several networks, and a memory that is no faster one, are refused."""
    np.save(tmp_path / "x.npy", np.zeros((1, 1, 28, 28), np.float32))
    model = (checkout / "examples/mnist/mnist_nxp.onnx", "--define", "N=1", "--name", "mnist")
    profile = ("--profile", checkout / "tests/golden/mnist_nxp/profile.yaml", "--board", "mimxrt1060-evk")
    given = ("deploy", *model, *profile, "--input", f"{MNIST_INPUT}={tmp_path / 'x.npy'}", "-o", tmp_path / "fw")
    refused = run_cli(*given, "--place", "flash")
    assert refused.status == 2 and "is no faster memory" in refused.err and not (tmp_path / "fw").exists()
    assert run_cli(*given, "--place", "auto").status == 0
    assert "near_1_image" in (tmp_path / "fw/src/startup.c").read_text(encoding="utf-8")
    several = run_cli("deploy", *model, "--shared-arena", *profile, "--place", "auto", "-o", tmp_path / "other")
    assert several.status == 2 and "is for one network" in several.err
