"""package --shared-arena: a library of several networks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tinyglow
from tests.helpers import Place, conv_net, example_program, run_cli
from tests.unit.package.tools import need, run
from tests.unit.shared_arena.networks import recurrent
from tinyglow.bundle.packages import formats
from tinyglow.errors import InputError
from tinyglow.ir.program import Region
from tinyglow.pipeline.package import package_bundle, package_shared
from tinyglow.targets.boards import load_board


@pytest.fixture
def bundles(tmp_path: Path) -> list[Path]:
    """Two networks."""
    for name in ("dense", "conv"):
        tinyglow.emit(example_program(name, tmp_path), tmp_path / name)
    return [tmp_path / "dense", tmp_path / "conv"]


# All have the same files of C; one of them is looked at in every run.
_KINDS = [
    pytest.param(name, marks=() if name == "arduino" else pytest.mark.long)
    for name, one in formats().items()
    if one.several
]
_MAIN = '#include "networks_check.h"\nint main(void) { return (int)(networks_check() + networks_check()); }\n'


@pytest.mark.slow
@pytest.mark.parametrize("kind", _KINDS)
def test_its_check_passes_and_notices_other_weights(kind: str, bundles: list[Path], tmp_path: Path) -> None:
    """Built by gcc from the files that every format has; of a bundle and of a program."""
    need("gcc")
    folder = tmp_path / kind
    package_shared([example_program("dense", tmp_path), bundles[1]], folder, kind)
    check = next(folder.rglob("networks_check.c"))
    (tmp_path / "main.c").write_text(_MAIN, encoding="utf-8")
    sources = [*sorted((folder / "src").glob("*.c")), check, check.parent / "samples.c", tmp_path / "main.c"]
    words = ["gcc", "-std=c99", "-Wall", "-Wextra", "-ffp-contract=off", "-I", folder / "src", "-I", check.parent]
    run(*words, "-Werror", *sources, "-o", tmp_path / "check")
    run(tmp_path / "check")
    weights = folder / "src" / "conv.weights.txt"
    weights.write_text(re.sub(r"0X[0-9A-F]{2}", "0X55", weights.read_text(encoding="utf-8")), encoding="utf-8")
    run(*words, *sources, "-o", tmp_path / "check")
    run(tmp_path / "check", fails=True)


@pytest.mark.slow
def test_whatever_a_bundle_wants_its_library_has(tmp_path: Path) -> None:
    """Fast memory, weights in RAM or in an assembly file, helpers for hosts, and states: of one network and of two."""
    need("gcc")
    rnn = recurrent("RNN", tmp_path)
    net = conv_net()
    graph = tinyglow.load(net.save(tmp_path), "fast")
    quantized = tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(8)))
    fast = tinyglow.lower(quantized, target=tinyglow.target_of(load_board("cortex-m7")), tcm_bytes=400)
    assert fast.sizes[Region.TCM]
    tinyglow.emit(fast, tmp_path / "fast", weights="ram", weights_asm=True, utils=True)
    tinyglow.emit(rnn, tmp_path / "rnn", weights_asm=True)
    package_shared([tmp_path / "fast", tmp_path / "rnn"], tmp_path / "networks", "arduino")
    package_bundle(tmp_path / "fast", tmp_path / "one", "arduino")
    for name, folder in (("networks", tmp_path / "networks"), ("fast", tmp_path / "one")):
        check = next(folder.rglob(f"{name}_check.c"))
        (tmp_path / "main.c").write_text(_MAIN.replace("networks", name), encoding="utf-8")
        sources = [*sorted((folder / "src").iterdir()), check, check.parent / "samples.c", tmp_path / "main.c"]
        built = [path for path in sources if path.suffix in (".c", ".S")]
        assert not [path for path in built if path.suffix == ".S" or path.name.startswith("glow_bundle")]
        words = ["gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", "-I", folder / "src"]
        run(*words, "-I", check.parent, *built, "-o", tmp_path / "check")
        run(tmp_path / "check")


@pytest.mark.slow
def test_cmake_builds_it(bundles: list[Path], tmp_path: Path) -> None:
    """As any library; the command line takes bundles."""
    need("cmake", "make", "gcc")
    words = ("--shared-arena", "--project", "ears", "--format", "cmake", "-o", tmp_path / "library")
    answer = run_cli("package", *bundles, *words)
    assert answer.status == 0, answer.err
    run("cmake", "-S", tmp_path / "library", "-B", tmp_path / "build", "-DCMAKE_C_COMPILER=gcc")
    run("cmake", "--build", tmp_path / "build")
    assert run(tmp_path / "build" / "ears_check") == "ears: 3 of 3 samples answered as compiled\n"


def test_what_cannot_be_is_said(bundles: list[Path], tmp_path: Path) -> None:
    """A format for one network, options of one network, and several networks that do not share."""
    place = Place(tmp_path)
    with pytest.raises(InputError, match="mcuxpresso has one network"):
        package_shared(bundles, tmp_path / "out", "mcuxpresso")
    words = ("--format", "cmake", "-o", tmp_path / "out")
    place.refuses("package", *bundles, *words, because="2 times")
    place.refuses("package", *bundles, "--shared-arena", *words, "--input", "x=x.npy", because="--input")
    place.refuses("package", bundles[0], "--shared-arena", *words, because="two or more")
