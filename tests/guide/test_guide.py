"""The guide's pages and pictures tell the truth. Its generated parts are compared by tests/test_readme.py."""

from __future__ import annotations

import re

import pytest

from tests.guide.blocks import BLOCKS, COMPILED, FOLDER, PAGES
from tests.guide.core import inner_loop
from tests.guide.pictures import PICTURES, drawn_from, figures
from tests.guide.wrong import measured
from tinyglow.demo.instructions import cycles_of, meaning
from tinyglow.registry import KERNELS

# What prose may say outside of the generated parts: facts of int8, of arithmetic and of the core, and no figures of the
# network that might change.
_FACTS = {
    "0",
    "1",
    "4",
    "64",
    "127",
    "128",
    "255",
    "256",
    "16",
    "32",
    "8",
    "0.0",
    "1/255",
    "3x3",
    "5",
    "20",
    "30",
    "40",
}

_LEAST_USEFUL, _GOOD = 15, 30  # dB


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_pictures_show_todays_figures(name: str) -> None:
    """What each was drawn from is what the network gives now (python -m tests.guide.pictures)."""
    assert drawn_from(name) == figures(name)


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_pictures_are_drawn(name: str) -> None:
    """By the library that the report uses, with a description, and small."""
    pytest.importorskip("vl_convert", reason="needs the extra tinyglow[report]")
    from tests.guide.pictures import draw

    svg = draw(name)
    assert svg.startswith("<svg") and 'role="img"' in svg and len(svg) < 100_000
    committed = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert re.findall(r">([^<>]+)</text>", svg) == re.findall(r">([^<>]+)</text>", committed)


@pytest.mark.parametrize("page", sorted(PAGES))
def test_prose_has_no_figures_of_its_own(page: str) -> None:
    """Numbers of the network stand in generated parts alone, where a test sees that they are true."""
    text = (FOLDER / page).read_text(encoding="utf-8")
    text = re.sub(r"<!-- (guide-[\w-]+) -->.*?<!-- /\1 -->", "", text, flags=re.DOTALL)
    text = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^# .*$|`[^`]*`|\[[^\]]*\]\([^)]*\)|chapter \d|\*\*byte \d", "", text, flags=re.MULTILINE)
    numbers = re.findall(r"(?<![\w+.])-?(\d[\w./]*\d|\d)(?![\w+])", text)
    assert sorted(set(numbers) - _FACTS) == []


@pytest.mark.parametrize("page", sorted(PAGES))
def test_kernels_that_prose_names_exist(page: str) -> None:
    """In the text between the generated parts too."""
    named = re.findall(r"`(tg_\w+_s8)`", (FOLDER / page).read_text(encoding="utf-8"))
    assert set(named) <= set(KERNELS)


def test_every_page_says_what_is_generated_once() -> None:
    """All marks of the pages are known, and none stands twice."""
    marks = [
        mark
        for page in PAGES
        for mark in re.findall(r"<!-- (guide-[\w-]+) -->", (FOLDER / page).read_text(encoding="utf-8"))
    ]
    assert sorted(marks) == sorted(BLOCKS)
    assert set(BLOCKS) >= COMPILED


def test_the_listed_loop_takes_the_cycles_that_are_told() -> None:
    """The table of instructions that the guide and its exercise use is the simulator's."""
    for package in ("unicorn", "ziglang"):
        pytest.importorskip(package, reason="needs the extras tinyglow[sim,cc]")
    for line in inner_loop():
        assert meaning(line.text), line.text
        taken_less = int(line.text.startswith("b") and line.cycles % line.times > 0)
        assert -(-line.cycles // line.times) == cycles_of(line.text), line.text
        assert not taken_less or line.cycles // line.times == 1


def test_glow_is_wrong_where_the_guide_says() -> None:
    """By far more than rounding, in Glow's graph alone."""
    for name, (glow, ours) in measured().items():
        assert glow < _LEAST_USEFUL < _GOOD < ours, name
