"""What a board file may have in addition to core and memories: how to print, what to keep in flash, QEMU's name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tinyglow.errors import Problem

# The keys of a board file that are read here.
PERIPHERAL_KEYS = ("qemu", "uart", "flash_config")
# Serial interfaces that ``deploy`` has code for: of Arm's Cortex-M System Design Kit (ARM DDI 0479), of Nordic's nRF51.
UARTS = ("cmsdk", "nrf51")


@dataclass(frozen=True)
class Uart:
    """A serial interface to print to.

    Attributes:
        kind: One of :data:`UARTS`.
        address: Of its registers.
        source: Where that is written.
    """

    kind: str
    address: int
    source: str


@dataclass(frozen=True)
class FlashConfig:
    """Words of 32 bits that the part reads from its flash, and that a program must not overwrite."""

    address: int
    words: tuple[int, ...]
    source: str


def uart_of(table: dict[str, Any]) -> Uart | None:
    """The board's serial interface, of a file without problems."""
    return Uart(**table["uart"]) if "uart" in table else None


def flash_config_of(table: dict[str, Any]) -> FlashConfig | None:
    """The board's words in flash, of a file without problems."""
    config = table.get("flash_config")
    return FlashConfig(config["address"], tuple(config["words"]), config["source"]) if config else None


def peripheral_problems(where: str, table: dict[str, Any]) -> Iterator[Problem]:
    """What is wrong with these keys of a board file."""
    qemu = table.get("qemu", "")
    if not isinstance(qemu, str) or not re.fullmatch(r"[a-z0-9-]*", qemu):
        yield Problem(where, f"qemu is {qemu!r}", "a machine of qemu-system-arm: lower-case letters, digits and -")
    if "uart" in table:
        yield from _table_problems(f"{where}, uart", table["uart"], {"kind": str, "address": int, "source": str})
        kind = table["uart"].get("kind") if isinstance(table["uart"], dict) else UARTS[0]
        if kind not in UARTS:
            yield Problem(f"{where}, uart", f"kind is {kind!r}", f"one of {', '.join(UARTS)}")
    if "flash_config" in table:
        config = table["flash_config"]
        yield from _table_problems(f"{where}, flash_config", config, {"address": int, "words": list, "source": str})
        words = config.get("words") if isinstance(config, dict) else None
        if isinstance(words, list) and not (words and all(_is_word(word) for word in words)):
            yield Problem(f"{where}, flash_config", f"words is {words!r}", "numbers of 32 bits")


def _is_word(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 32


def _table_problems(where: str, table: object, keys: dict[str, type]) -> Iterator[Problem]:
    names = {str: "a text", int: "a number of 32 bits", list: "a list"}
    if not isinstance(table, dict):
        yield Problem(where, f"is {table!r}", "a table")
        return
    for key, kind in keys.items():
        right = _is_word(table.get(key)) if kind is int else isinstance(table.get(key), kind)
        if not right:
            found = f"{key} is {table[key]!r}" if key in table else f"key {key!r} is missing"
            yield Problem(where, found, names[kind])
    for key in sorted(table.keys() - keys.keys()):
        yield Problem(where, f"unknown key {key!r}", f"one of {', '.join(keys)}")
