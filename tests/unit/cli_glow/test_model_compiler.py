"""model-compiler: the bundle that Glow's options ask for."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import MNIST_INPUT, Answer, NetBuilder, Place, conv_net, run_cli
from tinyglow.bundle.header import read_bundle
from tinyglow.images import ImageOptions, load_images
from tinyglow.ir.graph import Graph
from tinyglow.ir.types import QuantParams
from tinyglow.pipeline.execute import simulate
from tinyglow.quant.profile import load_profile
from tinyglow.quant.schema import Schema
from tinyglow.quant.scheme import Scheme
from tinyglow.report.dot import dot_graph
from tinyglow.sim import graphviz
from tinyglow.targets.boards import load_board

BASE = ("-backend=CPU", "-model=mnist.onnx", "-onnx-define-symbol=N,1", "-emit-bundle=bundle", "-network-name=net")


@pytest.fixture
def profiled(place: Place) -> Place:
    """A folder with the MNIST network's profile too."""
    options = ("-model=mnist.onnx", "-image-mode=0to1", "-image-layout=NHWC", "-dump-profile=p.yaml")
    assert run_cli("image-classifier", "-input-image-dir=digits", *options).status == 0
    return place


def _compile(*more: str) -> Answer:
    answer = run_cli("model-compiler", *BASE, *more)
    assert answer.status == 0, answer.err
    return answer


def _weights() -> bytes:
    return Path("bundle/net.weights.bin").read_bytes()


@pytest.mark.parametrize(
    ("options", "scheme"),
    [
        ((), Scheme(like_glow=True)),
        (("-graph=tiny",), Scheme()),
        (
            ("-quantization-schema=symmetric_with_power2_scale", "-quantization-precision-bias=Int8"),
            Scheme(Schema.SYMMETRIC_WITH_POWER2_SCALE, "int8", like_glow=True),
        ),
        (("-enable-channelwise",), Scheme(channelwise=True, like_glow=True)),
        (
            ("-quantization-calibration=KL", "-calibrate-constants"),
            Scheme(calibrate=True, calibrate_constants=True, like_glow=True),
        ),
        (
            ("-keep-original-precision-for-nodes=MaxPool,Convolution",),
            Scheme(keep_float=frozenset({"MaxPool", "Convolution"}), like_glow=True),
        ),
        (
            ("-keep-original-precision-for-nodes=MaxPool,Relu", "-graph=tiny"),
            Scheme(keep_float=frozenset({"MaxPool", "Relu"})),
        ),
    ],
)
def test_the_scheme_is_the_one_asked_for(profiled: Place, options: tuple[str, ...], scheme: Scheme) -> None:
    """Each quantization option is a field of the scheme; the placeholders stay float unless they are converted."""
    _compile("-load-profile=p.yaml", *options)
    graph = tinyglow.load("mnist.onnx", "net", {"N": 1}, scheme.like_glow)
    program = tinyglow.lower(tinyglow.quantize(graph, load_profile("p.yaml"), scheme, float_io=True))
    tinyglow.emit(program, "expected")
    assert _weights() == Path("expected/net.weights.bin").read_bytes()
    assert {p.type.dtype for p in read_bundle("bundle").placeholders} == {"float32"}


def test_a_relu_in_float_after_int8_layers_is_refused(profiled: Place) -> None:
    """Glow's optimizer makes it int8 in a way that is not known; the other graph has it."""
    keep = "-keep-original-precision-for-nodes=MaxPool,Relu"
    answer = run_cli("model-compiler", *BASE, "-load-profile=p.yaml", keep)
    assert answer.status == 2
    assert "a Relu that is kept in float after int8 layers" in answer.err and "--graph=tiny" in answer.err


def test_converted_placeholders(profiled: Place) -> None:
    """-convert-placeholders makes inputs and outputs int8."""
    _compile("-load-profile=p.yaml", "-convert-placeholders")
    assert {p.type.dtype for p in read_bundle("bundle").placeholders} == {"int8"}


@pytest.mark.parametrize("more", [(), ("-convert-placeholders",)])
@pytest.mark.parametrize("profile", [(), ("-load-profile=p.yaml",)])
@pytest.mark.slow  # compiles C
def test_an_input_with_given_parameters(profiled: Place, more: tuple[str, ...], profile: tuple[str, ...]) -> None:
    """An int8q input has the scale and offset that are given, and the answers are those of the other bundle."""
    wanted = QuantParams(0.0078125, -3)
    _compile(*profile, *more)
    images = load_images([f"digits/{digit}_0.png" for digit in range(10)], ImageOptions("0to1", "NHWC"))
    board = load_board("host")
    plain = simulate("bundle", board, {MNIST_INPUT: images}).outputs["dense_2"]
    _compile(*profile, *more, f"-model-input={MNIST_INPUT},int8q,{wanted.scale},{wanted.offset},[1,28,28,1]")
    placeholder = read_bundle("bundle").placeholder(MNIST_INPUT)
    assert placeholder is not None
    assert (placeholder.type.dtype, placeholder.type.quant) == ("int8", wanted)
    given = simulate("bundle", board, {MNIST_INPUT: images}).outputs["dense_2"]
    assert given.dtype == plain.dtype
    assert np.array_equal(given.argmax(axis=-1), np.arange(10)) and np.array_equal(plain.argmax(axis=-1), np.arange(10))


def test_without_a_profile(profiled: Place) -> None:
    """The bundle is float, and its weights are the model's."""
    _compile("-convert-placeholders")
    graph = tinyglow.load("mnist.onnx", "net", {"N": 1})
    largest = max((v.data for v in graph.values.values() if v.data is not None), key=lambda data: data.size)
    stored = np.frombuffer(_weights()[: len(_weights()) // 4 * 4], "<f4")
    assert np.isin(largest.ravel(), stored).all()
    assert {p.type.dtype for p in read_bundle("bundle").placeholders} == {"float32"}


def test_the_core_chooses_kernels(profiled: Place) -> None:
    """Bundles for different cores compute the same from the same weights, and say what they are for."""
    small = _compile("-load-profile=p.yaml", "-target=arm", "-mcpu=cortex-m0")
    assert "bundle 'net' for Cortex-M0" in small.out
    large = _compile("-load-profile=p.yaml", "-target=arm", "-mcpu=cortex-m7", "-float-abi=hard")
    assert "bundle 'net' for Cortex-M7" in large.out
    assert "none of" in _compile("-load-profile=p.yaml", "-mcpu=cortex-a53").err
    for triple in ("riscv32", "riscv32imc-unknown-none-elf"):
        assert "bundle 'net' for RISC-V" in _compile("-load-profile=p.yaml", f"-target={triple}").out


def test_a_dsp_is_no_part_of_an_arm_core(profiled: Place) -> None:
    """-use-hifi alone is for an Xtensa core; beside an Arm core it means nothing, and a note says what to do."""
    alone = _compile("-load-profile=p.yaml", "-use-hifi")
    assert "bundle 'net' for Xtensa" in alone.out and "note" not in alone.err
    assert "bundle 'net' for Xtensa" in _compile("-load-profile=p.yaml", "-use-hifi", "-target=xtensa").out
    beside = _compile("-load-profile=p.yaml", "-use-hifi", "-target=arm", "-mcpu=cortex-m33")
    assert "bundle 'net' for Cortex-M33" in beside.out and "-target=xtensa" in beside.err


def test_the_bundle_api(profiled: Place) -> None:
    """Static is the default; dynamic adds the configuration, verbose the constants to the header."""
    _compile("-load-profile=p.yaml")
    static = Path("bundle/net.h").read_text(encoding="utf-8")
    assert "BundleConfig" not in static and "// Constants:" not in static
    _compile("-load-profile=p.yaml", "-bundle-api=dynamic", "-bundle-api-verbose")
    dynamic = Path("bundle/net.h").read_text(encoding="utf-8")
    assert "BundleConfig net_config" in dynamic and "// Constants:" in dynamic


def test_more_of_the_bundle(profiled: Place) -> None:
    """What 'tinyglow compile' writes on request, model-compiler does too, to the byte; but no proof, as Glow."""
    options = ("-weights=ram", "-weights-asm", "-bundle-utils")
    _compile("-load-profile=p.yaml", "-convert-placeholders", *options)
    compiled = run_cli(
        *("compile", "mnist.onnx", "--define=N=1", "--name=net", "--profile=p.yaml", "--graph=glow", "--board=host"),
        *("--weights=ram", "--weights-asm", "--bundle-utils", "-o", "expected"),
    )
    assert compiled.status == 0, compiled.err
    files = [{path.name: path.read_bytes() for path in Path(name).iterdir()} for name in ("bundle", "expected")]
    for listed in files:
        listed.pop("tinyglow.sha256")
    assert files[1].pop("net.proof.json")
    assert files[0] == files[1]
    assert {"net.weights.S", "glow_bundle_utils.c"} <= files[0].keys()


def test_fast_memory(profiled: Place) -> None:
    """-tcm-size lends the network so many bytes of fast memory."""
    _compile("-load-profile=p.yaml")
    assert "glow_tcm_addr" not in Path("bundle/net.c").read_text(encoding="utf-8")
    _compile("-load-profile=p.yaml", "-tcm-size=1024")
    assert "glow_tcm_addr" in Path("bundle/net.c").read_text(encoding="utf-8")


@pytest.mark.slow  # compiles C
def test_the_bundle_as_an_object(profiled: Place) -> None:
    """-bundle-object leaves Glow's four files and the list of them, also where the C files were before.

    Those come back without it.
    """
    _compile("-load-profile=p.yaml", "-mcpu=cortex-m7")
    sources = sorted(path.name for path in Path("bundle").iterdir())
    _compile("-load-profile=p.yaml", "-mcpu=cortex-m7", "-float-abi=hard", "-bundle-object")
    assert sorted(path.name for path in Path("bundle").iterdir()) == [
        "net.h",
        "net.o",
        "net.weights.bin",
        "net.weights.txt",
        "tinyglow.sha256",
    ]
    elf = Path("bundle/net.o").read_bytes()
    assert elf[:4] == b"\x7fELF" and elf[18] == 40  # e_machine: EM_ARM
    _compile("-load-profile=p.yaml", "-mcpu=cortex-m7")
    assert sorted(path.name for path in Path("bundle").iterdir()) == sources


def test_the_network_is_called_as_the_model(place: Place) -> None:
    """Without -network-name the file's name is the network's."""
    assert run_cli("model-compiler", *BASE[:-1]).status == 0
    assert read_bundle("bundle").name == "mnist"


def test_symbols_that_the_model_has_not(place: Place) -> None:
    """A symbol too many is noted, and no error, as in Glow."""
    answer = run_cli("model-compiler", *BASE, "-onnx-define-symbol=M,2")
    assert answer.status == 0
    assert answer.err == "note: -onnx-define-symbol=M,2: the model has no such symbol\n"


@pytest.mark.parametrize(
    ("arguments", "because"),
    [
        ((), ("-model: is missing", "-emit-bundle: is missing")),
        ((*BASE, "-dump-profile=p"), ("image-classifier or model-profiler",)),
        ((*BASE, "-main-entry-name=other"), ("-network-name alone",)),
        ((*BASE[:-1], "-network-name=int"), ("no name for a network",)),
        (
            ("-model=mnist.onnx", "-emit-bundle=bundle"),
            ("dynamic dimension N", "bind it with -onnx-define-symbol=N,1)"),
        ),
        ((*BASE[:2], "-onnx-define-symbol=N", "-onnx-define-symbol=M,0", BASE[3]), ("N: is not", "M,0: is not")),
        ((*BASE, "-model-input=x"), ("is no input of the model", MNIST_INPUT)),
        ((*BASE, f"-model-input={MNIST_INPUT},float,[1,1,28,28]"), ("[1, 28, 28, 1], as the model has it",)),
        ((*BASE, f"-model-input={MNIST_INPUT},float16,[1,28,28,1]"), ("has type float16",)),
        (
            (*BASE, f"-model-input={MNIST_INPUT},int8q,0,0,[1]", "-model-input=,float,[1]"),
            ("a scale above 0", "=,float"),
        ),
        ((*BASE, "-mcpu=cortex-m0", "-float-abi=hard"), ("has no FPU",)),
        ((*BASE, "-target=xtensa", "-mcpu=cortex-m7", "-float-abi=hard"), ("is no core of", "LX106 has no FPU")),
        ((*BASE, "-target=riscv32", "-use-hifi"), ("is for an Xtensa DSP",)),
        ((*BASE, "-load-profile=missing.yaml"), ("missing.yaml",)),
        (
            (*BASE, "-load-profile=p.yaml", "-keep-original-precision-for-nodes=MaxPol,Xyzzy"),
            ("did you mean MaxPool?", "Xyzzy: is no kind of node"),
        ),
        ((*BASE, "-load-profile=p.yaml", "-quantization-precision-bias=Int16"), ("=Int16: is not supported",)),
        ((*BASE, "-load-profile=p.yaml", "-quantization-precision=Int16", "-graph=glow"), ("Glow has no int16",)),
        ((*BASE, "-use-cmsiss"), ("did you mean -use-cmsis?",)),
    ],
)
def test_what_is_refused(place: Place, arguments: tuple[str, ...], because: tuple[str, ...]) -> None:
    """What does not fit is an error that says why, and nothing is written."""
    place.refuses("model-compiler", *arguments, because=because)


def test_all_nodes_quantized(place: Place) -> None:
    """-assert-all-nodes-quantized fails for a node that stays float, but not for those that are listed."""
    build = NetBuilder()
    build.node("Exp", build.node("Gemm", "x", build.weights(4, 4), build.weights(4), name="fc"), name="exp", output="y")
    net = build.build({"x": (1, 4)}, ["y"])
    net.save(place.folder)
    np.save("x.npy", net.samples(4)["x"])
    assert run_cli("profile", "net.onnx", "--input", "x=x.npy", "-o", "p.yaml").status == 0
    arguments = ("-model=net.onnx", "-emit-bundle=out", "-load-profile=p.yaml", "-assert-all-nodes-quantized")
    place.refuses("model-compiler", *arguments, because="exp: Exp stays float")
    assert run_cli("model-compiler", *arguments, "-keep-original-precision-for-nodes=Exp").status == 0


def _quantized() -> Graph:
    graph = tinyglow.load("mnist.onnx", "net", {"N": 1}, like_glow=True)
    return tinyglow.quantize(graph, load_profile("p.yaml"), Scheme(like_glow=True), float_io=True)


def test_the_graph_is_drawn(profiled: Place) -> None:
    """A .dot file of the compiled graph, and of the graph before; -dump-graph prints it."""
    answer = _compile(
        "-load-profile=p.yaml", "-dump-graph-DAG=g.dot", "-dump-graph-DAG-before-compile=f.dot", "-dump-graph"
    )
    assert Path("g.dot").read_text(encoding="utf-8") == dot_graph(_quantized())
    assert "graph net {" in answer.out
    assert Path("f.dot").read_text(encoding="utf-8").startswith("digraph")


@pytest.mark.parametrize("kind", ["pdf", "png", "svg"])
def test_pictures_without_graphviz(profiled: Place, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where graphviz is not installed, the text stands beside the picture's place, and one line says so."""
    monkeypatch.setattr(graphviz.shutil, "which", lambda program: None)
    answer = _compile("-load-profile=p.yaml", f"-dump-graph-DAG=g.{kind}")
    assert "graphviz is not installed: the graph is in g.dot" in answer.err
    assert not Path(f"g.{kind}").exists()
    assert Path("g.dot").exists()


def _graphviz(folder: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program called dot, of our own, is the one that is found."""
    program = folder / "dot"
    program.with_suffix(".py").write_text(f"import sys\n{code}\n", encoding="utf-8")
    # Through a shell: the path of Python may have a blank, which a first line cannot have.
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{program}.py" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(graphviz.shutil, "which", lambda name: str(program))


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for graphviz is a script with a shebang")
def test_what_graphviz_is_asked(profiled: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets the graph on stdin and the kind of picture, and what it answers is the picture."""
    code = "sys.stdout.buffer.write(repr(sys.argv[1:]).encode() + sys.stdin.buffer.read())"
    _graphviz(tmp_path, code, monkeypatch)
    assert _compile("-load-profile=p.yaml", "-dump-graph-DAG=g.PDF").err == ""
    assert Path("g.PDF").read_bytes() == b"['-Tpdf']" + dot_graph(_quantized()).encode("utf-8")


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for graphviz is a script with a shebang")
@pytest.mark.parametrize(
    ("code", "because"),
    [
        ("sys.exit('out of ink')", "out of ink"),
        ("sys.exit(3)", "exit status 3"),
        ("import time; time.sleep(3600)", "does not end"),
    ],
)
def test_graphviz_fails(
    profiled: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, because: str
) -> None:
    """A failing or endless graphviz is an error with its own words."""
    _graphviz(tmp_path, code, monkeypatch)
    monkeypatch.setattr(graphviz, "TIMEOUT_SECONDS", 1 if "sleep" in code else 3600)
    answer = run_cli("model-compiler", *BASE, "-dump-graph-DAG=g.pdf")
    assert answer.status == 2
    assert because in answer.err
    assert not Path("g.pdf").exists()


@pytest.mark.parametrize(("kind", "magic"), [("pdf", b"%PDF"), ("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_pictures_with_graphviz(profiled: Place, kind: str, magic: bytes) -> None:
    """Where graphviz is installed, the picture is of the kind that its name says."""
    if shutil.which("dot") is None:
        pytest.skip("needs graphviz")
    _compile("-load-profile=p.yaml", f"-dump-graph-DAG=g.{kind}")
    assert Path(f"g.{kind}").read_bytes().startswith(magic)


def test_a_drawing_survives_any_name(tmp_path: Path) -> None:
    """Names with quotes, backslashes and line ends stay inside their label."""
    net = conv_net()
    net.proto.graph.node[0].name = 'a"b\\c\nd]; evil'
    text = dot_graph(tinyglow.load(net.save(tmp_path)))
    labels = [line for line in text.splitlines() if "label=" in line]
    for line in labels:
        inside = line.partition('label="')[2].replace("\\\\", "").replace('\\"', "")
        assert inside.count('"') == 3  # the label's end, and the colour's two
    assert len(labels) == text.count("label=")
