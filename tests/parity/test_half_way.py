"""C equals numpy where a quotient or a mean lies next to half way between two integers: slow code decides there."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tinyglow.kernels.elementwise.quantize_steps import AWAY, QUANTIZE_STEPS, TO_EVEN, QuantizeStepsParams
from tinyglow.kernels.pooling.avg_pool_onnx import AVG_POOL_ONNX, AvgPoolOnnxParams, in_integers
from tinyglow.testing import Case
from tinyglow.testing.emulated import Core
from tinyglow.testing.native import Library

_SCALES = (1.0, 2.0**-7, 0.1, 0.0078431377, 0.017254902, 1.9999999, 3e-38, 1e-39, 1e-45, 3e38, 2.0**120, 2.0**-120)


def _quotients(ties: int) -> Iterator[Case]:
    """Half steps from -600 to 600, with floats around each; and what is no number, or hardly one."""
    halves = (np.arange(-1200, 1201) / 2).astype(np.float64)
    special = np.array([0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-38, 3.4e38, -3.4e38], np.float32)
    for scale in _SCALES:
        with np.errstate(over="ignore"):
            near = (halves * float(np.float32(scale))).astype(np.float32)
        around = [near]
        for direction in (-np.inf, np.inf):
            value = near
            for _ in range(3):
                with np.errstate(over="ignore", under="ignore"):
                    value = np.nextafter(value, np.float32(direction))
                around.append(value)
        data = np.concatenate([*around, special]).astype(np.float32)
        params = QuantizeStepsParams(data.size, float(np.float32(scale)), 3, ties)
        yield Case(QUANTIZE_STEPS, params, {"input": data}, {"output": data.size})


def _means() -> Iterator[Case]:
    """Each sum of a window's integers, made up in several ways, for ratios of scales with many ties and without."""
    rng = np.random.default_rng(5)
    for ratio, kernel, counts in (
        (1.0, (2, 2), 0),
        (0.5, (3, 3), 0),
        (2.0, (4, 1), 1),
        (0.7371, (3, 3), 1),
        (6.1, (2, 3), 0),
    ):
        pads = (kernel[0] // 2, kernel[1] // 2)
        out_h, out_w = 24 + 2 * pads[0] - kernel[0] + 1, 24 + 2 * pads[1] - kernel[1] + 1
        scale, other = 0.0078431377, float(np.float32(0.0078431377 / ratio))
        for raised, offsets in ((0, (-128, 5)), (128, (17, -128))):
            sizes = (24, 24, 3, out_h, out_w, *kernel, 1, 1, *pads, 1)
            made = in_integers(scale, other, kernel[0] * kernel[1])
            assert made["multiplier"] > 0
            params = AvgPoolOnnxParams(*sizes, counts, *offsets, raised, scale, other, **made)
            data = rng.integers(-128, 128, 24 * 24 * 3).astype(np.int8)
            yield Case(AVG_POOL_ONNX, params, {"input": data}, {"output": out_h * out_w * 3})


@pytest.mark.parametrize("ties", [TO_EVEN, AWAY])
def test_quotients_next_to_half_way(library: Library, ties: int) -> None:
    """On this machine."""
    for case in _quotients(ties):
        library.run(case)


def test_means_next_to_half_way(library: Library) -> None:
    """On this machine."""
    for case in _means():
        library.run(case)


@pytest.mark.long
def test_cores_next_to_half_way(core: Core) -> None:
    """On emulated cores, with an FPU and without, with products of 64 bits and without."""
    for case in (*_quotients(TO_EVEN), *_quotients(AWAY), *_means()):
        core.run(case)
