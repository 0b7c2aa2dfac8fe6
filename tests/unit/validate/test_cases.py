"""Situations from public reports in which int8 lost nearly everything without a word.

Now each is above 30 dB, or a warning says so, with advice that gets there.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import NetBuilder, run_cli
from tinyglow.ir.graph import Array
from tinyglow.pipeline.trials import Trial
from tinyglow.pipeline.validate import Validation, profile_warnings, validate
from tinyglow.quant.scheme import Scheme

GOOD = 30.0  # dB
CASES = Path(__file__).with_name("cases")


@dataclass(frozen=True)
class Case:
    """A model with one input, calibration and test samples, and what may be done to it."""

    folder: str
    input: str
    define: tuple[tuple[str, int], ...] = ()

    def samples(self) -> tuple[Array, Array]:
        """Calibration and test samples; images are made up."""
        if self.folder == "boxes_and_scores":
            images = np.random.default_rng(3).standard_normal((6, 1, 3, 64, 64)).clip(-3, 3).astype(np.float32)
            return images[:4], images[4:]
        calibration, test = (np.load(CASES / self.folder / f"{kind}.npy") for kind in ("cal", "test"))
        return calibration, test


SCALER = Case("scaler", "x")
BOXES = Case("boxes_and_scores", "input", (("batch", 1),))
ZEROS = Case("zeros", "x")
RMS_NORM = Case("rms_norm", "input")


@lru_cache
def _validated(case: Case, scheme: Scheme | None = None, float_io: bool = False) -> tuple[Validation, list[str]]:
    """What validate says, and the rules that warn at profile time."""
    graph = tinyglow.load(CASES / case.folder / "model.onnx", "net", dict(case.define))
    calibration, test = case.samples()
    profile = tinyglow.profile(graph, {case.input: calibration})
    rules = [finding.rule for finding in profile_warnings(graph, profile, {case.input: calibration})]
    return validate(graph, profile, {case.input: test}, scheme, float_io), rules


def _with(case: Case, trial: Trial) -> float:
    """The lowest SNR of an output with a trial's options, as the commands come to it."""
    calibration, test = case.samples()
    graph = tinyglow.load(CASES / case.folder / "model.onnx", "net", dict(case.define))
    profile = tinyglow.profile(graph, {case.input: calibration if trial.options else test})
    options = dict(zip(trial.options[::2], trial.options[1::2], strict=True)) if trial.options else {}
    floats = frozenset(b for a, b in zip(trial.options[::2], trial.options[1::2], strict=True) if a == "--float-node")
    scheme = Scheme(precision=options.get("--precision", "int8"), float_nodes=floats)
    return validate(graph, profile, {case.input: test}, scheme, advise=False).snr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "scheme", "float_io", "rule"),
    [
        pytest.param(SCALER, Scheme(), False, "drowned-input", id="scaler"),
        pytest.param(SCALER, Scheme(precision="int16"), True, "drowned-input", id="scaler, int16"),
        pytest.param(BOXES, Scheme(), False, "few-steps", id="boxes and scores"),
        pytest.param(ZEROS, Scheme(), False, "constant-input", id="zeros"),
    ],
)
def test_good_or_warned_about_with_advice_that_helps(case: Case, scheme: Scheme, float_io: bool, rule: str) -> None:
    """What is not above 30 dB is warned about by the rule for it, and one of the options that were tried gets there."""
    found, rules = _validated(case, scheme, float_io)
    if found.snr < GOOD:
        assert rule in rules
        assert found.advice and max(trial.snr for trial in found.advice) > GOOD
    else:
        assert rules == []


def _with_more_samples(found: Validation) -> float:
    """The SNR that the advice to calibrate with more samples reached, in dB."""
    return next(trial.snr for trial in found.advice or () if not trial.options)


def _pool(build: NetBuilder) -> str:
    return build.node("AveragePool", "x", kernel_shape=[2, 2], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1)


def _residual(build: NetBuilder) -> str:
    y = build.node("Relu", build.node("Conv", "x", build.weights(4, 3, 3, 3), pads=[1, 1, 1, 1]))
    large = build.node("Conv", y, build.constant(9 * build.rng.standard_normal((4, 4, 3, 3))), pads=[1, 1, 1, 1])
    return build.node("Relu", build.node("Add", y, large))


def _dense(build: NetBuilder) -> str:
    y = build.node("Flatten", build.node("Conv", "x", build.weights(4, 3, 3, 3)))
    return build.node("Gemm", y, build.weights(144, 5), build.weights(5))


@pytest.mark.parametrize("make", [_pool, _residual, _dense], ids=lambda make: make.__name__.strip("_"))
def test_few_samples_are_said_and_more_of_them_help(make: Callable[[NetBuilder], str], tmp_path: Path) -> None:
    """What eight samples leave of a sound network differs; they are warned about, and more of them get there."""
    build = NetBuilder(2)
    net = build.build({"x": (1, 3, 8, 8)}, [make(build)])
    graph = tinyglow.load(net.save(tmp_path))
    samples = np.random.default_rng(1).uniform(-2, 2, (12, 3, 8, 8)).astype(np.float32)
    calibration, test = {"x": samples[:8]}, {"x": samples[8:]}
    profile = tinyglow.profile(graph, calibration)
    assert [finding.rule for finding in profile_warnings(graph, profile, calibration)] == ["few-samples"]
    found = validate(graph, profile, test)
    assert found.snr > GOOD or _with_more_samples(found) > GOOD


def test_a_normalization_inside_a_transformer_block() -> None:
    """RMSNorm in single operators: one root for each of 8 calibration samples, which is said, is no range.

    With more samples, as the warning advises and as was tried, it is above 30 dB.
    """
    found, rules = _validated(RMS_NORM)
    assert rules == ["few-samples"]
    assert found.snr > GOOD or _with_more_samples(found) > GOOD
    graph = tinyglow.load(CASES / RMS_NORM.folder / "model.onnx", "net")
    _, test = RMS_NORM.samples()
    more = np.random.default_rng(2).uniform(-2, 2, (500, *test.shape[1:])).astype(np.float32)
    profile = tinyglow.profile(graph, {RMS_NORM.input: more})
    assert profile_warnings(graph, profile, {RMS_NORM.input: more}) == []
    assert validate(graph, profile, {RMS_NORM.input: test}, advise=False).snr > GOOD


@pytest.mark.slow
@pytest.mark.parametrize("case", [BOXES, ZEROS], ids=lambda case: case.folder)
def test_advice_does_what_it_says(case: Case) -> None:
    """Each option, given to the compiler, has the gain that was promised."""
    found, _ = _validated(case)
    assert found.advice
    for trial in found.advice[:2]:
        if set(trial.options[::2]) <= {"--float-node", "--precision"}:
            assert _with(case, trial) == pytest.approx(trial.snr, abs=0.01)
            assert trial.gain == pytest.approx(trial.snr - found.snr, abs=0.01)


def test_the_lost_part_of_an_output_is_seen() -> None:
    """Boxes hide the error of the scores in the output as a whole; the scores' own figure shows it, and the reason."""
    found, _ = _validated(BOXES)
    (output,) = found.outputs
    scores = next(part for part in output.parts if part.origin == "/Sigmoid_1")
    assert output.fidelity.snr > 40 and scores.fidelity.snr < 25
    assert found.snr == scores.fidelity.snr
    assert found.losses[0].node == "/Sigmoid_1" and "other operands of a Concat" in found.losses[0].why[0]


def test_options_are_ready_to_paste(tmp_path: Path) -> None:
    """Every line of advice is what compile takes, in a shell."""
    calibration, test = BOXES.samples()
    np.save(tmp_path / "cal.npy", calibration)
    np.save(tmp_path / "test.npy", test)
    model = (CASES / "boxes_and_scores/model.onnx", "--define", "batch=1")
    profile = ("--profile", tmp_path / "p.yaml")
    run_cli("profile", *model, "--input", f"input={tmp_path / 'cal.npy'}", "-o", tmp_path / "p.yaml")
    answer = run_cli("validate", *model, *profile, "--input", f"input={tmp_path / 'test.npy'}", "--min-snr", "30")
    assert answer.status == 1 and "below 30 dB" in answer.err
    lines = [line for line in answer.out.splitlines() if line.lstrip().startswith("+") and "--precision" in line]
    options = shlex.split(lines[0][lines[0].index("--") :])
    again = run_cli(
        *("validate", *model, *profile, *options, "--no-advice"),
        *("--input", f"input={tmp_path / 'test.npy'}", "--min-snr", "30"),
    )
    assert again.status == 0
    assert [line for line in again.err.splitlines() if "was made from 4 samples" not in line] == []
