"""Random networks with random options on random cores equal the interpreter; what does not is kept and made small."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("unicorn", reason="needs the extras tinyglow[sim,cc]")
pytest.importorskip("ziglang", reason="needs the extras tinyglow[sim,cc]")

from tinyglow.cli import main
from tinyglow.errors import InputError
from tinyglow.ir.graph import Array
from tinyglow.kernels.elementwise.add import ADD
from tinyglow.testing import is_full
from tinyglow.testing.fuzz import Options, Outcome, drawn, fuzz, options_of, sweep
from tinyglow.testing.fuzz.networks import (
    FLOAT,
    QUANTIZED,
    STREAM,
    TFLITE,
    Network,
    OnnxNetwork,
    TFLiteNetwork,
    kind_of,
)
from tinyglow.testing.fuzz.trial import EQUAL, REFUSED, try_network
from tinyglow.testing.graphs import random_model

NETWORKS, PART = (2_000, 100) if is_full() else (60, 20)
FAST = 22  # the first seed of a stream, a float network with a state, and a TFLite network of int16


@pytest.mark.slow
def test_a_few_networks_equal_the_interpreter() -> None:
    """What the long tests do, with the first networks."""
    done = fuzz(seed=FAST, count=3)
    assert (done.trials, done.found, done.equal) == (3, {}, 3)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("begin", range(0, NETWORKS, PART))
def test_networks_equal_the_interpreter(begin: int) -> None:
    """Each compiled with options of its own for a core of its own; most are not refused."""
    done = fuzz(seed=begin, count=PART)
    assert done.found == {}
    assert done.trials == PART and done.equal > 0.7 * PART


def test_options_reach_what_they_promise() -> None:
    """Every core, schema, precision and way to choose kernels; the same seed draws the same."""
    options = [options_of(seed) for seed in range(300)]
    cores = {f"cortex-{name}" for name in ("m0plus", "m3", "m4", "m33", "m7")}
    assert {one.board for one in options} == {*cores, "host"}
    for name, count in (("schema", 4), ("precision", 2), ("numerics", 4), ("bias", 2), ("graph", 2), ("optimize", 3)):
        assert len({getattr(one, name) for one in options}) == count
    switches = ("channelwise", "float_io", "transformed_weights", "reuse_inputs", "weights_as_code", "line_buffers")
    for name in (*switches, "tcm_size", "wrap"):
        assert len({getattr(one, name) for one in options}) > 1
    assert options_of(17) == options_of(17)
    assert all(one.scheme for one in options)  # none contradicts itself


def test_networks_are_of_all_kinds() -> None:
    """Float, quantized in ONNX, in TFLite of all types, streams, states; the same seed draws the same."""
    pytest.importorskip("tflite", reason="needs the extra tinyglow[tflite]")
    seeds = range(60)
    assert {kind_of(seed) for seed in seeds} == {FLOAT, QUANTIZED, TFLITE, STREAM}
    found = {seed: drawn(seed) for seed in seeds if kind_of(seed) == TFLITE}
    assert {network.lines[0] for network, _ in found.values()} == {"INT8", "INT16", "UINT8"}
    seed, (network, options) = next(iter(found.items()))
    assert (network.data, options) == (drawn(seed)[0].data, drawn(seed)[1]) and network.comes_quantized
    streams = [drawn(seed)[1] for seed in seeds if kind_of(seed) == STREAM]
    assert all(options.stream is not None and options.hop >= 1 for options in streams)
    assert any(drawn(seed)[1].state for seed in range(20))


def test_without_its_packages_tflite_is_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks of another kind take its place."""
    monkeypatch.setattr("tinyglow.testing.fuzz.networks.find_spec", lambda _: None)
    assert {kind_of(seed) for seed in range(60)} == {FLOAT, QUANTIZED, STREAM}


@pytest.mark.parametrize(("seed", "part"), [(7, "depthwise"), (25, "LeakyRelu")])
def test_quantized_networks_are_made_small(seed: int, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of one operator: few others are left, and the smaller network still comes quantized."""
    pytest.importorskip("tflite", reason="needs the extra tinyglow[tflite]")
    network, options = drawn(seed)

    def trial(tried: Network, *_: object) -> Outcome:
        return Outcome("difference" if part in "\n".join(tried.lines) else EQUAL)

    monkeypatch.setattr(sweep, "try_network", trial)
    small, plain = sweep.smaller(network, options, trial(network), None)
    assert trial(small).is_fault and small.comes_quantized and plain == Options()
    left = len(small.model.steps if isinstance(small, TFLiteNetwork) else small.model.proto.graph.node)
    assert left <= 2


def test_options_are_those_of_the_command_line() -> None:
    """A board always, of the rest what differs from the defaults."""
    assert Options("cortex-m4").arguments == ["--board", "cortex-m4"]
    one = Options("host", schema="symmetric", channelwise=True, weights_as_code="never", reuse_inputs=True)
    expected = "--board host --schema symmetric --channelwise --weights-as-code never --reuse-inputs"
    assert one.arguments == expected.split()
    stream = Options("host", stream=-1, hop=2, state="before=after")
    assert stream.arguments == ["--board", "host", "--state", "before=after", "--stream=-1", "--hop", "2"]


WITH_ADD = 11  # the seed of a network with a sum that is not joined with another layer


@pytest.fixture(name="wrong_add")
def _wrong_add(monkeypatch: pytest.MonkeyPatch) -> int:
    """Sums differ between numpy and C; the seed of a small network that has one, compiled for this machine."""

    def reference(p: object, x: Array, other: Array, out: Array) -> None:
        right(p, x, other, out)
        out[...] = np.where(out == out.max(), out - 1, out)

    right = ADD.reference
    monkeypatch.setitem(ADD.__dict__, "reference", reference)
    options = replace(Options(), channelwise=True)
    monkeypatch.setattr(sweep, "drawn", lambda seed: (OnnxNetwork(random_model(seed, operators=4)), options))
    return WITH_ADD


@pytest.mark.slow
def test_what_is_found_is_kept_small(wrong_add: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A fault in the kernel of Add: few nodes are left, the options are plain, and the command shows it again.

    Files that are there already stay as they are, and the exit status says that something was found.
    """
    (tmp_path / f"seed_{wrong_add}").mkdir()
    (tmp_path / f"seed_{wrong_add}" / "mine.txt").write_text("mine", encoding="utf-8")
    assert main(["fuzz", "--seed", str(wrong_add), "--count", "1", "--output", str(tmp_path)]) == 1
    printed = capsys.readouterr().out
    assert f"seed {wrong_add}: difference: output " in printed and "1 with a fault" in printed
    assert [path.name for path in (tmp_path / f"seed_{wrong_add}").iterdir()] == ["mine.txt"]
    kept = tmp_path / f"seed_{wrong_add}_2"
    assert json.loads((kept / "options.json").read_text(encoding="utf-8"))["channelwise"] is False
    text = (kept / "README.txt").read_text(encoding="utf-8")
    assert "made smaller: difference: " in text and text.count(" = ") <= 8
    command = next(line for line in text.splitlines() if line.startswith("tinyglow verify"))
    words = [str(kept / word) if (kept / word).is_file() else word for word in shlex.split(command)[1:]]
    words = [f"{word.partition('=')[0]}={kept / word.partition('=')[2]}" if ".npy" in word else word for word in words]
    assert main(words) == 1


def test_crashes_and_refusals_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error for the user is no fault; any other exception of the compiler is, and says where."""
    model = OnnxNetwork(random_model(7))  # a mean that Glow does not know
    assert try_network(model, Options(graph="glow")).kind == REFUSED
    monkeypatch.setattr("tinyglow.testing.fuzz.trial.lower", lambda *_, **__: {}["nothing"])
    found = try_network(OnnxNetwork(random_model(0)), Options())
    assert found.is_fault and found.kind == "crash" and found.text.startswith("KeyError: 'nothing'")


def test_the_command_says_what_it_did(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit status 0 without a fault; --json has the figures; time ends it as a count does."""
    monkeypatch.setattr(sweep, "try_network", lambda *_: Outcome(EQUAL))
    assert main(["fuzz", "--count", "3", "--seed", "5"]) == 0
    assert (
        "networks 5 to 7: 3 equal numpy bit for bit, 0 refused with a reason, 0 with a fault" in capsys.readouterr().out
    )
    assert main(["fuzz", "--minutes", "0.001", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["networks"] == report["equal"] and report["faults"] == []


def test_bad_limits_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No limit, one below 1, a file where the folder should be."""
    with pytest.raises(InputError, match="no end"):
        fuzz()
    for words in (["--count", "0"], ["--minutes", "-1"], ["--seed", "-3"]):
        assert main(["fuzz", *words]) == 2
    file = tmp_path / "file"
    file.write_text("", encoding="utf-8")
    assert main(["fuzz", "--count", "1", "--output", str(file)]) == 2
    assert "a folder" in capsys.readouterr().err
