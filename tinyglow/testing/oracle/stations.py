"""The oracle on one set of inputs: what each pass and station leaves of a network's meaning."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from tinyglow.errors import ProfileError, UnknownInGlowError
from tinyglow.frontend.read import load_model
from tinyglow.frontend.request import Request
from tinyglow.glow.lower import lower_for_profiler
from tinyglow.glow.pipeline import before_lowering
from tinyglow.glow.quantize import lowered, quantize_as_glow, tidying_as_glow
from tinyglow.interp import run_program
from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Array, Graph
from tinyglow.ir.target import Target
from tinyglow.ir.verify import verify
from tinyglow.lowering.graph_to_program import lower
from tinyglow.lowering.plan import plan
from tinyglow.operators.div import Div
from tinyglow.passes.fuse import fuse, splat_as_constant
from tinyglow.passes.rewrite import Pass, Rule, rewrite, run_passes
from tinyglow.passes.simplify import simplifying
from tinyglow.passes.tidy import tidying
from tinyglow.quant.profile import Profile
from tinyglow.quant.profiler import profile_graph
from tinyglow.quant.quantizer import quantize
from tinyglow.quant.scheme import Scheme
from tinyglow.testing.oracle.compare import decibels, differing, excess, has_jumps, noise, power
from tinyglow.testing.oracle.evaluate import Evaluator
from tinyglow.testing.oracle.reference import reference_outputs
from tinyglow.testing.oracle.simulate import Simulation, becomes_integer, bounds_of, rounded_constant
from tinyglow.testing.oracle.variants import widened, with_other_constants

_DEFAULT = Scheme()
_STRETCH = 0.08  # the width of ranges that the noise of int8 is averaged over, when it matters
# int16's weights are rounded so that sums keep their value, which moves some by up to a whole step, twice the half.
_INT16_WEIGHTS = 2.0**2
# So much of the noise that int8 has anyway may come of clipping where nothing is rounded: ranges end up to half a step
# short of what was recorded.
_CLIPPING = 1.0


@dataclass(frozen=True)
class Form:
    """How a network is compiled.

    Attributes:
        scheme: How it is quantized.
        foreign_profile: Whether the profile is that of Glow's graph, as Glow would have made it.
        float_nodes: How many nodes stay float in addition to those of the scheme.
        float_io: Whether inputs and outputs stay float.
        target: A core whose joined and left-out layers are compared with the plain program, bit by bit; "" for none.
        reference: Whether onnx's reference is compared with.
    """

    scheme: Scheme = _DEFAULT
    foreign_profile: bool = False
    float_nodes: int = 0
    float_io: bool = False
    target: str = ""
    reference: bool = True

    @property
    def like_glow(self) -> bool:
        """Whether exactly Glow's graph is made."""
        return self.scheme.like_glow


@dataclass(frozen=True)
class Finding:
    """What the oracle found.

    Attributes:
        station: The station after which the network means something else.
        what: The difference.
        rule: The rewrite rule that did it, if that is known.
    """

    station: str
    what: str
    rule: str = ""

    def __str__(self) -> str:
        return f"{self.station}: {self.what}" + (f" ({self.rule})" if self.rule else "")


class Found(Exception):
    """Ends a check at its first finding."""

    def __init__(self, station: str, what: str, rule: str = "") -> None:
        super().__init__(station)
        self.finding = Finding(station, what, rule)


def _culprit(graph: Graph, rules: Sequence[Rule], fault: Callable[[Graph], str]) -> str:
    """The first rule, and the node it was applied to, after which ``fault`` finds something; "" if none is."""
    edit = GraphEditor.of(graph)
    changed = True
    while changed:
        changed = False
        for node in edit.nodes:
            for rule in rules:
                if edit.alive(node) and rule(node, edit):
                    edit.remove_if_unused(node)
                    changed = True
                    if fault(edit.finish()):
                        return f"{rule.__name__} at {node.name}"
    return ""


@dataclass
class Stations:
    """One network on one set of inputs, station by station."""

    path: Path
    inputs: Mapping[str, Array]
    form: Form
    request: Request
    evaluator: Evaluator = field(init=False)
    variant: int | None = None  # which variant of the network it is; only float and the noise are looked at then
    found: dict[str, float] = field(default_factory=dict)  # noise of the outputs, when the program has run

    def run(self, variations: int = 0) -> None:
        """Raises Found. variations: how many simulations with other grids the int8 program is compared with."""
        self.read = load_model(self.path, "net", replace(self.request, like_glow=self.form.like_glow))
        if self.variant is not None:
            self.read = with_other_constants(self.read, self.variant)
        names = {self.read.source_names[name]: name for name in self.read.inputs}
        self.inputs = {names.get(name, name): array for name, array in self.inputs.items()}
        self.evaluator = Evaluator(self.inputs)
        # Glow quantizes smaller operators than it imports.
        self.simulated = rewrite(lowered(self.read), [splat_as_constant]) if self.form.like_glow else self.read
        self.values = self.evaluator.values(self.simulated)
        values = self.evaluator.values(self.read)
        self.exact = {output.name: self.evaluator.rows(values[output.value]) for output in self.read.outputs}
        self.jumps = has_jumps(self.read)
        self.largest = max(float(np.abs(array).max(initial=0)) for array in values.values() if array.dtype.kind == "f")
        if self.form.reference and self.variant is None:
            self._compare_with_reference()
        passes = before_lowering() if self.form.like_glow else simplifying()
        simplified = self._pass_by_pass("simplify", self.read, passes, self._float_fault)
        if all(np.isfinite(array).all() for array in values.values()):
            self._int8(simplified, variations)

    def _compare_with_reference(self) -> None:
        import onnx

        proto = onnx.load(str(self.path))
        few = {self.read.source_names[name]: array[:1] for name, array in self.inputs.items()}
        expected = reference_outputs(proto, few)
        if expected is None:
            return
        for output in self.read.outputs:
            name = self.read.source_names[output.name]
            first = self.exact[output.name][:1]
            fault = differing(expected[name].astype(np.float64), first, self.jumps, self.largest)
            if fault:
                raise Found("read", f"output {name} {fault}, as onnx's reference has it")

    def _pass_by_pass(self, station: str, graph: Graph, passes: Sequence[Pass], fault: Callable[[Graph], str]) -> Graph:
        before = graph

        def observe(step: Pass, after: Graph) -> None:
            nonlocal before
            if _same(before, after):
                before = after
                return
            verify(after, f"{station}: {step.name}")
            found = "" if after.deviations else fault(after)
            if found:
                raise Found(f"{station}: {step.name}", found, _culprit(before, step.rules, fault))
            before = after

        return run_passes(graph, passes, observe)

    def _float_fault(self, graph: Graph) -> str:
        for name, array in self.evaluator.outputs(graph).items():
            fault = differing(self.exact[name], array, self.jumps, self.largest)
            if fault:
                return f"output {name}: {fault}"
        return ""

    # int8

    def _int8(self, graph: Graph, variations: int) -> None:
        self.scheme = scheme = self._scheme(graph)
        self.allowed = self._simulated_noise()
        self.rounded = self.evaluator.outputs(graph, self._rounded_constants(graph), bounded=not scheme.int16)
        self.of_constants = noise(self.exact, self.rounded)
        if variations:
            self._vary(variations)
        if self.variant is not None:
            self._allow_for_variant(self.variant)
        if scheme.int16:
            for powers in (self.allowed, self.of_constants):
                powers.update({name: _INT16_WEIGHTS * allowed for name, allowed in powers.items()})
        quantized = self._quantized(graph, scheme)
        fault = self._clipping_fault(quantized)
        if fault:
            raise Found("quantize", fault)
        passes = (tidying_as_glow if scheme.like_glow else tidying)(self.form.float_io)
        tidied = self._pass_by_pass("tidy", quantized, passes, self._clipping_fault)
        if not (scheme.like_glow and _is_far_off(tidied)):
            self._compare_program(tidied)

    def _scheme(self, graph: Graph) -> Scheme:
        """The form's scheme, and as many float nodes as it asks for, spread over the network."""
        names = list(dict.fromkeys(node.origin for node in graph.nodes if node.op.quantizable))
        count = min(self.form.float_nodes, len(names))
        chosen = {names[(2 * index + 1) * len(names) // (2 * count)] for index in range(count)}
        return replace(self.form.scheme, float_nodes=self.form.scheme.float_nodes | chosen)

    def _simulated_noise(
        self, round_constants: bool = True, stretch: float = 0.0, seed: int = 0, vary_tables: bool = False
    ) -> dict[str, float]:
        """The noise of a simulation of int8.

        Where operators stay float, what they read of an input, and what they make of an output, may be rounded or not:
        both are right, and rounding may cancel other errors by chance, so both are simulated, and the worse counts.
        """
        some_float = any(not becomes_integer(node, self.scheme) for node in self.simulated.nodes)
        found = [
            noise(
                self.exact,
                Simulation(
                    self.simulated,
                    self.values,
                    self.scheme,
                    self.evaluator,
                    round_constants,
                    stretch,
                    seed,
                    vary_tables,
                    float_ends,
                ).outputs(),
            )
            for float_ends in ((False, True) if some_float else (False,))
        ]
        return {name: max(powers[name] for powers in found) for name in self.exact}

    def _vary(self, variations: int) -> None:
        """Allow the noise of the worst of several simulations, all but the first with slightly other grids."""
        for seed in range(variations):
            stretch = _STRETCH if seed else 0.0
            whole = self._simulated_noise(True, stretch, seed, bool(seed))
            computed = self._simulated_noise(False, stretch, seed, bool(seed))
            for name, allowed in self.allowed.items():
                self.allowed[name] = max(allowed, whole[name], computed[name] + self.of_constants[name])

    def _allow_for_variant(self, variant: int) -> None:
        """Allow the noise on grids that are varied as those of the variant are.

        Those of tables are fixed, and may suit the simulation by chance in all variants, so they are varied too in one
        simulation, and the worse counts.
        """
        found = [self._simulated_noise(True, _STRETCH, variant, vary_tables) for vary_tables in (False, True)]
        self.allowed = {name: max(powers[name] for powers in found) for name in self.allowed}

    def _rounded_constants(self, graph: Graph) -> dict[str, Array]:
        """The constants of the simplified graph as int8 holds them."""
        values = self.evaluator.values(graph)
        result = {}
        for node in graph.nodes:
            if not self.scheme.quantizes(node):
                continue
            operands, bounds = [values[name] for name in node.inputs], bounds_of(values[node.outputs[0]])
            ranges = [bounds_of(operand) for operand in operands]
            for index, name in enumerate(node.inputs):
                if graph.values[name].data is not None:
                    result[name] = rounded_constant(node, index, operands, ranges, bounds, self.scheme)
        return result

    def _quantized(self, graph: Graph, scheme: Scheme) -> Graph:
        if self.form.foreign_profile:
            request = replace(self.request, like_glow=True)
            try:
                glow = run_passes(load_model(self.path, "net", request), before_lowering())
                if not glow.deviations:  # else it is the profile of another network
                    return quantize(graph, self._profile(glow), scheme)
            except (ProfileError, UnknownInGlowError):
                pass  # a profile that fits in doubt only is refused, which is right; and Glow may have none
        return (quantize_as_glow if scheme.like_glow else quantize)(graph, self._profile(graph), scheme)

    def _profile(self, graph: Graph) -> Profile:
        shaped = {name: self.inputs[name].reshape(-1, *graph.type_of(name).shape) for name in graph.inputs}
        same: Mapping[str, Sequence[str]] = {}
        if graph.like_glow:
            graph, same = lower_for_profiler(graph)
        profile = profile_graph(graph, shaped, batch=self.evaluator.samples, same=same)
        return profile if self.variant is None else widened(profile, graph, _STRETCH, self.variant)

    def _clipping_fault(self, graph: Graph) -> str:
        if self.variant is not None:
            return ""
        outputs = self.evaluator.outputs(graph)
        for name, error in noise(self.rounded, outputs).items():
            exact = self.exact[name]
            if exact.dtype.kind != "f":
                continue  # indices: a tie may go either way
            own, int8 = np.sqrt(self.of_constants[name]), np.sqrt(self.allowed[name])
            bound = (own + _CLIPPING * int8) ** 2 + 1e-7 * power(exact)
            if not error <= bound:
                found, expected = decibels(power(exact), error), decibels(power(exact), bound)
                return f"output {name} without rounding: {found:.1f} dB against float, {expected:.1f} dB expected"
        return ""

    def _compare_program(self, tidied: Graph) -> None:
        tidied = rewrite(tidied, [splat_as_constant])  # as for every target: a kernel may have it as a number
        program = plan(lower(tidied))
        results = run_program(program, self.inputs)
        found = {}
        for name, array in results.items():
            type_ = program.buffers[name].type
            flat = array.reshape(len(array), -1)
            found[name] = flat if type_.quant is None else (flat - float(type_.quant.offset)) * type_.quant.scale
        self.found = noise(self.exact, found)
        if self.variant is not None:
            return
        worse = excess(self.exact, self.found, self.allowed)
        if worse:
            raise Found("int8", "; ".join(map(str, worse)))
        if self.form.target:
            target = Target(self.form.target)
            fused = run_program(plan(lower(fuse(tidied, target), target)), self.inputs)
            for name, array in results.items():
                if not np.array_equal(array, fused[name]):
                    raise Found("fuse", f"output {name} is not the same to the bit on {self.form.target}")


def _is_far_off(graph: Graph) -> bool:
    """Whether Glow's int8 network is another one than the model: it divides raw integers, and has its deviations."""
    return bool(graph.deviations) or any(
        isinstance(node.op, Div) and graph.type_of(node.outputs[0]).dtype == "int8" for node in graph.nodes
    )


def _same(one: Graph, other: Graph) -> bool:
    """Whether nothing was changed that has a meaning."""
    if one.nodes != other.nodes or one.outputs != other.outputs or one.values.keys() != other.values.keys():
        return False
    return all(
        value.type == other.values[name].type and value.data is other.values[name].data
        for name, value in one.values.items()
    )
