"""What the tests of operators have in common: a small model through the float graph and through int8."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.helpers import Net
from tinyglow.errors import ModelError
from tinyglow.interp import run_graph
from tinyglow.ir.graph import Graph
from tinyglow.ir.program import Program
from tinyglow.pipeline.stations import interpret, load, lower, profile, quantize

Array = npt.NDArray[np.generic]


def loaded(net: Net, folder: Path) -> Graph:
    """The simplified float graph of ``net``."""
    return load(net.save(folder), define=net.define)


def check_float(net: Net, folder: Path, samples: int = 3) -> Graph:
    """The float graph computes what onnx itself does; returns the graph."""
    graph = loaded(net, folder)
    inputs = net.samples(samples)
    results = run_graph(graph, inputs)
    for (name, expected), actual in zip(net.reference(inputs).items(), results.values(), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5, err_msg=name)
        assert actual.shape == expected.shape
    return graph


def int8_program(net: Net, folder: Path, samples: int = 64) -> Program:
    """``net`` quantized with the ranges of random samples; inputs and outputs stay float."""
    graph = loaded(net, folder)
    return lower(quantize(graph, profile(graph, net.samples(samples)), float_io=True))


def snr(net: Net, folder: Path, samples: int = 64) -> float:
    """Signal to noise of all int8 outputs of ``net``, in dB."""
    inputs = net.samples(samples)
    results = interpret(int8_program(net, folder, samples), inputs)
    expected = np.concatenate([array.ravel() for array in net.reference(inputs).values()]).astype(np.float64)
    noise = np.concatenate([array.ravel() for array in results.values()]) - expected
    return float(10 * np.log10((expected**2).sum() / (noise**2).sum()))


def kernels(program: Program) -> list[str]:
    """The symbols of a program's calls, in order."""
    return [call.kernel.symbol for call in program.calls]


def refusal(net: Net, folder: Path) -> str:
    """The message with which the importer refuses ``net``."""
    with pytest.raises(ModelError) as caught:
        loaded(net, folder)
    return str(caught.value)
