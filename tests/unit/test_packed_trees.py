"""A TreeEnsemble's tables come from a model: each has an entry for each node, of a feature that there can be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import tinyglow
from tinyglow.errors import TinyglowError


def _saved(path: Path, features: list[int], splits: list[float]) -> Path:
    """Two nodes and three leaves."""
    node = helper.make_node(
        "TreeEnsemble",
        ["x"],
        ["y"],
        domain="ai.onnx.ml",
        n_targets=1,
        tree_roots=[0],
        nodes_modes=numpy_helper.from_array(np.zeros(2, np.uint8)),
        nodes_featureids=features,
        nodes_splits=numpy_helper.from_array(np.array(splits, np.float32)),
        nodes_truenodeids=[1, 0],
        nodes_trueleafs=[0, 1],
        nodes_falsenodeids=[1, 2],
        nodes_falseleafs=[1, 1],
        leaf_targetids=[0, 0, 0],
        leaf_weights=numpy_helper.from_array(np.array([1, 2, 3], np.float32)),
    )
    ends = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size]) for name, size in (("x", 4), ("y", 1)))
    source, target = ends
    opsets = [helper.make_opsetid("", 19), helper.make_opsetid("ai.onnx.ml", 5)]
    model = helper.make_model(helper.make_graph([node], "g", [source], [target]), opset_imports=opsets, ir_version=8)
    onnx.save(model, str(path))
    return path


def test_the_sound_model_is_read(tmp_path: Path) -> None:
    """What the others are made from."""
    assert tinyglow.load(_saved(tmp_path / "net.onnx", [0, 3], [1.0, 2.0])).nodes


@pytest.mark.parametrize(
    ("features", "splits", "found"),
    [
        ([0], [1.0, 2.0], "tables of other lengths"),
        ([0, 1], [1.0], "tables of other lengths"),
        ([0, 1, 2], [1.0, 2.0], "tables of other lengths"),
        ([0, 2**32 + 1], [1.0, 2.0], "features from 0 to 4294967297"),
        ([0, -1], [1.0, 2.0], "features from -1 to 0"),
    ],
)
def test_tables_that_do_not_fit_are_refused(
    tmp_path: Path, features: list[int], splits: list[float], found: str
) -> None:
    """With an error that says which table."""
    with pytest.raises(TinyglowError) as caught:
        tinyglow.load(_saved(tmp_path / "net.onnx", features, splits))
    assert found in str(caught.value.problems[0])
