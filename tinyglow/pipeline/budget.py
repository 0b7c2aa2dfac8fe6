"""The fastest program within a flash and RAM budget, both measured: the flash by linking, the RAM by planning."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tinyglow.bundle.header import bundle_info
from tinyglow.errors import BoardError, Problem
from tinyglow.ir.graph import Graph
from tinyglow.ir.program import Program
from tinyglow.ir.target import Optimize, Target, WeightsAsCode
from tinyglow.pipeline.built import bundle_sizes
from tinyglow.pipeline.dump import NO_DUMP, Dump
from tinyglow.pipeline.stations import emit, lower
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import Board

# Prices of a byte of flash in cycles, tried one after the other (Lagrange multipliers of the budget), and limits
# of the working memory of a kernel.
_PRICES = (0.0, 1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0)
_SCRATCH_LIMITS = (None, 4096, 1024, 256, 64, 0)


def _targets(target: Target, memory: int | None) -> Iterator[Target]:
    """From the fastest on, in the order in which they are tried. memory: limit of activations, if there is one."""
    for limit in _SCRATCH_LIMITS:
        limited = replace(target, scratch_limit=limit)
        for price in _PRICES if target.optimize is Optimize.SPEED else (0.0,):
            yield replace(limited, byte_price=price)
        if memory is not None:  # line buffers cost less time than kernels without working memory
            yield replace(limited, line_buffers=True, enough_memory=memory)
        if target.optimize is Optimize.SPEED:
            yield replace(limited, weights_as_code=WeightsAsCode.NEVER)
            smallest = replace(limited, optimize=Optimize.SIZE, weights_as_code=WeightsAsCode.NEVER)
            yield replace(smallest, pack_weights=False)
            yield smallest
            if memory is not None:
                yield replace(smallest, line_buffers=True, enough_memory=memory)


def _key(program: Program) -> tuple[object, ...]:
    return program.chains, *((call.kernel.symbol, len(call.operands)) for call in program.calls)


def lower_within(
    graph: Graph,
    board: Board,
    target: Target,
    max_flash: int | None = None,
    max_ram: int | None = None,
    compiler: str | None = None,
    dump: Dump = NO_DUMP,
) -> Program:
    """Stations 6 to 8 under a budget in bytes.

    Flash is code, constants and weights of the linked bundle without main; RAM is placeholders, activations and
    variables. Layer by layer, kernels are chosen by cycles plus a price of their bytes; the price, and the limit of
    working memory, are raised until the whole fits. With a limit of RAM chains of layers may have line buffers. Of an
    input that is handed in by rows, RAM has those of one call.

    Raises BoardError with the least that was found if nothing fits; ToolError without a compiler for the board.
    """
    if max_flash is not None:  # then its price is weighed
        target = replace(target, transformed_weights=True)
    memory = None
    if max_ram is not None:
        plain = lower(graph, target=replace(target, line_buffers=False))
        memory = max(0, max_ram - plain.placeholder_bytes)
        if target.push_rows:  # which has line buffers anyway: no smaller ones than need be
            target = replace(target, enough_memory=memory)
    chosen, least_flash, least_ram = find_compiler(compiler, board), None, None
    seen: set[tuple[object, ...]] = set()
    for candidate in _targets(target, memory):
        program = lower(graph, target=candidate)
        if _key(program) in seen:
            continue
        seen.add(_key(program))
        with tempfile.TemporaryDirectory(prefix="tinyglow-") as work:
            emit(program, Path(work) / "bundle")
            sizes = bundle_sizes(Path(work) / "bundle", bundle_info(program), board, chosen, Path(work))
        ram = sizes.ram - program.spared_by_rows
        least_flash, least_ram = min(least_flash or sizes.flash, sizes.flash), min(least_ram or ram, ram)
        if (max_flash is None or sizes.flash <= max_flash) and (max_ram is None or ram <= max_ram):
            return lower(graph, dump, candidate)
    problems = []
    if max_flash is not None:
        problems.append(Problem("flash", f"the least found is {least_flash:,} bytes", f"at most {max_flash:,}"))
    if max_ram is not None:
        problems.append(Problem("RAM", f"the least found is {least_ram:,} bytes", f"at most {max_ram:,}"))
    raise BoardError(f"no choice of kernels for {board.name} fits the budget", problems)
