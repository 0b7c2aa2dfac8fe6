"""Samples as onnxruntime's static quantizer asks for them. Needs the package onnxruntime, which no test does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
from onnxruntime.quantization import CalibrationDataReader


class Samples(CalibrationDataReader):
    """One sample after the other of arrays [samples, *shape], by input."""

    def __init__(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._left = iter([dict(zip(arrays, sample, strict=True)) for sample in zip(*arrays.values(), strict=True)])

    def get_next(self) -> dict[str, npt.NDArray[Any]] | None:
        """The next sample, if there is one."""
        return next(self._left, None)
