"""An upper bound of the cycles of a function, whatever the data: the longest way through it.

One run says how often each loop turns, which in a kernel depends on its parameters only; ``Bounds.most_turns`` has the
exceptions. Each turn is then charged with the longest way through the loop's body, with branches that this run did not
take too; what lies outside of loops, with the longest way from the function's entry to its end (implicit path
enumeration, Li and Malik 1995, with the counts of loop headers given). Jumps by a table or a register go where the run
went.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from tinyglow.kernels.turns import TURNS_BY_DATA
from tinyglow.registry import KERNELS
from tinyglow.sim.decode import Instruction, Kind
from tinyglow.sim.trace import Code, Step, block_address, block_key

_TARGET = re.compile(r"#(0x[0-9a-f]+|\d+)$")
_WIDE = re.compile(r"[du]?di|_d|_u?l|df|64")  # what library functions of 64 bits have in their names
_MEMORY = {Kind.LOAD, Kind.STORE, Kind.LOAD_MANY, Kind.STORE_MANY}
_LARGEST_BLOCK = 2048  # bytes that are looked through for a block's end

Weights = dict[int, dict[int, int]]  # of the edges from a block to others


@cache
def _turns_by_data() -> Mapping[str, int]:
    """The functions with a loop whose turns depend on data, and how often it may turn."""
    return {
        **TURNS_BY_DATA,
        **{symbol: kernel.turns_by_data for symbol, kernel in KERNELS.items() if kernel.turns_by_data},
    }


@dataclass(frozen=True)
class _Body:
    """A function: cycles from its entry to its ends, without its loops and its first block; the blocks that end it."""

    cycles: int
    exits: frozenset[int]


class Bounds:
    """Bounds of functions, from the steps of one run of each."""

    def __init__(self, code: Code, function_of: Callable[[int], range]) -> None:
        """``function_of``: the addresses of the function that holds an address."""
        self._code = code
        self._function_of = function_of
        self._static: dict[int, int] = {}  # key of a block by its address

    def most(self, step: Step, steps: Mapping[Step, int]) -> tuple[int, frozenset[int]] | None:
        """The longest way through a function.

        Args:
            step: The one by which it was entered, which is part of the way.
            steps: What ran until the function returned, with how often.

        Returns:
            Cycles, and the keys of the blocks that may end the function; None if no bound is known: the function calls
            itself, or ends nowhere.
        """
        return _Run(self, steps).most(step)

    def key_at(self, address: int) -> int:
        """The block that begins at an address."""
        if address not in self._static:
            size = 0
            for instruction in self._code.instructions(address, _LARGEST_BLOCK):
                size += instruction.size
                if instruction.ends:
                    break
            self._static[address] = block_key(address, size)
        return self.met(self._static[address])

    def met(self, key: int) -> int:
        """A block's key, when the block is known."""
        self._code.meet(key)
        return key

    def most_turns(self, loop: Collection[int]) -> int | None:
        """How often a loop may turn each time it is entered, whatever the data; None: as often as in this run.

        Loops of the compiler's library may depend on data: those of divisions turn once a bit. Those that copy and fill
        do not. Kernels say so of their own (``Kernel.turns_by_data``).
        """
        name = self._code.function(next(iter(loop)))
        turns = next((turns for symbol, turns in _turns_by_data().items() if name.startswith(symbol)), 0)
        if turns:
            instructions = [instruction for key in loop for instruction in self._code.block(key).instructions]
            # What lies on the stack is no tensor: a register was one too few.
            touches = any(one.kind in _MEMORY and "[sp" not in one.text for one in instructions)
            return None if touches else turns
        if not name.startswith("__") or "mem" in name:
            return None
        return 64 if _WIDE.search(name) else 32

    def last(self, key: int) -> Instruction:
        """The instruction that ends a block."""
        return self._code.block(key).instructions[-1]

    def end(self, key: int) -> int:
        """The address after a block."""
        return self._code.block(key).address + self._code.block(key).size

    def price(self, step: Step) -> int:
        """Cycles of a step: of the branch, and of the block that it leads to."""
        return sum(self._code.price(step))

    def function_of(self, key: int) -> range:
        """The addresses of a block's function."""
        return self._function_of(block_address(key))


class _UnknownError(Exception):
    """There is no bound."""


class _Run:
    """The bound of one call, with the counts of that call."""

    def __init__(self, bounds: Bounds, steps: Mapping[Step, int]) -> None:
        self._bounds = bounds
        self._counts: dict[int, int] = {}  # of blocks as the emulator has them
        self._times: dict[int, int] = {}  # of blocks as they are here
        self._seen: dict[int, int] = {}  # key of a block by its address
        self._followers: dict[int, set[int]] = {}  # addresses, by the address after a block
        for (before, after), count in steps.items():
            self._counts[after] = self._counts.get(after, 0) + count
            self._seen[block_address(after)] = after
            self._followers.setdefault(bounds.end(before), set()).add(block_address(after))
        self._bodies: dict[int, _Body | None] = {}
        self._cuts: dict[int, int] = {}  # key of a block as it is here by its address
        self._loops = 0

    def most(self, step: Step) -> tuple[int, frozenset[int]] | None:
        """See ``Bounds.most``."""
        try:
            body = self._body(block_address(step[1]))
        except _UnknownError:
            return None
        entered = self._bounds.price((step[0], self._cuts[block_address(step[1])]))
        return entered + body.cycles + self._loops, body.exits

    def _body(self, entry: int) -> _Body:
        known = self._bodies.get(entry, 0)
        if isinstance(known, _Body):
            return known
        if known is None:
            raise _UnknownError
        self._bodies[entry] = None  # until it is known: a function that is met meanwhile calls itself
        self._cut(entry)
        weights, ends = self._graph(self._cuts[entry])
        ways = self._longest(set(weights), {self._cuts[entry]: 0}, weights)
        exits = {key: ways[key] + more for key, more in ends.items() if key in ways}
        if not exits:
            raise _UnknownError
        self._bodies[entry] = body = _Body(max(exits.values()), frozenset(exits))
        return body

    def _cut(self, entry: int) -> None:
        """Find where a function's blocks begin, and cut them there.

        The emulator's blocks may overlap: the first turn of a loop may be in one block with what comes before the loop.
        """
        wholes: dict[int, int] = {}
        ahead = [entry]
        while ahead:
            address = ahead.pop()
            if address not in wholes:
                wholes[address] = key = self._seen.get(address) or self._bounds.key_at(address)
                ahead += self._goals(key)
        starts = sorted(wholes)
        for number, address in enumerate(starts):
            end = min([self._bounds.end(wholes[address]), *starts[number + 1 : number + 2]])
            self._cuts[address] = self._bounds.met(block_key(address, end - address))
        for key, count in self._counts.items():
            for address in starts[bisect_left(starts, block_address(key)) : bisect_left(starts, self._bounds.end(key))]:
                self._times[self._cuts[address]] = self._times.get(self._cuts[address], 0) + count

    def _goals(self, key: int) -> list[int]:
        """Addresses within the function that may follow a block; those after calls too."""
        last, own, onward = self._bounds.last(key), self._bounds.function_of(key), self._bounds.end(key)
        goal = _goal(last)
        is_far = _is_far(last, own)
        found = [] if last.ends and not last.conditional and (last.kind is not Kind.CALL or is_far) else [onward]
        if last.name == "blx":
            found = [onward]
        if goal is not None and goal in own and (last.kind is not Kind.CALL or is_far):
            found.append(goal)
        if last.ends and goal is None and last.name != "blx":
            found += [address for address in self._followers.get(onward, ()) if address in own]
        return found

    def _graph(self, entry: int) -> tuple[Weights, dict[int, int]]:
        """A function's blocks with what each step costs, and the blocks that end it with what that costs more."""
        weights: Weights = {}
        ends: dict[int, int] = {}
        ahead = [entry]
        while ahead:
            key = ahead.pop()
            if key in weights:
                continue
            weights[key] = {}
            for after, cycles in self._after(key, ends):
                weights[key][after] = max(cycles, weights[key].get(after, 0))
                ahead.append(after)
        return weights, ends

    def _after(self, key: int, ends: dict[int, int]) -> Iterable[Step]:
        """The blocks that may follow within the function, with the cycles of the step; notes in ``ends`` if it ends."""
        last, own, onward = self._bounds.last(key), self._bounds.function_of(key), self._bounds.end(key)
        if not last.ends:
            return [self._step(key, onward)]
        goal, seen = _goal(last), self._followers.get(onward, set())
        found = [self._step(key, onward)] if last.conditional else []
        if last.kind in (Kind.BRANCH, Kind.BRANCH_IF) or _is_far(last, own):
            if goal is None or goal not in own:
                ends[key] = self._called(key, seen if goal is None else [goal])  # which returns to the caller
                return found
            return [*found, self._step(key, goal)]
        if last.kind is Kind.CALL or last.name == "blx":
            return [*found, *self._over(key, seen if goal is None else [goal], onward)]
        if (last.name == "bx" and last.text.endswith(" lr")) or last.kind is Kind.LOAD_MANY:
            ends.setdefault(key, 0)
            return found
        if any(address not in own for address in seen):
            ends.setdefault(key, 0)
        return [*found, *(self._step(key, address) for address in seen if address in own)]

    def _step(self, key: int, address: int) -> Step:
        after = self._cuts[address]
        return after, self._bounds.price((key, after))

    def _called(self, key: int, functions: Collection[int]) -> int:
        """Cycles from the end of a block to the end of one of the functions, by address, that it goes on with."""
        bodies = {address: self._body(address) for address in functions}
        return max((self._step(key, address)[1] + body.cycles for address, body in bodies.items()), default=0)

    def _over(self, key: int, functions: Collection[int], onward: int) -> list[Step]:
        """The step over a call; none if what is called does not return by any way that this run's loops allow."""
        after, found = self._cuts[onward], []
        for address in functions:
            try:
                body = self._body(address)
            except _UnknownError:
                if address in self._seen:
                    raise
                continue  # a loop in it, which never turns
            back = max(self._bounds.price((end, after)) for end in body.exits)
            found.append(self._step(key, address)[1] + body.cycles + back)
        return [(after, max(found))] if found else []

    def _longest(self, nodes: set[int], starts: Mapping[int, int], weights: Weights) -> dict[int, int]:
        """The longest ways from ``starts`` to each block that one leads to, loops charged apart.

        Args:
            nodes: The blocks.
            starts: Where ways begin, with what they have cost by then.
            weights: The steps.

        Returns:
            Cycles by block; of blocks of a loop, to its header.
        """
        ways = dict(starts)
        for part in _components(nodes, weights):
            inside = set(part)
            entered = {key: ways.pop(key) for key in part if key in ways}
            if not entered:
                continue
            if len(part) > 1 or part[0] in weights[part[0]]:
                turns = self._bounds.most_turns(part)
                times = sum(self._times.get(key, 0) for key in entered)
                if turns is None and not times:
                    continue
                turn = self._turn(inside, set(entered), weights)  # which charges the loops in this one
                self._loops += times * turn if turns is None else 0
                entered = {key: cycles + (turns or 0) * turn for key, cycles in entered.items()}
            for key in part:
                ways[key] = max(entered.values())
                for after, cycles in weights[key].items():
                    if after in nodes and after not in inside:
                        ways[after] = max(ways.get(after, 0), ways[key] + cycles)
        return ways

    def _turn(self, nodes: set[int], headers: set[int], weights: Weights) -> int:
        """The longest way from a loop's header back to it, or out of the loop."""
        within = {
            key: {after: cycles for after, cycles in weights[key].items() if after in nodes and after not in headers}
            for key in nodes
        }
        ways = self._longest(nodes, dict.fromkeys(headers, 0), within)
        return max(
            way + max((cycles for after, cycles in weights[key].items() if after in headers), default=0)
            for key, way in ways.items()
        )


def _goal(instruction: Instruction) -> int | None:
    """Where a branch goes that names its target."""
    target = _TARGET.search(instruction.text) if instruction.ends else None
    return int(target[1], 0) if target else None


def _is_far(instruction: Instruction, own: range) -> bool:
    """Whether BL is a jump within the function ``own``: ARMv6-M has no other that goes as far."""
    goal = _goal(instruction)
    return instruction.kind is Kind.CALL and goal is not None and goal in own and goal != own.start


def _components(nodes: Collection[int], weights: Weights) -> list[list[int]]:
    """Strongly connected components of a graph, each before those that it leads to (Kosaraju's algorithm)."""
    backward: dict[int, list[int]] = {node: [] for node in nodes}
    for node in nodes:
        for after in weights[node]:
            if after in backward:
                backward[after].append(node)
    order: list[int] = []
    seen: set[int] = set()
    for root in sorted(nodes):
        pending = [(root, False)]
        while pending:
            node, is_done = pending.pop()
            if is_done:
                order.append(node)
            elif node not in seen:
                seen.add(node)
                pending.append((node, True))
                pending += [(after, False) for after in weights[node] if after in backward and after not in seen]
    found: list[list[int]] = []
    placed: set[int] = set()
    for root in reversed(order):
        if root in placed:
            continue
        part, ahead = [], [root]
        placed.add(root)
        while ahead:
            node = ahead.pop()
            part.append(node)
            for before in backward[node]:
                if before not in placed:
                    placed.add(before)
                    ahead.append(before)
        found.append(part)
    return found
