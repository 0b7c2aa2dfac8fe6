"""``tinyglow operators`` and ``tinyglow check``."""

from __future__ import annotations

import json
from pathlib import Path

from tests.helpers import NetBuilder, run_cli


def test_operators_are_listed() -> None:
    """Those with kernels of their own and those made of others, with their attributes."""
    rows = {(row["format"], row["name"]): row for row in json.loads(run_cli("operators", "--json").out)}
    assert rows["ONNX", "CumSum"]["attributes"] == ["exclusive", "reverse"]
    assert rows["ONNX", "Conv"]["int8"] and ("TFLite", "CONV_2D") in rows
    assert "| ONNX | Relu |" in run_cli("operators", "--markdown").out


def test_what_stands_in_the_way_is_counted(tmp_path: Path) -> None:
    """Each kind once, with its nodes; a model that is fine says so."""
    build = NetBuilder()
    outputs = [build.node("NonMaxSuppression", "x", "x", name=f"boxes {index}") for index in range(2)]
    path = build.build({"x": (1, 8)}, outputs).save(tmp_path)
    answer = run_cli("check", path)
    assert answer.status == 2 and "2 x unsupported operator NonMaxSuppression" in answer.out
    (row,) = json.loads(run_cli("check", path, "--json").out)
    assert len(row["nodes"]) == 2
    build = NetBuilder()
    fine = build.build({"x": (1, 8)}, [build.node("Relu", "x")]).save(tmp_path)
    assert run_cli("check", fine).status == 0
