"""What instructions of the Cortex-M0+ do and what they cost, in words for a reader of a listing."""

from __future__ import annotations

# A plain loop: the product of two rows of int8, one byte at a time.
DOT_PRODUCT = (
    "ldrsb r3, [r0, r2]",
    "ldrsb r4, [r1, r2]",
    "muls r3, r4, r3",
    "adds r5, r5, r3",
    "adds r2, r2, #1",
    "cmp r2, r6",
    "bne loop",
)

_MEANINGS = {
    "adds": "adds",
    "add": "adds",
    "asrs": "shifts right and keeps the sign",
    "ands": "keeps the bits that are set in both",
    "b": "branches",
    "bne": "branches back unless both were equal, or the result zero",
    "cmp": "compares",
    "ldm": "loads words and moves the pointer on",
    "ldr": "loads a word",
    "ldrb": "loads a byte",
    "ldrsb": "loads a byte and extends its sign",
    "lsls": "shifts left",
    "lsrs": "shifts right",
    "mov": "copies a register",
    "movs": "sets a register",
    "muls": "multiplies",
    "rsbs": "negates",
    "str": "stores a word",
    "strb": "stores a byte",
    "subs": "subtracts",
    "sxtb": "extends the sign of a byte",
    "sxth": "extends the sign of the lower half",
    "uxtb": "takes the lowest byte",
}


def mnemonic(line: str) -> str:
    """The first word of an instruction."""
    return line.split(maxsplit=1)[0]


def meaning(line: str) -> str:
    """What an instruction does, in a few words; "" for one that is not known here."""
    return _MEANINGS.get(mnemonic(line), "")


def cycles_of(line: str) -> int:
    """Cycles of an instruction at zero wait states, a branch taken.

    Source: Cortex-M0+ Technical Reference Manual, ARM DDI 0484C, table 3-1: loads and stores of one register 2,
    of several one more each, multiplication 1 (the fast multiplier), branches taken 2, other arithmetic 1.
    """
    word = mnemonic(line)
    if word.startswith(("ldm", "stm")):
        return 2 + line.count(",", line.index("{"))
    return 2 if word.startswith(("ldr", "str", "b")) and word != "bics" else 1
