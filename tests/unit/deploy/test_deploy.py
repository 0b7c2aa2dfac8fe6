"""deploy: a whole firmware project, which any of the compilers builds and which boots here and in QEMU alike."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import NetBuilder, example_program, run_cli
from tinyglow.bundle.project import fingerprint
from tinyglow.cli.class_names import read_class_names
from tinyglow.errors import BoardError, InputError
from tinyglow.pipeline.boot import boot
from tinyglow.pipeline.deploy import deploy
from tinyglow.sim.toolchain import find_compiler
from tinyglow.sim.zig_cache import cache_variables
from tinyglow.targets.boards import Board, load_board

MACHINES = ["microbit", "mps2-an385", "mps2-an386", "mps2-an500", "mps2-an505"]
INSTRUCTIONS = 20_000_000
ZIG = (sys.executable, "-m", "ziglang")


def samples(count: int = 3) -> np.ndarray:
    """Inputs of the dense network."""
    return np.random.default_rng(3).standard_normal((count, 1, 8)).astype(np.float32)


def project(folder: Path, board: str, console: str | None = None, float_io: bool = False) -> Path:
    """The dense network's project for a board, with the right classes as labels but for the last one."""
    program = example_program("dense", folder, float_io)
    x = samples()
    labels = tinyglow.interpret(program, {"x": x})["y"].reshape(len(x), -1).argmax(axis=1)
    labels[-1] = (labels[-1] + 1) % 4
    deploy(program, load_board(board), folder / "project", {"x": x}, labels, console)
    return folder / "project"


def build(folder: Path, board: Board, compiler: str = "zig") -> Path:
    """The project's firmware, built without make."""
    sources = [*sorted((folder / "src").glob("*.c")), *sorted((folder / "bundle").glob("*.c"))]
    out = folder / "firmware.elf"
    includes = [folder / "src", folder / "bundle"]
    return find_compiler(compiler, board).compile_firmware(sources, includes, folder / "link.ld", board, out)


def without_times(text: str) -> str:
    """What a firmware prints but for the times: QEMU's clock is not the core's."""
    return re.sub(r"time [0-9.]+ ms( \([0-9]+ cycles\))?|[0-9]+ cycles", "time", text.replace("\r", ""))


def qemu(elf: Path, machine: str, folder: Path) -> str:
    """What the firmware prints in QEMU, by semihosting and by the UART; a firmware that sleeps is stopped."""
    serial = folder / "serial.txt"
    options = ["-display", "none", "-serial", f"file:{serial}", "-semihosting-config", "enable=on,target=native"]
    command = ["qemu-system-arm", "-machine", machine, *options, "-kernel", str(elf)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8") as emulator:
        for _ in range(6 * 6000):  # an hour, for busy machines
            if emulator.poll() is not None or (
                serial.is_file() and "all answers as compiled" in serial.read_text(encoding="utf-8")
            ):
                break
            time.sleep(0.1)
        emulator.kill()
        printed, _ = emulator.communicate()
    return printed + serial.read_text(encoding="utf-8")


@pytest.mark.parametrize("console", ["uart", "semihosting"])
@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.slow  # compiles C
def test_a_project_boots_here_and_in_qemu_and_prints_the_same(tmp_path: Path, name: str, console: str) -> None:
    """Classes, scores and fingerprints of the outputs are those of numpy; QEMU prints the same but for the times."""
    board = load_board(name)
    elf = build(project(tmp_path, name, console), board)
    result = boot(elf, board, INSTRUCTIONS)
    program = example_program("dense", tmp_path)
    answers = tinyglow.interpret(program, {"x": samples()})["y"].reshape(3, -1)
    lines = result.output.splitlines()
    for index, line in enumerate(lines[1:4]):
        expected = f"sample {index}: class {answers[index].argmax()}, score"
        assert line.startswith(expected)
        assert f"outputs {fingerprint([answers[index].tobytes()]):08x}, time" in line
        assert line.endswith("wrong" if index == 2 else "right")
    assert lines[4] == "2 of 3 right"
    assert lines[-1] == "all answers as compiled"
    assert result.status == (0 if console == "semihosting" else None)
    if shutil.which("qemu-system-arm"):
        assert without_times(qemu(elf, board.qemu, tmp_path)) == without_times(result.output)


@pytest.mark.parametrize("name", ["frdm-ke16z", "mps2-an500"])
def test_the_cycles_printed_are_those_of_the_simulator(tmp_path: Path, name: str) -> None:
    """SysTick and DWT count what ``run`` counts, but for the few cycles of reading them."""
    board = load_board(name)
    folder = project(tmp_path, name, "semihosting")
    result = boot(build(folder, board), board, INSTRUCTIONS)
    counted = tinyglow.simulate(folder / "bundle", board, {"x": samples()}, "zig").most("cycles")
    printed = int(re.findall(r"slowest: time [0-9.]+ ms \((\d+) cycles\)", result.output)[0])
    assert counted is not None and abs(printed - counted) < 120
    milliseconds = float(re.findall(r"slowest: time ([0-9.]+) ms", result.output)[0])
    assert milliseconds == pytest.approx(1000 * board.seconds(printed), abs=0.0011)


def test_float_outputs_and_softmax_are_printed_as_such(tmp_path: Path) -> None:
    """Placeholders that stay float are printed too; the MNIST network's scores are no probabilities."""
    board = load_board("mps2-an386")
    result = boot(build(project(tmp_path, "mps2-an386", "semihosting", float_io=True), board), board, INSTRUCTIONS)
    answers = tinyglow.interpret(example_program("dense", tmp_path, float_io=True), {"x": samples()})["y"].reshape(
        3, -1
    )
    for index in range(3):
        assert f"class {answers[index].argmax()}, score {answers[index].max():.3f}," in result.output


def test_probabilities_are_printed_as_percent(tmp_path: Path) -> None:
    """After a softmax: confidence in percent, as the interpreter's answer has it."""
    net = NetBuilder(4)
    logits = net.node("Gemm", "x", net.weights(8, 4), net.weights(4), name="gemm")
    net.node("Softmax", logits, name="softmax", output="y")
    made = net.build({"x": (1, 8)}, ["y"])
    graph = tinyglow.load(made.save(tmp_path), "soft")
    program = tinyglow.lower(tinyglow.quantize(graph, tinyglow.profile(graph, made.samples(16))))
    board = load_board("mps2-an386")
    deploy(program, board, tmp_path / "project", {"x": samples()}, None, "semihosting")
    output = boot(build(tmp_path / "project", board), board, INSTRUCTIONS).output
    answers = tinyglow.interpret(program, {"x": samples()})["y"].reshape(3, -1)
    quant = program.buffers[program.outputs[0]].type.quant
    assert quant is not None
    for index in range(3):
        percent = 100 * quant.scale * (int(answers[index].max()) - quant.offset)
        printed = float(re.findall(rf"sample {index}: class \d, confidence ([0-9.]+) %", output)[0])
        assert printed == pytest.approx(percent, abs=0.06)


NAMES = ["airplane", 'a "dog" */ \\n??/', "$(x) 100 % Käse", "ship"]


@pytest.mark.slow
def test_the_names_of_classes_are_printed(tmp_path: Path) -> None:
    """With score, time and what was right; a list of names cannot break out of the source; QEMU prints the same."""
    board, program = load_board("mps2-an386"), example_program("dense", tmp_path)
    answers = tinyglow.interpret(program, {"x": samples(4)})["y"].reshape(4, -1)
    labels = answers.argmax(axis=1)
    labels[-1] = (labels[-1] + 1) % 4
    deploy(program, board, tmp_path / "project", {"x": samples(4)}, labels, "semihosting", NAMES)
    elf = build(tmp_path / "project", board)
    output = boot(elf, board, INSTRUCTIONS).output
    printed = ["airplane", "a dog n /", "(x) 100 K se", "ship"]
    for index, line in enumerate(output.splitlines()[1:5]):
        best = answers[index].argmax()
        found = re.fullmatch(
            r"sample (\d): (.*) \(score -?[0-9.]+, time [0-9.]+ ms\), class (\d), \d+ cycles, .*", line
        )
        assert found and found.groups() == (str(index), printed[best], str(best)), line
        assert line.endswith(f"wrong: {printed[labels[-1]]}" if index == 3 else "right")
    assert output.endswith("all answers as compiled\n")
    if shutil.which("qemu-system-arm"):
        assert without_times(qemu(elf, board.qemu, tmp_path)) == without_times(output)


def test_names_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    """Another number than the network has classes, names that nobody can read: all at once, and nothing is written."""
    program, x = example_program("dense", tmp_path), {"x": samples()}
    board, folder = load_board("frdm-ke16z"), tmp_path / "project"
    with pytest.raises(InputError, match="are 3; expected 4") as refused:
        deploy(program, board, folder, x, class_names=["a" * 81, "\u732b", ""])
    assert [problem.where for problem in refused.value.problems] == ["--class-names", "class 0", "class 1", "class 2"]
    with pytest.raises(InputError, match="name class 4; expected 0 to 3"):
        deploy(program, board, folder, x, np.array([1, 2, 4]), class_names=list("abcd"))
    assert not folder.exists()


@pytest.mark.slow
@pytest.mark.parametrize("toolchain", ["zig", "gcc"])
@pytest.mark.parametrize("tool", ["make", "cmake"])
def test_the_makefile_and_cmake_build_it(tmp_path: Path, tool: str, toolchain: str) -> None:
    """Both build files make a firmware with both compilers, without a warning; it boots."""
    if not shutil.which(tool) or (toolchain == "gcc" and not shutil.which("arm-none-eabi-gcc")):
        pytest.skip(f"{tool} or arm-none-eabi-gcc is not installed")
    folder = project(tmp_path, "mps2-an386", "semihosting")
    if tool == "make":
        commands = [["make", f"TOOLCHAIN={toolchain}", f"ZIG={shlex.join(ZIG)}"]]
    else:
        zig = ";".join(ZIG)
        commands = [["cmake", "-B", "build", f"-DTOOLCHAIN={toolchain}", f"-DZIG={zig}"], ["cmake", "--build", "build"]]
    for command in commands:
        environment = {**os.environ, "LC_ALL": "C", **cache_variables(os.environ)}
        done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", env=environment, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "warning:" not in (done.stdout + done.stderr).replace("LOAD segment with RWX", "")
    elf = folder / "build" / "firmware.elf"
    board = load_board("mps2-an386")
    assert boot(elf, board, INSTRUCTIONS).output.endswith("all answers as compiled\n")
    answer = run_cli("boot", elf, "--board", "mps2-an386")
    assert answer.status == 0 and "ended with status 0" in answer.out


@pytest.mark.parametrize("name", ["frdm-ke16z", "mps2-an500"])
def test_every_source_compiles_without_a_warning(tmp_path: Path, name: str) -> None:
    """With the flags of the runtime's own tests."""
    board = load_board(name)
    for console in ("semihosting", "uart") if board.uart else ("semihosting",):
        folder = project(tmp_path, name, console)
        work = tmp_path / console
        work.mkdir()
        sources = sorted((folder / "src").glob("*.c"))
        flags = ("-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wstrict-prototypes", "-Werror")
        includes = [folder / "src", folder / "bundle"]
        find_compiler("zig", board).compile_objects(sources, work, board, include_dirs=includes, flags=flags)
        shutil.rmtree(folder)


@pytest.mark.parametrize("name", ["frdm-ke16z", "frdm-ke02z40m", "frdm-k32l2b", "lpc845-brk"])
def test_words_that_a_part_reads_from_its_flash_are_kept(tmp_path: Path, name: str) -> None:
    """Where protection is configured lie the words of the board file, and no code; the firmware boots."""
    from tinyglow.sim.image import load_image

    board = load_board(name)
    elf = build(project(tmp_path, name), board)
    assert board.flash_config is not None
    words = b"".join(word.to_bytes(4, "little") for word in board.flash_config.words)
    assert load_image(elf).bytes_at(board.flash_config.address, len(words)) == words
    assert boot(elf, board, INSTRUCTIONS).output.endswith("all answers as compiled\n")


def test_a_changed_network_is_noticed_by_the_firmware(tmp_path: Path) -> None:
    """Other weights than at compile time: the answers are not as compiled, and the status says so."""
    folder = project(tmp_path, "mps2-an386", "semihosting")
    weights = folder / "bundle" / "dense.weights.txt"
    weights.write_text(re.sub(r"0X[0-9A-F]{2}", "0X55", weights.read_text(encoding="utf-8")), encoding="utf-8")
    board = load_board("mps2-an386")
    result = boot(build(folder, board), board, INSTRUCTIONS)
    assert result.status == 1
    assert "NOT AS COMPILED" in result.output


def test_projects_are_deterministic_and_never_overwritten(tmp_path: Path) -> None:
    """The same bytes twice; a folder with anything in it is refused, and stays as it was."""
    first = project(tmp_path, "mps2-an386")
    files = {str(path.relative_to(first)): path.read_bytes() for path in first.rglob("*") if path.is_file()}
    assert {"Makefile", "CMakeLists.txt", "README.md", "link.ld", "src/main.c", "bundle/dense.c"} <= set(files)
    with pytest.raises(InputError, match="is not empty"):
        project(tmp_path, "mps2-an500")
    assert {str(path.relative_to(first)): path.read_bytes() for path in first.rglob("*") if path.is_file()} == files
    shutil.rmtree(first)
    again = project(tmp_path, "mps2-an386")
    assert {str(path.relative_to(again)): path.read_bytes() for path in again.rglob("*") if path.is_file()} == files


def test_what_a_board_file_says_cannot_break_out_of_the_project(tmp_path: Path) -> None:
    """Titles with quotes, comment ends and line ends build all the same."""
    text = (Path(tinyglow.__file__).parents[1] / "boards" / "mps2-an386.toml").read_text(encoding="utf-8")
    text = re.sub(r'title = ".*"', r'title = "a \\"*/ #error\\n$(shell x) %s \\\\"', text)
    path = tmp_path / "odd.toml"
    path.write_text(text, encoding="utf-8")
    board = load_board(path)
    program = example_program("dense", tmp_path)
    deploy(program, board, tmp_path / "project", {"x": samples()}, None, "semihosting")
    assert boot(build(tmp_path / "project", board), board, INSTRUCTIONS).status == 0


def test_what_cannot_be_deployed_is_refused(tmp_path: Path) -> None:
    """No board, no UART, too many samples, labels that do not fit: nothing is written."""
    program = example_program("dense", tmp_path)
    x, folder = samples(), tmp_path / "project"
    with pytest.raises(BoardError, match="needs no firmware"):
        deploy(program, load_board("host"), folder, {"x": x})
    with pytest.raises(BoardError, match="has no UART"):
        deploy(program, load_board("frdm-ke16z"), folder, {"x": x}, None, "uart")
    with pytest.raises(InputError, match="1 to 1,000"):
        deploy(program, load_board("frdm-ke16z"), folder, {"x": samples(1001)})
    with pytest.raises(InputError, match="3 numbers of classes"):
        deploy(program, load_board("frdm-ke16z"), folder, {"x": x}, np.array([1, 2]))
    assert not folder.exists()


def test_the_command_writes_a_project(tmp_path: Path, checkout: Path) -> None:
    """AN13438's network by the command line, for a board of the note."""
    np.save(tmp_path / "x.npy", np.zeros((2, 28, 28, 1), np.float32))
    np.save(tmp_path / "y.npy", np.array([0, 1]))
    model = checkout / "examples/mnist/mnist_nxp.onnx"
    profile = checkout / "tests/golden/mnist_nxp/profile.yaml"
    command = ("deploy", model, "--define", "N=1", "--profile", profile, "--board", "frdm-ke16z", "--name", "mnist")
    given = ("--input", tmp_path / "x.npy", "--labels", tmp_path / "y.npy")
    names = tmp_path / "names.txt"
    names.write_text("zero\r\none\n\n\n", encoding="utf-8")
    answer = run_cli(*command, *given, "--class-names", names, "-o", tmp_path / "fw")
    assert answer.status == 2 and "--class-names: are 2; expected 10" in answer.err, answer
    names.write_text("\n".join("abcdefghij"), encoding="utf-8")
    answer = run_cli(*command, *given, "--class-names", names, "-o", tmp_path / "fw")
    assert '"j",' in (tmp_path / "fw/src/main.c").read_text("utf-8")
    assert answer.status == 0, answer
    assert "'mnist' for NXP FRDM-KE16Z" in answer.out
    board = load_board("frdm-ke16z")
    assert boot(build(tmp_path / "fw", board), board, INSTRUCTIONS).status == 0
    answer = run_cli(*command, *given, "-o", tmp_path / "fw")
    assert answer.status == 2 and "is not empty" in answer.err


def test_class_names(tmp_path: Path) -> None:
    """From a file with or without a mark of its coding, or from folders; what is neither is refused."""
    path = tmp_path / "names.txt"
    path.write_bytes("\ufeffK\u00e4se\r\n \r\nship\n\n".encode())
    assert read_class_names(str(path)) == ("K\u00e4se", "", "ship")
    for name in ("10", "9"):
        (tmp_path / "numbers" / name).mkdir(parents=True)
        (tmp_path / "words" / f"w{name}").mkdir(parents=True)
    assert read_class_names(str(tmp_path / "words")) == ("w10", "w9")
    with pytest.raises(InputError, match="numbered 9, 10, expected 0 to 1"):
        read_class_names(str(tmp_path / "numbers"))
    with pytest.raises(InputError, match="holds no folders"):
        read_class_names(str(tmp_path / "words/w9"))
    with pytest.raises(InputError, match="No such file"):
        read_class_names(str(tmp_path / "no"))
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is no text in UTF-8"):
        read_class_names(str(path))
    path.write_bytes(b"a" * (2**20 + 1))
    with pytest.raises(InputError, match="more than 1,048,576 bytes"):
        read_class_names(str(path))
