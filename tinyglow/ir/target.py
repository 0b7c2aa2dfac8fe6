"""What code is made for: a core, and what counts most. Kernels are portable; a target only chooses among them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from itertools import combinations

import numpy as np

from tinyglow.errors import InputError, Problem
from tinyglow.ir.c_struct import struct_bytes
from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import Kernel, Params, work_of
from tinyglow.ir.record import Record
from tinyglow.targets.cores import CORES, Feature
from tinyglow.targets.costs import has_long_products, kernel_cycles


class Optimize(Enum):
    """What to choose kernels by: the fewest cycles, the fewest bytes of flash, or the least product of both."""

    SPEED = "speed"
    BALANCED = "balanced"
    SIZE = "size"


class WeightsAsCode(Enum):
    """Whether layers' weights may become instructions: where that is fastest and small enough, nowhere, or anywhere."""

    AUTO = "auto"
    NEVER = "never"
    ALWAYS = "always"


# Predicted cycles of a kernel that has no cost on a core: it is chosen where no other applies.
NOT_MEASURED = 10**12
# Bytes of code that AUTO spends on weights of a network.
CODE_BUDGET = 4096
# Such a part of a network's cycles is worth no more code: predictions are not that exact.
_NEAR = 0.01


class Target(Record):
    """What a program is made for. It chooses kernels, and changes no result.

    Attributes:
        core: As boards name it; "" for none in particular, then kernels are chosen for their simplicity.
        optimize: What counts most.
        weights_as_code: Whether weights may become instructions.
        code_budget: Bytes of instructions that all weights which become code by AUTO may take together.
        byte_price: Cycles that a byte of flash is worth, with SPEED.
        scratch_limit: Bytes of working memory that a kernel may have; None for any.
        reuse_inputs: Whether activations may lie where an input was, which an inference then destroys.
        pack_weights: Whether weights may be stored entropy-coded, with SIZE.
        transformed_weights: Whether kernels may store weights transformed, in several times their bytes, to be faster.
        wraps: Whether sums of layers with Glow's rounding may leave 32 bits, and then wrap as Glow's do.
        line_buffers: Whether chains of layers may be computed a few rows at a time, where that saves memory.
        push_rows: Whether the input comes a few rows at a time; layers that read it then have line buffers.
        enough_memory: With line buffers, bytes of activations, and of rows that a call is given, of which no fewer are
            asked for; None: as few as can be.
    """

    core: str = ""
    optimize: Optimize = Optimize.SPEED
    weights_as_code: WeightsAsCode = WeightsAsCode.AUTO
    code_budget: int = CODE_BUDGET
    byte_price: float = 0.0
    scratch_limit: int | None = None
    reuse_inputs: bool = False
    pack_weights: bool = True
    transformed_weights: bool = False
    wraps: bool = False
    line_buffers: bool = False
    push_rows: bool = False
    enough_memory: int | None = None

    def check(self) -> None:
        """Raises InputError where two of its options do not go together."""
        if self.push_rows and self.reuse_inputs:
            problem = Problem("--reuse-inputs", "puts activations where --push-rows has no input", "one of both")
            raise InputError("the options do not fit together", [problem])

    def allows_code(self, nbytes: int = 0) -> bool:
        """Whether so many bytes of instructions for the weights of one layer may come into question."""
        if self.weights_as_code is not WeightsAsCode.AUTO:
            return self.weights_as_code is WeightsAsCode.ALWAYS
        fast = bool(self.core) and not self.has(Feature.DSP)
        return fast and self.optimize is Optimize.SPEED and nbytes <= self.code_budget

    @property
    def takes_first(self) -> bool:
        """Whether ``choose_for`` takes every node's first variant, whatever the others are."""
        return not self.core and self.weights_as_code is not WeightsAsCode.ALWAYS

    @property
    def features(self) -> frozenset[Feature]:
        """What the core has beyond ARMv6-M; of no core in particular: nothing."""
        return CORES[self.core].features if self.core else frozenset()

    def has(self, feature: Feature) -> bool:
        """Whether the core has ``feature``."""
        return feature in self.features

    def runs(self, kernel: Kernel) -> bool:
        """Whether the core has the loop that ``kernel`` was written for. For no core in particular: always."""
        return not self.core or (kernel.needs <= self.features and not kernel.superseded_by & self.features)

    def cycles(self, kernel: Kernel, params: Params, constants: Sequence[Array | None] = ()) -> int:
        """Predicted cycles of one call of a kernel that says how much work it is.

        Args:
            kernel: The kernel; its ``work`` is not None.
            params: Its parameters.
            constants: Data of its operands, in their order, None of what changes at run time; () if they do not matter.

        Returns:
            Cycles; a number beyond all others if the kernel was not measured on the core.
        """
        found = kernel_cycles(self.core, kernel.with_glow.symbol, work_of(kernel, params, constants, ()))
        return NOT_MEASURED if found is None else found + self._other_end(kernel, params)

    def _other_end(self, kernel: Kernel, params: Params) -> int:
        """Cycles that another epilogue than Glow's takes more, as far as ``Kernel.other_ends`` says."""
        if has_long_products(self.core):
            return 0
        outputs = math.prod(getattr(params, name, 0) for name in ("images", "out_h", "out_w", "out_c"))
        more = (cycles for start, cycles in kernel.other_ends if kernel.epilogue.name.startswith(start))
        return outputs * next(more, 0)


ANY = Target()


class Variant(Record):
    """One way to compute a node. All variants of a node compute the same bits.

    Attributes:
        name: Its kernel's symbol.
        cycles: Predicted, of one inference.
        constants: Bytes, with the node's own code.
        emit: Makes the calls.
        code: Bytes of the node's own code.
        scratch: Bytes of working memory.
        kernels: What it calls, where that is known. Nodes share their code.
    """

    name: str
    cycles: int
    constants: int
    emit: Callable[[], None]
    code: int = 0
    scratch: int = 0
    kernels: tuple[Kernel, ...] = ()

    @property
    def own_bytes(self) -> int:
        """Flash that it takes besides its kernels' code."""
        return self.constants + sum(struct_bytes(kernel) for kernel in self.kernels)

    @property
    def needs(self) -> frozenset[str]:
        """Symbols of its kernels."""
        return frozenset(kernel.symbol for kernel in self.kernels)

    @property
    def is_weighed(self) -> bool:
        """Whether the size of its kernels' code is known."""
        return bool(self.kernels) and all(kernel.code_bytes for kernel in self.kernels)


Chooser = Callable[[Sequence[Variant]], Variant]


def _fitting(target: Target, variants: Iterable[Variant]) -> list[Variant]:
    """Those with no more working memory than there may be."""
    limit = target.scratch_limit
    return [variant for variant in variants if limit is None or variant.scratch <= limit]


def smallest_kernels(target: Target, offers: Iterable[Sequence[Variant]]) -> frozenset[str]:
    """Symbols of the kernels with which nodes that have these variants take the least flash, code counted once.

    All sets of kernels are tried: there are few whose size is known.
    """
    nodes = [[variant for variant in _fitting(target, node) if variant.is_weighed] for node in offers]
    prices = {kernel.symbol: kernel.code_bytes for node in nodes for variant in node for kernel in variant.kernels}

    def total(chosen: frozenset[str]) -> float:
        possible = [[v.own_bytes for v in node if v.needs <= chosen] for node in nodes if node]
        return sum(min(sizes, default=math.inf) for sizes in possible) + sum(prices[symbol] for symbol in chosen)

    counts = range(len(prices) + 1)
    return min((frozenset(c) for count in counts for c in combinations(sorted(prices), count)), key=total)


def _price(target: Target) -> Callable[[Variant], float]:
    """What a variant is to have as little of as can be."""
    prices: dict[Optimize, Callable[[Variant], float]] = {
        Optimize.SPEED: lambda variant: variant.cycles + target.byte_price * variant.constants,
        Optimize.SIZE: lambda variant: variant.own_bytes,
        Optimize.BALANCED: lambda variant: float(variant.cycles) * (variant.constants + 1),
    }
    return prices[target.optimize]


def code_shares(target: Target, offers: Iterable[Sequence[Variant]]) -> list[int]:
    """Bytes of code that each node gets of the budget: the fewest that bring the network near its best speed within it.

    A multiple-choice knapsack by dynamic programming over bytes (Kellerer, Pferschy, Pisinger, Knapsack Problems, 2004,
    section 11.5). A layer that saves many cycles gets its code, though others before it would like theirs.

    Args:
        target: Has the budget, and says what is to be saved.
        offers: The variants of all nodes.

    Returns:
        One number for each node, 0 where weights stay data.
    """
    price, budget = _price(target), max(0, target.code_budget)
    nodes: list[list[tuple[int, float]]] = []
    total = 0.0
    for variants in offers:
        fitting = _fitting(target, variants)
        plain = min((price(variant) for variant in fitting if not variant.code), default=-math.inf)
        code = [one for one in fitting if 0 < one.code <= budget and target.allows_code(one.code)]
        nodes.append([(one.code, plain - price(one)) for one in code if price(one) < plain])
        total += plain if 0 < plain < NOT_MEASURED else 0
    budget = min(budget, sum(max((nbytes for nbytes, _ in node), default=0) for node in nodes))
    saved = np.zeros(budget + 1)  # the most by so many bytes
    taken = []  # by node and bytes: which choice, 0 for none
    for node in nodes:
        best, choice = saved.copy(), np.zeros(budget + 1 if node else 0, np.uint8)
        for number, (nbytes, gain) in enumerate(node, 1):
            with_code = saved[: budget + 1 - nbytes] + gain
            better = with_code > best[nbytes:]
            best[nbytes:][better] = with_code[better]
            choice[nbytes:][better] = number
        saved = best
        taken.append(choice)
    slack = _NEAR * max(0.0, total - saved[-1])
    left = int(np.argmax(saved >= saved[-1] - slack))
    shares = [0] * len(nodes)
    for index in reversed(range(len(nodes))):
        number = int(taken[index][left]) if nodes[index] else 0
        shares[index] = nodes[index][number - 1][0] if number else 0
        left -= shares[index]
    return shares


def choose_for(target: Target, offers: Sequence[Sequence[Variant]] = ()) -> Chooser:
    """The chooser by predicted figures: the fewest cycles, the fewest bytes, or the least product of both.

    If several are equal, or the target has no core, it takes the first variant, which is the simplest.

    Args:
        target: What counts most.
        offers: The variants of all nodes, in the order in which the chooser will be asked: for SIZE, so that nodes
            share kernels' code, and for the budget of code, which goes to those that save the most by it.

    Returns:
        The chooser. Without offers, or beyond them, it takes no code unless all weights are to become code.
    """
    shared = smallest_kernels(target, offers if target.optimize is Optimize.SIZE else ())
    shares = iter(code_shares(target, offers))
    price = _price(target)

    def choose(variants: Sequence[Variant]) -> Variant:
        share = next(shares, 0)
        as_code = [variant for variant in variants if variant.code]
        if target.weights_as_code is WeightsAsCode.ALWAYS and as_code:
            return as_code[0]
        if not target.core:
            return variants[0]
        allowed = [variant for variant in variants if variant.code <= share]
        allowed = _fitting(target, allowed) or [variants[0]]
        allowed = [variant for variant in allowed if variant.is_weighed and variant.needs <= shared] or allowed
        return min(allowed, key=price)

    return choose
