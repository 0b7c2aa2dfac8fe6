"""The command lines of AN13331 and AN13438 run one after the other, down to a main.c that prints the right class."""

from __future__ import annotations

import importlib.util
import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.helpers import Answer, run_cli
from tinyglow.boards import load_board
from tinyglow.bundle.harness import write_harness
from tinyglow.sim.image import load_image
from tinyglow.sim.toolchain import find_compiler

HERE = Path(__file__).parent
# Of MNIST, without the data set: the digits that the project draws itself.
DIGITS = sorted((HERE.parents[1] / "examples/mnist/digits").glob("*.png"))
CIFAR_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, as in the notes."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _run(line: str, *more: object) -> Answer:
    """One command line, as printed; it must succeed."""
    answer = run_cli(*shlex.split(line), *more)
    assert answer.status == 0, answer.err
    return answer


def _class_on_board(application: str, bundle: Path, images: Path, board_name: str) -> str:
    """What the application prints on an emulated board, built with the bundle and the image beside it."""
    machine = pytest.importorskip("tinyglow.sim.machine")
    board, folder = load_board(board_name), images / f"firmware_{board_name}"
    harness = write_harness(folder, "unused", board)
    (folder / "main.c").write_text(application, encoding="utf-8")
    (folder / "console.c").write_bytes((HERE / "console.c").read_bytes())
    (folder / "fsl_debug_console.h").write_text("int PRINTF(const char *format, ...);\n", encoding="utf-8")
    (folder / "string.h").write_text(
        "#include <stddef.h>\nvoid *memcpy(void *to, const void *from, size_t size);\n", encoding="utf-8"
    )
    sources = [*sorted(bundle.glob("*.c")), folder / "console.c", harness.startup]
    elf = find_compiler(None, board).compile_firmware(
        sources, [folder, bundle, images], harness.linker_script, board, folder / "firmware.elf"
    )
    emulated = machine.Machine(load_image(elf), board).boot()
    emulated.call("application_main")
    text = emulated.read(emulated.address_of("console"), 256).partition(b"\0")[0]
    return str(text.decode("ascii"))


@pytest.mark.parametrize("digit", ["4_0.png", "7_1.png"])
def test_an13438(work: Path, digit: str) -> None:
    """Profile, compile for a Cortex-M0, process an image; the application prints the digit on both boards."""
    picture = next(path for path in DIGITS if path.name == digit)
    model = HERE.parents[1] / "examples/mnist/mnist_nxp.onnx"
    (work / "mnist_nxp.onnx").write_bytes(model.read_bytes())
    _run(
        "image-classifier -image-mode=0to1 -image-layout=NHWC -image-channel-order=BGR -model=mnist_nxp.onnx"
        " -model-input-name=max_pooling_1_input -onnx-define-symbol=N,1 -dump-profile=profile.yaml",
        *DIGITS,
    )
    _run(
        "model-compiler -backend=CPU -model=mnist_nxp.onnx -target=arm -mcpu=cortex-m0 -onnx-define-symbol=N,1"
        " -emit-bundle=bundle_m0 -load-profile=profile.yaml -network-name=mnist_nxp -convert-placeholders"
        " -dump-graph-DAG=quantized_graph.pdf"
    )
    assert (work / "quantized_graph.pdf").exists() or (work / "quantized_graph.dot").exists()
    _run(
        f"process-image -image-path={shlex.quote(str(picture))} -output-path=test_image.inc -image-layout=NHWC"
        " -image-channel-order=BGR -image-type=int8 -image-mode=neg128to127"
    )
    application = (HERE / "int8_main.c").read_text(encoding="utf-8")
    for board in ("frdm-ke16z", "mimxrt1060-evk"):
        assert _class_on_board(application, work / "bundle_m0", work, board) == f"Top1 class = {digit[0]}\r\n"


def _an13331(images: Sequence[object], dataset: Path, options: str, model: str, input_: str, shape: str) -> None:
    """The note's command lines in its order, on the files in the current folder."""
    _run(f"image-classifier {options} -model={model} -model-input-name={input_} -dump-profile=profile.yml", *images)
    tuned = "profile.yml"
    if importlib.util.find_spec("tinyglow.cli.commands.model_tuner") is not None:
        tuned = "profile_tuned.yml"
        _run(
            f"model-tuner -dataset-file=Labels.csv -dataset-path={shlex.quote(str(dataset))} {options} -model={model}"
            f" -model-input={input_},float,{shape} -load-profile=profile.yml -dump-tuned-profile={tuned}"
            " -backend=CPU -quantization-precision=Int8 -quantization-schema=symmetric_with_power2_scale"
            " -target-accuracy=.9"
        )
    _run(
        f"model-compiler -model={model} -model-input={input_},float,{shape} -emit-bundle=source -backend=CPU"
        f" -target=arm -mcpu=cortex-m7 -float-abi=hard -load-profile={tuned}"
        " -quantization-schema=symmetric_with_power2_scale -quantization-precision-bias=Int8 -use-cmsis"
        " -network-name=cifar"
    )


def test_an13331(work: Path, shared: Path) -> None:
    """Profile, tune, compile for a Cortex-M7 and process an image of CIFAR-10; the application prints its class."""
    recording = shared / "golden_tools/cifar10_tuner"
    (work / "cifar10.onnx").write_bytes((shared / "models/cifar10.onnx").read_bytes())
    (work / "Labels.csv").write_bytes((recording / "Labels.csv").read_bytes())
    images = sorted((recording / "profiling").glob("*.png"))
    options = "-image-mode=neg1to1 -image-layout=NCHW -image-channel-order=RGB"
    _an13331(images, recording / "dataset", options, "cifar10.onnx", "input", "[1,3,32,32]")
    picture = next(path for path in images if path.name.startswith("ship"))
    order = "-image-layout=NCHW -image-channel-order=RGB -image-mode=neg1to1"
    _run(f"process-image -image-path={picture} -output-path=input_image.inc {order}")
    application = (HERE / "float_main.c").read_text(encoding="utf-8")
    found = _class_on_board(application, work / "source", work, "mimxrt1060-evk")
    assert found == f"Top1 class = {CIFAR_CLASSES.index('ship')}\r\n"


def test_an13331_on_digits(work: Path) -> None:
    """The same command lines on the MNIST network, for want of CIFAR-10, on a board without an FPU and one with."""
    (work / "mnist.onnx").write_bytes((HERE.parents[1] / "examples/mnist/mnist_nxp.onnx").read_bytes())
    (work / "dataset-tuning").mkdir()
    for path in DIGITS:
        (work / "dataset-tuning" / path.name).write_bytes(path.read_bytes())
    (work / "Labels.csv").write_text("".join(f"{path.name},{path.name[0]},\n" for path in DIGITS), encoding="utf-8")
    options = "-image-mode=0to1 -image-layout=NHWC -image-channel-order=RGB"
    images = sorted((work / "dataset-tuning").glob("*.png"))
    _an13331(images, work / "dataset-tuning", options, "mnist.onnx", "max_pooling_1_input", "[1,28,28,1]")
    _run("process-image -image-path=dataset-tuning/3_0.png -output-path=input_image.inc -image-mode=0to1")
    application = (HERE / "float_main.c").read_text(encoding="utf-8")
    application = application.replace("CIFAR_input", "CIFAR_max_pooling_1_input").replace(
        "CIFAR_output", "CIFAR_dense_2"
    )
    assert _class_on_board(application, work / "source", work, "mimxrt1060-evk") == "Top1 class = 3\r\n"
    small = application.replace("uint8_t constantWeight[", "const uint8_t constantWeight[")
    small = small.replace("cifar(constantWeight,", "cifar((uint8_t *)(uintptr_t)constantWeight,")
    small = small.replace("uint8_t imageData[]", "const uint8_t imageData[]")
    assert _class_on_board(small, work / "source", work, "frdm-ke16z") == "Top1 class = 3\r\n"
