"""What a program is predicted to take on a core, call by call."""

from __future__ import annotations

from tinyglow.ir.kernel import work_of
from tinyglow.ir.program import KernelCall, Program
from tinyglow.targets.costs import kernel_cycles


def call_cycles(program: Program, call: KernelCall, core: str) -> int | None:
    """Predicted cycles of one kernel call.

    Args:
        program: What the call is part of.
        call: The call.
        core: Name of the core.

    Returns:
        Cycles of one inference; None if the kernel was not measured on that core.
    """
    buffers = [program.buffers[name] for name in call.operands]
    work = work_of(
        call.kernel, call.params, [buffer.data for buffer in buffers], [buffer.type.elements for buffer in buffers]
    )
    return kernel_cycles(core, call.kernel.with_glow.symbol, work)
