"""package: libraries that others' build systems build, and that answer as the network did when it was compiled."""

from __future__ import annotations

import json
import os
import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml

import tinyglow
from tests.helpers import example_program, run_cli
from tests.unit.package.tools import need, run
from tinyglow.bundle.packages import formats
from tinyglow.errors import InputError
from tinyglow.ir.program import Program
from tinyglow.pipeline.package import package, package_shared
from tinyglow.targets.boards import load_board

_SAMPLES = np.random.default_rng(3).standard_normal((3, 1, 8)).astype(np.float32)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """A small network."""
    return example_program("dense", tmp_path)


def _packed(program: Program, folder: Path, kind: str) -> Path:
    package(program, folder / kind, kind, {"x": _SAMPLES})
    return folder / kind


@pytest.mark.parametrize("kind", formats())
def test_the_bundle_inside_answers_as_numpy_on_a_board(program: Program, kind: str, tmp_path: Path) -> None:
    """Whatever is around it: the sources run on an emulated core."""
    pytest.importorskip("unicorn")
    pytest.importorskip("ziglang")
    folder = _packed(program, tmp_path, kind)
    sources = next(folder.rglob("tinyglow.sha256")).parent
    found = tinyglow.simulate(sources, load_board("arduino-nano33ble"), {"x": _SAMPLES})
    assert np.array_equal(found.outputs["y"], tinyglow.interpret(program, {"x": _SAMPLES})["y"])


@pytest.mark.slow
def test_cmake_builds_it_and_its_check_passes(program: Program, tmp_path: Path) -> None:
    """By itself; and not if a weight is another."""
    need("cmake", "make", "gcc")
    folder = _packed(program, tmp_path, "cmake")
    run("cmake", "-S", folder, "-B", tmp_path / "build", "-DCMAKE_C_COMPILER=gcc", "-DCMAKE_C_FLAGS=-Wall -Werror")
    run("cmake", "--build", tmp_path / "build")
    assert "100% tests passed" in run("ctest", cwd=tmp_path / "build")
    net = program.name
    assert run(tmp_path / "build" / f"{net}_check") == f"{net}: 3 of 3 samples answered as compiled\n"
    weights = folder / "src" / f"{net}.weights.txt"
    text = weights.read_text(encoding="utf-8")
    weights.write_text(re.sub(r"0[xX][0-9A-Fa-f]{2}", "0x55", text), encoding="utf-8")
    run("cmake", "--build", tmp_path / "build")
    assert "0 of 3" in run(tmp_path / "build" / f"{net}_check", fails=True)


_CONSUMER = """\
cmake_minimum_required(VERSION 3.15)
project(consumer C)
find_package({net} 1.0 REQUIRED)
add_executable(consumer {example}/main.c {example}/{net}_check.c {example}/samples.c)
target_link_libraries(consumer PRIVATE tinyglow::{net})
"""


@pytest.mark.slow
def test_cmake_finds_what_is_installed(program: Program, tmp_path: Path) -> None:
    """The imported target brings headers, weights and code."""
    need("cmake", "make", "gcc")
    folder, net = _packed(program, tmp_path, "cmake"), program.name
    run("cmake", "-S", folder, "-B", tmp_path / "build", f"-DCMAKE_INSTALL_PREFIX={tmp_path / 'installed'}")
    run("cmake", "--build", tmp_path / "build", "--target", "install")
    consumer = tmp_path / "consumer"
    consumer.mkdir()
    text = _CONSUMER.format(net=net, example=folder / "example")
    (consumer / "CMakeLists.txt").write_text(text, encoding="utf-8")
    run("cmake", "-S", consumer, "-B", tmp_path / "its", f"-DCMAKE_PREFIX_PATH={tmp_path / 'installed'}")
    run("cmake", "--build", tmp_path / "its")
    assert "3 of 3" in run(tmp_path / "its" / "consumer")


_ARDUINO_H = """\
#include <stdint.h>
#include <stdio.h>
struct {
  void begin(long) {}
  operator bool() { return true; }
  void print(const char *text) { printf("%s", text); }
  void print(unsigned long number) { printf("%lu", number); }
  void println(const char *text) { printf("%s\\n", text); }
} Serial;
static unsigned long micros() { return 0; }
"""
# Arduino's builder does the same with a sketch.
_SKETCH = '#include "Arduino.h"\nvoid setup();\nvoid loop();\n#include "{sketch}"\nint main() {{ setup(); loop(); }}\n'


def test_arduino_library_and_sketch(program: Program, tmp_path: Path) -> None:
    """The layout is that of the specification, and the sketch says that all samples are answered as compiled."""
    need("gcc", "g++")
    folder, net = _packed(program, tmp_path, "arduino"), program.name
    lines = (folder / "library.properties").read_text(encoding="utf-8").splitlines()
    fields = dict(line.split("=", 1) for line in lines)
    required = ("name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures")
    assert all(fields[name] for name in required)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}", fields["name"])
    assert (folder / "src" / fields["includes"]).is_file()
    sketch = folder / "examples" / f"{net}_example"
    assert (sketch / f"{net}_example.ino").is_file()
    work = tmp_path / "work"
    work.mkdir()
    (work / "Arduino.h").write_text(_ARDUINO_H, encoding="utf-8")
    main = _SKETCH.format(sketch=sketch / f"{net}_example.ino")
    (work / "main.cpp").write_text(main, encoding="utf-8")
    includes = ["-I", work, "-I", folder / "src", "-I", sketch]
    sources = [*sorted((folder / "src").glob("*.c")), *sorted(sketch.glob("*.c"))]
    run("gcc", "-std=gnu11", "-O1", "-ffp-contract=off", *includes, "-c", *sources, cwd=work)
    run("g++", "-std=gnu++17", *includes, "main.cpp", *sorted(work.glob("*.o")), "-o", "sketch", cwd=work)
    assert f"{net}: 3 of 3 samples answered as compiled" in run(work / "sketch")


def test_platformio_library(program: Program, tmp_path: Path) -> None:
    """Its manifest names what is there; built with the flags that it asks for, the example says that all is well."""
    need("gcc")
    folder, net = _packed(program, tmp_path, "platformio"), program.name
    manifest = json.loads((folder / "library.json").read_text(encoding="utf-8"))
    assert manifest["name"] == net and re.fullmatch(r"\d+\.\d+\.\d+", manifest["version"])
    build, (example,) = manifest["build"], manifest["examples"]
    assert (folder / build["includeDir"] / manifest["headers"]).is_file()
    assert all((folder / example["base"] / name).is_file() for name in example["files"])
    work = folder / example["base"]
    sources = [*sorted((folder / build["srcDir"]).glob("*.c")), *sorted(work.glob("*.c"))]
    run("gcc", *build["flags"], "-I", folder / build["includeDir"], "-I", work, *sources, "-o", tmp_path / "check")
    assert f"{net}: 3 of 3 samples answered as compiled" in run(tmp_path / "check")


_MAIN = '#include <stdio.h>\n#include "{net}_check.h"\nint main(void) {{ return (int){net}_check(); }}\n'


def test_cmsis_pack(program: Program, tmp_path: Path) -> None:
    """The description names every file that is built, in the schema's terms; the pack holds what lies beside it."""
    need("gcc")
    folder, net = _packed(program, tmp_path, "cmsis-pack"), program.name
    package_ = ElementTree.parse(folder / f"tinyglow.{net}.pdsc").getroot()
    assert (package_.tag, package_.get("schemaVersion")) == ("package", "1.7.7")
    assert (package_.findtext("vendor"), package_.findtext("name")) == ("tinyglow", net)
    # PACK.xsd: what a package, a release, a component and a file must have.
    assert all(package_.find(name) is not None for name in ("description", "url", "releases"))
    (release,) = package_.iter("release")
    for component in package_.iter("component"):
        assert all(component.get(name) for name in ("Cclass", "Cgroup", "Csub", "Cversion"))
        assert component.findtext("description")
    named = [(one.get("category"), folder / str(one.get("name"))) for one in package_.iter("file")]
    assert all(path.is_dir() if category == "include" else path.is_file() for category, path in named)
    (tmp_path / "main.c").write_text(_MAIN.format(net=net), encoding="utf-8")
    includes = [word for category, path in named if category == "include" for word in ("-I", path)]
    sources = [path for category, path in named if category == "source"]
    run("gcc", "-ffp-contract=off", *includes, *sources, tmp_path / "main.c", "-o", tmp_path / "check")
    run(tmp_path / "check")
    with zipfile.ZipFile(folder / f"tinyglow.{net}.{release.get('version')}.pack") as pack:
        held = {name: pack.read(name) for name in pack.namelist()}
    there = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert held == {name: data for name, data in there.items() if not name.endswith(".pack")}


def test_the_pack_s_description_is_valid(program: Program, tmp_path: Path) -> None:
    """By Open-CMSIS-Pack's own schema, which this project does not carry: of one network, and of two."""
    schema = os.environ.get("TINYGLOW_PACK_XSD")
    if not schema:
        pytest.skip("needs TINYGLOW_PACK_XSD, the file PACK.xsd of Open-CMSIS-Pack")
    xmlschema = pytest.importorskip("xmlschema", reason="needs xmlschema, for TINYGLOW_PACK_XSD")
    known = xmlschema.XMLSchema(schema)
    known.validate(_packed(program, tmp_path, "cmsis-pack") / f"tinyglow.{program.name}.pdsc")
    package_shared([program, example_program("conv", tmp_path)], tmp_path / "both", "cmsis-pack")
    known.validate(tmp_path / "both" / "tinyglow.networks.pdsc")


@pytest.mark.parametrize("kind", formats())
def test_the_same_network_is_the_same_package(program: Program, kind: str, tmp_path: Path) -> None:
    """Byte by byte."""
    first, second = (package(program, tmp_path / name, kind, {"x": _SAMPLES}) for name in ("first", "second"))
    assert first == second


# What Zephyr's own CMake package does with modules and their options, for this machine.
_ZEPHYR = """\
file(STRINGS ${CMAKE_CURRENT_SOURCE_DIR}/prj.conf lines REGEX "^CONFIG_")
foreach(line ${lines})
  string(REGEX MATCH "^([A-Z0-9_a-z]+)=(.*)$" _ ${line})
  set(${CMAKE_MATCH_1} ${CMAKE_MATCH_2})
endforeach()
enable_language(C)
add_executable(app)
macro(zephyr_include_directories)
  foreach(folder ${ARGN})
    include_directories(${folder})
    target_include_directories(app PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/${folder})
  endforeach()
endmacro()
macro(zephyr_library_named name)
  set(ZEPHYR_CURRENT_LIBRARY ${name})
  add_library(${name} STATIC)
  target_link_libraries(app PRIVATE ${name})
endmacro()
macro(zephyr_library_sources)
  target_sources(${ZEPHYR_CURRENT_LIBRARY} PRIVATE ${ARGN})
endmacro()
macro(zephyr_library_compile_options)
  target_compile_options(${ZEPHYR_CURRENT_LIBRARY} PRIVATE ${ARGN})
endmacro()
foreach(module ${ZEPHYR_EXTRA_MODULES})
  add_subdirectory(${module}/zephyr ${CMAKE_BINARY_DIR}/modules)
endforeach()
"""


@pytest.mark.slow
def test_zephyr_module_and_sample(program: Program, tmp_path: Path) -> None:
    """Its files are where Zephyr looks for them; the sample is built by CMake with a stand-in for Zephyr's package."""
    need("cmake", "make", "gcc")
    folder, net = _packed(program, tmp_path, "zephyr"), program.name
    module = yaml.safe_load((folder / "zephyr" / "module.yml").read_text(encoding="utf-8"))
    assert module["name"] == net
    assert (folder / module["build"]["cmake"] / "CMakeLists.txt").is_file()
    option = re.search(r"^config (\w+)$", (folder / module["build"]["kconfig"]).read_text(encoding="utf-8"), re.M)
    sample = folder / module["samples"][0] / "check"
    assert option and f"CONFIG_{option[1]}=y" in (sample / "prj.conf").read_text(encoding="utf-8")
    zephyr = tmp_path / "base"
    zephyr.mkdir()
    (zephyr / "ZephyrConfig.cmake").write_text(_ZEPHYR, encoding="utf-8")
    run("cmake", "-S", sample, "-B", tmp_path / "build", f"-DZephyr_DIR={zephyr}")
    run("cmake", "--build", tmp_path / "build")
    printed = run(tmp_path / "build" / "app")
    assert f"{net}: 3 of 3 samples answered as compiled" in printed
    (test,) = yaml.safe_load((sample / "sample.yaml").read_text(encoding="utf-8"))["tests"].values()
    assert re.search(test["harness_config"]["regex"][0], printed)


def test_from_a_model_on_the_command_line(checkout: Path, tmp_path: Path) -> None:
    """Without inputs the check has one sample that is made up."""
    model = (checkout / "examples" / "mnist" / "mnist_nxp.onnx", "--define", "N=1")
    np.save(tmp_path / "x.npy", np.random.default_rng(0).uniform(0, 1, (4, 28, 28, 1)).astype(np.float32))
    profile = tmp_path / "p.yaml"
    inputs = ("--input", f"max_pooling_1_input={tmp_path / 'x.npy'}")
    assert run_cli("profile", *model, *inputs, "-o", profile).status == 0
    words = ("--profile", profile, "--board", "cortex-m4", "--format", "arduino", "--name", "digits")
    answer = run_cli("package", *model, *words, "-o", tmp_path / "out")
    assert answer.status == 0, answer.err
    assert "arduino" in answer.out and (tmp_path / "out" / "src" / "digits.h").is_file()
    assert "SAMPLES 1" in (tmp_path / "out" / "examples" / "digits_example" / "samples.h").read_text(encoding="utf-8")


def test_a_bundle_gives_what_its_model_gives(program: Program, tmp_path: Path) -> None:
    """The answers for the check come from a run, on this machine or on a board; changed files are refused."""
    need("gcc")
    pytest.importorskip("unicorn")
    bundle = tmp_path / "bundle"
    tinyglow.emit(program, bundle)
    np.save(tmp_path / "x.npy", _SAMPLES)
    expected = package(program, tmp_path / "model", "platformio", {"x": _SAMPLES})
    for number, board in enumerate(([], ["--board", "cortex-m0plus"])):
        out = tmp_path / f"out{number}"
        words = (*board, "--input", f"x={tmp_path / 'x.npy'}", "--format", "platformio", "-o", out)
        answer = run_cli("package", bundle, *words)
        assert answer.status == 0, answer.err
        found = {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()}
        assert found == expected
    path = next(bundle.glob("tg_*.c"))
    path.write_bytes(path.read_bytes() + b"\n")
    answer = run_cli("package", bundle, "--format", "cmake", "--profile", "p.yaml", "-o", tmp_path / "no")
    assert answer.status == 2 and "--profile" in answer.err
    answer = run_cli("package", bundle, "--format", "cmake", "-o", tmp_path / "no")
    assert answer.status == 2 and path.name in answer.err and not (tmp_path / "no").exists()


def test_what_cannot_be_is_said_at_once(program: Program, tmp_path: Path) -> None:
    """Format and version together; an existing folder is left alone."""
    with pytest.raises(InputError) as error:
        package(program, tmp_path / "x", "zip", version="1.0")
    assert "--format" in str(error.value) and "--package-version" in str(error.value)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="cannot write"):
        package(program, tmp_path / "full", "cmake")
