"""The report: its figures are those of the other commands, and whatever a model names is text in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save

from tests.helpers import conv_net, run_cli
from tests.unit.report.conftest import BOARDS
from tests.unit.report.making import Page, Report, check_alone, need_packages
from tinyglow.bundle.header import read_bundle
from tinyglow.report.page.document import instruction_class


def _json(*words: str) -> Any:
    answer = run_cli(*words, "--json")
    assert answer.status == 0, answer.err
    return json.loads(answer.out)


@pytest.mark.slow  # compiles C
def test_it_needs_nothing_else(report: Report) -> None:
    """No address leads out of the file, every link has its target, and it is small."""
    check_alone(report.page)


def test_the_figures_are_inside(report: Report) -> None:
    """What --json prints is what the page carries."""
    page = Page(report.page)
    assert len(page.scripts) == 2
    assert json.loads(page.scripts[0]) == report.figures
    assert report.figures["version"] == 1
    assert report.figures["verdict"]["bit_exact"]
    assert [board["name"] for board in report.figures["boards"]] == list(BOARDS)


@pytest.mark.parametrize("number", range(len(BOARDS)), ids=BOARDS)
def test_figures_are_those_of_fit_and_profile_cycles(report: Report, number: int, tmp_path: Path) -> None:
    """Flash, RAM, stack, cycles, waiting, and every layer's share."""
    board = report.figures["boards"][number]
    (fit, _) = _json("fit", *report.model, *report.inputs, "--board", board["name"])
    for key in ("fits", "flash", "ram", "stack", "cycles", "instructions", "waits", "milliseconds"):
        assert board["fit"][key] == fit[key], key
    bundle = str(tmp_path / "bundle")
    assert run_cli("compile", *report.model, "--board", board["name"], "-o", bundle).status == 0
    # profile-cycles takes what the placeholder holds or floats, as the report does.
    profile = _json("profile-cycles", bundle, "--board", board["name"], *report.inputs)
    listings = board["profile"].pop("listings", None)
    try:
        assert board["profile"] == profile
    finally:
        board["profile"]["listings"] = listings
    for listing in listings:
        whole = next(share for share in profile["functions"] if share["name"] == listing["name"])
        assert sum(row[4] for row in listing["code"]) == whole["cycles"]
        assert sum(row[3] for row in listing["code"]) == whole["instructions"] == sum(listing["mix"].values())
    assert sum(layer["cycles"] for layer in board["layers"]) <= profile["cycles"]


def test_figures_are_those_of_validate(report: Report) -> None:
    """Outputs, layers and advice."""
    labels = ("--labels", str(report.folder / "labels.npy"))
    found = _json("validate", *report.model, *report.inputs, *labels)
    assert {**report.figures["validation"], "targets": []} == found


@pytest.mark.parametrize("number", range(len(BOARDS)), ids=BOARDS)
def test_memory_with_other_options_is_that_of_compile(report: Report, number: int, tmp_path: Path) -> None:
    """Each row of what would lower RAM: the header of a bundle that is compiled so."""
    board = report.figures["boards"][number]
    assert [] in [needs["options"] for needs in board["needs"]] and len(board["needs"]) == 4
    for index, needs in enumerate(board["needs"]):
        bundle = tmp_path / str(index)
        words = ("--board", board["name"], *needs["options"], "-o", str(bundle))
        assert run_cli("compile", *report.model, *words).status == 0
        info = read_bundle(bundle)
        assert needs["ram"] == info.mutable + info.activations
        assert (needs["activations"], needs["constants"]) == (info.activations, info.constant)


def test_kernels_that_were_chosen_have_run(report: Report) -> None:
    """One of each layer is chosen, for a reason, and its cycles are those of the layer."""
    for board in report.figures["boards"]:
        ran: dict[str, int] = {}
        for layer in board["layers"]:
            ran[layer["layer"]] = ran.get(layer["layer"], 0) + layer["cycles"]
        chosen = {one["layer"]: one for one in board["variants"] if one["chosen"]}
        assert set(chosen) == {one["layer"] for one in board["variants"]}
        for name, one in chosen.items():
            assert one["measured"] == ran[name] and one["why"]
            assert one["cycles"] == pytest.approx(one["measured"], rel=0.5)
        assert all(one["measured"] is None and not one["why"] for one in board["variants"] if not one["chosen"])


@pytest.mark.long
def test_other_kernels_run_on_request(tmp_path: Path) -> None:
    """Then all of them have cycles, those that were chosen as well."""
    need_packages()
    net = conv_net()
    np.savez(tmp_path / "x.npz", **net.samples(4))
    words = (str(net.save(tmp_path)), "--input", str(tmp_path / "x.npz"))
    assert run_cli("profile", *words, "-o", tmp_path / "p.yaml").status == 0
    more = ("--profile", tmp_path / "p.yaml", "--board", "cortex-m4", "--no-advice", "--vectors", "1")
    answer = run_cli("report", *words, *more, "--measure-kernels", "--json")
    assert answer.status == 0, answer.err
    (board,) = json.loads(answer.out)["boards"]
    assert len(board["variants"]) > 1 and all(one["measured"] for one in board["variants"])
    assert sum(one["chosen"] for one in board["variants"]) == len({one["layer"] for one in board["variants"]})


def test_predicted_gains_are_near_what_was_tried(report: Report) -> None:
    """Where the layers' shares of the error say something of an option, they are right to a few dB."""
    advice = report.figures["validation"]["advice"]
    told = [one for one in advice if one["predicted_db"] is not None]
    assert told and all(abs(one["predicted_db"] - one["gain_db"]) < 6 for one in told)


def test_tensors_are_the_interpreters(report: Report) -> None:
    """The integers of the last layer are the answers; all values lie on the grid."""
    import base64

    import tinyglow

    graph = tinyglow.load(report.model[0], define={"N": 1})
    program = tinyglow.lower(tinyglow.quantize(graph, tinyglow.load_profile(report.model[-1])))
    tensors = {tensor["value"]: tensor for tensor in report.figures["tensors"]}
    first, last = report.figures["tensors"][0], tensors[graph.outputs[0].value]
    given = np.frombuffer(base64.b64decode(first["integers"]), np.int8).reshape(-1, 28, 28, 1)
    expected = tinyglow.interpret(program, {program.inputs[0]: given})[program.outputs[0]]
    actual = np.frombuffer(base64.b64decode(last["integers"]), np.int8).reshape(expected.shape)
    assert np.array_equal(actual, expected)


def test_sums_hold_what_samples_reach(report: Report) -> None:
    """A bound over all inputs is at least what a network computes; its margin is what int32 leaves."""
    assert len(report.figures["sums"]) == 5
    for bound in report.figures["sums"]:
        assert bound["low"] <= 0 <= bound["high"]
        assert bound["margin"] == pytest.approx((2**31 - 1) / max(-bound["low"], bound["high"]))


def test_every_pass_that_changed_something_is_a_step(report: Report) -> None:
    """The steps lead from the model's graph to the one that is lowered."""
    steps = report.figures["steps"]
    assert [step["station"] for step in (steps[0], steps[-1])] == ["read", "fuse"]
    assert "quantize" in [step["station"] for step in steps]
    assert all(step["added"] or step["changed"] or step["removed"] for step in steps[1:])
    assert all(one["why"] for step in steps for one in step["applied"])
    names = [node["name"] for node in steps[-1]["nodes"]]
    assert {layer["layer"] for layer in report.figures["boards"][0]["layers"]} <= set(names)


def test_two_reports_are_compared(report: Report, tmp_path: Path) -> None:
    """Figures that differ are listed with their difference, equal ones are not."""
    page, other = report.folder / "report.html", tmp_path / "other.json"
    same = run_cli("report", "--diff", str(page), str(page))
    assert same.status == 0 and "no figure differs" in same.out
    figures = json.loads(json.dumps(report.figures))
    figures["boards"][0]["fit"]["cycles"] += 1000
    other.write_text(json.dumps(figures), encoding="utf-8")
    found = run_cli("report", "--diff", str(page), str(other))
    assert found.status == 0
    assert "+1,000 (+1.3 %)" in found.out
    assert "no figure differs" not in found.out


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[1]",
        '{"version": 2, "validation": {}}',
        '{"version": 1, "validation": {"outputs": 3}}',
        "<html>",
        "[" * 9000,
    ],
)
def test_what_is_no_report_is_refused(text: str, tmp_path: Path) -> None:
    """One clear error, exit status 2."""
    path = tmp_path / "x.json"
    path.write_text(text, encoding="utf-8")
    answer = run_cli("report", "--diff", str(path), str(path))
    assert answer.status == 2
    assert "the report cannot be read" in answer.err and "x.json" in answer.err
    assert "Traceback" not in answer.err


def test_all_that_is_missing_is_said_at_once() -> None:
    """Not one option after the other."""
    answer = run_cli("report")
    assert answer.status == 2
    assert all(option in answer.err for option in ("MODEL", "--board", "--input", "-o"))


_HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)>*/ & {{ 7 * 7 }} </script>'


def test_hostile_names_are_text(tmp_path: Path) -> None:
    """Names with HTML, script, C's end of a comment and a template's braces."""
    pytest.importorskip("unicorn")
    pytest.importorskip("vl_convert")
    pytest.importorskip("igraph")
    weights = numpy_helper.from_array(np.eye(4, dtype=np.float32), f"w{_HOSTILE}")
    nodes = [
        helper.make_node("MatMul", [f"x{_HOSTILE}", f"w{_HOSTILE}"], [f"y{_HOSTILE}"], name=f"first{_HOSTILE}"),
        helper.make_node("Relu", [f"y{_HOSTILE}"], [f"z{_HOSTILE}"], name=f"second{_HOSTILE}"),
    ]
    ends = [helper.make_tensor_value_info(f"{name}{_HOSTILE}", TensorProto.FLOAT, [1, 4]) for name in "xz"]
    model = helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:], [weights]))
    save(model, tmp_path / "net.onnx")
    np.savez(tmp_path / "x.npz", **{f"x{_HOSTILE}": np.random.default_rng(0).uniform(-1, 1, (9, 4)).astype(np.float32)})
    source, inputs = str(tmp_path / "net.onnx"), ("--input", str(tmp_path / "x.npz"))
    profile, page = str(tmp_path / "p.yaml"), tmp_path / "r.html"
    assert run_cli("profile", source, *inputs, "-o", profile).status == 0
    words = ("--profile", profile, *inputs, "--board", "cortex-m0plus", "--no-advice", "-o", str(page))
    answer = run_cli("report", source, *words)
    assert answer.status == 0, answer.err
    text = page.read_text(encoding="utf-8")
    found = Page(text)
    assert found.tags.count("script") == 2 and "img" not in found.tags
    assert not found.handlers
    assert _HOSTILE not in text and "{{ 7 * 7 }}" in text  # as text: no template has run it
    assert all(address.startswith("#") for address in found.addresses)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("muls r0, r1, r0", "multiply"),
        ("smlad r0, r1, r2, r3", "multiply"),
        ("ldrsb.w r0, [r1]", "load"),
        ("ldm r0!, {r1, r2}", "load"),
        ("push {r4, lr}", "store"),
        ("strb r0, [r1, #1]", "store"),
        ("bne #0x10", "branch"),
        ("bx lr", "branch"),
        ("b.w #0x20", "branch"),
        ("bic r0, r1", "other"),
        ("bfi r0, r1, #2, #3", "other"),
        ("adds r0, #1", "other"),
        ("cbnz r0, #4", "branch"),
    ],
)
def test_instructions_have_their_class(text: str, kind: str) -> None:
    """By Arm's mnemonics."""
    assert instruction_class(text) == kind
