"""The source group for MCUXpresso: built as a project of NXP's SDK would, with stand-ins for the SDK's files."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import example_program
from tests.unit.package.tools import need, run
from tinyglow.pipeline.boot import boot
from tinyglow.pipeline.deploy import deploy
from tinyglow.pipeline.package import package
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import load_board

_SAMPLES = np.random.default_rng(3).standard_normal((3, 1, 8)).astype(np.float32)
_INSTRUCTIONS = 50_000_000

# Of the SDK: what board.c, pin_mux.c, clock_config.c, peripherals.c and the debug console offer to main.c.
_BOARD_H = "void BOARD_ConfigMPU(void);\nvoid BOARD_InitDebugConsole(void);\n"
_HEADERS = {
    "board.h": _BOARD_H,
    "pin_mux.h": "void BOARD_InitBootPins(void);\n",
    "clock_config.h": "void BOARD_InitBootClocks(void);\n",
    "peripherals.h": "void BOARD_InitBootPeripherals(void);\n",
    "fsl_debug_console.h": "int DbgConsole_Printf(const char *form, ...);\n#define PRINTF DbgConsole_Printf\n",
    # Of CMSIS: the same layout and meaning as core_cm*.h has.
    "fsl_device_registers.h": """\
#include <stdint.h>
typedef struct { volatile uint32_t CTRL, LOAD, VAL; volatile const uint32_t CALIB; } SysTick_Type;
#define SysTick ((SysTick_Type *)0xE000E010u)
extern uint32_t SystemCoreClock;
static inline uint32_t SysTick_Config(uint32_t ticks) {
  SysTick->LOAD = ticks - 1u;
  SysTick->VAL = 0u;
  SysTick->CTRL = 7u;
  return 0u;
}
""",
}
_SDK = """\
#include <stdarg.h>
#include "board.h"
#include "clock_config.h"
#include "console.h"
#include "fsl_debug_console.h"
#include "fsl_device_registers.h"
#include "peripherals.h"
#include "pin_mux.h"

uint32_t SystemCoreClock = {clock}u;
static int initialized;

void BOARD_ConfigMPU(void) {{ initialized = initialized * 10 + 1; }}
void BOARD_InitBootPins(void) {{ initialized = initialized * 10 + 2; }}
void BOARD_InitBootClocks(void) {{ initialized = initialized * 10 + 3; }}
void BOARD_InitBootPeripherals(void) {{ initialized = initialized * 10 + 4; }}
void BOARD_InitDebugConsole(void) {{
  start_console();
  initialized = initialized * 10 + 5;
  DbgConsole_Printf("initialized %d\\r\\n", initialized);
}}

int DbgConsole_Printf(const char *form, ...) {{
  va_list more;
  va_start(more, form);
  for (; *form; form++) {{
    if (*form == '%') {{
      const int number = va_arg(more, int);
      print_text(number < 0 ? "-" : "");
      print_number(number < 0 ? 0u - (uint32_t)number : (uint32_t)number);
      form++;
    }} else {{
      const char one[2] = {{*form, 0}};
      print_text(one);
    }}
  }}
  va_end(more);
  return 0;
}}

int example_main(void);
int main(void) {{ stop(example_main()); }}
"""


def _firmware(tmp_path: Path, name: str, compiler: str) -> str:
    """What the example prints on a board. Start-up code, linker script and console are those of ``deploy``."""
    board, program = load_board(name), example_program("dense", tmp_path)
    deploy(program, board, tmp_path / "fw", {"x": _SAMPLES}, console="semihosting")
    package(program, tmp_path / "group", "mcuxpresso", {"x": _SAMPLES})
    sdk = tmp_path / "sdk"
    sdk.mkdir()
    for file, text in _HEADERS.items():
        (sdk / file).write_text(text, encoding="utf-8")
    (sdk / "sdk.c").write_text(_SDK.format(clock=board.clock_hz), encoding="utf-8")
    for file in ("console.h", "console.c", "startup.c"):
        shutil.copy(tmp_path / "fw" / "src" / file, sdk)
    source = tmp_path / "group" / "source"
    main = (source / "main.c").read_text(encoding="utf-8")
    core = "#define __CORTEX_M 7\n" if board.core.has_cycle_counter and "RT10" in board.title else ""
    (source / "main.c").write_text(
        f"{core}#define main example_main\nint example_main(void);\n{main}", encoding="utf-8"
    )
    sources = [*sorted(sdk.glob("*.c")), *sorted(source.glob("*.c")), *sorted(source.glob("bundle/*.c"))]
    elf = find_compiler(compiler, board).compile_firmware(
        sources, [sdk, source, source / "bundle"], tmp_path / "fw" / "link.ld", board, tmp_path / "firmware.elf"
    )
    result = boot(elf, board, _INSTRUCTIONS)
    assert result.status == 0, result.output
    return result.output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "compiler", "calls"),
    [
        ("frdm-ke16z", "gcc", "2345"),
        pytest.param("mimxrt1060-evk", "zig", "12345", marks=pytest.mark.long),
    ],
)
def test_the_example_answers_as_numpy_on_a_board(name: str, compiler: str, calls: str, tmp_path: Path) -> None:
    """Board initialized in NXP's order, class, score and time printed, all samples as compiled."""
    pytest.importorskip("unicorn")
    if compiler == "zig":
        pytest.importorskip("ziglang")
    else:
        need("arm-none-eabi-gcc")
    lines = _firmware(tmp_path, name, compiler).replace("\r", "").splitlines()
    program = example_program("dense", tmp_path)
    scores = tinyglow.interpret(program, {"x": _SAMPLES})["y"][0].ravel()
    quant = program.buffers["y"].type.quant
    best = int(scores.argmax())
    real = round(1000 * quant.scale * (int(scores[best]) - quant.offset))
    assert lines[:3] == [f"initialized {calls}", f"Top1 class = {best}", lines[2]]
    assert abs(int(re.fullmatch(r"Score = (-?\d+) \(thousandths\)", lines[2])[1]) - real) <= 1
    cycles = tinyglow.simulate(program, load_board(name), {"x": _SAMPLES[:1]}, compiler).most("cycles")
    time = int(re.fullmatch(r"Inference time = (\d+) \(us\)", lines[3])[1])
    assert cycles is not None and abs(time - 1e6 * load_board(name).seconds(cycles)) <= 8
    assert lines[4:] == ["dense: 3 of 3 samples answered as compiled"]


def test_the_layout_is_that_of_nxp_s_examples(tmp_path: Path) -> None:
    """Files by their names there; CMake adds the bundle's sources to the SDK's target."""
    need("cmake", "make", "gcc")
    program = example_program("dense", tmp_path)
    folder = tmp_path / "group"
    files = package(program, folder, "mcuxpresso", {"x": _SAMPLES})
    assert {"source/main.c", "source/timer.c", "source/timer.h", "source/input_image.inc", "README.md"} <= set(files)
    text = files["source/input_image.inc"].decode("ascii")
    assert len(re.findall(r"0x[0-9A-F]{2},", text)) == 8
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.10)\nproject(sdk C)\nset(MCUX_SDK_PROJECT_NAME demo.elf)\n"
        "add_executable(${MCUX_SDK_PROJECT_NAME} main.c)\ninclude(group/dense.cmake)\n",
        encoding="utf-8",
    )
    main = '#include "dense.h"\nint main(void) { return dense(0, 0, 0) + 1 == 0; }\n'
    (tmp_path / "main.c").write_text(main, encoding="utf-8")
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build", "-DCMAKE_C_COMPILER=gcc")
    run("cmake", "--build", tmp_path / "build")
    assert (tmp_path / "build" / "demo.elf").is_file()
