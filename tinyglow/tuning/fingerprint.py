"""Names for everything a program computes, made of all that it depends on: equal names, equal bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b

from tinyglow.ir.graph import Graph
from tinyglow.ir.kernel import Operand, Role
from tinyglow.ir.program import Buffer, KernelCall, Program

Key = bytes


def digest(*parts: object) -> Key:
    """A name for something that depends on ``parts``: bytes, texts, numbers and frozen dataclasses of these."""
    return blake2b(repr(parts).encode(), digest_size=16).digest()


def graph_key(graph: Graph) -> Key:
    """A name for a graph's nodes, types and constants. Equal keys, equal programs."""
    nodes = [(node.name, node.origin, node.op, node.inputs, node.outputs) for node in graph.nodes]
    values = [
        (name, value.type, None if value.data is None else blake2b(value.data.tobytes()).digest())
        for name, value in graph.values.items()
    ]
    return digest(graph.inputs, graph.outputs, nodes, values)


@dataclass(frozen=True)
class Step:
    """A call and its operands' keys.

    Attributes:
        call: The kernel call.
        keys: Of inputs as they are read, of outputs as they are written.
        before: Of what the outputs held, where they held something (several calls may fill one buffer); None for
            inputs.
    """

    call: KernelCall
    keys: tuple[Key, ...]
    before: tuple[Key | None, ...]

    def operands(self) -> Iterator[tuple[Operand, str, Key, Key | None]]:
        """(operand, its buffer's name, its key, the key before) of each operand."""
        return zip(self.call.kernel.operands, self.call.operands, self.keys, self.before, strict=True)

    def written(self) -> Iterator[Key]:
        """Keys of the results."""
        return (key for operand, _, key, _ in self.operands() if operand.role is not Role.IN)

    def needed(self) -> Iterator[Key]:
        """Keys of all that must be known before the call."""
        for operand, _, key, before in self.operands():
            if operand.role is Role.IN:
                yield key
            elif before is not None:
                yield before


@dataclass(frozen=True)
class Fingerprint:
    """A program's steps, the buffers it starts from (constants and inputs) by key, and the key of its output."""

    steps: tuple[Step, ...]
    given: Mapping[Key, Buffer]
    output: Key


def fingerprint(program: Program) -> Fingerprint:
    """The keys of everything that ``program``, which has one output, computes."""
    content: dict[str, Key] = {}
    given: dict[Key, Buffer] = {}
    for buffer in program.buffers.values():
        if buffer.data is not None:
            key = digest("constant", buffer.type.dtype, blake2b(buffer.data.tobytes()).digest())
        elif buffer.name in program.inputs:
            key = digest("input", buffer.name, buffer.type)
        else:
            continue
        content[buffer.name], given[key] = key, buffer
    steps = []
    for call in program.calls:
        step = _step(call, content)
        steps.append(step)
        content.update(zip(call.operands, step.keys, strict=True))
    (output,) = program.outputs
    return Fingerprint(tuple(steps), given, content[output])


def _step(call: KernelCall, content: Mapping[str, Key]) -> Step:
    operands = list(zip(call.kernel.operands, call.operands, strict=True))
    before = tuple(None if operand.role is Role.IN else content.get(name) for operand, name in operands)
    result = digest(call.kernel.symbol, call.params, [content[name] for name in call.reads], before)
    keys = [
        content[name] if operand.role is Role.IN else digest(result, index)
        for index, (operand, name) in enumerate(operands)
    ]
    return Step(call, tuple(keys), before)
