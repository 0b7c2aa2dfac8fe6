"""Making and editing graphs: names, uses, order, and what the verifier says of a bad one."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tinyglow.errors import ModelError
from tinyglow.ir.dump import dump_graph
from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Graph, Node, Output
from tinyglow.ir.namer import Namer, legal_name
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.ir.verify import verify
from tinyglow.operators.add import Add
from tinyglow.operators.relu import Relu
from tinyglow.operators.reshape import Reshape
from tinyglow.testing import budget

ROW = TensorType((1, 4))


@budget(200)
@given(st.text(max_size=20))
@example("")
@example("7up")
@example("a/b:0")
@example("é\n*/")
def test_legal_names_are_c_identifiers(name: str) -> None:
    """Any text becomes a C identifier, and an identifier stays what it is."""
    legal = legal_name(name)
    assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", legal)
    assert legal_name(legal) == legal


@budget(200)
@given(st.lists(st.sampled_from(["a", "a__1", "a__2", "a__1__1", "a b", "a_b", "b__7", "__3", ""]), max_size=12))
def test_no_name_is_given_twice(names: list[str]) -> None:
    """A namer never repeats itself, whatever suffixes it is asked for, and keeps a name that is free."""
    namer = Namer()
    given_ = [namer.unique(name) for name in names]
    assert len(set(given_)) == len(given_)
    assert not names or given_[0] == legal_name(names[0])


def test_taken_names_are_numbered_as_glow_numbers_them() -> None:
    """The smallest free number replaces a suffix, unless the model file itself spelled the suffix so."""
    namer = Namer()
    assert [namer.unique(name) for name in ("x", "x", "x__1", "x__9", "x")] == ["x", "x__1", "x__2", "x__9", "x__3"]
    spelled = Namer(original=["x__1"], used=["x__1"])
    assert spelled.unique("x__1") == "x__1__1"


def test_a_copy_of_a_namer_goes_its_own_way() -> None:
    """What a copy hands out is not taken in the original."""
    namer = Namer()
    namer.unique("x")
    copied = namer.copy()
    assert copied.unique("x") == "x__1"
    assert namer.unique("x") == "x__1"


def _chain() -> GraphEditor:
    """x -> a -> b -> output, all Relu; c is dead."""
    edit = GraphEditor("net")
    x = edit.placeholder("x", ROW)
    a = edit.add("a", Relu(), [x])
    b = edit.add("b", Relu(), [a])
    edit.add("c", Relu(), [a])
    edit.output("y", b.name)
    return edit


def test_finish_drops_what_no_output_needs() -> None:
    """Dead nodes and values are gone, placeholders stay, nodes are in topological order."""
    edit = _chain()
    unused = edit.placeholder("unused", ROW)
    graph = verify(edit.finish(), "test")
    assert [node.name for node in graph.nodes] == ["a", "b"]
    assert set(graph.values) == {"x", "a", "b", unused.name}


def test_uses_follow_every_change() -> None:
    """Users, producers and use counts are right after a redirect, a change of inputs and a removal."""
    edit = _chain()
    assert [node.name for node in edit.users("a")] == ["b", "c"]
    assert not edit.has_one_use("a")
    assert edit.has_one_use("b") and edit.is_output("b") and not edit.is_output("a")
    edit.redirect("a", "x")
    assert edit.users("a") == []
    assert [node.name for node in edit.users("x")] == ["a", "b", "c"]
    edit.set_inputs(edit.users("x")[1], ("c",))
    assert [node.name for node in edit.users("c")] == ["b"]
    dead = edit.users("x")[0]
    edit.remove_if_unused(dead)
    assert not edit.alive(dead)
    assert edit.producer("a") is None
    used = edit.users("x")[0]
    edit.remove_if_unused(used)
    assert edit.alive(used), "c is used by b"


def test_two_uses_by_one_node_count_as_two() -> None:
    """x + x uses x twice."""
    edit = GraphEditor("net")
    x = edit.placeholder("x", ROW)
    edit.add("sum", Add(), [x, x])
    assert not edit.has_one_use("x")


def test_an_edited_copy_leaves_the_graph_alone() -> None:
    """A graph is the same after an editor made of it has changed everything."""
    graph = _chain().finish()
    before = dump_graph(graph)
    edit = GraphEditor.of(graph)
    edit.redirect("a", "x")
    edit.set_type("x", TensorType((1, 4), "int8", QuantParams(1.0, 0)))
    edit.set_output(Output("y", "x"))
    edit.finish()
    assert dump_graph(graph) == before


def test_deep_graphs_are_finished() -> None:
    """A chain far deeper than Python's recursion limit is sorted."""
    edit = GraphEditor("net")
    value = edit.placeholder("x", ROW)
    for _ in range(5_000):
        value = edit.add("relu", Relu(), [value])
    edit.output("y", value.name)
    assert len(edit.finish().nodes) == 5_000


def test_a_cycle_is_not_sorted_for_ever() -> None:
    """A graph that a pass tied into a cycle is an error."""
    edit = _chain()
    (first,) = edit.users("x")
    edit.set_inputs(first, ("b",))
    with pytest.raises(ValueError, match="cycle"):
        edit.finish()


def test_the_verifier_names_the_station_and_every_fault() -> None:
    """A wrong shape, wrong data and an offset beyond int8 are all reported, with the pass that left them."""
    edit = _chain()
    weights = edit.constant("w", np.zeros(3, np.float32), TensorType((1, 4)))
    edit.redirect("a", weights.name)
    reshaped = edit.add("r", Reshape((2, 2)), [edit.value("b")])
    edit.output("z", reshaped.name)
    edit.set_type("r", TensorType((4, 4)))
    edit.set_type("x", TensorType((1, 4), "int8", QuantParams(1.0, 200)))
    with pytest.raises(ModelError, match="after 'sabotage' is malformed") as caught:
        verify(edit.finish(), "sabotage")
    assert {problem.where for problem in caught.value.problems} == {"x", "w", "r"}


def test_the_verifier_wants_parameters_where_integers_stand_for_reals() -> None:
    """An activation of int8 without them is reported; what only moves elements takes numbers of any kind."""
    edit = GraphEditor("net")
    x = edit.placeholder("x", TensorType((1, 4), "int8"))
    edit.output("y", edit.add("moved", Reshape((2, 2)), [x]).name)
    verify(edit.finish(), "nothing")
    edit.output("z", edit.add("a", Relu(), [x]).name)
    with pytest.raises(ModelError, match="Relu reads it; expected quantization parameters"):
        verify(edit.finish(), "sabotage")


def test_the_verifier_sees_a_use_before_the_definition() -> None:
    """A node that reads a value of a later node is reported."""
    graph = _chain().finish()
    backwards = type(graph)(**{**vars(graph), "nodes": tuple(reversed(graph.nodes))})
    with pytest.raises(ModelError, match="b: uses a before it is defined"):
        verify(backwards, "sabotage")


def test_dump_shows_odd_names_on_one_line() -> None:
    """The model's own node names may hold line breaks; the dump does not."""
    edit = GraphEditor("net")
    x = edit.placeholder("x", ROW)
    edit.output("y", edit.add("a", Relu(), [x], "first\nsecond").name)
    assert "; from 'first\\nsecond'\n" in dump_graph(edit.finish())


def test_who_does_whose_work_is_found_without_looking_at_every_node() -> None:
    """For a question about each node of a graph its nodes are gone through once."""

    class Nodes(tuple[Node, ...]):
        looks = 0

        def __iter__(self) -> Iterator[Node]:
            Nodes.looks += 1
            return super().__iter__()

    nodes = [Node(f"n{n}", Relu(), (f"v{n}",), (f"v{n + 1}",), f"layer{n // 2}") for n in range(10)]
    graph = Graph("net", (), (), Nodes(nodes), {}, {})
    assert [graph.layers_of(node) for node in nodes] == [(f"layer{n // 2}",) for n in range(10)]
    assert Nodes.looks == 1
