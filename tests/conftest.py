"""Fixtures that tests of every folder use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from _pytest.terminal import TerminalReporter

from tests.long import LONG_VARIABLE, is_long
from tests.needs import summary
from tests.progress import Progress
from tinyglow.sim import toolchain
from tinyglow.sim.object_cache import ObjectCache
from tinyglow.testing.budget import QUICK_VARIABLE

if TYPE_CHECKING:
    from tests.drawn_cases import DrawnCases

ROOT = Path(__file__).resolve().parents[1]
KEPT_VARIABLE = "TINYGLOW_KEPT"  # a folder for runs of the same tests again and again (tests/planted)
SLOW_FOLDERS = {"parity", "golden", "app_notes", "docs", "property"}


def _is_worker(config: pytest.Config) -> bool:
    """Whether this is one of several processes of a run."""
    return hasattr(config, "workerinput")


@pytest.hookimpl(trylast=True)  # after the reporter
def pytest_configure(config: pytest.Config) -> None:
    """A line of progress, in the process that the user started, unless it was asked for more or less words.

    The quick run has few examples: test modules ask for their number when they are imported.
    """
    if config.getoption("--quick"):
        os.environ[QUICK_VARIABLE] = "1"
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if config.get_verbosity() == 0 and reporter is not None and not _is_worker(config):
        config.pluginmanager.register(Progress(reporter), "tinyglow-progress")


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """What to install to run what was skipped."""
    skipped = terminalreporter.stats.get("skipped", [])
    lines = summary(report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple))
    if lines:
        terminalreporter.section("skipped")
    for line in lines:
        terminalreporter.write_line(line)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of this project's tests."""
    parser.addoption("--quick", action="store_true", help="only what takes no time: no C is compiled, few examples")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """In the quick run, leave out what compares C with numpy network by network, kernel by kernel."""
    slow = collection_path.parent == ROOT / "tests" and collection_path.name in SLOW_FOLDERS
    return True if slow and config.getoption("--quick") else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In the quick run, leave out single tests that take long; the longest are for CI and the full mode.

    Those that build all kernels come first: at the end of a run one process would be left alone with them.
    """
    items.sort(key=lambda item: item.path.name != "test_runtime_c.py")
    if not is_long():
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason=f"takes long: {LONG_VARIABLE}=1"))
    if not config.getoption("--quick"):
        return
    left_out = [item for item in items if item.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


@pytest.fixture(scope="session", autouse=True)
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tinyglow remembers of the bundles that it wrote stays out of the user's own folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The folder that holds pyproject.toml."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder ``shared`` beside the checkout: data sets and models that the project may not carry."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs the data sets of the folder 'shared' beside the checkout, which is not there")
    return folder


@pytest.fixture(scope="session")
def shared_model(shared: Path) -> Callable[[str], Path]:
    """The path of a file in ``shared/models``, by its name there; skips where that one is missing."""

    def path_of(name: str) -> Path:
        path = shared / "models" / name
        if not path.is_file():
            pytest.skip(f"needs models/{name} in the folder 'shared' beside the checkout")
        return path

    return path_of


def _no_compiler(command: Sequence[str], cwd: Path | None, what: str) -> str:
    pytest.skip("compiles C, which is not in the quick run")


@pytest.fixture(scope="session")
def run_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if _is_worker(request.config) else base


@pytest.fixture(scope="session")
def kept_folder(run_folder: Path) -> Path:
    """Where drawn cases and objects are kept: during this run, or in the folder that the environment names."""
    return Path(os.environ.get(KEPT_VARIABLE) or run_folder)


@pytest.fixture(scope="session")
def drawn(kept_folder: Path) -> DrawnCases:
    """Cases of kernels: those that were drawn before, by this process or another of the run, are not drawn again."""
    from tests.drawn_cases import DrawnCases  # which brings all kernels, and every process of a run reads this file

    return DrawnCases(kept_folder / "drawn")


@pytest.fixture(scope="session", autouse=True)
def objects(request: pytest.FixtureRequest, kept_folder: Path) -> Iterator[ObjectCache]:
    """C files that were compiled before, by this process or another of the run, are not compiled again."""
    with pytest.MonkeyPatch.context() as patch:
        run = _no_compiler if request.config.getoption("--quick") else toolchain._run
        cache = ObjectCache(kept_folder / "objects", run)
        patch.setattr(toolchain, "_run", cache)
        patch.setattr(toolchain, "TIMEOUT_SECONDS", 24 * 3600)  # on a busy machine the first use of zig takes long
        yield cache


@pytest.fixture
def compiled_anew(objects: ObjectCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of what the compiler does: every file is compiled where it is."""
    monkeypatch.setattr(toolchain, "_run", objects.run)
