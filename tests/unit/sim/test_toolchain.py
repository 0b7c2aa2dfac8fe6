"""Which compiler is chosen, and what is said when there is none or when it fails."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tinyglow.errors import ToolError
from tinyglow.sim import toolchain, zig_cache
from tinyglow.sim.decode import Decoder
from tinyglow.sim.image import load_image
from tinyglow.sim.toolchain import find_compiler
from tinyglow.sim.zig_cache import cache_variables
from tinyglow.targets.boards import Board, load_board


@pytest.fixture
def host() -> Board:
    """This machine."""
    return load_board("host")


def _programs(folder: Path, **answers: str) -> str:
    """A PATH of pretended compilers that answer ``--version`` with the given text."""
    for name, answer in answers.items():
        path = folder / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\necho '{answer}'\n", encoding="utf-8")
        path.chmod(0o755)
    return str(folder)


def _without_ziglang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)


def test_ziglang_is_the_default_for_boards(m0plus: Board) -> None:
    """With pip's ziglang there, None and "auto" take it, whatever else is there."""
    for name in (None, "auto", "zig"):
        compiler = find_compiler(name, m0plus)
        assert compiler.kind == "zig"
        assert Path(compiler.command[0]).parent.name == "ziglang" and compiler.command[1:] == ("cc",)
    assert compiler.version().startswith("zig 0.")


def test_without_ziglang_arm_none_eabi_gcc_is_next(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, m0plus: Board
) -> None:
    """A zig on the PATH comes first, then arm-none-eabi-gcc; with neither, the error says what to install."""
    _without_ziglang(monkeypatch)
    monkeypatch.setenv("PATH", _programs(tmp_path, arm_none_eabi_gcc="arm-none-eabi-gcc (GNU) 13"))
    compiler = find_compiler(None, m0plus)
    assert (compiler.kind, compiler.version()) == ("gcc", "arm-none-eabi-gcc (GNU) 13")
    monkeypatch.setenv("PATH", _programs(tmp_path, zig="0.13.0"))
    assert find_compiler("auto", m0plus).command == (str(tmp_path / "zig"), "cc")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(ToolError, match=r"arm-none-eabi-gcc.*pip install tinyglow\[cc\]"):
        find_compiler(None, m0plus)


def test_for_this_machine_its_own_compiler_comes_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, host: Board
) -> None:
    """cc, then gcc, then clang, then ziglang."""
    path = _programs(tmp_path, clang="Debian clang version 14", gcc="gcc (Debian) 12", cc="Apple clang version 15")
    monkeypatch.setenv("PATH", path)
    for program, kind in (("cc", "clang"), ("gcc", "gcc"), ("clang", "clang")):
        compiler = find_compiler(None, host)
        assert (Path(compiler.command[0]).name, compiler.kind) == (program, kind)
        (tmp_path / program).unlink()
    assert find_compiler(None, host).kind == "zig"
    _without_ziglang(monkeypatch)
    with pytest.raises(ToolError, match=r"cc, gcc or clang.*tinyglow\[cc\]"):
        find_compiler(None, host)


@pytest.mark.parametrize(("name", "program"), [("gcc", "arm-none-eabi-gcc"), ("clang", "clang"), ("/no/cc", "/no/cc")])
def test_a_compiler_that_is_asked_for_and_not_there_is_an_error(
    monkeypatch: pytest.MonkeyPatch, m0plus: Board, name: str, program: str
) -> None:
    """No other compiler is taken instead: the error names the one that was asked for."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolError, match=rf"no C compiler\n.*{program}: not found"):
        find_compiler(name, m0plus)


def test_zig_that_is_asked_for_and_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch, m0plus: Board) -> None:
    """The same for zig, with the command that installs it."""
    monkeypatch.setenv("PATH", "")
    _without_ziglang(monkeypatch)
    with pytest.raises(ToolError, match=r"zig: not found.*pip install tinyglow\[cc\]"):
        find_compiler("zig", m0plus)


def test_clang_alone_cannot_link_for_boards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, m0plus: Board) -> None:
    """It needs the linker and the library of arm-none-eabi-gcc, and the error says so."""
    monkeypatch.setenv("PATH", _programs(tmp_path, clang="clang version 17"))
    with pytest.raises(ToolError, match=r"arm-none-eabi-gcc: not found.*beside clang"):
        find_compiler("clang", m0plus)


def test_a_path_is_taken_for_what_it_says_it_is(tmp_path: Path, m0plus: Board, host: Board) -> None:
    """A compiler at any path, under any name, is recognized by its answer to --version."""
    _programs(tmp_path, my_cc="my-cc (GCC) 14.1", other="clang version 18")
    assert find_compiler(str(tmp_path / "my-cc"), m0plus).kind == "gcc"
    assert find_compiler(str(tmp_path / "other"), host).kind == "clang"


def test_a_program_that_is_no_compiler_is_an_error(tmp_path: Path, host: Board) -> None:
    """A file that cannot be run, and one that fails, are errors with the reason."""
    broken = tmp_path / "broken"
    broken.write_text("no program\n", encoding="utf-8")
    broken.chmod(0o755)
    with pytest.raises(ToolError, match="cannot start broken"):
        find_compiler(str(broken), host)
    failing = tmp_path / "failing"
    failing.write_text("#!/bin/sh\necho 'no licence' >&2\nexit 3\n", encoding="utf-8")
    failing.chmod(0o755)
    with pytest.raises(ToolError, match=r"failing failed\n.*no licence"):
        find_compiler(str(failing), host)


def test_a_compilers_complaint_is_passed_on(tmp_path: Path, compiler_name: str, m0plus: Board) -> None:
    """The error holds the file, the line and the compiler's words, and no output is left."""
    source = tmp_path / "wrong.c"
    source.write_text("int f(void)\n{\n    return undeclared;\n}\n", encoding="utf-8")
    compiler = find_compiler(compiler_name, m0plus)
    with pytest.raises(ToolError, match=r"failed\n.*compiling wrong.c: [^$]*wrong.c:3:.*undeclared"):
        compiler.link_bundle([source], "f", m0plus, tmp_path / "out.elf")
    assert not (tmp_path / "out.elf").exists()


def test_a_linkers_complaint_is_passed_on(tmp_path: Path, compiler_name: str, m0plus: Board) -> None:
    """A function that nobody defines is named."""
    source = tmp_path / "half.c"
    source.write_text("int g(void);\nint f(void);\nint f(void) { return g(); }\n", encoding="utf-8")
    with pytest.raises(ToolError, match=r"failed\n.*linking out.elf: [^$]*undefined [^$]*\bg\b"):
        find_compiler(compiler_name, m0plus).link_bundle([source], "f", m0plus, tmp_path / "out.elf")


def test_a_compiler_that_does_not_end_is_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, host: Board) -> None:
    """After the time limit the error says so."""
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nexec sleep 3600\n", encoding="utf-8")
    slow.chmod(0o755)
    monkeypatch.setattr(toolchain, "TIMEOUT_SECONDS", 0.2)
    with pytest.raises(ToolError, match=r"slow does not end\n.*stopped after 0.2 s"):
        find_compiler(str(slow), host)


@pytest.mark.parametrize("cpu", ["cortex-m4", "cortex-m33"])
def test_the_other_cores_can_be_compiled_for(tmp_path: Path, compiler_name: str, m7: Board, cpu: str) -> None:
    """The compilers accept the flags of cores that no board has yet; hard float calls no library."""
    source = tmp_path / "scale.c"
    source.write_text("float scale(float x);\nfloat scale(float x) { return x * 3.0f; }\n", encoding="utf-8")
    compiler = find_compiler(compiler_name, m7)
    for abi in ("hard", "soft"):
        board = replace(m7, cpu=cpu, float_abi=abi)
        (built,) = compiler.compile_objects([source], tmp_path, board)
        assert (b"__aeabi_fmul" in built.read_bytes()) == (abi == "soft")


def test_products_and_sums_are_not_fused(tmp_path: Path, compiler_name: str, m7: Board) -> None:
    """a * b + c rounds twice, as in numpy: VMUL and VADD, or VMLA, which rounds between, but no VFMA."""
    source = tmp_path / "fuse.c"
    source.write_text(
        "float f(float a, float b, float c);\nfloat f(float a, float b, float c) { return a * b + c; }\n",
        encoding="utf-8",
    )
    image = load_image(find_compiler(compiler_name, m7).link_bundle([source], "f", m7, tmp_path / "out.elf"))
    (segment,) = [part for part in image.segments if part.address == 0x8000]
    names = [instruction.name for instruction in Decoder().instructions(segment.data, segment.address)]
    assert names[:2] == ["vmul", "vadd"] or names[0] == "vmla"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "cannot read firmware"),
        (b"MZ" + bytes(100), "cannot read firmware"),
        (b"\x7fELF" + bytes(3), "cannot read firmware"),
    ],
)
def test_what_is_no_elf_file_is_an_error(tmp_path: Path, data: bytes, words: str) -> None:
    """Empty, foreign and truncated files are told apart from firmware."""
    path = tmp_path / "firmware.elf"
    path.write_bytes(data)
    with pytest.raises(ToolError, match=words):
        load_image(path)
    with pytest.raises(ToolError, match="cannot read firmware"):
        load_image(tmp_path / "none.elf")


def test_a_program_of_this_machine_is_no_firmware(tmp_path: Path, host: Board) -> None:
    """An ELF file of another processor is refused with what it is."""
    if not shutil.which("gcc") or sys.platform != "linux":
        pytest.skip("needs gcc on Linux")
    source = tmp_path / "main.c"
    source.write_text("int main(void) { return 0; }\n", encoding="utf-8")
    program = find_compiler("gcc", host).compile_host([source], tmp_path / "program")
    with pytest.raises(ToolError, match=r"no firmware for a Cortex-M\n.*64 bits.*expected EM_ARM, 32 bits"):
        load_image(program)


@pytest.mark.parametrize("package", ["unicorn", "capstone", "elftools"])
def test_a_missing_package_says_how_to_install_it(package: str) -> None:
    """Without one of the optional packages the import of the simulator is a ToolError with pip's command."""
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from tinyglow.errors import ToolError\n"
        "try:\n    import tinyglow.sim.machine\n"
        "except ToolError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert "pip install tinyglow[sim]" in done.stdout


@pytest.mark.skipif(os.name != "posix", reason="needs the homes of POSIX")
@pytest.mark.parametrize("home", [None, "nowhere", "a file"])
def test_zig_needs_no_home(home: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, m0plus: Board) -> None:
    """Without a home, or with one that cannot be written, zig keeps its files elsewhere while the process lives."""
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("ziglang is not installed")
    (tmp_path / "a file").write_text("", encoding="utf-8")
    (tmp_path / "f.c").write_text(f"int f(void);\nint f(void) {{ return {len(str(home))}; }}\n", encoding="utf-8")
    code = (
        "from pathlib import Path\nfrom tinyglow.targets.boards import load_board\n"
        "from tinyglow.sim.toolchain import find_compiler\n"
        "print(find_compiler('zig', load_board('cortex-m0plus')).compile_objects("
        "[Path('f.c')], Path(), load_board('cortex-m0plus')))"
    )
    places = {"HOME", "XDG_CACHE_HOME", "ZIG_GLOBAL_CACHE_DIR"}
    environment = {name: value for name, value in os.environ.items() if name not in places}
    if home is not None:
        environment["HOME"] = str(tmp_path / home)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "nowhere").exists()


def test_the_place_for_zig_is_its_own_where_it_has_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that names a folder, and a home that can be written, are left to zig; a lost user gets a folder."""
    assert cache_variables({"ZIG_GLOBAL_CACHE_DIR": "x"}) == {}
    if os.name != "posix":
        return
    assert cache_variables({"HOME": str(tmp_path)}) == cache_variables({"XDG_CACHE_HOME": str(tmp_path)}) == {}

    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", unknown)
    zig_cache._other_place.cache_clear()
    (folder,) = cache_variables({}).values()
    zig_cache._other_place.cache_clear()
    assert Path(folder).is_dir() and "tinyglow-zig-" in folder
