"""Kernels with less working memory where most memory is in use: no bit depends on it, and little time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tinyglow
from tests.helpers import NetBuilder
from tinyglow.checker.check import check_proof
from tinyglow.ir.graph import Graph
from tinyglow.ir.program import Program, Region
from tinyglow.kernels.convolution.depthwise_3x3_block_dsp import BlockGeometry, bands
from tinyglow.lowering.cost import call_cycles
from tinyglow.lowering.sparing import spare_scratch
from tinyglow.pipeline import stations
from tinyglow.pipeline.fit import sample_inputs
from tinyglow.pipeline.stations import target_of
from tinyglow.quant.scheme import Scheme
from tinyglow.targets.boards import load_board


def _tall(folder: Path, first: int = 32) -> Graph:
    """A depthwise layer between two others, on an image of 39 x 6. first: channels of the first layer's result."""
    build = NetBuilder()
    x = build.node("Conv", "x", build.weights(first, 4, 1, 1), build.weights(first))
    x = build.node("Conv", x, build.weights(32, first, 1, 1), build.weights(32)) if first > 32 else x
    x = build.node("Conv", x, build.weights(32, 1, 3, 3), build.weights(32), group=32, pads=[1, 1, 1, 1])
    x = build.node("Conv", x, build.weights(4, 32, 1, 1), build.weights(4))
    build.node("GlobalAveragePool", x, output="y")
    net = build.build({"x": (1, 4, 39, 6)}, ["y"])
    loaded = tinyglow.load(net.save(folder), "net")
    return tinyglow.quantize(loaded, tinyglow.profile(loaded, net.samples(8)), Scheme(channelwise=True))


def _depthwise(program: Program) -> BlockGeometry:
    (params,) = (call.params for call in program.calls if isinstance(call.params, BlockGeometry))
    return params


def _cycles(program: Program, core: str) -> int:
    return sum(call_cycles(program, call, core) or 0 for call in program.calls)


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m7"])
def test_memory_is_spared_at_the_peak(core: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tall layer is computed in bands: less RAM, hardly more cycles, the same answers in C, and a proof of it."""
    pytest.importorskip("unicorn")
    graph, board = _tall(tmp_path), load_board(core)
    program = tinyglow.lower(graph, target=target_of(board))
    with monkeypatch.context() as patch:
        patch.setattr(stations, "spare_scratch", lambda program, core: program)
        fastest = tinyglow.lower(graph, target=target_of(board))
    assert _depthwise(fastest).band == 39 and len(bands(_depthwise(program))) > 1
    assert program.sizes[Region.ACTIVATION] < fastest.sizes[Region.ACTIVATION]
    assert _cycles(fastest, core) < _cycles(program, core) <= 1.015 * _cycles(fastest, core)
    tinyglow.emit(program, tmp_path / "bundle")
    assert not check_proof(tmp_path / "bundle").faults
    for result in tinyglow.verify(program, board, sample_inputs(program)):
        assert result.equal


def test_time_is_not_given_for_nothing(tmp_path: Path) -> None:
    """Where another layer needs more memory, kernels stay as fast as they are; so they do where no core is named."""
    program = tinyglow.lower(_tall(tmp_path, first=64), target=target_of(load_board("cortex-m4")))
    assert _depthwise(program).band == _depthwise(program).out_h
    assert spare_scratch(program, "cortex-m4") is program


@pytest.mark.parametrize(
    ("rows", "band", "expected"),
    [(25, 25, [25]), (25, 14, [14, 12]), (25, 10, [10, 10, 6]), (24, 12, [12, 12]), (9, 8, [8, 2])],
)
def test_bands_have_even_numbers_of_rows(rows: int, band: int, expected: list[int]) -> None:
    """The last one begins a row earlier if need be."""
    fields: dict[str, Any] = dict.fromkeys(BlockGeometry.__dataclass_fields__, 1)
    assert bands(BlockGeometry(**fields | {"out_h": rows, "band": band})) == expected
