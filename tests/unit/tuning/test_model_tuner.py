"""``tinyglow model-tuner``: what it says, writes and refuses; and Glow's own recorded runs, line by line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import tinyglow
from tests.helpers import run_cli
from tinyglow.quant.profile import Range, load_profile
from tinyglow.testing.budget import is_full

pytestmark = pytest.mark.slow


def _other(digits: list[str], **options: str | None) -> list[str]:
    """The arguments with other values of some options; None leaves one out."""
    named = {name.replace("_", "-"): value for name, value in options.items()}
    kept = [part for part in digits if part.lstrip("-").partition("=")[0] not in named]
    return [*kept, *(f"-{name}={value}" for name, value in named.items() if value is not None)]


def _untimed(lines: list[str]) -> list[str]:
    return [line.partition(":")[0] if re.match("(Iteration|Remaining|Total) time:", line) else line for line in lines]


# What real Glow (2024-05-11) said and wrote about 300 images of each data set.
@pytest.mark.parametrize(
    ("data_set", "model", "mode", "schema", "bias"),
    [
        ("mnist", "mnist_nxp_nchw", "0to1", "asymmetric", "Int32"),
        ("mnist", "mnist_nxp_nchw", "0to1", "symmetric_with_power2_scale", "Int8"),
        *([("cifar10", "cifar10", "neg1to1", "symmetric_with_power2_scale", "Int8")] if is_full() else []),
    ],
)
def test_as_glow_recorded(
    shared: Path, tmp_path: Path, data_set: str, model: str, mode: str, schema: str, bias: str
) -> None:
    """From Glow's own profile: every line of Glow's console but for times, and Glow's tuned profile to the byte."""
    recorded, tuned = shared / f"golden_tools/{data_set}_tuner", tmp_path / "tuned.yaml"
    answer = run_cli(
        *("model-tuner", f"-dataset-file={recorded}/Labels.csv", f"-dataset-path={recorded}/dataset"),
        *(f"-image-mode={mode}", "-image-layout=NCHW", "-image-channel-order=RGB"),
        *(f"-model={shared}/models/{model}.onnx", f"-load-profile={recorded}/profile.yaml", "-backend=CPU"),
        *(f"-quantization-schema={schema}", f"-quantization-precision-bias={bias}", "-quantization-precision=Int8"),
        f"-dump-tuned-profile={tuned}",
    )
    assert (answer.status, answer.err) == (0, "")
    log = (recorded / f"tuner_{schema}.log").read_text(encoding="utf-8").rstrip().splitlines()
    assert _untimed(answer.out.rstrip().splitlines()) == _untimed(log)
    assert tuned.read_bytes() == (recorded / f"profile_tuned_{schema}.yaml").read_bytes()


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs the processor time of other processes")
def test_faster_than_glow(shared: Path, tmp_path: Path) -> None:
    """Glow tuned the CIFAR-10 network in 46 seconds on one core; here two processes take less on both together."""
    recorded = shared / "golden_tools/cifar10_tuner"
    before = os.times()
    subprocess.run(
        [
            *(sys.executable, "-m", "tinyglow", "model-tuner", "-image-mode=neg1to1", "-image-channel-order=RGB"),
            *(f"-dataset-file={recorded}/Labels.csv", f"-dataset-path={recorded}/dataset"),
            *(f"-model={shared}/models/cifar10.onnx", f"-load-profile={recorded}/profile.yaml", "-jobs=2"),
            *("-quantization-schema=symmetric_with_power2_scale", "-quantization-precision-bias=Int8"),
            f"-dump-tuned-profile={tmp_path / 'tuned.yaml'}",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    assert 1 < spent < 46


def test_processes_do_not_change_the_answer(digits: list[str], tmp_path: Path) -> None:
    """One process or two, with a range to be found: the same lines and the same tuned profile, to the byte."""
    profile = load_profile(next(part for part in digits if part.startswith("-load-profile")).partition("=")[2])
    names = list(profile.ranges)
    # Some 400 times too wide: halves are better.
    wide = {name: Range(r.low * 400, r.high * 400, r.histogram) for name, r in profile.ranges.items() if "Relu" in name}
    assert wide, names
    tinyglow.save_profile(type(profile)({**profile.ranges, **wide}), tmp_path / "wide.yaml")
    found = []
    for jobs in (1, 2):
        answer = run_cli(*_other(digits, load_profile=str(tmp_path / "wide.yaml"), jobs=str(jobs)))
        assert (answer.status, answer.err) == (0, "")
        found.append((_untimed(answer.out.splitlines()), (tmp_path / "tuned.yaml").read_bytes()))
    assert found[0] == found[1]
    tuned = load_profile(tmp_path / "tuned.yaml").ranges
    assert any(tuned[name].high < range_.high for name, range_ in wide.items())


def test_tuned_profiles_compile(digits: list[str], tmp_path: Path, checkout: Path) -> None:
    """A tuned profile, in which ranges of weights may be narrower than the weights, is taken as any other."""
    profile = load_profile(next(part for part in digits if part.startswith("-load-profile")).partition("=")[2])
    graph = tinyglow.load(checkout / "examples/mnist/mnist_nxp.onnx", define={"N": 1})
    constants = {name for name, value in graph.values.items() if value.data is not None and value.data.any()}
    for schema, tune in (("asymmetric", _around_mean), ("symmetric", _around_zero)):
        ranges = {name: tune(r) if name[:-2] in constants else r for name, r in profile.ranges.items()}
        assert ranges != profile.ranges
        tinyglow.save_profile(type(profile)(ranges), tmp_path / f"{schema}.yaml")
        again = load_profile(tmp_path / f"{schema}.yaml")
        quantized = tinyglow.quantize(graph, again)
        weights = [value for name, value in quantized.values.items() if value.data is not None]
        assert any((abs(value.data.astype(int)) >= 127).sum() > value.data.size / 20 for value in weights)


def _around_zero(range_: Range) -> Range:
    half = max(-range_.low, range_.high) / 4
    return Range(-half, half)


def _around_mean(range_: Range) -> Range:
    mean = (range_.low * 2 + range_.high) / 3
    return Range((mean + range_.low) / 2, (mean + range_.high) / 2)


@pytest.mark.parametrize(
    ("options", "because"),
    [
        ({"load_profile": None}, "-load-profile: is missing"),
        ({"target_accuracy": "90"}, "-target-accuracy=90: is no fraction; expected 0 to 1"),
        ({"acc_drop_skip": "-1"}, "-acc-drop-skip=-1: is no fraction"),
        ({"dataset_file": "/nowhere"}, "-dataset-file=/nowhere"),
        ({"dataset_path": "/nowhere"}, "-dataset-path=/nowhere: is no folder"),
        ({"dump_tuned_profile": "/nowhere/tuned.yaml"}, "a folder that does not exist"),
        ({"dump_profile": "new.yaml"}, "-dump-profile: cannot be used together"),
        ({"jobs": "1000"}, "1 to 256"),
        ({"image_layout": "NCHW"}, "try -image-layout=NHWC"),
    ],
)
def test_wrong_options_are_refused(digits: list[str], options: dict[str, str | None], because: str) -> None:
    """With one line on what is wrong, and nothing written."""
    answer = run_cli(*_other(digits, **options))
    assert answer.status == 2 and because in answer.err, answer.err
    assert not answer.out and "internal" not in answer.err and "Traceback" not in answer.err


@pytest.mark.parametrize(
    ("lines", "because"),
    [
        ("", "names no images"),
        ("0_0.png\n", "line 1: is '0_0.png'; expected an image's path and its class"),
        ("0_0.png,0\n0_1.png,zero\n1_0.png,-1\n", "line 3"),
        ("0_0.png,0\n0_1.png 10\n", "range from 0 to 10"),
        ("0_0.png,0\nlost.png,1\nbroken.png,1\n", "lost.png"),
        ("0_0.png,0,1,2\n", "line 1"),
        ("\x00,0\n", ""),
    ],
)
def test_wrong_labels_are_refused(digits: list[str], tmp_path: Path, lines: str, because: str) -> None:
    """Every line that is not understood, every image that is not there, and classes that the network has not."""
    (tmp_path / "Labels.csv").write_text(lines, encoding="utf-8")
    answer = run_cli(*digits, "-jobs=1")
    assert answer.status == 2 and because in answer.err, answer.err
    assert not answer.out and "internal" not in answer.err and "Traceback" not in answer.err


def test_labels_in_either_form(digits: list[str], tmp_path: Path) -> None:
    """Commas or spaces, empty lines, with a byte order mark or without: the same."""
    (tmp_path / "Labels.csv").write_text("0_0.png,0,\n1_0.png,1,\n7_0.png,7,\n", encoding="utf-8")
    first = run_cli(*digits, "-jobs=1", "-max-iter-per-node=1")
    (tmp_path / "Labels.csv").write_text("\ufeff0_0.png 0\r\n\r\n1_0.png, 1\r\n7_0.png\t7", encoding="utf-8")
    second = run_cli(*digits, "-jobs=1", "-max-iter-per-node=1")
    assert first.status == second.status == 0
    assert _untimed(first.out.splitlines()) == _untimed(second.out.splitlines())


def test_images_of_another_size_are_refused(digits: list[str], tmp_path: Path) -> None:
    """Each image that is not of the network's size is named."""
    Image.new("L", (27, 28)).save(tmp_path / "small.png")
    (tmp_path / "Labels.csv").write_text("small.png,0\n", encoding="utf-8")
    answer = run_cli(*_other(digits, dataset_path=str(tmp_path)))
    assert answer.status == 2 and "small.png: has 27 x 28 pixels" in answer.err and not answer.out
