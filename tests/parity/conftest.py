"""What runs the kernels of runtime_c: this machine and one emulated board per core.

The examples are few and the same in every run; ``TINYGLOW_FULL=1 pytest tests/parity`` tries thousands of new ones.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence

import pytest

from tests.parity.selection import (
    EPILOGUES_WITH_DSP,
    EPILOGUES_WITH_LOOPS,
    FOR_OTHER_CORES,
    WITH_DSP,
    WITH_LOOPS,
    WITH_MVE,
)
from tests.strict_c import default
from tinyglow.ir.kernel import Kernel
from tinyglow.registry import KERNELS, WITH_EPILOGUES
from tinyglow.sim.portable.qemu import EMULATORS
from tinyglow.targets.boards import HOST, load_board
from tinyglow.targets.portable import portable_board
from tinyglow.testing.emulated import Core, PortableCore, build_core, build_portable_core
from tinyglow.testing.native import ALL, Library, build_library

BOARDS = ("frdm-ke16z", "mimxrt1060-evk")
# Cores with the DSP instructions of which no real board is looked at here: for the kernels that use them.
DSP_BOARDS = ("cortex-m4", "cortex-m33")
# ARMv7-M without DSP instructions: for the kernels whose loops are written in the instructions of ARMv6-M.
ARMV7M_BOARD = "cortex-m3"


@pytest.hookimpl(tryfirst=True)  # before the hook that leaves out what takes long
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """C of kernels for other cores runs on this machine in every run, and in CI on the smallest core too."""
    for item in items:
        params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        twin = params.get("core") == BOARDS[0] and params.get("symbol") in FOR_OTHER_CORES
        if twin or params.get("dsp_core") == DSP_BOARDS[1]:  # which runs what the Cortex-M4 does
            item.add_marker(pytest.mark.long)


def _asked_for(session: pytest.Session, kernels: Sequence[Kernel], fixture: str) -> Sequence[Kernel]:
    """Those of ``kernels`` that the selected tests need: all, unless each test names the one that it is about."""
    tests = [
        item for item in session.items if isinstance(item, pytest.Function) and not item.get_closest_marker("skip")
    ]
    users = [item for item in tests if fixture in item.fixturenames]
    named = [item.callspec.params.get("symbol") for item in users if hasattr(item, "callspec")]
    if len(named) < len(users) or None in named:
        return kernels
    return [kernel for kernel in kernels if kernel.symbol in set(named)]


@pytest.fixture(scope="session")
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Library:
    """All of runtime_c that the selected tests need, built once for this machine."""
    kernels = _asked_for(request.session, ALL, "library")
    return build_library(tmp_path_factory.mktemp("library"), default(HOST), kernels=kernels)


@pytest.fixture(scope="session", params=BOARDS)
def core(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Core:
    """All of runtime_c that the selected tests need, as firmware on an emulated core."""
    board = load_board(request.param)
    kernels = _asked_for(request.session, ALL, "core")
    return build_core(tmp_path_factory.mktemp(request.param), board, default(board), kernels)


@pytest.fixture(scope="session", params=DSP_BOARDS)
def dsp_core(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Core:
    """The kernels with DSP instructions as firmware on an emulated core of another kind."""
    folder = tmp_path_factory.mktemp(request.param)
    kernels = [KERNELS[symbol] for symbol in WITH_DSP] + [WITH_EPILOGUES[symbol] for symbol in EPILOGUES_WITH_DSP]
    return build_core(folder, load_board(request.param), kernels=_asked_for(request.session, kernels, "dsp_core"))


@pytest.fixture(scope="session")
def armv7m_core(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Core:
    """The kernels with ARMv6-M's loops as firmware on a core with more instructions than that, but no DSP extension."""
    kernels = [KERNELS[symbol] for symbol in WITH_LOOPS] + [WITH_EPILOGUES[symbol] for symbol in EPILOGUES_WITH_LOOPS]
    wanted = _asked_for(request.session, kernels, "armv7m_core")
    return build_core(tmp_path_factory.mktemp(ARMV7M_BOARD), load_board(ARMV7M_BOARD), kernels=wanted)


@pytest.fixture(scope="session")
def mve_core(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortableCore]:
    """The kernels for vectors (Helium) as a program on a Cortex-M55 in qemu."""
    board = portable_board("cortex-m55")
    if shutil.which(EMULATORS[board.cpu].program) is None:
        pytest.skip(f"needs {EMULATORS[board.cpu].program}")
    both = {**KERNELS, **WITH_EPILOGUES}
    kernels = _asked_for(request.session, [both[symbol] for symbol in WITH_MVE], "mve_core")
    core = build_portable_core(tmp_path_factory.mktemp("mve"), board, kernels)
    yield core
    core.close()
