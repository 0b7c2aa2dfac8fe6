"""Reports for the tests of this folder, each made once in a run of the tests: by whichever process is first."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import run_cli

MOST_BYTES = 2_000_000


@dataclass(frozen=True)
class Report:
    """A page, its figures, and the options that say what it is of."""

    page: str
    figures: dict[str, Any]
    model: tuple[str, ...]
    inputs: tuple[str, ...]
    folder: Path


class Page(HTMLParser):
    """Elements, ids, links and the text of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.scripts: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element and what it leads to."""
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src", "xlink:href", "action"):
                self.addresses.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)

    def handle_data(self, data: str) -> None:
        """Note the text of a script."""
        if self.tags[-1:] == ["script"] and data.strip():
            self.scripts.append(data)


def check_alone(text: str) -> Page:
    """A page needs nothing else: no address leads out of it, every link has its target, and it is small."""
    page = Page(text)
    assert len(text.encode("utf-8")) < MOST_BYTES
    assert page.addresses and all(address.startswith("#") for address in page.addresses)
    assert {address[1:] for address in page.addresses} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert not page.handlers
    return page


def need_packages() -> None:
    """Skip where what a report is made with is not installed."""
    for package in ("unicorn", "vl_convert", "igraph"):
        pytest.importorskip(package)


def in_one_folder(folder: Path, make: Callable[[Path], None]) -> Path:
    """``folder``, filled by ``make`` unless a process of this run has filled it."""
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=folder.parent))
        make(aside)
        with suppress(OSError):  # another process was first
            os.replace(aside, folder)
    return folder


def run_report(folder: Path, words: Sequence[str | Path]) -> None:
    """Write report.html and figures.json into a folder."""
    answer = run_cli("report", *words, "-o", folder / "report.html", "--json")
    assert answer.status == 0, answer.err
    (folder / "figures.json").write_text(answer.out, encoding="utf-8")


def read_report(folder: Path, model: Sequence[str | Path], inputs: Sequence[str | Path]) -> Report:
    """What ``run_report`` wrote."""
    page = (folder / "report.html").read_text(encoding="utf-8")
    figures = json.loads((folder / "figures.json").read_text(encoding="utf-8"))
    return Report(page, figures, tuple(map(str, model)), tuple(map(str, inputs)), folder)
