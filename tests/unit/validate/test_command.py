"""``tinyglow validate`` and what verify says of accuracy: output, JSON, exit status."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import Answer, conv_net, run_cli


@dataclass(frozen=True)
class Work:
    """A folder with a network, its profile, samples and labels."""

    folder: Path

    def run(self, command: str, *more: object) -> Answer:
        """A command on the network."""
        net, profile, x = (self.folder / name for name in ("net.onnx", "p.yaml", "x.npy"))
        return run_cli(command, net, "--profile", profile, "--input", f"x={x}", *more)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Work:
    """The place for all tests here."""
    folder, net = tmp_path_factory.mktemp("validate"), conv_net()
    model = net.save(folder)
    np.save(folder / "cal.npy", net.samples(64)["x"])
    np.save(folder / "x.npy", net.samples(8, seed=2)["x"])
    assert run_cli("profile", model, "--input", f"x={folder / 'cal.npy'}", "-o", folder / "p.yaml").status == 0
    return Work(folder)


def test_the_report_has_all_parts(work: Work) -> None:
    """Outputs, layers, causes and advice, within 100 columns but for long names."""
    answer = work.run("validate")
    assert (answer.status, answer.err) == (0, "")
    for heading in ("int8 against float, 8 samples", "same top-1", "of the error", "where most is lost", "what"):
        assert heading in answer.out


def test_json_has_every_documented_key(work: Work, checkout: Path) -> None:
    """docs/how-to/validate.md names each key; figures are those of the Python API."""
    answer = work.run("validate", "--json", "--min-snr", "20", "--board", "host")
    report = json.loads(answer.out)
    page = (checkout / "docs/how-to/validate.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    documented = {name.strip("` ") for line in rows for name in line.split("|")[1].split(",")}
    assert report.keys() == documented
    assert report["version"] == 1 and report["reference"] == "float" and report["reached"] is True
    for key in [*report["outputs"][0], *report["layers"][0], *(report["advice"] or [{}])[0]]:
        assert f"`{key}`" in page, key
    graph = tinyglow.load(work.folder / "net.onnx")
    profile = tinyglow.load_profile(work.folder / "p.yaml")
    found = tinyglow.validate(graph, profile, {"x": np.load(work.folder / "x.npy")}, advise=False)
    assert report["snr_db"] == found.snr
    assert [layer["node"] for layer in report["layers"]] == [layer.node for layer in found.layers]
    assert report["targets"][0]["mismatches"] == 0


@pytest.mark.parametrize(("least", "status"), [("10", 0), ("90", 1), ("nan", 2)])
def test_exit_status(work: Work, least: str, status: int) -> None:
    """1 below the threshold, with the figure on stderr; a threshold that is no number is bad input."""
    answer = work.run("validate", "--no-advice", "--min-snr", least)
    assert answer.status == status
    assert (answer.err == "") == (status == 0)


def test_scheme_options_are_taken(work: Work) -> None:
    """int16 is nearer to float than int8, and float placeholders are shown as such."""
    plain, wide = (
        json.loads(work.run("validate", "--no-advice", "--json", *more).out)
        for more in ((), ("--precision", "int16", "--float-io"))
    )
    assert wide["snr_db"] > plain["snr_db"] + 3
    assert {layer["dtype"] for layer in plain["layers"]} == {"int8"}
    assert plain["advice"] is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--labels", "missing.npy"), "cannot be read"),
        (("--board", "no-such-board"), "no-such-board"),
        (("--float-node", "nothing"), "is no node of the network"),
    ],
)
def test_bad_input(work: Work, options: tuple[str, ...], said: str) -> None:
    """Status 2, the reason on stderr, nothing on stdout."""
    answer = work.run("validate", *options)
    assert answer.status == 2 and said in answer.err and answer.out == ""


def test_labels(work: Work, tmp_path: Path) -> None:
    """An output of maps has no classes, and that is said."""
    np.save(tmp_path / "labels.npy", np.zeros(8, np.int64))
    answer = work.run("validate", "--labels", tmp_path / "labels.npy")
    assert answer.status == 2 and "no output of the network is a vector of classes" in answer.err


def test_verify_says_how_near_to_float(work: Work) -> None:
    """Beside the verdict, in words and as data, with what was there before."""
    answer = work.run("verify", "--board", "host")
    assert answer.status == 0 and "SNR" in answer.out and " dB" in answer.out
    assert answer.out.rstrip().splitlines()[-1].startswith("bit-exact")
    report = json.loads(work.run("verify", "--board", "host", "--json").out)
    assert report["equal"] and report["outputs"][0]["name"] == "y" and report["outputs"][0]["snr_db"] > 20


def test_a_model_that_came_quantized(checkout: Path, tmp_path: Path) -> None:
    """It is compared with its own integers, and the report says so; there is no advice."""
    pytest.importorskip("tflite")
    model = checkout / "tests/cases/uint8_tflite_pixels/model.tflite"
    (name,) = tinyglow.load(model).inputs
    shape = tinyglow.load(model).type_of(name).shape
    np.save(tmp_path / "x.npy", np.random.default_rng(1).integers(0, 256, (8, *shape)).astype(np.uint8))
    answer = run_cli("validate", model, "--input", f"{name}={tmp_path / 'x.npy'}")
    assert answer.status == 0 and "came quantized" in answer.out and "what helps" not in answer.out
    report = json.loads(run_cli("validate", model, "--input", f"{name}={tmp_path / 'x.npy'}", "--json").out)
    assert report["reference"] == "integers" and report["advice"] is None and report["snr_db"] > 30
