"""compile --shared-arena: what is written, for which networks, and what is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import NetBuilder, Place, dense_net, run_cli
from tests.unit.bundle.cc import WARNINGS, command_of, run, sources_in
from tinyglow.bundle.manifest import MANIFEST, unchanged
from tinyglow.bundle.options import BundleOptions
from tinyglow.bundle.provenance import was_written_here
from tinyglow.errors import BoardError, InputError
from tinyglow.ir.program import Program, Region
from tinyglow.lowering.rename import rename_placeholders
from tinyglow.pipeline.shared_arena import emit_shared
from tinyglow.targets.boards import load_board
from tinyglow.targets.cores import DSP


def _renamed(program: Program, name: str) -> Program:
    return replace(program, name=name)


def test_kernels_once_and_a_table(programs: dict[str, Program], bundles: dict[str, Path], tmp_path: Path) -> None:
    """The files of both, the common ones once; the list of files names all; JSON and C say the same sizes."""
    made = emit_shared([bundles["mnist"], programs["dense"]], tmp_path / "out", "board_ai")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    alone = {path.name for name in ("mnist", "dense") for path in bundles[name].iterdir()}
    proofs = {"mnist.proof.json", "dense.proof.json"}  # of the bundles by themselves, where they are left
    assert names == (alone - proofs) | {"board_ai.h", "board_ai.c", "tinyglow.networks.json"}
    assert set(unchanged(tmp_path / "out", "")) == names - {MANIFEST}
    known = json.loads((tmp_path / "out" / "tinyglow.networks.json").read_text(encoding="utf-8"))
    assert [one["name"] for one in known["networks"]] == ["mnist", "dense"]
    sizes = [programs[name].sizes for name in ("mnist", "dense")]
    assert known["activations"] == max(size[Region.ACTIVATION] for size in sizes) == made.sizes.activations
    assert known["mutable"] == sum(size[Region.MUTABLE] for size in sizes)
    header = (tmp_path / "out" / "board_ai.h").read_text(encoding="utf-8")
    assert f"#define BOARD_AI_RAM_SIZE {known['ram']}\n" in header


def test_the_same_networks_are_the_same_bytes(programs: dict[str, Program], tmp_path: Path) -> None:
    """And a second call into the same folder replaces the first one's files; other networks are refused there."""
    first = emit_shared([programs["dense"], programs["rnn"]], tmp_path / "out").files
    assert emit_shared([programs["dense"], programs["rnn"]], tmp_path / "out").files == first
    with pytest.raises(InputError, match="another network's rnn"):
        emit_shared([programs["dense"], programs["conv"]], tmp_path / "out")


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_c_is_clean_in_every_interface(compiler: str, programs: dict[str, Program], tmp_path: Path) -> None:
    """Weights in RAM and in an assembly file, the dynamic API; as separate files, in C++, and as one file."""
    words = command_of(compiler)
    strict = (*WARNINGS, "-Wshadow", "-Wundef", "-pedantic", "-fsyntax-only")
    chosen = [programs["dense"], programs["rnn"]]
    for number, options in enumerate((None, BundleOptions("dynamic", True, "ram"), BundleOptions(weights_asm=True))):
        folder = tmp_path / str(number)
        emit_shared(chosen, folder, options=options)
        run([*words, *strict, f"-I{folder}", *sources_in(folder)], tmp_path)
        one = tmp_path / "one.c"
        one.write_text("".join(f'#include "{path}"\n' for path in sources_in(folder)), encoding="utf-8")
        run([*words, *strict, f"-I{folder}", str(one)], tmp_path)
        (tmp_path / "main.cpp").write_text('#include "networks.h"\n', encoding="utf-8")
        run([*words, "-x", "c++", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{folder}", "main.cpp"], tmp_path)


def test_what_cannot_be_is_said_at_once(programs: dict[str, Program], bundles: dict[str, Path], tmp_path: Path) -> None:
    """Names, kernels, folders and cores; nothing is written then."""
    dense, rnn = programs["dense"], programs["rnn"]
    with pytest.raises(InputError, match="two or more"):
        emit_shared([dense], tmp_path / "out")
    with pytest.raises(InputError) as refused:
        emit_shared([dense, _renamed(rnn, "DENSE")], tmp_path / "out", "dense")
    assert "is the name of 2 networks" in str(refused.value) and "is a network's name too" in str(refused.value)
    with pytest.raises(InputError, match="no name for a network"):
        emit_shared([dense, rnn], tmp_path / "out", "while")
    # Network a's placeholder B_x, and network a_B's placeholder x, have one macro.
    pair = [_renamed(rename_placeholders(dense, {"x": "B_x"}), "a"), _renamed(rnn, "a_B")]
    with pytest.raises(InputError, match="both define A_B_x"):
        emit_shared(pair, tmp_path / "out")
    with pytest.raises(InputError, match="rnn_reset"):
        emit_shared([_renamed(dense, "rnn_reset"), rnn], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_folders_that_are_no_bundles_of_ours(bundles: dict[str, Path], tmp_path: Path) -> None:
    """Empty, changed, without a list, of several networks already: all of them are named."""
    (tmp_path / "empty").mkdir()
    for name in ("changed", "unlisted"):
        shutil.copytree(bundles["dense"], tmp_path / name)
    kernel = next((tmp_path / "changed").glob("tg_*.c"))
    kernel.write_bytes(kernel.read_bytes() + b"\n")
    (tmp_path / "unlisted" / MANIFEST).unlink()
    emit_shared([bundles["dense"], bundles["conv"]], tmp_path / "several")
    names = ("empty", "changed", "unlisted", "several", "nowhere")
    with pytest.raises(InputError) as refused:
        emit_shared([tmp_path / name for name in names], tmp_path / "out")
    text = str(refused.value)
    assert all(str(tmp_path / name) in text for name in names)
    assert kernel.name in text and MANIFEST in text and "holds several networks" in text and "is no folder" in text
    assert not (tmp_path / "out").exists()


def test_kernels_that_differ_and_objects_are_refused(
    programs: dict[str, Program], bundles: dict[str, Path], tmp_path: Path
) -> None:
    """A bundle of another version of the kernels, and one that is an object."""
    tinyglow.emit(replace(programs["rnn"], compact=True), tmp_path / "small")
    with pytest.raises(InputError, match=r"do not have the same tg_.* --optimize"):
        emit_shared([bundles["dense"], tmp_path / "small"], tmp_path / "out")


def test_a_stranger_s_bundle_makes_a_stranger_s_folder(bundles: dict[str, Path], tmp_path: Path) -> None:
    """Its list was made somewhere else: what it becomes part of does not run on this machine either."""
    path = tmp_path / "other"
    shutil.copytree(bundles["dense"], path)
    header = path / "dense.h"
    header.write_bytes(header.read_bytes() + b"// a stranger's\n")
    lines = (path / MANIFEST).read_text(encoding="ascii").splitlines()
    digest = hashlib.sha256(header.read_bytes()).hexdigest()
    lines = [f"{digest}  dense.h" if line.endswith("  dense.h") else line for line in lines]
    (path / MANIFEST).write_text("\n".join(lines) + "\n", encoding="ascii")
    strange = emit_shared([path, bundles["conv"]], tmp_path / "strange")
    assert not was_written_here(strange.files[MANIFEST])
    assert was_written_here(emit_shared([bundles["dense"], bundles["conv"]], tmp_path / "ours").files[MANIFEST])


def test_a_board_must_have_the_core_and_the_room(
    programs: dict[str, Program], bundles: dict[str, Path], tmp_path: Path
) -> None:
    """Kernels with the DSP extension are for no Cortex-M0+; plain ones run on a Cortex-M7, which could do better."""
    small, large = load_board("frdm-ke16z"), load_board("mimxrt1060-evk")
    build = NetBuilder(0)
    build.node("Gemm", "x", build.weights(64, 8), build.weights(8), name="gemm", output="y")
    net = build.build({"x": (1, 64)}, ["y"])
    graph = tinyglow.load(net.save(tmp_path), "fast")
    quantized = tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(8)))
    fast = tinyglow.lower(quantized, target=tinyglow.target_of(large))
    assert any(call.kernel.needs >= DSP for call in fast.calls)
    tinyglow.emit(fast, tmp_path / "fast")
    with pytest.raises(BoardError, match="needs DSP"):
        emit_shared([tmp_path / "fast", bundles["conv"]], tmp_path / "out", board=small)
    assert not emit_shared([tmp_path / "fast", bundles["conv"]], tmp_path / "out", board=large).notes
    slow = _renamed(tinyglow.lower(quantized, target=tinyglow.target_of(small)), "slow")
    assert any(call.kernel.superseded_by for call in slow.calls)
    (note,) = emit_shared([tmp_path / "fast", slow], tmp_path / "mixed", board=large).notes
    assert "slow was compiled for a lesser core" in note
    full = replace(programs["mnist"], name="big", sizes={**programs["mnist"].sizes, Region.MUTABLE: 5_000})
    emit_shared([full, programs["dense"]], tmp_path / "fits", board=small)
    with pytest.raises(BoardError, match="do not fit the board"):
        emit_shared([full, _renamed(full, "big2")], tmp_path / "no", board=small)


def test_models_and_bundles_on_the_command_line(bundles: dict[str, Path], tmp_path: Path) -> None:
    """Each model has its profile and name; a bundle has them already."""
    place = Place(tmp_path)
    for seed, name in enumerate(("one", "two")):
        net = dense_net(seed)
        net.save(tmp_path, f"{name}.onnx")
        np.save(tmp_path / f"{name}.npy", net.samples(8)["x"])
        given = ("--input", f"x={tmp_path / name}.npy", "-o", tmp_path / f"{name}.yaml")
        assert run_cli("profile", tmp_path / f"{name}.onnx", *given).status == 0
    models = (tmp_path / "one.onnx", bundles["gru"], tmp_path / "two.onnx")
    words = ("--shared-arena", "--board", "host", "-o", tmp_path / "out")
    profiles = ("--profile", tmp_path / "one.yaml", "--profile", tmp_path / "two.yaml")
    answer = run_cli("compile", *models, *words, *profiles, "--name", "first", "--name", "second", "--project", "trio")
    assert answer.status == 0, answer.err
    for text in ("3 networks 'trio'", "first", "gru", "second", "by themselves", "together", "trio.h"):
        assert text in answer.out
    header = (tmp_path / "out" / "trio.h").read_text(encoding="utf-8")
    assert header.index('"first.h"') < header.index('"gru.h"') < header.index('"second.h"')
    place.refuses("compile", *models, "--board", "host", "-o", tmp_path / "no", because=("3 times", "--shared-arena"))
    place.refuses("compile", *models, *words, *profiles[:2], because=("--profile", "1 times for 2 models"))
    place.refuses("compile", *models, *words, *profiles, "--object", because="--object")
    folders = (bundles["gru"], bundles["dense"])
    place.refuses("compile", *folders, *words, *profiles, because=("--profile", "no model to compile"))
    place.refuses(
        "run",
        tmp_path / "out",
        "--board",
        "host",
        "--input",
        f"x={tmp_path / 'one.npy'}",
        because="holds several networks",
    )
