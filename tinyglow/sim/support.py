"""What a bundle's objects may expect of the program that they are linked into, and where it comes from.

Compilers leave some work to a library: arithmetic that the core lacks (``__aeabi_fmul``), copies (``memcpy``), the C
library's mathematics (``expf``). zig and gcc bring most of it; the rest is in ``templates/support``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from tinyglow import resources
from tinyglow.errors import Problem, ToolError

# LLVM's names where it was not told of the Arm EABI, and the same functions under the names of that
# (Run-time ABI for the Arm Architecture, ARM IHI 0043, 4.1 and 4.2). Real Glow's Cortex-M0 objects use the former.
ALIASES: Mapping[str, str] = dict(
    pair.split("=")
    for pair in """
    __mulsf3=__aeabi_fmul __addsf3=__aeabi_fadd __subsf3=__aeabi_fsub __divsf3=__aeabi_fdiv __fixsfsi=__aeabi_f2iz
    __fixunssfsi=__aeabi_f2uiz __floatsisf=__aeabi_i2f __floatunsisf=__aeabi_ui2f __fixsfdi=__aeabi_f2lz
    __fixunssfdi=__aeabi_f2ulz __floatdisf=__aeabi_l2f __floatundisf=__aeabi_ul2f __unordsf2=__aeabi_fcmpun
    __muldf3=__aeabi_dmul __adddf3=__aeabi_dadd __subdf3=__aeabi_dsub __divdf3=__aeabi_ddiv __fixdfsi=__aeabi_d2iz
    __fixunsdfsi=__aeabi_d2uiz __floatsidf=__aeabi_i2d __floatunsidf=__aeabi_ui2d __fixdfdi=__aeabi_d2lz
    __fixunsdfdi=__aeabi_d2ulz __floatdidf=__aeabi_l2d __floatundidf=__aeabi_ul2d __unorddf2=__aeabi_dcmpun
    __extendsfdf2=__aeabi_f2d __truncdfsf2=__aeabi_d2f __muldi3=__aeabi_lmul __divsi3=__aeabi_idiv
    __udivsi3=__aeabi_uidiv __ashldi3=__aeabi_llsl __ashrdi3=__aeabi_lasr __lshrdi3=__aeabi_llsr
    __gnu_h2f_ieee=__aeabi_h2f __gnu_f2h_ieee=__aeabi_f2h
    """.split()  # noqa: SIM905
)
# In the libraries of all compilers that tinyglow finds.
_LIBRARY = frozenset(
    """
    __aeabi_f2ulz __aeabi_d2lz __aeabi_d2ulz __aeabi_l2d __aeabi_ul2d __modsi3 __umodsi3 __divdi3 __udivdi3 __moddi3
    __umoddi3 __clzsi2 __clzdi2 __ctzsi2 __popcountsi2 __popcountdi2 __bswapsi2 __powisf2 __aeabi_fmul __aeabi_fadd
    __aeabi_fsub __aeabi_frsub __aeabi_fdiv __aeabi_f2iz __aeabi_f2uiz __aeabi_i2f __aeabi_ui2f __aeabi_f2lz __aeabi_l2f
    __aeabi_ul2f __aeabi_f2d __aeabi_d2f __aeabi_dmul __aeabi_dadd __aeabi_ddiv __aeabi_dsub __aeabi_d2iz __aeabi_d2uiz
    __aeabi_i2d __aeabi_ui2d __aeabi_fcmpeq __aeabi_fcmplt __aeabi_fcmple __aeabi_fcmpge __aeabi_fcmpgt __aeabi_fcmpun
    __aeabi_dcmpeq __aeabi_dcmplt __aeabi_dcmple __aeabi_dcmpge __aeabi_dcmpgt __aeabi_dcmpun __aeabi_lmul __aeabi_idiv
    __aeabi_uidiv __aeabi_idivmod __aeabi_uidivmod __aeabi_ldivmod __aeabi_uldivmod __aeabi_llsl __aeabi_llsr
    __aeabi_lasr __aeabi_h2f __aeabi_f2h __aeabi_memcpy __aeabi_memcpy4 __aeabi_memcpy8 __aeabi_memset __aeabi_memset4
    __aeabi_memset8 __aeabi_memclr __aeabi_memclr4 __aeabi_memclr8 __aeabi_memmove __aeabi_memmove4 __aeabi_memmove8
    memcpy memset memmove memcmp sinf cosf tanf fmodf fmaf sin cos sqrt fabs floor ceil round trunc
    """.split()  # noqa: SIM905
)
_LIBM = frozenset(
    """
    fabsf floorf ceilf truncf roundf rintf nearbyintf roundevenf lrintf lroundf copysignf fmaxf fminf sqrtf ldexpf expf
    exp2f expm1f logf log2f log10f log1pf powf tanhf sinhf coshf erff exp log log2 pow tanh erf nearbyint rint
    """.split()  # noqa: SIM905
)
_COMPILER = frozenset(
    """
    __eqsf2 __nesf2 __ltsf2 __lesf2 __gtsf2 __gesf2 __eqdf2 __nedf2 __ltdf2 __ledf2 __gtdf2 __gedf2
    __aeabi_unwind_cpp_pr0 __aeabi_unwind_cpp_pr1 __aeabi_unwind_cpp_pr2
    """.split()  # noqa: SIM905
)
_FILES = {"libm.c": _LIBM, "compiler.c": _COMPILER}


def support_sources(missing: Iterable[str]) -> list[Path]:
    """The C files that define any of the names."""
    names = frozenset(missing)
    return [resources.TEMPLATES / "support" / file for file, provided in _FILES.items() if names & provided]


def support_aliases(missing: Iterable[str]) -> str:
    """Commands for the linker that define those of the names that are others' second names."""
    return "".join(f"PROVIDE({name} = {ALIASES[name]});\n" for name in sorted(missing) if name in ALIASES)


def require_provided(missing: Mapping[str, str]) -> None:
    """Raise ToolError naming every function that nobody provides. ``missing``: names, and which object needs each."""
    provided = _LIBRARY | _LIBM | _COMPILER | ALIASES.keys()
    problems = [
        Problem(name, f"is needed by {needed_by} and not there", hint=_hint(name))
        for name, needed_by in missing.items()
        if name not in provided
    ]
    if problems:
        raise ToolError("the bundle needs functions that it does not bring", problems)


def _hint(name: str) -> str:
    if name.startswith("glow_instrument"):
        return "compile the bundle without instrumentation"
    if name.startswith(("arm_", "libjit_")):
        return "an archive of the bundle and its kernels is needed: add the library's objects with ar"
    return "" if name.startswith("_") else "of the C library, arithmetic and memory functions are provided"
