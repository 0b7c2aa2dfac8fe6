"""What a prompt and a notebook show, and the functions that spare them folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import MNIST_INPUT, MNIST_OUTPUT, conv_net, dense_net, example_program
from tinyglow.demo import digits
from tinyglow.errors import InputError
from tinyglow.interp import start
from tinyglow.ir import show
from tinyglow.ir.graph import Graph

IMAGES = {MNIST_INPUT: digits.demo_set()[0][:3]}


def quantized(folder: Path) -> Graph:
    """A convolution with ReLU, between two transposes."""
    net = conv_net()
    graph = tinyglow.load(net.save(folder), "conv")
    return tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(8)))


def mnist(checkout: Path) -> Graph:
    """NXP's network."""
    graph = tinyglow.load(checkout / "examples/mnist/mnist_nxp.onnx", "mnist", {"N": 1})
    return tinyglow.quantize(graph, tinyglow.load_profile(checkout / "tests/golden/mnist_nxp/profile.yaml"))


def test_every_exported_name_is_there() -> None:
    """``tinyglow.__all__`` holds what can be had, and nothing else."""
    for name in tinyglow.__all__:
        assert getattr(tinyglow, name) is not None
    assert set(tinyglow._PLACES) | {"__version__"} == set(tinyglow.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = tinyglow.nothing


def test_graphs_and_programs_print_in_three_lines(checkout: Path) -> None:
    """Name, sizes, inputs and outputs, what they are made of."""
    graph = mnist(checkout)
    program = tinyglow.lower(graph)
    for text in (repr(graph), repr(program)):
        assert len(text.splitlines()) == 3
        assert f"{MNIST_INPUT} int8 [1, 28, 28, 1] -> {MNIST_OUTPUT} int8 [1, 10]" in text
    assert repr(graph).startswith("Graph mnist, quantized: 10 nodes, 10 constants of 1,662 elements")
    assert repr(program).startswith("Program mnist: 9 kernel calls; bytes: constantWeight ")


def test_html_has_a_row_for_each_node_and_call(checkout: Path) -> None:
    """And the names of its layers."""
    graph = mnist(checkout)
    program = tinyglow.lower(graph)
    assert graph._repr_html_().count("<tr>") == 1 + len(graph.nodes)
    assert program._repr_html_().count("<tr>") == 1 + len(program.calls)
    assert all(call.kernel.symbol in program._repr_html_() for call in program.calls)


def test_names_of_a_model_cannot_be_markup_or_move_the_cursor() -> None:
    """Names come from files of strangers."""
    html = show.html_table("<b>", ["<i>"], [["<script>x</script>"], ["\x1b[2J"]])
    assert "<b>" not in html and "<i>" not in html and "<script>" not in html and "\x1b" not in html
    assert "\x1b" not in show.text_table(["a"], [["\x1b[2J"]])


def test_long_tables_are_cut() -> None:
    """A notebook shows at most 200 rows, and says how many more there are."""
    html = show.html_table("t", ["n"], [[number] for number in range(1234)])
    assert html.count("<tr>") == 201 and "1,034 more rows" in html


def test_layers_are_what_the_kernels_leave_behind(checkout: Path) -> None:
    """Every result is that of the memory after its call, in the order of the calls; outputs are as without layers."""
    program = tinyglow.lower(mnist(checkout), target=tinyglow.Target("cortex-m4"))
    layers = tinyglow.interpret(program, IMAGES, layers=True)
    assert list(layers) == list(dict.fromkeys(name for call in program.calls for name in call.writes))
    state = start(program, IMAGES)
    for call in program.calls:
        state.run(call)
        for name in call.writes:
            buffer = program.buffers[name]
            assert layers[name].dtype == buffer.type.dtype
            assert layers[name].shape == (3, *buffer.type.shape[1:])
            assert np.array_equal(layers[name].reshape(3, -1), state.view(buffer))
    outputs = tinyglow.interpret(program, IMAGES)
    assert list(outputs) == [MNIST_OUTPUT]
    assert np.array_equal(outputs[MNIST_OUTPUT], layers[MNIST_OUTPUT])


def test_a_result_of_several_calls_comes_last_and_whole(tmp_path: Path) -> None:
    """A concatenation is written piece by piece: what is shown is all of it."""
    from tests.helpers import NetBuilder

    build = NetBuilder()
    parts = [build.node("Relu", "x", name="a"), build.node("Neg", "x", name="b")]
    build.node("Concat", *parts, name="c", output="y", axis=1)
    net = build.build({"x": (1, 4)}, ["y"])
    graph = tinyglow.load(net.save(tmp_path), "net")
    program = tinyglow.lower(tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(8))))
    layers = tinyglow.interpret(program, net.samples(2), layers=True)
    assert list(layers)[-1] == "y"
    assert np.array_equal(layers["y"], tinyglow.interpret(program, net.samples(2))["y"])


@pytest.mark.parametrize("board", ["host", "frdm-ke16z"])
def test_a_program_runs_without_a_folder(tmp_path: Path, board: str) -> None:
    """With the answers and cycles of its bundle, and inputs under the model's names."""
    if board != "host":
        pytest.importorskip("unicorn", reason="needs the package unicorn, of the extra tinyglow[sim]")
    program = example_program("dense", tmp_path)
    inputs, place = dense_net().samples(2), tinyglow.load_board(board)
    of_program = tinyglow.simulate(program, place, inputs)
    tinyglow.emit(program, tmp_path / "bundle")
    of_bundle = tinyglow.simulate(tmp_path / "bundle", place, inputs)
    assert np.array_equal(of_program.outputs["y"], of_bundle.outputs["y"])
    assert of_program.costs == of_bundle.costs
    with pytest.raises(InputError, match="the network has no such input"):
        tinyglow.simulate(program, place, {"z": inputs["x"]})


@pytest.mark.long  # compiles and measures every variant
def test_variants_are_those_that_the_compiler_chooses_from(tmp_path: Path) -> None:
    """One of each layer is chosen: the kernel that the program calls. Measured cycles are those of a profile."""
    pytest.importorskip("unicorn", reason="needs the package unicorn, of the extra tinyglow[sim]")
    graph, board = quantized(tmp_path), tinyglow.load_board("cortex-m4")
    program = tinyglow.lower(graph, target=tinyglow.target_of(board))
    table = tinyglow.variants(graph, board, measured=True)
    (chosen,) = (one for one in table if one.chosen)
    assert len(table) > 1 and len({one.layer for one in table}) == 1
    (call,) = (call for call in program.calls if call.origin == chosen.layer)
    assert call.kernel.symbol == chosen.name
    layers = tinyglow.profile_cycles(program, board, {"x": np.zeros((1, 1, 2, 6, 6), np.float32)}).layers
    of_chosen = next(layer.whole.cycles for layer in layers if layer.function == chosen.name)
    assert chosen.measured is not None and abs(chosen.measured / of_chosen - 1) < 0.1  # data differ, and so do branches
    assert all(one.measured is not None and one.measured > 0 for one in table)
    assert len(repr(table).splitlines()) == 1 + len(table)
    assert table._repr_html_().count("<tr>") == 1 + len(table)


def test_variants_without_measuring_need_no_compiler(tmp_path: Path) -> None:
    """Predicted figures alone; on this machine there are none."""
    graph = quantized(tmp_path)
    table = tinyglow.variants(graph, tinyglow.load_board("frdm-ke16z"), compiler="no_such_compiler")
    assert table and all(one.measured is None for one in table)
    with pytest.raises(InputError, match="nothing is counted"):
        tinyglow.variants(graph, tinyglow.load_board("host"))
