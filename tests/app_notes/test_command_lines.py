"""The command lines of examples/app_notes run one after the other, down to a program that prints the right class."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

import onnx
import pytest

from tests.helpers import run_cli
from tests.unit.deploy.test_deploy import build, qemu, without_times
from tinyglow.bundle.harness import write_harness
from tinyglow.pipeline.boot import boot
from tinyglow.sim.image import load_image
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import load_board

HERE = Path(__file__).parent
NOTES = HERE.parents[1] / "examples/app_notes"
MNIST = HERE.parents[1] / "examples/mnist"
CIFAR_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _run_block(note: str, changes: Mapping[str, str] | None = None) -> None:
    """Every command of the note's block in its order; each must succeed. changes: other words for some of it."""
    text = (NOTES / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {note}.*?^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert found
    block = found[1].replace("\\\n", " ")
    for old, new in (changes or {}).items():
        block = block.replace(old, new)
    for line in block.splitlines():
        program, *words = shlex.split(line)
        assert program == "tinyglow"
        files = [sorted(map(str, Path().glob(word))) if "*" in word else [word] for word in words]
        answer = run_cli(*(file for part in files for file in part))
        assert answer.status == 0, f"{line}\n{answer.err}"


def _copy(source: Path, target: Path, pattern: str) -> None:
    target.mkdir()
    for path in source.glob(pattern):
        (target / path.name).write_bytes(path.read_bytes())


def _printed(application: str, bundle: Path, work: Path, board_name: str) -> str:
    """What the application prints on an emulated board, built with the bundle and the image in ``work``."""
    machine = pytest.importorskip("tinyglow.sim.machine")
    board, folder = load_board(board_name), work / f"firmware_{board_name}"
    harness = write_harness(folder, "unused", board)
    (folder / "main.c").write_text(application, encoding="utf-8")
    (folder / "console.c").write_bytes((HERE / "console.c").read_bytes())
    (folder / "fsl_debug_console.h").write_text("int PRINTF(const char *format, ...);\n", encoding="utf-8")
    (folder / "string.h").write_text(
        "#include <stddef.h>\nvoid *memcpy(void *to, const void *from, size_t size);\n", encoding="utf-8"
    )
    sources = [*sorted(bundle.glob("*.c")), folder / "console.c", harness.startup]
    elf = find_compiler(None, board).compile_firmware(
        sources, [folder, bundle, work], harness.linker_script, board, folder / "firmware.elf"
    )
    emulated = machine.Machine(load_image(elf), board).boot()
    emulated.call("application_main")
    text: bytes = emulated.read(emulated.address_of("console"), 256)
    return text.partition(b"\0")[0].decode("ascii")


@pytest.mark.parametrize("digit", [4, 7])
def test_an13438(work: Path, digit: int) -> None:
    """Profile, compile for a Cortex-M0, process an image; the application prints the digit on both boards."""
    (work / "mnist_nxp.onnx").write_bytes((MNIST / "mnist_nxp.onnx").read_bytes())
    _copy(MNIST / "digits", work / "digits", "*.png")
    _run_block("AN13438", {"4_0.png": f"{digit}_0.png"})
    assert (work / "quantized_graph.pdf").exists() or (work / "quantized_graph.dot").exists()
    application = (NOTES / "an13438_main.c").read_text(encoding="utf-8")
    for board in ("frdm-ke16z", "mimxrt1060-evk"):
        assert _printed(application, work / "bundle_m0", work, board) == f"Top1 class = {digit}\r\n"


@pytest.mark.slow
def test_an13331(work: Path, shared: Path) -> None:
    """Profile, tune, compile for a Cortex-M7 and process an image of CIFAR-10; the application prints its class."""
    recording = shared / "golden_tools/cifar10_tuner"
    (work / "cifar10.onnx").write_bytes((shared / "models/cifar10.onnx").read_bytes())
    (work / "Labels.csv").write_bytes((recording / "Labels.csv").read_bytes())
    _copy(recording / "dataset", work / "dataset-tuning", "*.png")
    _copy(recording / "profiling", work / "images", "*.png")
    _run_block("AN13331")
    application = (NOTES / "an13331_main.c").read_text(encoding="utf-8")
    ship = CIFAR_CLASSES.index("ship")
    assert _printed(application, work / "source", work, "mimxrt1060-evk") == f"Top1 class = {ship}\r\n"


@pytest.mark.long
@pytest.mark.slow
def test_cifar10_ends_in_a_firmware(work: Path, shared: Path) -> None:
    """AN13331's last step without MCUXpresso: here and in QEMU the program prints class, confidence and time."""
    recording, model = shared / "golden_tools/cifar10_tuner", onnx.load(shared / "models/cifar10.onnx")
    model.graph.node[-1].output[0] = "scores"
    model.graph.node.append(onnx.helper.make_node("Softmax", ["scores"], ["output"], "softmax"))
    onnx.save(model, work / "cifar10.onnx")
    _copy(recording / "profiling", work / "images", "*.png")
    (work / "names.txt").write_text("\n".join(CIFAR_CLASSES), encoding="utf-8")
    images = ("--input", "images", "--image-mode", "neg1to1")
    answer = run_cli("profile", "cifar10.onnx", *images, "-o", "profile.yaml")
    assert answer.status == 0, answer.err
    words = ("--profile", "profile.yaml", "--board", "mps2-an500", "--class-names", "names.txt", "-o", "fw")
    answer = run_cli("deploy", "cifar10.onnx", *images, *words, "--console", "semihosting")
    assert answer.status == 0, answer.err
    board = load_board("mps2-an500")
    elf = build(work / "fw", board)
    output = boot(elf, board, 1_000_000_000).output
    line = r"^sample \d: (\w+) \(confidence [0-9.]+ %, time [0-9.]+ ms\), class \d, "
    named = re.findall(line, output, re.MULTILINE)
    # The images are one of each class, by the alphabet.
    assert sum(name == right for name, right in zip(named, CIFAR_CLASSES, strict=True)) >= 7, output
    assert output.endswith("all answers as compiled\n")
    if shutil.which("qemu-system-arm"):
        assert without_times(qemu(elf, board.qemu, work)) == without_times(output)


def test_an13331_on_digits(work: Path) -> None:
    """The same command lines on the MNIST network, for want of CIFAR-10, on a board with an FPU and one without."""
    (work / "mnist.onnx").write_bytes((MNIST / "mnist_nxp.onnx").read_bytes())
    for name in ("images", "dataset-tuning"):
        _copy(MNIST / "digits", work / name, "*.png")
    labels = [f"{path.name},{path.name[0]},\n" for path in sorted((work / "images").glob("*.png"))]
    (work / "Labels.csv").write_text("".join(labels), encoding="utf-8")
    changes = {
        "cifar10.onnx": "mnist.onnx",
        "neg1to1": "0to1",
        "NCHW": "NHWC",
        "=input,float,[1,3,32,32]": "=max_pooling_1_input,float,[1,28,28,1]",
        "=input ": "=max_pooling_1_input ",
        "ship_0000": "3_0",
    }
    _run_block("AN13331", changes)
    application = (NOTES / "an13331_main.c").read_text(encoding="utf-8")
    for old, new in {"CIFAR_input": "CIFAR_max_pooling_1_input", "CIFAR_output": "CIFAR_dense_2"}.items():
        application = application.replace(old, new)
    assert _printed(application, work / "source", work, "mimxrt1060-evk") == "Top1 class = 3\r\n"
    # The small board's RAM has no room for weights and image: they stay in flash.
    for old, new in {
        "uint8_t constantWeight[": "const uint8_t constantWeight[",
        "cifar(constantWeight,": "cifar((uint8_t *)(uintptr_t)constantWeight,",
        "uint8_t imageData[]": "const uint8_t imageData[]",
    }.items():
        application = application.replace(old, new)
    assert _printed(application, work / "source", work, "frdm-ke16z") == "Top1 class = 3\r\n"
