"""deploy --shared-arena: a firmware with several networks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.helpers import Place, example_program, run_cli
from tests.unit.deploy.test_deploy import INSTRUCTIONS, build
from tests.unit.shared_arena.networks import recurrent
from tinyglow.errors import BoardError
from tinyglow.pipeline.boot import boot
from tinyglow.pipeline.deploy import deploy_shared
from tinyglow.targets.boards import load_board


@pytest.mark.slow
@pytest.mark.parametrize("name", ["frdm-ke16z", pytest.param("mimxrt1060-evk", marks=pytest.mark.long)])
def test_a_firmware_with_two_networks_answers_as_compiled(name: str, tmp_path: Path) -> None:
    """One with states; on the Cortex-M7 their memory lies apart from the stack."""
    pytest.importorskip("unicorn")
    pytest.importorskip("ziglang")
    board = load_board(name)
    deploy_shared([example_program("conv", tmp_path), recurrent("RNN", tmp_path)], board, tmp_path / "fw", "two")
    result = boot(build(tmp_path / "fw", board), board, INSTRUCTIONS)
    lines = result.output.splitlines()
    assert lines[0].startswith("two on ") and lines[-1] == "all answers as compiled", result.output
    assert len(lines) == 5
    for index, line in enumerate(lines[1:4]):
        time = r"time [0-9.]+ ms \(\d+ cycles\)"
        assert re.fullmatch(rf"sample {index}, conv {time}, rnn {time}, outputs [0-9a-f]{{8}}", line), line


def test_what_cannot_be_deployed_is_said(tmp_path: Path) -> None:
    """This machine, labels, one network without inputs."""
    programs = [example_program("conv", tmp_path), example_program("dense", tmp_path)]
    with pytest.raises(BoardError, match="needs no firmware"):
        deploy_shared(programs, load_board("host"), tmp_path / "fw")
    place = Place(tmp_path)
    words = ("--board", "frdm-ke16z", "-o", tmp_path / "fw")
    place.refuses("deploy", tmp_path / "net.onnx", *words, because=("--input", "is missing"))
    place.refuses(
        "deploy",
        tmp_path,
        tmp_path,
        "--shared-arena",
        *words,
        "--labels",
        "y.npy",
        "--class-names",
        "n.txt",
        because=("--labels", "--class-names"),
    )
    assert run_cli("deploy", "--help").status == 0
