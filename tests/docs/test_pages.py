"""README and documentation tell the truth: code blocks run, links lead somewhere, the picture shows the figures."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.docs import blocks, workshop
from tests.docs.blocks import ROOT, Block

PAGES = blocks.pages()
_LINK = re.compile(r"\]\((?P<target>[^)#\s]*)(?:#(?P<anchor>[^)\s]*))?\)")
# Pages that docs/hooks.py makes when the site is built, and that cannot be looked at here.
GENERATED = {
    "reference/cli.md",
    "reference/python.md",
    "reference/testing.md",
    "reference/boards.md",
    "contributing.md",
}


@pytest.fixture(scope="module")
def workshop_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that pages take as given."""
    pytest.importorskip("tflite", reason="needs the package tflite, of the extra tinyglow[tflite]")
    folder = tmp_path_factory.mktemp("workshop")
    workshop.make(folder)
    return folder


def _compiles(block: Block, folder: Path) -> None:
    """C in ``folder``, a bundle's, compiles without warnings with the headers of all bundles beside it."""
    from tinyglow.sim.toolchain import find_compiler
    from tinyglow.targets.boards import load_board

    source = folder / f"line_{block.line}.c"
    source.write_text(block.text, encoding="utf-8")
    command = [*find_compiler(None, load_board("host")).command, "-std=c99", "-Wall", "-Wno-cast-qual", "-Werror", "-c"]
    command += [f"-I{path.parent}" for path in sorted(folder.parent.glob("*/tinyglow.sha256"))]
    command += [str(source), "-o", str(source.with_suffix(".o"))]
    done = subprocess.run(command, check=False, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", [page for page in PAGES if blocks.blocks(page)], ids=str)
def test_code_blocks_run(page: Path, workshop_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All shell and Python blocks of a page run in their order; C compiles beside the bundle.

    A block of text right after Python is what it prints.
    """
    every = blocks.blocks(page)
    found = [block for block in every if block.language in ("sh", "python", "c")]
    if any(not re.fullmatch(r"(make|pip|\.venv/bin/python) .*\s*", block.text) for block in found):
        for name in ("ziglang", "unicorn"):
            pytest.importorskip(name, reason="needs the extras tinyglow[sim,cc]")
    here = tmp_path / "work"
    shutil.copytree(workshop_folder, here)
    monkeypatch.chdir(here)
    run_python = blocks.run_python(found)
    for block in found:
        if block.language == "sh":
            blocks.run_shell(block.text)
        elif block.language == "python":
            printed = run_python(block)
            following = every[every.index(block) + 1 :][:1]
            if following and following[0].language == "text" and following[0].follows(block):
                assert printed == following[0].text
        else:
            _compiles(block, here / "bundle")


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as MkDocs and code hosts form them."""
    text = re.sub(r"^```.*?^```$", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip()) for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file of the checkout, and a heading of it."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for match in _LINK.finditer(text):
        if "://" in match["target"]:
            continue
        target = (ROOT / page.parent / match["target"]).resolve() if match["target"] else ROOT / page
        name = target.relative_to(ROOT).as_posix().removeprefix("docs/")
        if name == "contributing.md":
            target = ROOT / "CONTRIBUTING.md"
        elif name in GENERATED:
            continue
        assert target.exists(), match[0]
        if match["anchor"]:
            assert match["anchor"] in _anchors(target.relative_to(ROOT)), match[0]


def test_readme_is_short_and_begins_with_two_commands() -> None:
    """At most 120 lines; the first block of commands is two lines within the first 20."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
    first = blocks.blocks(Path("README.md"))[0]
    assert len(list(blocks.commands(first.text))) == 2
    assert first.line <= 20


def test_the_picture_shows_todays_figures() -> None:
    """The numbers at the bars of docs/cycles.svg are those of the tables (python -m tests.benchmarks.picture)."""
    from tests.benchmarks import picture

    shown = [element.text for element in ElementTree.parse(picture.PICTURE).iter() if element.tag.endswith("}text")]
    for panel in picture.panels():
        expected = picture.labels(panel)
        assert any(shown[i : i + len(expected)] == expected for i in range(len(shown))), expected
        assert set(panel.networks) <= set(shown)


def test_the_site_builds_without_warnings(tmp_path: Path) -> None:
    """``mkdocs build --strict``: all pages are in the navigation, all links and anchors exist."""
    if importlib.util.find_spec("mkdocs") is None:
        pytest.skip("needs the extra tinyglow[docs]")
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(tmp_path / "site")))
    assert (tmp_path / "site" / "reference" / "cli.html").is_file()
