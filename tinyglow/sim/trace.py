"""What one call of the emulated program did: how often each block followed each other, and how deep the stack got.

The emulator calls :meth:`Trace.on_block` before it runs a block. Python's part must be short: it counts the step from
the last block to this one, and looks at the stack pointer where the block lowers it. Prices come afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tinyglow.sim.cycles import Block, CycleModel
from tinyglow.sim.decode import Decoder, Instruction, lowest_point

# A block's key holds its address and its size: the emulator may translate the same address again, up to another end.
_SIZE_BITS = 16
Step = tuple[int, int]  # keys of two blocks, one after the other
NOTHING = -1  # key of "no block before"


@dataclass(frozen=True)
class CallStats:
    """Figures of one call. ``value``: what the function returned, as a C int.

    cycles: from the function's first instruction to its return, by the core's cycle model. instructions: those that an
    IT block skips are counted too. stack_bytes: from the stack pointer at the call to its lowest point. by_function:
    cycles spent in the code of each function itself, most first.
    """

    value: int
    cycles: int
    instructions: int
    stack_bytes: int
    by_function: dict[str, int]


class Code:
    """The program's blocks as they were met, decoded once, and the prices of the steps between them."""

    def __init__(self, read: Callable[[int, int], bytes], model: CycleModel, place: Callable[[int], str]) -> None:
        self._read = read
        self._model = model
        self._place = place
        self._decoder = Decoder()
        self._blocks: dict[int, Block] = {}
        self._prices: dict[Step, tuple[int, int]] = {}
        self._functions: dict[int, str] = {}
        self.descents: dict[int, int] = {}  # by key: how far the block lowers the stack pointer (negative)

    def meet(self, key: int) -> None:
        """Decode a block when it is first met."""
        if key in self._blocks:
            return
        address, size = key >> _SIZE_BITS, key & ((1 << _SIZE_BITS) - 1)
        block = Block(address, size, tuple(self.instructions(address, size)))
        self._blocks[key] = block
        self._functions[key] = self._place(address)
        descent = lowest_point(block.instructions)
        if descent:
            self.descents[key] = descent

    def instructions(self, address: int, size: int) -> list[Instruction]:
        """The instructions in ``size`` bytes at ``address``."""
        return list(self._decoder.instructions(self._read(address, size), address))

    def length(self, key: int) -> int:
        """Instructions in a block."""
        return len(self._blocks[key].instructions)

    def function(self, key: int) -> str:
        """The function that a block lies in."""
        return self._functions[key]

    def price(self, step: Step) -> tuple[int, int]:
        """Cycles of a step: those of the branch taken in the first block, and those of the second block."""
        known = self._prices.get(step)
        if known is None:
            before = self._blocks.get(step[0])
            block = self._blocks[step[1]]
            jumped = before is not None and _jumped(before, block.address)
            extra = self._model.taken(before) if before is not None and jumped else 0
            known = self._prices[step] = (extra, self._model.body(block, before, jumped))
        return known

    def leaving(self, key: int, address: int) -> int:
        """Cycles that the branch of the last block costs if it went to ``address``."""
        block = self._blocks[key]
        return self._model.taken(block) if _jumped(block, address) else 0


def _jumped(block: Block, target: int) -> bool:
    """Whether a block was left by a jump. A branch to the very next instruction counts as not taken."""
    return target != block.address + block.size


class Trace:
    """Counts one call at a time. ``overflow`` is told of a stack pointer below the limit."""

    def __init__(self, code: Code, stack_pointer: Callable[[], int], overflow: Callable[[int], None]) -> None:
        self._code = code
        self._stack_pointer = stack_pointer
        self._overflow = overflow
        self._limit = self._top = self._lowest = 0
        self._last = NOTHING
        self._steps: dict[Step, int] = {}
        self.on_block = self._block_hook()

    def start(self, limit: int) -> None:
        """Forget the last call. limit: the lowest address that the stack may reach in the next."""
        self._steps.clear()
        self._last = NOTHING
        self._limit = limit
        self._top = self._lowest = self._stack_pointer()

    def _block_hook(self) -> Callable[[object, int, int, object], None]:
        # Local names and one dictionary: this runs millions of times a second.
        steps, descents, meet = self._steps, self._code.descents, self._code.meet

        def on_block(_emulator: object, address: int, size: int, _data: object) -> None:
            key = address << _SIZE_BITS | size
            step = (self._last, key)
            if step in steps:
                steps[step] += 1
            else:
                meet(key)
                steps[step] = 1
            self._last = key
            if key in descents:
                self.reach(descents[key])

        return on_block

    def reach(self, descent: int) -> None:
        """Note that the stack pointer gets ``descent`` bytes (negative) from where it is."""
        lowest = self._stack_pointer() + descent
        if lowest < self._lowest:
            self._lowest = lowest
            if lowest < self._limit:
                self._overflow(lowest)

    @property
    def last_address(self) -> int | None:
        """Where the block lies that was entered last."""
        return None if self._last == NOTHING else self._last >> _SIZE_BITS

    @property
    def instructions(self) -> int:
        """Instructions run so far, the last block counted as a whole."""
        return sum(count * self._code.length(step[1]) for step, count in self._steps.items())

    def stats(self, value: int, end: int) -> CallStats:
        """The figures of a call that returned ``value`` to the address ``end``."""
        cycles: dict[str, int] = {}
        for step, count in self._steps.items():
            branch, body = self._code.price(step)
            here = self._code.function(step[1])
            cycles[here] = cycles.get(here, 0) + count * body
            if branch:
                there = self._code.function(step[0])
                cycles[there] = cycles.get(there, 0) + count * branch
        cycles[self._code.function(self._last)] += self._code.leaving(self._last, end)
        return CallStats(
            value=value,
            cycles=sum(cycles.values()),
            instructions=self.instructions,
            stack_bytes=self._top - self._lowest,
            by_function=dict(sorted(cycles.items(), key=lambda item: (-item[1], item[0]))),
        )
