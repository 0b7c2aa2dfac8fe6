"""Thumb instructions as the cycle models and the stack bookkeeping need them, from capstone's disassembly."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from tinyglow.sim import missing_package

try:
    import capstone
    from capstone import arm
except ImportError as error:
    raise missing_package("capstone") from error

# Stands for the condition flags in ``reads`` and ``writes``, beside capstone's register numbers.
FLAGS = -1


class Kind(Enum):
    """What an instruction does, as far as its timing is concerned."""

    ALU = auto()
    MULTIPLY = auto()
    DIVIDE = auto()
    LOAD = auto()
    STORE = auto()
    LOAD_MANY = auto()
    STORE_MANY = auto()
    BRANCH = auto()
    BRANCH_IF = auto()
    CALL = auto()
    BRANCH_REGISTER = auto()
    TABLE_BRANCH = auto()
    SPECIAL_REGISTER = auto()
    BARRIER = auto()
    WAIT = auto()
    TRAP = auto()
    FLOAT = auto()
    FLOAT_MULTIPLY_ADD = auto()
    FLOAT_DIVIDE = auto()


_KINDS: dict[str, Kind] = {
    name: kind
    for kind, names in {
        Kind.MULTIPLY: "mul mla mls smull umull smlal umlal umaal smulbb smulbt smultb smultt smlabb smlabt smlatb"
        " smlatt smlad smladx smlald smlaldx smlsd smlsdx smlsld smlsldx smuad smuadx smusd smusdx smmul smmulr smmla"
        " smmlar smmls smmlsr smlawb smlawt smulwb smulwt smlalbb smlalbt smlaltb smlaltt",
        Kind.DIVIDE: "sdiv udiv",
        Kind.LOAD: "ldr ldrb ldrh ldrsb ldrsh ldrt ldrbt ldrht ldrsbt ldrsht ldrex ldrexb ldrexh pld pldw vldr",
        Kind.STORE: "str strb strh strt strbt strht strex strexb strexh vstr",
        Kind.LOAD_MANY: "ldm ldmdb pop ldrd vldmia vldmdb vpop",
        Kind.STORE_MANY: "stm stmdb push strd vstmia vstmdb vpush",
        Kind.BRANCH: "b",
        Kind.BRANCH_IF: "cbz cbnz",
        Kind.CALL: "bl",
        Kind.BRANCH_REGISTER: "bx blx bxns blxns",
        Kind.TABLE_BRANCH: "tbb tbh",
        Kind.SPECIAL_REGISTER: "mrs msr vmrs vmsr",
        Kind.BARRIER: "dmb dsb isb",
        Kind.WAIT: "wfi wfe",
        Kind.TRAP: "svc bkpt udf",
        Kind.FLOAT: "fmstat",
        Kind.FLOAT_MULTIPLY_ADD: "vmla vmls vnmla vnmls vfma vfms vfnma vfnms",
        Kind.FLOAT_DIVIDE: "vdiv vsqrt",
    }.items()
    for name in names.split()
}
_CLOSING = {Kind.BRANCH, Kind.BRANCH_IF, Kind.CALL, Kind.BRANCH_REGISTER, Kind.TABLE_BRANCH}
_COMPARES = {"cmp", "cmn", "tst", "teq"}
_PAIRED = {"ldrd", "strd"}
# As disassembled: the usual instructions that push, pop, or name the stack pointer. They move it by what they say
# themselves, or leave it alone, or go elsewhere.
_PLAIN_MOVES = re.compile(
    r"v?(push|pop)(\.w|\.32|\.64)? \{[^}]*\}|pop\w*(\.w)? \{[^}]*pc\}|(add|sub)(\.w|w)? sp, (sp, )?#\w+"
    r"|(add|sub|mov)(\.w|w)? (?!sp)\w+, sp(, #\w+)?"
    r"|v?(ldr|str)\w*(\.w|\.32|\.64)? ((?!sp)\w+, ){1,2}\[sp(, #-?\w+)?\]"
)


@dataclass(frozen=True)
class Instruction:
    """One instruction.

    Attributes:
        address: Where it is.
        size: Bytes.
        name: Without condition and width suffix.
        text: As disassembled.
        kind: What a cycle model must know of it.
        registers: How many registers a multiple load, store, push or pop moves.
        words: How many words of 32 bits a load or store moves, at least 1.
        reads: Registers by capstone's numbers, and FLAGS.
        writes: As ``reads``.
        accumulates: Those of ``reads`` that a multiply-add merely adds its product to.
        bases: The one or two registers whose sum is the address of a load or store.
        conditional: Whether it may be skipped.
        ends: Whether it may go elsewhere than to the next instruction.
        stack: Bytes by which it moves the stack pointer; None if that shows at run time only.
    """

    address: int
    size: int
    name: str
    text: str
    kind: Kind
    registers: int
    words: int
    reads: frozenset[int]
    writes: frozenset[int]
    accumulates: frozenset[int]
    bases: tuple[int, ...]
    conditional: bool
    ends: bool
    stack: int | None


class Decoder:
    """Disassembles Thumb code of any Cortex-M."""

    def __init__(self) -> None:
        mode = capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS | capstone.CS_MODE_V8
        self._capstone = capstone.Cs(capstone.CS_ARCH_ARM, mode)
        self._capstone.detail = True
        self._in_short = capstone.Cs(capstone.CS_ARCH_ARM, mode)

    def instructions(self, code: bytes, address: int) -> Iterator[Instruction]:
        """The instructions in ``code``, which lies at ``address``, up to the first that is none."""
        for instruction in self._capstone.disasm(code, address):
            yield _instruction(instruction)

    def may_move_stack_unknown(self, code: bytes, address: int) -> bool:
        """Whether some of the instructions may move the stack pointer by what shows at run time only.

        This takes a fraction of the time of ``instructions``, which then says whether one does.
        """
        for _address, _size, mnemonic, operands in self._in_short.disasm_lite(code, address):
            if ("sp" in operands or "push" in mnemonic or "pop" in mnemonic) and not _PLAIN_MOVES.fullmatch(
                f"{mnemonic} {operands}"
            ):
                return True
        return False


def _instruction(raw: Any) -> Instruction:
    name = raw.insn_name()
    if name == "hint":  # nop, wfi, wfe, yield, sev
        name = raw.mnemonic.partition(".")[0]
    kind = _kind(name, raw)
    conditional = (raw.cc not in (arm.ARM_CC_AL, arm.ARM_CC_INVALID) and name != "it") or name in ("cbz", "cbnz")
    if kind is Kind.BRANCH and conditional:
        kind = Kind.BRANCH_IF
    reads, writes = (set(registers) for registers in raw.regs_access())
    if name in _COMPARES or raw.update_flags:
        writes.add(FLAGS)
    if conditional or name in ("adc", "sbc", "rrx"):
        reads.add(FLAGS)
    if kind in (Kind.ALU, Kind.MULTIPLY):  # capstone forgets the last operand of some
        reads.update(set(_registers(raw)) - writes)
    accumulates = _accumulates(name, raw)
    reads |= accumulates
    ends = kind in _CLOSING or arm.ARM_REG_PC in writes or _loads_pc(kind, raw)
    return Instruction(
        address=raw.address,
        size=raw.size,
        name=name,
        text=f"{raw.mnemonic} {raw.op_str}".strip(),
        kind=kind,
        registers=_register_count(name, kind, raw),
        words=_words(name, kind, raw),
        reads=frozenset(reads - {arm.ARM_REG_PC, arm.ARM_REG_CPSR}),
        writes=frozenset(writes - {arm.ARM_REG_PC, arm.ARM_REG_CPSR}),
        accumulates=frozenset(accumulates),
        bases=_bases(name, kind, raw),
        conditional=conditional,
        ends=ends,
        stack=_stack_move(name, kind, raw, conditional, arm.ARM_REG_SP in writes),
    )


def _kind(name: str, raw: Any) -> Kind:
    kind = _KINDS.get(name)
    if kind is not None:
        return kind
    return Kind.FLOAT if name.startswith("v") and raw.size == 4 else Kind.ALU


def _registers(raw: Any) -> list[int]:
    return [operand.reg for operand in raw.operands if operand.type == arm.ARM_OP_REG]


def _listed(name: str, raw: Any) -> list[int]:
    """The registers of a register list: all operands but the base, which push and pop leave unsaid."""
    registers = _registers(raw)
    return registers if name in ("push", "pop", "vpush", "vpop") else registers[1:]


def _register_count(name: str, kind: Kind, raw: Any) -> int:
    if name in _PAIRED:
        return 2
    return len(_listed(name, raw)) if kind in (Kind.LOAD_MANY, Kind.STORE_MANY) else 1


def _words(name: str, kind: Kind, raw: Any) -> int:
    """Words that a load or store moves: a double-precision register holds two."""
    listed = _listed(name, raw) if kind in (Kind.LOAD_MANY, Kind.STORE_MANY) else _registers(raw)[:1]
    doubles = sum(arm.ARM_REG_D0 <= register <= arm.ARM_REG_D31 for register in listed)
    return _register_count(name, kind, raw) + doubles


def _bases(name: str, kind: Kind, raw: Any) -> tuple[int, ...]:
    """The registers that make the address of a load or store; () for other instructions."""
    if kind not in (Kind.LOAD, Kind.STORE, Kind.LOAD_MANY, Kind.STORE_MANY, Kind.TABLE_BRANCH):
        return ()
    if name in ("push", "pop", "vpush", "vpop"):
        return (arm.ARM_REG_SP,)
    for operand in raw.operands:
        if operand.type == arm.ARM_OP_MEM:
            return tuple(register for register in (operand.mem.base, operand.mem.index) if register)
    return tuple(_registers(raw)[:1])


def _loads_pc(kind: Kind, raw: Any) -> bool:
    """``pop {pc}``, ``ldr pc``, ``mov pc`` and ``add pc``: capstone does not always report the write."""
    registers = _registers(raw)
    if kind is Kind.LOAD_MANY:
        return arm.ARM_REG_PC in registers
    return kind in (Kind.LOAD, Kind.ALU) and bool(registers) and registers[0] == arm.ARM_REG_PC


def _accumulates(name: str, raw: Any) -> set[int]:
    """``mla d, n, m, a`` adds to a, ``smlal lo, hi, n, m`` to both of its results, ``vfma d, n, m`` to d."""
    registers = _registers(raw)
    if _KINDS.get(name) is Kind.FLOAT_MULTIPLY_ADD:
        return set(registers[:1])
    if name.startswith(("smlal", "umlal", "umaal", "smlsld")):
        return set(registers[:2])
    is_multiply_add = name.startswith(("mla", "mls", "smla", "smls", "smmla", "smmls"))
    return set(registers[3:4]) if is_multiply_add else set()


def _stack_move(name: str, kind: Kind, raw: Any, conditional: bool, writes_stack_pointer: bool) -> int | None:
    """Bytes by which the stack pointer moves; negative: the stack grows. None: not known before it runs."""
    if name not in ("push", "pop", "vpush", "vpop") and not writes_stack_pointer:
        return 0
    if conditional:
        return None
    if name in ("push", "vpush", "pop", "vpop"):
        listed = _listed(name, raw)
        wide: int = sum(arm.ARM_REG_D0 <= register <= arm.ARM_REG_D31 for register in listed)
        size = 4 * (len(listed) + wide)
        return -size if name.endswith("push") else size
    immediates = [operand.imm for operand in raw.operands if operand.type == arm.ARM_OP_IMM]
    registers = _registers(raw)
    if name in ("add", "sub", "addw", "subw") and len(immediates) == 1 and set(registers) == {arm.ARM_REG_SP}:
        return int(immediates[0]) if name.startswith("add") else -int(immediates[0])
    if kind in (Kind.LOAD_MANY, Kind.STORE_MANY) and name not in _PAIRED and registers[0] == arm.ARM_REG_SP:
        size = 4 * _register_count(name, kind, raw)
        return -size if name.endswith("db") else size
    return None


def lowest_point(instructions: Sequence[Instruction]) -> int:
    """How far below its first value the stack pointer gets, 0 or negative.

    Looked at: up to the first instruction that may go elsewhere, or moves the stack pointer by what is in a register.
    """
    level = lowest = 0
    for instruction in instructions:
        if instruction.stack is None:
            break
        level += instruction.stack
        lowest = min(lowest, level)
        if instruction.ends:
            break
    return lowest
