"""A bundle's proof holds; whatever is changed in the bundle or in its proof is refused, with what it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import run_cli
from tests.unit.checker.planted import CORES, NET, Bundle, refused
from tinyglow.checker.check import check_proof

FIRST_LAYER = 2  # the call of the first convolution, counted from 1


@pytest.mark.parametrize("core", CORES)
def test_a_bundle_holds(bundles: dict[str, Path], core: str) -> None:
    """What was compiled is accepted, with what holds."""
    answer = run_cli("check-proof", bundles[core])
    assert (answer.status, answer.err) == (0, "")
    assert answer.out.endswith("the proof holds\n")
    assert "7 calls stay inside of 18 buffers" in answer.out
    assert "call no library function, and none calls itself" in answer.out


def test_the_proof_is_small(bundles: dict[str, Path]) -> None:
    """A line for each file, buffer and call."""
    text = (bundles[CORES[0]] / f"{NET}.proof.json").read_text(encoding="ascii")
    assert len(text) < 10_000
    assert json.loads(text)["version"] == 1


def _move_in_c(bundle: Bundle) -> None:
    bundle.replace(rf"({NET}_at_dense_2) = 784,", r"\1 = 785,")


def _move_everywhere(bundle: Bundle) -> None:
    bundle.replace(rf"({NET}_at_dense_2) = 784,", r"\1 = 788,")
    bundle.buffer("dense_2")["offset"] = 788


def _over_a_neighbour(bundle: Bundle) -> None:
    bundle.replace(rf"({NET}_at_sequential_dense_2_MatMul_ReadVariableOp_0) = (\d+),", r"\1 = 4,")
    bundle.buffer("dense_2_MatMul_ReadVariableOp_0")["offset"] = 4


def _first_bias(bundle: Bundle) -> int:
    constants = [buffer for buffer in bundle.proof["buffers"] if buffer["memory"] == "constantWeight"]
    return int(next(buffer for buffer in constants if "conv2d_1" in buffer["name"])["offset"])


def _large_bias(bundle: Bundle) -> None:
    bundle.word(_first_bias(bundle), 2**31 - 1000)


def _small_change_of_a_bias(bundle: Bundle) -> None:
    bundle.word(_first_bias(bundle), 2**20)


def _sums_in_the_proof(bundle: Bundle) -> None:
    bundle.proof["calls"][FIRST_LAYER - 1]["sums"]["high"] -= 1


def _channel_in_the_proof(bundle: Bundle) -> None:
    bundle.proof["calls"][FIRST_LAYER - 1]["sums"]["channel"] ^= 1


def _weight(bundle: Bundle) -> None:
    offset = bundle.buffer("dense_1_MatMul_ReadVariableOp_0")["offset"]
    for place in range(28 * 36):
        bundle.weights[offset + place] ^= 0x40


def _other_argument(bundle: Bundle) -> None:
    bundle.replace(rf"activations \+ {NET}_at_sequential_dense_1_Relu\)\); /", f"mutableWeight + {NET}_at_dense_2)); /")


def _other_constants(bundle: Bundle) -> None:
    old = rf"constantWeight \+ {NET}_at_sequential_dense_2_MatMul_ReadVariableOp_0\)"
    bundle.replace(old, f"constantWeight + {NET}_at_sequential_dense_2_BiasAdd_ReadVariableOp_0_constfold)")


def _wider_image(bundle: Bundle) -> None:
    bundle.replace(r"\.in_w = 28,", ".in_w = 29,")


def _more_units(bundle: Bundle) -> None:
    bundle.replace(r"\.units = 10,", ".units = 11,")


def _overlap(bundle: Bundle) -> None:
    bundle.proof["overlaps"][0]["distance"] += 1


def _overlap_forgotten(bundle: Bundle) -> None:
    del bundle.proof["overlaps"][0]


def _overlap_too_far(bundle: Bundle) -> None:
    one = bundle.proof["overlaps"][0]
    distance = one["distance"] // 4 * 4 + 4
    source, target = bundle.buffer(one["input"]), bundle.buffer(one["output"])
    target["offset"] = source["offset"] + distance
    bundle.replace(rf"({NET}_at_{target['name']}) = \d+,", rf"\1 = {target['offset']},")
    one["distance"] = distance


def _life(bundle: Bundle) -> None:
    bundle.buffer("dense_1_Relu")["last"] -= 1


def _smaller_memory(bundle: Bundle) -> None:
    bundle.replace(r"(_ACTIVATIONS_MEM_SIZE +)\d+", r"\g<1>448", f"{NET}.h")
    bundle.proof["memories"]["activations"] = 448


def _stack(bundle: Bundle) -> None:
    bundle.proof["stack"] = {"bytes": 8}


def _recursion(bundle: Bundle) -> None:
    bundle.replace(r"(\nint mnist\([^)]*\) \{\n)", r"\1  mnist(constantWeight, mutableWeight, activations);\n")


def _library(bundle: Bundle) -> None:
    bundle.replace(r"(\nvoid tg_rescale_s8\([^)]*\) \{\n)", r"\1  free(output);\n", "tg_rescale_s8.c")


def _kernel_forgotten(bundle: Bundle) -> None:
    del bundle.proof["calls"][-1]


FAULTS: list[tuple[Callable[[Bundle], None], str]] = [
    (_move_in_c, "buffer dense_2: begins at 785 in mnist.c; expected 784, as the proof says"),
    (_move_everywhere, "buffer dense_2: ends at byte 798 of mutableWeight; expected at most 796"),
    (_over_a_neighbour, "of constantWeight while both are in use"),
    (_large_bias, "call 2, tg_conv2d"),
    (_large_bias, "its sums reach"),
    (_small_change_of_a_bias, "sums, high"),
    (_sums_in_the_proof, "for sums, high; expected"),
    (_channel_in_the_proof, "for sums, channel; expected"),
    (_weight, "call 5, tg_fully_connected"),
    (_other_argument, "call 6, tg_rescale_s8: output: takes 28 bytes of dense_2; expected at most 10"),
    (_other_constants, "call 7, tg_fully_connected"),
    (_wider_image, "call 1, tg_max_pool_2x2_s8: input: takes 812 bytes of max_pooling_1_input; expected at most 784"),
    (_more_units, "output: takes 11 bytes of dense_2; expected at most 10"),
    (_overlap, "the proof states a distance of"),
    (_overlap_forgotten, "the proof states a distance of None"),
    (_overlap_too_far, "while both are in use"),
    (_life, "buffer sequential_dense_1_Relu: is in use from 6 to 6, as the proof says; expected 6 to 7, by the calls"),
    (_smaller_memory, "of activations; expected at most 448"),
    (_stack, "states a stack figure"),
    (_recursion, "recursion: mnist -> mnist"),
    (_library, "tg_rescale_s8 calls free"),
    (_kernel_forgotten, "has 7 calls; expected 6"),
]


# Weights, biases and sums lie in other orders on cores without the extension.
IN_WEIGHTS = (_large_bias, _small_change_of_a_bias, _weight, _sums_in_the_proof)
CASES = [
    pytest.param(core, plant, message, id=f"{core}{plant.__name__}{number}")
    for number, (plant, message) in enumerate(FAULTS)
    for core in CORES[0 if plant in IN_WEIGHTS else 1 :]
]


@pytest.mark.parametrize(("bundle", "plant", "message"), CASES, indirect=["bundle"])
def test_a_planted_fault_is_refused(bundle: Bundle, plant: Callable[[Bundle], None], message: str) -> None:
    """Each by what it is, though all hashes fit."""
    plant(bundle)
    bundle.write()
    assert message in refused(bundle)


@pytest.mark.parametrize("file", [f"{NET}.c", f"{NET}.weights.bin", "tg_core.h"])
def test_a_changed_file_is_refused(bundle: Bundle, file: str) -> None:
    """By its hash, whatever the change."""
    path = bundle.folder / file
    path.write_bytes(path.read_bytes() + b" ")
    assert f"{file}: is not the file that was compiled" in refused(bundle)


def test_a_file_too_many_or_too_few_is_refused(bundle: Bundle) -> None:
    """A project that compiles all C files would link what nobody checked."""
    (bundle.folder / "more.c").write_text("", encoding="ascii")
    (bundle.folder / "tg_core.h").unlink()
    text = refused(bundle)
    assert "more.c: lies in the bundle, and the proof does not name it" in text
    assert "tg_core.h: is no regular file" in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no JSON"),
        ("[]", "the file is no object"),
        ('{"format": "tinyglow proof", "version": 2}', "has version 2; expected 1"),
        ('{"format": "tinyglow proof", "version": 1}', "files is no object"),
        ("[" * 100_000, "is no JSON"),
    ],
)
def test_a_broken_proof_is_refused(bundle: Bundle, text: str, message: str) -> None:
    """With what is wrong with it."""
    (bundle.folder / f"{NET}.proof.json").write_text(text, encoding="ascii")
    assert message in refused(bundle)


def test_a_folder_without_a_proof_is_refused(tmp_path: Path) -> None:
    """An empty one, and none."""
    assert "holds 0 proofs" in run_cli("check-proof", tmp_path).err
    assert "is no folder" in run_cli("check-proof", tmp_path / "none").err


def test_without_the_command(bundles: dict[str, Path]) -> None:
    """The same from Python: facts, and no faults."""
    found = check_proof(bundles[CORES[0]])
    assert found.faults == []
    assert len(found.facts) >= 5
