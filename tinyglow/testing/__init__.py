"""Public strategies for property tests (hypothesis), and ways to run kernels on the host and on emulated cores.

>>> from hypothesis import given
>>> from tinyglow.registry import KERNELS
>>> from tinyglow.testing import cases
>>> @given(cases(KERNELS["tg_rescale_s8"]))
... def test_my_own_rescale(case):
...     assert (my_rescale(case.params, **case.inputs) == case.expected()["output"]).all()

A kernel of your own, in Python or C, is compared with the reference by one call:

>>> from tinyglow.testing import check_kernel
>>> check_kernel("my_kernels.c", "fully_connected", "tflm", symbol="my_fully_connected")  # doctest: +SKIP

Needs hypothesis (``pip install tinyglow[test]``). ``tinyglow.testing.native`` runs cases through a shared library,
``tinyglow.testing.emulated`` on an emulated board.
"""

from __future__ import annotations

from tinyglow.errors import Problem, ToolError

try:
    import hypothesis as _hypothesis  # noqa: F401  (looked for here, so that its absence is told in plain words)
except ImportError as error:
    _missing = Problem("hypothesis", "missing", hint="pip install tinyglow[test]")
    raise ToolError("tinyglow.testing needs a package that is not installed", [_missing]) from error

from tinyglow.testing.budget import budget, is_full
from tinyglow.testing.case import Case
from tinyglow.testing.kit.check import Checked, KernelFault, check_kernel, run_kernel
from tinyglow.testing.kit.networks import calibrations, networks, profiles
from tinyglow.testing.kit.problem import Operator, Question, operator, operators, problems, reference
from tinyglow.testing.kit.prototypes import prototype
from tinyglow.testing.kit.scaling import quant_params, tensor_types
from tinyglow.testing.planning import alignments, blocks, overlaps
from tinyglow.testing.registry import cases, covered_kernels, fixed_cases, generates
from tinyglow.testing.values import (
    any_requant,
    counts,
    float32_arrays,
    int8_arrays,
    int16_arrays,
    int32_arrays,
    offsets,
    requant_params,
    scales,
    windows,
)

__all__ = [
    "Case",
    "Checked",
    "KernelFault",
    "Operator",
    "Question",
    "alignments",
    "any_requant",
    "blocks",
    "budget",
    "calibrations",
    "cases",
    "check_kernel",
    "counts",
    "covered_kernels",
    "fixed_cases",
    "float32_arrays",
    "generates",
    "int8_arrays",
    "int16_arrays",
    "int32_arrays",
    "is_full",
    "networks",
    "offsets",
    "operator",
    "operators",
    "overlaps",
    "problems",
    "profiles",
    "prototype",
    "quant_params",
    "reference",
    "requant_params",
    "run_kernel",
    "scales",
    "tensor_types",
    "windows",
]
