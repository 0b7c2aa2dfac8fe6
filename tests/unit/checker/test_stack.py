"""The stack figure of a proof: by two readers of instructions that share no code, and never less than is measured."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import MNIST_INPUT, run_cli
from tinyglow.checker import thumb
from tinyglow.checker.findings import BrokenError
from tinyglow.checker.stack import stack_bound
from tinyglow.pipeline.execution import Options
from tinyglow.pipeline.stations import target_of
from tinyglow.quant.profile import load_profile
from tinyglow.targets.boards import load_board

pytest.importorskip("ziglang", reason="needs the extras tinyglow[sim,cc]")
pytest.importorskip("unicorn", reason="needs the extras tinyglow[sim,cc]")
pytestmark = pytest.mark.slow

NET = "mnist"
AROUND = 8  # bytes that the function which calls the network takes on an emulated core


@pytest.fixture(scope="module")
def bundle(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """AN13438's network with its object for the Cortex-M0+."""
    graph = tinyglow.load(checkout / "examples/mnist/mnist_nxp.onnx", NET, {"N": 1})
    quantized = tinyglow.quantize(graph, load_profile(checkout / "tests/golden/mnist_nxp/profile.yaml"))
    board = load_board("cortex-m0plus")
    folder: Path = tmp_path_factory.mktemp("stack") / "bundle"
    tinyglow.emit(tinyglow.lower(quantized, target=target_of(board)), folder, board, object_cc="zig")
    return folder


def _stated(bundle: Path) -> dict[str, object]:
    stated = json.loads((bundle / f"{NET}.proof.json").read_text(encoding="ascii"))["stack"]
    assert isinstance(stated, dict)
    return stated


def test_both_readers_find_the_same_bound(bundle: Path) -> None:
    """The compiler's, by a disassembler, and the checker's own."""
    bound, path, library = stack_bound(NET, (bundle / f"{NET}.o").read_bytes())
    assert _stated(bundle) == {"bytes": bound, "path": path, "library": library}
    assert f"the stack takes at most {bound} bytes: {NET} -> " in run_cli("check-proof", bundle).out


def test_no_run_takes_more(bundle: Path) -> None:
    """The object on an emulated core; it takes all of the bound but for what lies around it."""
    samples = np.zeros((1, 28, 28, 1), np.int8)
    run = tinyglow.simulate(bundle, load_board("cortex-m0plus"), {MNIST_INPUT: samples}, options=Options())
    measured, stated = run.most("stack"), _stated(bundle)["bytes"]
    assert isinstance(measured, int) and isinstance(stated, int)
    assert stated <= measured <= stated + AROUND


@pytest.mark.parametrize("less", [4, 300])
def test_a_lowered_figure_is_refused(bundle: Path, tmp_path: Path, less: int) -> None:
    """By the instructions of the object."""
    copy = Path(shutil.copytree(bundle, tmp_path / "bundle"))
    proof = json.loads((copy / f"{NET}.proof.json").read_text(encoding="ascii"))
    stated = proof["stack"]["bytes"]
    proof["stack"]["bytes"] = stated - less
    (copy / f"{NET}.proof.json").write_text(json.dumps(proof), encoding="ascii")
    answer = run_cli("check-proof", copy)
    assert answer.status == 2
    assert f"states a stack of {stated - less} bytes; expected {stated}" in answer.err


def test_another_object_is_refused(bundle: Path, tmp_path: Path) -> None:
    """One whose function reserves more, with a hash that fits: SUB SP of the network's function, plus 64."""
    copy = Path(shutil.copytree(bundle, tmp_path / "bundle"))
    data = bytearray((copy / f"{NET}.o").read_bytes())
    at = next(
        i for i in range(0, len(data) - 3, 2) if data[i + 1] == 0xB5 and data[i + 3] == 0xB0 and data[i + 2] > 0x80
    )
    data[at + 2] += 16
    (copy / f"{NET}.o").write_bytes(data)
    proof = json.loads((copy / f"{NET}.proof.json").read_text(encoding="ascii"))
    proof["files"][f"{NET}.o"] = hashlib.sha256(data).hexdigest()
    (copy / f"{NET}.proof.json").write_text(json.dumps(proof), encoding="ascii")
    assert "states a stack of" in run_cli("check-proof", copy).err


@pytest.mark.parametrize(
    "data", [b"", b"\x7fELF\x01\x01" + bytes(60), b"\x7fELF\x01\x01" + bytes(10) + b"\1\0\x28\0" + b"\xff" * 60]
)
def test_a_broken_object_is_refused(data: bytes) -> None:
    """Nothing, an object of nobody, one whose tables lie outside of it."""
    with pytest.raises(BrokenError, match=r"is no relocatable object|is damaged|has no function"):
        stack_bound(NET, data)


@pytest.mark.parametrize(
    ("words", "step"),
    [
        ([0xB5F0], thumb.Step(2, 20)),  # push {r4-r7, lr}
        ([0xBDF0], thumb.Step(2, -20, "return")),
        ([0xB0AF], thumb.Step(2, 188)),  # sub sp, #188
        ([0xB02F], thumb.Step(2, -188)),
        ([0xE92D, 0x4FF0], thumb.Step(4, 36)),  # push.w {r4-r11, lr}
        ([0xE8BD, 0x8FF0], thumb.Step(4, -36, "return")),
        ([0xF84D, 0x0D04], thumb.Step(4, 4)),  # str r0, [sp, #-4]!
        ([0xF85D, 0x0B04], thumb.Step(4, -4)),  # ldr r0, [sp], #4
        ([0xF5AD, 0x7D00], thumb.Step(4, 512)),  # sub.w sp, sp, #512
        ([0xF2AD, 0x4D04], thumb.Step(4, 1028)),  # subw sp, sp, #1028
        ([0xED2D, 0x8B04], thumb.Step(4, 16)),  # vpush {d8, d9}
        ([0xE9CD, 0x0102], thumb.Step(4)),  # strd r0, r1, [sp, #8]
        ([0xE96D, 0x0102], thumb.Step(4, 8)),  # strd r0, r1, [sp, #-8]!
        ([0x46BD], thumb.Step(2, 0, "unknown")),  # mov sp, r7
        ([0x4497], thumb.Step(2, 0, "computed")),  # add pc, r2
        ([0x4790], thumb.Step(2, 0, "indirect")),  # blx r2
        ([0x4770], thumb.Step(2, 0, "return")),  # bx lr
        ([0xE7FE], thumb.Step(2, 0, "jump", 0)),  # b .
        ([0xD0FE], thumb.Step(2, 0, "branch", 0)),  # beq .
        ([0xF000, 0xF802], thumb.Step(4, 0, "call", 8)),  # bl .+8
        ([0xF7FF, 0xBFFE], thumb.Step(4, 0, "jump", 0)),  # b.w .
        ([0xF43F, 0xAFFE], thumb.Step(4, 0, "branch", 0)),  # beq.w .
        ([0xE8DF, 0xF000], thumb.Step(4, 0, "computed")),  # tbb [pc, r0]
    ],
)
def test_instructions(words: list[int], step: thumb.Step) -> None:
    """Every form that moves the stack pointer or leads elsewhere (ARMv7-M Architecture Reference Manual, A7.7)."""
    code = b"".join(word.to_bytes(2, "little") for word in words)
    assert thumb.decode(code, 0) == step
