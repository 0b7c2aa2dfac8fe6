"""What one call of the emulated program did: how often each block followed each other, and how deep the stack got.

The emulator calls :meth:`Trace.on_block` before it runs a block. Python's part must be short: it counts the step from
the last block to this one, and looks at the stack pointer where the block lowers it. Cycles are computed afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from tinyglow.sim.cycles import Block, CycleModel
from tinyglow.sim.decode import Decoder, Instruction, lowest_point
from tinyglow.sim.memory import BlockWaits

# A block's key holds its address and its size: the emulator may translate the same address again, up to another end.
_SIZE_BITS = 16
Step = tuple[int, int]  # keys of two blocks, one after the other
NOTHING = -1  # key of "no block before"
# Instructions of the page before that may still hold up what follows: more than a pipeline holds.
_LEAD = 32


@dataclass(frozen=True)
class CallStats:
    """Figures of one call.

    Attributes:
        value: What the function returned, as a C int.
        cycles: From the function's first instruction to its return, by the core's cycle model.
        instructions: Those that an IT block skips are counted too.
        stack_bytes: From the stack pointer at the call to its lowest point.
        by_function: Cycles spent in the code of each function itself, most first.
        waits: Cycles more that the board's memories take; 0 where that was not asked for.
        waits_by_function: The same by function.
        waits_by_memory: The same by memory.
    """

    value: int
    cycles: int
    instructions: int
    stack_bytes: int
    by_function: dict[str, int]
    waits: int = 0
    waits_by_function: dict[str, int] = field(default_factory=dict)
    waits_by_memory: dict[str, int] = field(default_factory=dict)


def block_address(key: int) -> int:
    """Where the block of a key lies; negative for NOTHING."""
    return key >> _SIZE_BITS


def block_key(address: int, size: int) -> int:
    """The key of a block."""
    return address << _SIZE_BITS | size


class _Followers(dict[int, "_Step"]):
    """The blocks that ran after the block of ``key``, by their own keys."""

    def __init__(self, key: int) -> None:
        super().__init__()
        self.key = key


class _Step:
    """A step from one block to another.

    It knows how often it was taken, what may follow, how far the other block lowers the stack pointer, and whether the
    watched function is entered, or returned to.
    """

    __slots__ = ("behind", "count", "descent", "enters", "special")

    def __init__(self, behind: _Followers, descent: int, enters: bool) -> None:
        self.count = 0
        self.behind = behind
        self.descent = descent
        self.enters = enters
        self.special = bool(descent) or enters


class Code:
    """The program's blocks as they were met, decoded once, and the prices of the steps between them."""

    def __init__(self, read: Callable[[int, int], bytes], model: CycleModel, place: Callable[[int], str]) -> None:
        self._read = read
        self._model = model
        self._place = place
        self._decoder = Decoder()
        self._blocks: dict[int, Block] = {}
        self._prices: dict[Step, tuple[int, int]] = {}
        self._leads: dict[int, tuple[Instruction, ...]] = {}  # by address: what runs into it from the page before
        self._functions: dict[int, str] = {}
        self.descents: dict[int, int] = {}  # by key: how far the block lowers the stack pointer (negative)

    def meet(self, key: int) -> None:
        """Decode a block when it is first met."""
        if key in self._blocks:
            return
        address, size = block_address(key), key & ((1 << _SIZE_BITS) - 1)
        block = Block(address, size, tuple(self.instructions(address, size)), self._leads.get(address, ()))
        self._blocks[key] = block
        if block.instructions and not block.instructions[-1].ends:
            self._leads[address + size] = (*block.lead, *block.instructions)[-_LEAD:]
        self._functions[key] = self._place(address)
        descent = lowest_point(block.instructions)
        if descent:
            self.descents[key] = descent

    def block(self, key: int) -> Block:
        """A block that was met."""
        return self._blocks[key]

    def instructions(self, address: int, size: int) -> list[Instruction]:
        """The instructions in ``size`` bytes at ``address``."""
        return list(self._decoder.instructions(self._read(address, size), address))

    def after_unknown_stack_moves(self, address: int, size: int) -> Iterator[tuple[int, int]]:
        """Where in a function to look at the stack pointer, and how far the code after it lowers it.

        Blocks are looked at as a whole when they are entered, which cannot tell moves by what is in a register. Such
        a move shows at the next instruction; in an IT block, at the next that is not skipped.
        """
        if not self._decoder.may_move_stack_unknown(self._read(address, size), address):
            return
        instructions = self.instructions(address, size)
        for position, instruction in enumerate(instructions):
            if instruction.stack is not None or instruction.ends:
                continue
            for later in range(position + 1, len(instructions)):
                yield instructions[later].address, lowest_point(instructions[later:])
                if not instructions[later].conditional:
                    break

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

    def cycles(self, key: int) -> int:
        """Cycles of a block by itself."""
        self.meet(key)
        return self._model.body(self._blocks[key], None, False)

    def parts(self, step: Step) -> Iterator[tuple[int, int]]:
        """Address and cycles of each instruction of a step's second block: what it adds to those before it."""
        before, block = self._blocks.get(step[0]), self._blocks[step[1]]
        jumped = before is not None and _jumped(before, block.address)
        cycles = 0
        for number, instruction in enumerate(block.instructions, start=1):
            until = Block(
                block.address, instruction.address + instruction.size - block.address, block.instructions[:number]
            )
            so_far = self._model.body(until, before, jumped)
            yield instruction.address, so_far - cycles
            cycles = so_far

    def last_instruction(self, key: int) -> int:
        """Address of the instruction that closes a block."""
        return self._blocks[key].instructions[-1].address

    def leaving(self, key: int, address: int) -> int:
        """Cycles that the branch of the last block costs if it went to ``address``."""
        block = self._blocks[key]
        return self._model.taken(block) if _jumped(block, address) else 0


def _jumped(block: Block, target: int) -> bool:
    """Whether a block was left by a jump. A branch to the very next instruction counts as not taken."""
    return target != block.address + block.size


class Trace:
    """Counts one call at a time. ``overflow`` is told of a stack pointer below the limit, ``failed`` of an error."""

    def __init__(
        self,
        code: Code,
        stack_pointer: Callable[[], int],
        overflow: Callable[[int], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._code = code
        self._stack_pointer = stack_pointer
        self._overflow = overflow
        self._failed = failed
        self._limit = self._top = self._lowest = 0
        self._behind: dict[int, _Followers] = {}
        self._here = self._follow(NOTHING)
        self._watched = range(0)
        self.entries = 0
        self.on_entry: Callable[[], None] | None = None
        self.on_block = self._block_hook()

    def watch(self, code: range) -> None:
        """Count in ``entries`` how often code at these addresses is entered from elsewhere, and tell ``on_entry``.

        A function that only calls others is so entered once from its caller, and once for each call that returned.
        """
        self._behind.clear()  # steps know whether they enter
        self._here = self._follow(NOTHING)
        self._watched = code

    def is_watched(self, key: int) -> bool:
        """Whether a block lies in the watched code."""
        return block_address(key) in self._watched

    def start(self, limit: int) -> None:
        """Forget the last call. ``limit``: the lowest address that the stack may reach in the next."""
        for _, step in list(self._walk()):
            step.count = 0
        self._here = self._behind[NOTHING]
        self.entries = 0
        self._limit = limit
        self._top = self._lowest = self._stack_pointer()

    def _follow(self, key: int) -> _Followers:
        return self._behind.setdefault(key, _Followers(key))

    def _block_hook(self) -> Callable[[object, int, int], None]:
        def on_block(_emulator: object, address: int, size: int) -> None:
            # This runs millions of times a second: one look-up, one addition.
            try:
                try:
                    step = self._here[address << _SIZE_BITS | size]
                except KeyError:
                    step = self._meet(address << _SIZE_BITS | size)
                if step.special:
                    self._look(step)
                step.count += 1
                self._here = step.behind
            except BaseException as error:
                self._failed(error)

        return on_block

    def _meet(self, key: int) -> _Step:
        """A step that was never taken before."""
        self._code.meet(key)
        enters = self.is_watched(key) and not self.is_watched(self._here.key)
        step = self._here[key] = _Step(self._follow(key), self._code.descents.get(key, 0), enters)
        return step

    def _look(self, step: _Step) -> None:
        """What few steps are worth a look for."""
        if step.enters:
            self.entries += 1
            if self.on_entry is not None:
                self.on_entry()
        if step.descent:
            self.reach(step.descent)

    def taken(self) -> Iterator[tuple[Step, int]]:
        """The steps of this call so far, and how often each was taken."""
        for step, taken in self._walk():
            yield step, taken.count

    def _walk(self) -> Iterator[tuple[Step, _Step]]:
        """The steps of this call, found by going its ways: a board that ran many programs knows many more."""
        ahead = [self._behind[NOTHING]]
        seen = {NOTHING}
        while ahead:
            here = ahead.pop()
            for key, step in here.items():
                if step.count:
                    yield (here.key, key), step
                    if key not in seen:
                        seen.add(key)
                        ahead.append(step.behind)

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
        last = self._here.key
        return None if last == NOTHING else block_address(last)

    @property
    def last_key(self) -> int:
        """The block that was entered last."""
        return self._here.key

    @property
    def instructions(self) -> int:
        """Instructions run so far, the last block counted as a whole."""
        return sum(count * self._code.length(step[1]) for step, count in self.taken())

    @property
    def cycles(self) -> int:
        """Cycles so far without those that memories made it wait; the last block whole but for its closing branch."""
        return sum(count * sum(self._code.price(step)) for step, count in self.taken())

    def stats(self, value: int, end: int, waits: Iterable[BlockWaits] = ()) -> CallStats:
        """The figures of a call that returned ``value`` to the address ``end``; ``waits``: what its blocks waited."""
        cycles: dict[str, int] = {}
        for step, count in self.taken():
            branch, body = self._code.price(step)
            here = self._code.function(step[1])
            cycles[here] = cycles.get(here, 0) + count * body
            if branch:
                there = self._code.function(step[0])
                cycles[there] = cycles.get(there, 0) + count * branch
        last = self._here.key
        cycles[self._code.function(last)] += self._code.leaving(last, end)
        waited: dict[str, int] = {}
        for block in waits:
            here = self._code.function(block.key)
            waited[here] = waited.get(here, 0) + block.fetch + block.data
        return CallStats(
            value=value,
            cycles=sum(cycles.values()),
            instructions=self.instructions,
            stack_bytes=self._top - self._lowest,
            by_function=_most_first(cycles),
            waits=sum(waited.values()),
            waits_by_function=_most_first(waited),
        )


def _most_first(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
