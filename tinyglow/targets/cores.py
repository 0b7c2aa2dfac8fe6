"""The cores: all that is to be known of one, in the tables :data:`CPUS` and :data:`PORTABLE`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal

Architecture = Literal["v6-M", "v7-M", "v7E-M", "v8-M.mainline", "v8.1-M.mainline", "rv32imc", "xtensa"]


class Feature(Enum):
    """What a core may have beyond ARMv6-M, and a kernel may need. Each says where Arm defines it."""

    DSP = "DSP extension: multiply-adds of two 16-bit products (SMLAD and its kin); Armv7-M ARM, A4.4.3"
    MVE = "M-profile Vector Extension (Helium): vectors of 128 bits; Armv8-M ARM, C2.4"


DSP = frozenset({Feature.DSP})
MVE = frozenset({Feature.MVE})


@dataclass(frozen=True)
class Cpu:
    """One core.

    Attributes:
        name: As boards name it.
        title: As people write it.
        zig: zig's name of the core, with features.
        zig_fpu: The same for a hard-float build; "" if there is no FPU.
        gcc: Flags that select the core.
        gcc_fpu: Flags that a hard-float build has in addition.
        emulator: The emulator's name of the nearest core that runs the same code.
        cycles: The module of ``tinyglow.sim.cycles`` that counts for it; "" if there is none.
        costs: The core whose kernels' costs it has (``targets.costs``): its own name, or that of one like it.
        architecture: As the Addenda to the ABI name it (2.5.2, Tag_CPU_arch), or its own makers where that is not Arm.
        features: What kernels may need.
        triple: zig's target, less the suffix of a hard-float build; "" if zig has none.
        program: gcc's name for it.
        package: Debian's package of that gcc.
        gcc_soft: Flags that a soft-float build has in addition.
        library: What gcc is told to link with.
        support: Files of ``templates/sim/portable`` that are linked with gcc's objects.
        elf: What ELF files call its code (e_machine).
    """

    name: str
    title: str
    zig: str
    zig_fpu: str
    gcc: tuple[str, ...]
    gcc_fpu: tuple[str, ...]
    emulator: str
    cycles: str
    architecture: Architecture
    features: frozenset[Feature]
    costs: str
    triple: str = "thumb-freestanding-eabi"
    program: str = "arm-none-eabi-gcc"
    package: str = "gcc-arm-none-eabi"
    gcc_soft: tuple[str, ...] = ("-mfloat-abi=soft",)
    library: tuple[str, ...] = ()
    support: tuple[str, ...] = ()
    elf: str = "EM_ARM"

    @property
    def is_arm(self) -> bool:
        """Whether it is an Arm core."""
        return self.elf == "EM_ARM"

    @property
    def counts_cycles(self) -> bool:
        """Whether there is a cycle model of it; else instructions are counted (``sim.portable``)."""
        return bool(self.cycles)

    @property
    def unaligned(self) -> bool:
        """Whether single loads and stores of 2 and 4 bytes work at any address: ARMv6-M faults (Armv6-M ARM, A3.2)."""
        return self.architecture != "v6-M"

    @property
    def has_it(self) -> bool:
        """Whether there are IT blocks, of conditional instructions: ARMv6-M has none."""
        return self.architecture != "v6-M"

    @property
    def has_cycle_counter(self) -> bool:
        """Whether DWT may have CYCCNT: that of ARMv6-M only watches addresses."""
        return self.architecture != "v6-M"

    @property
    def fpu(self) -> bool:
        """Whether hard-float code can be built for the core."""
        return bool(self.zig_fpu)


def _cortex_m(
    core: str,
    architecture: Architecture,
    fpu: tuple[str, str] = ("", ""),
    *features: Feature,
    emulator: str,
    cycles: str,
    zig_extra: str = "",
    gcc_extra: tuple[str, ...] = (),
    costs: str = "",
) -> Cpu:
    """Cortex-``core``; ``fpu``: zig's name of the FPU feature and gcc's.

    zig_extra, gcc_extra: features that zig must be told of, and what gcc does not say of the core (tg_dsp.h).
    """
    name = f"cortex-{core.lower().replace('+', 'plus')}"
    zig_feature, gcc_fpu = fpu
    zig = name.replace("-", "_") + zig_extra
    return Cpu(
        name=name,
        title=f"Cortex-{core}",
        zig=zig,
        zig_fpu=f"{zig}+{zig_feature}" if zig_feature else "",
        gcc=(f"-mcpu={name}", "-mthumb", *gcc_extra),
        gcc_fpu=("-mfloat-abi=hard", f"-mfpu={gcc_fpu}") if gcc_fpu else (),
        emulator=emulator,
        cycles=cycles,
        architecture=architecture,
        features=frozenset(features),
        costs=costs or name,
    )


# Single precision everywhere: the emulator's M7 has no double-precision FPU, and int8 networks do not ask for one.
# The M33 is taken with its DSP extension, as gcc takes it.
# The emulator has no M0+; its M0 runs the same instruction set (ARMv6-M).
CPUS: Mapping[str, Cpu] = {
    cpu.name: cpu
    for cpu in (
        _cortex_m("M0+", "v6-M", emulator="M0", cycles="m0plus"),
        _cortex_m("M4", "v7E-M", ("vfp4d16sp", "fpv4-sp-d16"), Feature.DSP, emulator="M4", cycles="m4"),
        _cortex_m(
            "M7",
            "v7E-M",
            ("fp_armv8d16sp", "fpv5-sp-d16"),
            Feature.DSP,
            emulator="M7",
            cycles="m7",
            gcc_extra=("-DTG_DUAL_ISSUE=1",),
        ),
        _cortex_m(
            "M33",
            "v8-M.mainline",
            ("fp_armv8d16sp", "fpv5-sp-d16"),
            Feature.DSP,
            emulator="M33",
            cycles="m4",  # Arm publishes none of its own; an upper bound: see the module
            zig_extra="+dsp",
            costs="cortex-m4",  # as they follow from these cycles
        ),
        _cortex_m("M0", "v6-M", emulator="M0", cycles="m0"),
        _cortex_m("M3", "v7-M", emulator="M3", cycles="m3"),
    )
}

# Cores without a cycle model. RISC-V and Xtensa get portable C alone. Their kernels are chosen by the Cortex-M3's
# costs: with them six networks take the fewest instructions on these cores (tests/benchmarks/other_cores.py). The
# Cortex-M55 gets kernels for vectors and for DSP instructions: the former by instructions (tests/benchmarks/helium.py),
# all others by the Cortex-M4's costs.
# -nostdlib: their compilers come without a C library; ``templates/sim/portable`` has what gcc calls of one.
PORTABLE: Mapping[str, Cpu] = {
    cpu.name: cpu
    for cpu in (
        Cpu(
            name="riscv32",
            title="RISC-V RV32IMC",
            zig="generic_rv32+m+c",
            zig_fpu="",
            gcc=("-march=rv32imc", "-mabi=ilp32", "-ffreestanding"),
            gcc_fpu=(),
            emulator="unicorn",
            cycles="",
            architecture="rv32imc",
            features=frozenset(),
            costs="cortex-m3",
            triple="riscv32-freestanding-none",
            program="riscv64-unknown-elf-gcc",
            package="gcc-riscv64-unknown-elf",
            gcc_soft=(),
            library=("-nostdlib", "-lgcc"),
            support=("memory.c",),
            elf="EM_RISCV",
        ),
        Cpu(
            name="xtensa",
            title="Xtensa LX106",
            zig="",
            zig_fpu="",
            # Literals beside their functions: the linker then drops both together.
            gcc=("-mlongcalls", "-mtext-section-literals", "-ffreestanding"),
            gcc_fpu=(),
            emulator="qemu",
            cycles="",
            architecture="xtensa",
            features=frozenset(),
            costs="cortex-m3",
            triple="",
            program="xtensa-lx106-elf-gcc",
            package="gcc-xtensa-lx106",
            gcc_soft=(),
            library=("-nostdlib", "-lgcc"),
            support=("memory.c", "rom_xtensa.c"),
            elf="EM_XTENSA",
        ),
        Cpu(
            name="cortex-m55",
            title="Cortex-M55",
            zig="",
            zig_fpu="cortex_m55+mve",
            gcc=("-mcpu=cortex-m55", "-mthumb", "-ffreestanding"),
            gcc_fpu=("-mfloat-abi=hard",),
            emulator="qemu",
            cycles="",
            architecture="v8.1-M.mainline",
            features=DSP | MVE,
            costs="cortex-m4",
            library=("-nostdlib", "-lgcc"),
            support=("memory.c",),
        ),
    )
}
CORES: Mapping[str, Cpu] = {**CPUS, **PORTABLE}

# Boards whose cores are asked for and cannot be had, and why.
NO_EMULATOR: Mapping[str, str] = dict.fromkeys(
    ("cortex-m52", "cortex-m55", "cortex-m85"),
    "no cycles are counted for cores with Helium (MVE): --target cortex-m55 counts instructions",
)
