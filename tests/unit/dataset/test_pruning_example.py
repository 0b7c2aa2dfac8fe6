"""The scripts of examples/pruning, reduced; numpy alone trains."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

import tinyglow
from tinyglow.demo.digits import calibration_set

_MODULES = ("aware", "curve", "network", "pruned")


@pytest.fixture(scope="module")
def scripts(checkout: Path) -> Any:
    """The modules of the examples."""
    folders = [str(checkout / "examples" / name) for name in ("pruning", "digits")]
    sys.path[:0] = folders
    try:
        yield {name: importlib.import_module(name) for name in _MODULES}
    finally:
        for folder in folders:
            sys.path.remove(folder)
        for name in (*_MODULES, "data"):
            sys.modules.pop(name, None)


def test_training_leaves_pruned_weights_at_zero(scripts: Any) -> None:
    """By magnitude: as many as asked for, the smallest; structured: whole units, and what reads them."""
    images, labels = calibration_set(60)
    start = scripts["network"].Network.random(1)
    thin = scripts["pruned"].PrunedNetwork.of(start)
    thin.prune_weights(0.75)
    assert thin.zeros == pytest.approx(0.75, abs=0.01)
    before = [weight.copy() for weight in thin.weights]
    thin.train(images, labels, 2, 1)
    for old, weight, kept in zip(before, thin.weights, thin.kept, strict=True):
        assert not weight[~kept].any() and (weight != old)[kept].any()
    small = scripts["pruned"].PrunedNetwork.of(start)
    small.prune_units(0.5)
    small.train(images, labels, 2, 1)
    assert [int(units.sum()) for units in small.units] == [2, 2, 2, 14, 10]
    gone = ~small.units[0]
    assert not small.weights[0][:, gone].any() and not small.biases[0][gone].any()
    assert not small.weights[1].reshape(9, 4, 4)[:, gone].any()
    assert (start.weights[0] != 0).all(), "the network itself is as it was"


@pytest.mark.slow
@pytest.mark.parametrize("bits", [8, 4])
def test_the_bundle_computes_what_aware_training_did(scripts: Any, tmp_path: Path, bits: int) -> None:
    """Training helps the rounded network; file, bundle and training put the same pictures into the same classes."""
    images, labels = calibration_set(300)
    plain = scripts["network"].Network.random(2)
    plain.train(images, labels, 10, 1)
    aware = scripts["aware"].AwareNetwork.of(plain, images[:100], bits)
    losses: list[float] = []
    aware.train(images, labels, 3, 1, lambda epoch, loss: losses.append(loss))
    assert losses[-1] < losses[0]
    integers = [aware.constants(layer)[0] for layer in range(5)]
    assert max(int(np.abs(array).max()) for array in integers) == 2 ** (bits - 1) - 1
    aware.save_qdq(tmp_path / "a.onnx")
    promised = aware.scores(images[:100])
    evaluator = ReferenceEvaluator(onnx.load(tmp_path / "a.onnx"))
    evaluated = np.concatenate([evaluator.run(None, {"image": image[None]})[0] for image in images[:20]])
    step = float(aware.activation(4)[0])
    assert np.abs(evaluated - promised[:20]).max() <= 2.01 * step
    graph = tinyglow.quantize(tinyglow.load(tmp_path / "a.onnx"))
    assert graph.is_quantized and graph.numerics == "onnx"
    (answers,) = tinyglow.interpret(tinyglow.lower(graph), {"image": images[:100]}).values()
    answers = answers.reshape(100, 10)
    assert (answers.argmax(axis=1) == promised.argmax(axis=1)).all()
    assert np.abs(answers - promised).max() <= 2.01 * step


def test_the_page_shows_what_the_script_prints(scripts: Any, checkout: Path) -> None:
    """The table of docs/notes/eiq.md has the script's columns, and its rows are made as the script makes them."""
    curve = scripts["curve"]
    lines = (checkout / "docs/notes/eiq.md").read_text(encoding="utf-8").splitlines()
    begin = lines.index(curve.table([]).splitlines()[0])
    rows = lines[begin : lines.index("", begin)]
    points = []
    for row in rows[2:]:
        kind, zeros, exact, int8, *costs = (cell.strip() for cell in row.strip("|").split("|"))
        shares = [float(text.removesuffix(" %")) / 100 for text in (zeros, exact, int8)]
        numbers = [int(cost.replace(",", "")) for cost in costs]
        points.append(curve.Point(kind, *shares, (tuple(numbers[:2]), tuple(numbers[2:]))))
    assert curve.table(points).splitlines() == rows
    assert {point.kind for point in points} == {"dense", "magnitude", "structured"}


@pytest.mark.long
@pytest.mark.slow
def test_the_scripts_print_their_tables(checkout: Path, tmp_path: Path) -> None:
    """Reduced; every row has its figures, and fewer weights take fewer cycles and bytes on the Cortex-M0+."""
    for name in ("ziglang", "unicorn"):
        pytest.importorskip(name)

    def rows(script: str, *words: str) -> list[list[str]]:
        done = subprocess.run(
            [sys.executable, f"examples/pruning/{script}.py", "--train", "200", "--test", "50", *words],
            cwd=checkout,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stderr
        lines = [line for line in done.stdout.splitlines() if line.startswith("| ")]
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]

    found = rows("curve", "--epochs", "1", "--shares", "0.8", "--units", "0.5")
    assert [row[0] for row in found] == ["dense", "magnitude", "structured"]
    cycles, flash = ([int(row[column].replace(",", "")) for row in found] for column in (4, 5))
    assert max(cycles[1:]) < cycles[0] and max(flash[1:]) < flash[0]
    compared = rows("qat", "--epochs", "2", "--aware", "1", "--run", "3", "-o", str(tmp_path))
    names = [row[0] for row in compared]
    assert names[:4] == ["float", "rounded, not trained", "aware training", "the file, onnx"]
    boards = [row for row in compared if row[0].startswith("bundle, ")]
    assert len(boards) == 3 and all(row[1] == row[3] for row in boards)
