"""Descriptions of what a program can do wrong."""

from __future__ import annotations

from tinyglow.sim import missing_package

try:
    import unicorn
except ImportError as error:
    raise missing_package("unicorn") from error

ACCESSES = {
    unicorn.UC_MEM_READ_UNMAPPED: "reads {size} bytes at {address:#010x}, where the board has no memory",
    unicorn.UC_MEM_WRITE_UNMAPPED: "writes {size} bytes at {address:#010x}, where the board has no memory",
    unicorn.UC_MEM_FETCH_UNMAPPED: "jumps to {address:#010x}, where the board has no memory",
    unicorn.UC_MEM_READ_PROT: "reads {size} bytes at {address:#010x}, which is not readable",
    unicorn.UC_MEM_WRITE_PROT: "writes {size} bytes at {address:#010x}, in {memory}, which is flash",
    unicorn.UC_MEM_FETCH_PROT: "jumps to {address:#010x}, which holds no code",
}
# The exceptions of QEMU's ARM core (EXCP_ of its cpu.h) that a program without an operating system does not expect.
EXCEPTIONS = {
    1: "runs an undefined instruction",
    2: "makes a supervisor call (SVC), which nobody answers",
    3: "jumps to where the board has no code",
    4: "reads or writes where the board has no memory",
    7: "runs into a breakpoint (BKPT)",
    17: "uses a coprocessor that is switched off",
    18: "jumps to an even address: not Thumb code",
}
