"""Station 7: graph -> program. Every node becomes kernel calls; values become buffers without addresses yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from tinyglow.errors import ModelError, Problem
from tinyglow.ir.graph import Array, Graph, Node
from tinyglow.ir.kernel import Kernel, ParamError, Params
from tinyglow.ir.namer import numbered
from tinyglow.ir.numbers import Numbers
from tinyglow.ir.op import UnsupportedError
from tinyglow.ir.program import PLANNED, Buffer, KernelCall, Program, Region
from tinyglow.ir.sums import SumRange
from tinyglow.ir.target import ANY, Chooser, Optimize, Target, Variant, choose_for
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.kernels.reshape.copy import COPY, CopyParams
from tinyglow.lowering.line_buffers.emit import Trial, emit_chain
from tinyglow.lowering.line_buffers.handed_in import handed_in
from tinyglow.lowering.line_buffers.schedule import Chain
from tinyglow.lowering.states import write_states
from tinyglow.operators.numerics import lower_node

ALIGNMENT = 4  # bytes: the largest element of any buffer; loads of no supported core need more


# Is told of every choice: the node, the ways to compute it, and the one that is taken.
Watch = Callable[[Node, Sequence[Variant], Variant], None]


class _Lowering:
    """Collects buffers and calls; implements ``ir.op.Lowering``."""

    def __init__(
        self,
        graph: Graph,
        target: Target,
        chooser: Chooser | None,
        watch: Watch | None = None,
        chains: Sequence[Chain] = (),
    ) -> None:
        self.graph = graph
        self.target = target
        self.chains = {chain.layers[0].node.name: chain for chain in chains}
        self._takes_first = chooser is None and watch is None and target.takes_first
        self._chooser = chooser or choose_for(target, _offers(graph, target, chains))
        self._watch = watch
        self.buffers: dict[str, Buffer] = {}
        self.calls: list[KernelCall] = []
        self.node: Node | None = None
        self._root: dict[str, str] = {}
        self._inputs = frozenset(graph.inputs)
        # What constants and working memory, which no value of the graph stands for, may not be called.
        computed = {name for name, value in graph.values.items() if value.data is None}
        self._reserved = frozenset(computed | {output.name for output in graph.outputs})
        self._saved: dict[str, str] = {}  # buffers whose place an output's placeholder took
        self._types: Mapping[str, TensorType] = {}  # of the values of a trial
        self._times: int | None = None  # that the calls of a trial are made; outside of trials None
        self._parts: dict[tuple[str, int, int], str] = {}
        self._taken: dict[str, str] = {}  # the variant that each node's first trial took

    @property
    def numerics(self) -> str:
        return self.graph.numerics

    def type_of(self, value: str) -> TensorType:
        return self._types.get(value) or self.graph.type_of(value)

    def data_of(self, value: str) -> Array:
        data = self.graph.values[value].data
        if data is None:
            raise UnsupportedError(f"weights ({value}) that are computed at run time", "constant weights")
        return data

    def constant(self, name: str, data: Array) -> str:
        return self._constant(name, data, Region.CONSTANT)

    def code(self, name: str, data: Array) -> str:
        return self._constant(f"{name}_code", data, Region.CODE)

    def _constant(self, name: str, data: Array, region: Region) -> str:
        data = np.ascontiguousarray(data)
        source = self.graph.values.get(name)
        is_own = source is not None and source.data is not None and np.array_equal(source.data, data)
        quant = source.type.quant if source is not None and is_own else None
        for unique in numbered(name):
            present = self.buffers.get(unique)
            if present is None:
                if unique not in self._reserved:
                    break
            elif present.data is not None and present.data.dtype == data.dtype and np.array_equal(present.data, data):
                return unique
        type_ = TensorType(tuple(data.shape), str(data.dtype), quant)
        self.buffers[unique] = Buffer(unique, type_, region, data=data)
        return unique

    def root(self, value: str) -> str:
        """The value whose buffer ``value`` lives in."""
        while value in self._root:
            value = self._root[value]
        return value

    def buffer(self, value: str) -> str:
        name = self.root(value)
        if name not in self.buffers:
            source = self.graph.values[name]
            if source.data is not None:
                return self.constant(name, source.data)
            region = Region.MUTABLE if name in self._inputs else Region.ACTIVATION
            self.buffers[name] = Buffer(name, source.type, region)
        return name

    def alias(self, value: str, of: str) -> None:
        self._root[value] = of

    def call(
        self,
        kernel: Kernel,
        operands: Sequence[str],
        params: Params,
        origin: str = "",
        *,
        sums: SumRange | None = None,
    ) -> None:
        origin = origin or (self.node.name if self.node else "")
        _require_room(kernel, kernel.numbers(params, self._constants(operands)) or {}, self.target.wraps)
        scratch = ""
        if kernel.scratch:
            scratch = self._own_buffer("_scratch", TensorType((kernel.scratch(params),), "int8", QuantParams(1.0, 0)))
        layers = self.graph.layers_of(self.node) if self.node and origin == self.node.name else ()
        self.calls.append(KernelCall(kernel, tuple(operands), params, origin, scratch, layers, sums))

    def _constants(self, operands: Sequence[str]) -> list[Array | None]:
        return [buffer.data if (buffer := self.buffers.get(name)) else None for name in operands]

    def choose(self, variants: Iterable[Variant]) -> None:
        if self._takes_first:
            next(iter(variants)).emit()
            return
        variants = list(variants)
        if self._times is not None and self.node:
            self._like_first(self.node, variants, self._times).emit()
            return
        self._choose(variants).emit()

    def _choose(self, variants: Sequence[Variant]) -> Variant:
        chosen = self._chooser(variants)
        if self._watch and self.node:
            self._watch(self.node, variants, chosen)
        return chosen

    def _like_first(self, node: Node, variants: Sequence[Variant], times: int) -> Variant:
        """In a trial, what the node's first one took, so that no further kernel is needed; the first one chooses."""
        if node.name not in self._taken:
            often = [replace(variant, cycles=variant.cycles * times) for variant in variants]
            self._taken[node.name] = self._choose(often).name
        same = [variant for variant in variants if variant.name == self._taken[node.name]]
        plain = [variant for variant in variants if not variant.code]
        return next(iter(same), min(plain, key=lambda v: v.cycles) if self.target.core else variants[0])

    def trial(self, node: Node, types: Mapping[str, TensorType], times: int) -> Trial:
        """See ``line_buffers.emit``."""
        known, calls = set(self.buffers), self.calls
        self.calls, self._types, self._times, self.node = [], types, times, node
        try:
            lower_node(node, self)
            made = tuple(self.calls)
        finally:
            self.calls, self._types, self._times = calls, {}, None
        added = [b for b in self.buffers.values() if b.name not in known and b.region is Region.ACTIVATION]
        for buffer in added:
            del self.buffers[buffer.name]
        values = {self.root(value) for value in types}
        return Trial(made, {buffer.name: buffer.type for buffer in added if buffer.name not in values})

    def temporary(self, type_: TensorType) -> str:
        return self._own_buffer("_between", type_)

    def part(self, whole: str, begin: int, type_: TensorType) -> str:
        """See ``line_buffers.emit``."""
        if begin == 0 and type_.nbytes == self.buffers[whole].type.nbytes:
            return whole
        key = whole, begin, type_.nbytes
        if key not in self._parts:
            self._parts[key] = name = self.own_buffer(f"{whole}_from_{begin}", type_)
            host = self.buffers[whole]
            self.buffers[name] = replace(self.buffers[name], region=host.region, part_of=whole, begin=begin)
        return self._parts[key]

    def _own_buffer(self, suffix: str, type_: TensorType) -> str:
        """A buffer that stands for no value of the graph."""
        return self.own_buffer(f"{self.node.name if self.node else ''}{suffix}", type_)

    def own_buffer(self, base: str, type_: TensorType) -> str:
        """A buffer that stands for no value of the graph, called ``base`` or like it. Returns its name."""
        taken = (self.buffers, self.graph.values, self._reserved)
        unique = next(name for name in numbered(base) if not any(name in known for known in taken))
        self.buffers[unique] = Buffer(unique, type_, Region.ACTIVATION)
        return unique

    def save(self, output: str, value: str) -> None:
        """Let the value be computed into the output's placeholder, or copy it there where it cannot be."""
        name, type_ = self.buffer(value), self.type_of(value)
        placeholder = Buffer(output, type_, Region.MUTABLE)
        source = self.buffers[name]
        if source.region is not Region.ACTIVATION:
            self.buffers[output] = placeholder
            self.call(COPY, [name, output], CopyParams(type_.nbytes), origin=output)
            return
        self.take_over(name, placeholder)

    def take_over(self, name: str, buffer: Buffer) -> None:
        """Let what is computed into the buffer ``name`` be computed into ``buffer``."""
        del self.buffers[name]
        self.buffers[buffer.name] = buffer
        for part in [part for part in self.buffers.values() if part.part_of == name]:
            self.buffers[part.name] = replace(part, part_of=buffer.name, region=buffer.region)
        self._root[name] = buffer.name
        self._saved[name] = buffer.name

    def calls_with_placeholders(self) -> tuple[KernelCall, ...]:
        """The calls, with the outputs' placeholders in place of the buffers that they took over."""
        rename = self._saved
        return tuple(
            replace(call, operands=tuple(rename.get(operand, operand) for operand in call.operands))
            for call in self.calls
        )


def _lower_nodes(lowering: _Lowering) -> list[Problem]:
    """Calls and buffers for all nodes; what stands in the way."""
    graph, problems = lowering.graph, []
    for name in graph.inputs:
        lowering.buffer(name)
    in_chains = {name for chain in lowering.chains.values() for name in chain.names}
    for node in graph.nodes:
        lowering.node = node
        try:
            if node.name in lowering.chains:
                emit_chain(lowering, lowering.chains[node.name], ALIGNMENT)
            elif node.name not in in_chains:
                lower_node(node, lowering)
        except UnsupportedError as error:
            problems.append(Problem(node.origin or node.name, error.found, error.expected, error.hint))
        except ParamError as error:
            problems.append(Problem(node.origin or node.name, f"{node.op.kind}: {error}", "smaller dimensions"))
        except ValueError as error:  # of QuantParams and requantize_params
            found = f"{node.op.kind}: {error}"
            problems.append(Problem(node.origin or node.name, found, "ranges of ordinary size", "see the profile"))
    return problems


def _require_room(kernel: Kernel, numbers: Numbers, wraps: bool) -> None:
    """Refuse a kernel with numbers that overflow for some elements.

    Those that wrap as in the runtime whose rounding they are may do so if it was asked for. Of sums over many elements
    they always may, as those of layers: no input that occurs comes near the worst one.
    """
    for name, number in numbers.items():
        asked = wraps or kernel.sums_of is not None or not number.is_refused
        if number.fits or (number.may_wrap and asked):
            continue
        value, at = number.beyond
        hint = f"an element of {at} gives it; the scales differ too much: see the profile"
        raise UnsupportedError(
            f"{kernel.symbol}: {name} of {value}, which {number.bits} bits wrap to {number.wrapped(value)}",
            f"numbers that fit {number.bits} bits",
            f"{hint}; or --wrap to compute what its runtime does" if number.may_wrap else hint,
        )


def _holds_probabilities(graph: Graph, value: str) -> bool:
    """Whether the elements of ``value`` come from an operator that gives probabilities, and were only moved since."""
    makers = {name: node for node in graph.nodes for name in node.outputs}
    while value in makers:
        node = makers[value]
        if node.op.gives_probabilities is not None:
            return node.op.gives_probabilities
        value = node.inputs[0]
    return False


def _offers(graph: Graph, target: Target, chains: Sequence[Chain]) -> list[Sequence[Variant]]:
    """The variants of all nodes, where kernels are chosen for all of them together."""
    offers: list[Sequence[Variant]] = []

    def note(variants: Sequence[Variant]) -> Variant:
        offers.append(variants)
        return variants[0]

    # For size nodes share kernels' code; else those on cores without DSP share the budget of code.
    if target.core and (target.optimize is Optimize.SIZE or target.allows_code()):
        _lower_nodes(_Lowering(graph, target, note, chains=chains))
    return offers


def lower(
    graph: Graph,
    target: Target = ANY,
    chooser: Chooser | None = None,
    watch: Watch | None = None,
    chains: Sequence[Chain] = (),
) -> Program:
    """Turn a graph into a program, whose activations have no addresses yet (``plan`` gives them).

    Args:
        graph: A quantized graph, or what ``fuse`` made of one; or a float graph.
        target: What kernels are chosen for.
        chooser: Chooses among the ways to compute a node (default: by what ``target`` asks for). Whatever it chooses,
            the program computes the same.
        watch: Is told of each choice.
        chains: Layers that are computed band by band (``line_buffers``), each beside others of the graph.

    Returns:
        The program.

    Raises:
        ModelError: With all nodes that have no kernel.
    """
    lowering = _Lowering(graph, target, chooser, watch, chains)
    problems = _lower_nodes(lowering)
    if problems:
        raise ModelError("the network cannot be compiled", problems)
    lowering.node = None
    for output in graph.results:
        lowering.save(output.name, output.value)
    states = write_states(lowering)
    return Program(
        name=graph.name,
        buffers=lowering.buffers,
        calls=lowering.calls_with_placeholders(),
        inputs=graph.given,
        outputs=tuple(output.name for output in graph.results),
        source_names=dict(graph.source_names),
        sizes=dict.fromkeys(PLANNED, 0),
        alignment=ALIGNMENT,
        compact=target.optimize is Optimize.SIZE,
        pixels=dict(graph.pixels),
        probabilities=frozenset(o.name for o in graph.results if _holds_probabilities(graph, o.value)),
        states=states,
        chains=tuple(tuple(layer.node.name for layer in chain.layers) for chain in chains),
        rows=graph.given[0] if handed_in(graph) else "",
    )
