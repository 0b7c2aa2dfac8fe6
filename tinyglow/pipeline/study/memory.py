"""What would lower a network's RAM: options that were tried, as ``compile`` has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tinyglow.ir.graph import Graph
from tinyglow.ir.program import Program, Region
from tinyglow.ir.target import Optimize, Target
from tinyglow.pipeline.stations import lower


@dataclass(frozen=True)
class Needs:
    """What a network takes with some options.

    Attributes:
        options: Of ``tinyglow compile``, in addition to those given; () for those alone.
        mutable: Bytes of placeholders.
        activations: Bytes of activations.
        constants: Bytes of weights and tables.
    """

    options: tuple[str, ...]
    mutable: int
    activations: int
    constants: int

    @property
    def ram(self) -> int:
        """Bytes of placeholders and activations."""
        return self.mutable + self.activations


def memory_needs(quantized: Graph, target: Target, program: Program) -> tuple[Needs, ...]:
    """Lower a graph with each option that may take less RAM.

    Args:
        quantized: What ``quantize`` made.
        target: What kernels are chosen for.
        program: What it was lowered to with that target.

    Returns:
        The needs with the options given, then those of each other option, whether it helps or not.
    """
    found = [_needs((), program)]
    found += [_needs(options, lower(quantized, target=other)) for options, other in _others(target)]
    return tuple(found)


def _others(target: Target) -> Iterator[tuple[tuple[str, ...], Target]]:
    reuse, size = ("--reuse-inputs",), ("--optimize", "size")
    may_reuse = not target.reuse_inputs and not target.push_rows
    if may_reuse:
        yield reuse, replace(target, reuse_inputs=True)
    if target.optimize is not Optimize.SIZE:
        small = replace(target, optimize=Optimize.SIZE)
        yield size, small
        if may_reuse:
            yield (*size, *reuse), replace(small, reuse_inputs=True)


def _needs(options: tuple[str, ...], program: Program) -> Needs:
    sizes = program.sizes
    return Needs(options, sizes[Region.MUTABLE], sizes[Region.ACTIVATION], sizes[Region.CONSTANT])
