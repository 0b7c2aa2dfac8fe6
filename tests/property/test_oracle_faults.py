"""The oracle notices: a fault of each kind, planted into a pass, the quantizer or a kernel, within 100 networks."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest

from tests.property.oracle import findings, main
from tinyglow.glow import convert
from tinyglow.glow.quantize import lowered
from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Graph, Node
from tinyglow.kernels.activation import NO_ACTIVATION
from tinyglow.numerics import glow
from tinyglow.operators.conv2d import Conv2D
from tinyglow.operators.element_table import ElementTable
from tinyglow.passes import bounds, chains, folding, rewrite, simplify, tidy, transposes, unfolded_batch_norm
from tinyglow.passes.rewrite import Pass, rewriting
from tinyglow.quant import match, quantizer, scheme
from tinyglow.testing.oracle import check_seed, sweep
from tinyglow.testing.oracle.shrink import write_reproducer
from tinyglow.testing.oracle.stations import Stations

GRAPHS = 100
# Where the oracle takes what it looks at from.
CHECK = inspect.getmodule(Stations)


def mutated(function: Callable[..., Any], old: str, new: str) -> Callable[..., Any]:
    """The function with one piece of its text replaced, under its own name."""
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times in {function.__name__}"
    scope = dict(vars(inspect.getmodule(function)))  # type: ignore[arg-type]
    exec(compile(source.replace(old, new), function.__code__.co_filename, "exec"), scope)
    return scope[function.__name__]


def _plant_rule(patch: pytest.MonkeyPatch, rule: Callable[..., Any], faulty: Callable[..., Any] | None) -> None:
    """Let both stations use ``faulty`` in the place of ``rule``, or nothing."""

    def planted(make: Callable[..., list[Pass]]) -> Callable[..., list[Pass]]:
        def made(*arguments: Any, **options: Any) -> list[Pass]:
            result = []
            for step in make(*arguments, **options):
                rules = [faulty if item is rule else item for item in step.rules]
                simple = rule in step.rules and not step.name.startswith("fold rescales")
                result.append(rewriting(step.name, [r for r in rules if r]) if simple else step)
            return result

        return made

    patch.setattr(CHECK, "simplifying", planted(simplify.simplifying))
    patch.setattr(CHECK, "tidying", planted(tidy.tidying))


def found_within(graphs: int) -> Iterator[tuple[int, str]]:
    """What the oracle finds, network by network, as far as it is asked for."""
    for seed in range(graphs):
        for _, finding in findings(range(seed, seed + 1)):
            yield seed, str(finding)


def dropped_activation(patch: pytest.MonkeyPatch) -> None:
    """A convolution forgets the activation that it has taken over."""

    def faulty(node: Node, edit: GraphEditor) -> bool:
        if not isinstance(node.op, Conv2D) or node.op.activation == NO_ACTIVATION:
            return tidy.fuse_activation_into_convolution(node, edit)
        edit.set_op(node, replace(node.op, activation=NO_ACTIVATION))
        return True

    _plant_rule(patch, tidy.fuse_activation_into_convolution, faulty)


def range_of_another_value(patch: pytest.MonkeyPatch) -> None:
    """Two values of the network swap their ranges."""
    true = match.match_profile

    def faulty(graph: Graph, *arguments: Any) -> Any:
        result = true(graph, *arguments)
        ranges = dict(result.ranges)
        computed = [name for name in ranges if graph.values[name].data is None]
        if len(computed) > 1:
            one, other = computed[-2:]
            ranges[one], ranges[other] = ranges[other], ranges[one]
        return replace(result, ranges=ranges)

    patch.setattr(quantizer, "match_profile", faulty)


def range_of_the_input(patch: pytest.MonkeyPatch) -> None:
    """What a float operator makes, or a table in its place, is quantized with its input's range."""
    true = quantizer.Quantizer.params

    def faulty(self: Any, value: str, dtype: str = "") -> Any:
        made = {name: node for node in self.graph.nodes for name in node.outputs}
        node = made.get(value)
        of_floats = node is not None and (not node.op.quantizable or isinstance(node.op, ElementTable))
        if node is not None and of_floats and node.inputs[0] in self.ranges:
            value = node.inputs[0]
        return true(self, value, dtype)

    def faulty_as_glow(self: Any) -> None:
        true_as_glow(self)
        for node in self.edit.nodes:
            own = node.op.quantizable and not node.op.float_in_glow
            if not own and node.inputs and {node.inputs[0], node.outputs[0]} <= self.params.keys():
                self.params[node.outputs[0]] = self.params[node.inputs[0]]

    true_as_glow = convert.Converter.choose_all
    patch.setattr(quantizer.Quantizer, "params", faulty)
    patch.setattr(convert.Converter, "choose_all", faulty_as_glow)


def _mutation(function: Callable[..., Any], old: str, new: str) -> Callable[[pytest.MonkeyPatch], None]:
    def plant(patch: pytest.MonkeyPatch) -> None:
        _plant_rule(patch, function, mutated(function, old, new))

    return plant


def _in_chains(old: str, new: str) -> Callable[[pytest.MonkeyPatch], None]:
    faulty = mutated(chains._affine_chain, old, new)
    return lambda patch: patch.setattr(chains, "_affine_chain", faulty)


def raw_division(patch: pytest.MonkeyPatch) -> None:
    """A normalization that is not folded ends in an int8 division of raw integers, as in Glow."""
    true = simplify.simplifying

    def faulty() -> list[Pass]:
        without = [rule for step in true() for rule in step.rules if rule is not folding.divide_with_fractions]
        return [
            Pass(step.name, lowered)
            if unfolded_batch_norm.batch_norm_as_depthwise in step.rules
            else rewriting(step.name, [rule for rule in step.rules if rule in without])
            if step.rules
            else step
            for step in true()
        ]

    patch.setattr(CHECK, "simplifying", faulty)


def shared_in_spite_of_attributes(patch: pytest.MonkeyPatch) -> None:
    """Nodes of the same kind with the same inputs are taken for one, whatever their attributes."""
    faulty = mutated(rewrite.share_equal_nodes, "(node.op, node.inputs, types)", "(node.op.kind, node.inputs, types)")
    true = simplify.simplifying

    def passes() -> list[Pass]:
        return [Pass(step.name, faulty) if step.name == "share equal nodes" else step for step in true()]

    patch.setattr(CHECK, "simplifying", passes)


def rounding_cut_off(patch: pytest.MonkeyPatch) -> None:
    """int8's sums are cut off, not rounded: half a step too low on average."""
    patch.setattr(glow, "requantize", mutated(glow.requantize, "(1 << r.post) >> 1", "0"))


def wide_ranges(patch: pytest.MonkeyPatch) -> None:
    """All ranges are 1.4 times as wide, which costs 3 dB: what a few roundings may cost by chance."""
    true = scheme.choose_params

    def faulty(low: float, high: float, *arguments: Any, **options: Any) -> Any:
        return true(1.4 * low, 1.4 * high, *arguments, **options)

    patch.setattr(scheme, "choose_params", faulty)


FAULTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "an activation is dropped": dropped_activation,
    "a value has another value's range": range_of_another_value,
    "a float operator's result has its input's range": range_of_the_input,
    "the sign of c - conv(x)": _in_chains("-scale, constant - shift", "-scale, constant + shift"),
    "the sign of conv(x) - c": _in_chains("shift = shift - constant", "shift = shift + constant"),
    "raw integer division": raw_division,
    "pads merged the wrong way round": _mutation(
        chains.merge_pad_into_convolution,
        "(*pad.before[1:3], *pad.after[1:3])",
        "(*pad.after[1:3], *pad.before[1:3])",
    ),
    "a pad of other than zeros merged": _mutation(
        chains.merge_pad_into_convolution, 'pad.mode != "constant" or pad.value != 0 or ', ""
    ),
    "transposes merged the wrong way round": _mutation(
        transposes.merge_transposes,
        "before.op.perm[axis] for axis in node.op.perm",
        "node.op.perm[axis] for axis in before.op.perm",
    ),
    "a Concat's parts in another order": _mutation(
        chains.merge_concats, "inputs += source.inputs", "inputs += source.inputs[::-1]"
    ),
    "a Relu lost at a Concat": _mutation(
        chains.sink_relu_below_concat, "edit.add(relus[0].name, Relu(), [joined], node.origin)", "joined"
    ),
    "bounds of two Clips": _mutation(
        bounds.merge_clips, "min(max(end, node.op.low), node.op.high)", "max(end, node.op.low)"
    ),
    "a folded normalization forgets the bias": _mutation(
        folding.fold_batch_norm_into_convolution, "bias.data * a + b", "bias.data + b"
    ),
    "a normalization over another dimension": _mutation(
        transposes.sink_below_batch_norm, "before.op.perm[node.op.axis]", "node.op.axis"
    ),
    "constants not moved with a transpose": _mutation(
        transposes.sink_below_arithmetic,
        "partial(np.transpose, axes=inverse)",
        "lambda data: data.reshape(data.transpose(inverse).shape)",
    ),
    "attributes do not count": shared_in_spite_of_attributes,
    "rounding is cut off": rounding_cut_off,
    "ranges are too wide": wide_ranges,
}


RARE = {  # which only one network of many shows
    "the sign of conv(x) - c",
    "a pad of other than zeros merged",
    "a Concat's parts in another order",
    "bounds of two Clips",
    "constants not moved with a transpose",
    "attributes do not count",
}


@pytest.mark.parametrize(
    "plant",
    [pytest.param(plant, marks=[pytest.mark.long] * (name in RARE), id=name) for name, plant in FAULTS.items()],
)
def test_a_planted_fault_is_found(plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Within 100 networks."""
    plant(monkeypatch)
    assert next(found_within(GRAPHS), None), f"nothing found in {GRAPHS} networks"


def test_the_rule_is_named_and_the_network_made_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finding says which rule did it to which node; its reproducer shows the same and is smaller."""
    FAULTS["the sign of c - conv(x)"](monkeypatch)
    seed, text = next(item for item in found_within(GRAPHS) if "fold_arithmetic_into_convolution at " in item[1])
    assert text.startswith("simplify: fold into convolutions: output ")
    finding = check_seed(seed)
    assert finding is not None
    path = write_reproducer(seed, finding, tmp_path)
    small, model = onnx.load(str(path)), sweep.random_model(seed)
    assert len(small.graph.node) < len(model.proto.graph.node) or len(small.graph.node) <= 3
    assert {"Conv", "Sub"} <= {node.op_type for node in small.graph.node}
    assert sweep.check_model(model, small) is not None
    assert f"seed {seed}" in path.with_suffix(".txt").read_text(encoding="utf-8")


def test_the_command_goes_on_where_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A journal holds finished ranges: the second run has nothing to do, and tells the same result."""
    journal = tmp_path / "journal"
    arguments = ["--graphs", "2", "--seed", "40", "--journal", str(journal)]
    status, first = main(arguments), capsys.readouterr().out
    kept = journal.read_text(encoding="utf-8")
    assert main(arguments) == status
    assert capsys.readouterr().out.splitlines()[-1] == first.splitlines()[-1]
    assert journal.read_text(encoding="utf-8") == kept
