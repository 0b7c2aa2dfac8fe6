"""How often loops turn that depend on data, of functions that are no declared kernel's own.

A declared kernel says so itself (``Kernel.turns_by_data``).
"""

from __future__ import annotations

from collections.abc import Mapping

# By what their names begin with: functions that compilers may leave apart from kernels (``tg_float.h``), and kernels
# that the compiler writes for integer tensors of ONNX, with remainders of floats whose exponents are far apart
# (``tg_scalar.h``).
TURNS_BY_DATA: Mapping[str, int] = {
    "tg_split_f32": 32,
    "tg_divide_f32": 32,
    "tg_sqrt_f32": 32,
    "tg_fmod_f32": 280,
    "tg_pow_u64": 64,
    "tg_each_": 280,
}
