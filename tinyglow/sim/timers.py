"""The core's own counters: SysTick and DWT's CYCCNT, driven by a cycle model, and the registers around them.

Armv6-M and Armv7-M Architecture Reference Manuals, B3.3 (SysTick), C1.6.5 (DEMCR) and C1.8 (DWT).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

SYSTEM_CONTROL, TRACE = 0xE000_E000, 0xE000_1000
PRIVATE_BLOCKS = (SYSTEM_CONTROL, TRACE)
_CSR, _RVR, _CVR = SYSTEM_CONTROL + 0x10, SYSTEM_CONTROL + 0x14, SYSTEM_CONTROL + 0x18
_DEMCR, _CTRL, _CYCCNT = SYSTEM_CONTROL + 0xDFC, TRACE, TRACE + 4
_ENABLE, _INTERRUPT, _COUNT_FLAG = 1, 2, 1 << 16
_TRACE_ON, _CYCCNT_ON = 1 << 24, 1
_TOP = 0xFF_FFFF


class Timers:
    """Registers of both blocks. ``cycles``: how many have passed; ``stop``: ends the emulation at this instruction."""

    def __init__(self, cycles: Callable[[], int], stop: Callable[[], None]) -> None:
        self._cycles = cycles
        self._stop = stop
        self._registers: dict[int, int] = {}
        self._zero = 0  # when SysTick was cleared or switched on
        self._counted = 0  # interrupts taken since
        self._cyccnt_zero = 0

    @property
    def interrupts(self) -> bool:
        """Whether SysTick will interrupt."""
        return self._registers.get(_CSR, 0) & (_ENABLE | _INTERRUPT) == _ENABLE | _INTERRUPT

    def due(self, now: int) -> bool:
        """Whether an interrupt of SysTick is to be taken; it counts as taken then."""
        if not self.interrupts or self._wraps(now) <= self._counted:
            return False
        self._counted += 1
        return True

    def until_next(self, now: int) -> int:
        """Cycles until SysTick wraps next, if all its interrupts so far were taken; 0 otherwise."""
        return max(0, self._zero + (self._counted + 1) * self._period() - now)

    def _period(self) -> int:
        return (self._registers.get(_RVR, 0) & _TOP) + 1

    def _wraps(self, now: int) -> int:
        return (now - self._zero) // self._period()

    def read(self, _emulator: Any, offset: int, _size: int, block: int) -> int:
        """A register's value."""
        address, now = block + offset, self._cycles()
        running = self._registers.get(_CSR, 0) & _ENABLE
        if address == _CVR and running:
            if self.interrupts and self._wraps(now) > self._counted:
                self._stop()  # the interrupt comes right after this instruction
            return self._period() - 1 - (now - self._zero) % self._period()
        if address == _CSR:
            flag = _COUNT_FLAG if running and self._wraps(now) else 0
            return self._registers.get(_CSR, 0) | flag
        if address == _CYCCNT and self._counts_cycles():
            return (now - self._cyccnt_zero) & 0xFFFF_FFFF
        return self._registers.get(address, 0)

    def write(self, _emulator: Any, offset: int, _size: int, value: int, block: int) -> None:
        """Set a register."""
        address, now = block + offset, self._cycles()
        if address == _CVR or (address == _CSR and not self._registers.get(_CSR, 0) & _ENABLE):
            self._zero, self._counted = now, 0
        counted = self._counts_cycles()
        self._registers[address] = 0 if address == _CVR else value
        if address == _CYCCNT:
            self._cyccnt_zero = now - value
        elif not counted and self._counts_cycles():
            self._cyccnt_zero = now - self._registers.get(_CYCCNT, 0)

    def _counts_cycles(self) -> bool:
        return bool(self._registers.get(_DEMCR, 0) & _TRACE_ON and self._registers.get(_CTRL, 0) & _CYCCNT_ON)
