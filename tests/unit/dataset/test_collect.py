"""Samples are drawn in a browser, by several people at once, and survive whatever happens to the program."""

from __future__ import annotations

import base64
import contextlib
import http.client
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import run_cli
from tests.unit.dataset.browser import Browser, Page
from tests.unit.dataset.conftest import Client, Serve, serve_apart
from tinyglow.dataset.collect import Collector
from tinyglow.dataset.names import DIGITS
from tinyglow.dataset.store import Store
from tinyglow.dataset.strokes import picture_of
from tinyglow.demo.digits import strokes_of
from tinyglow.images import read_pixels

Lines = list[list[tuple[float, float]]]


def _lines(digit: int, variant: int) -> Lines:
    return [[(float(x), float(y)) for x, y in line] for line in strokes_of(digit, variant)]


def _files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def _open(page: Page, client: Client) -> None:
    page.visit(client.server.url)
    page.until("typeof state === 'object' && document.querySelectorAll('#boxes canvas').length === 4")


@pytest.mark.slow
@pytest.mark.parametrize("phone", [False, True], ids=["mouse", "finger"])
def test_what_is_drawn_is_what_is_stored(page: Page, serve: Serve, tmp_path: Path, phone: bool) -> None:
    """Lines in three of four boxes become three files, each as near to the lines as the screen's pixels allow."""
    client = serve(Collector(Store(tmp_path, DIGITS), writer="anna").site)
    page.screen(*((390, 844) if phone else (1000, 800)), phone=phone)
    _open(page, client)
    assert page.value("document.documentElement.scrollWidth <= innerWidth")
    digit = page.value("asked")
    assert page.value("document.querySelector('#label').textContent") == str(digit)
    for box in (1, 2, 4):
        page.draw(f"#boxes canvas:nth-child({box})", _lines(digit, box), touch=phone)
    assert page.value("document.querySelector('#skip').disabled")
    page.click("#save")
    page.until("document.querySelector('#status').textContent.startsWith('Saved 3 samples')")
    assert _files(tmp_path) == [f"{digit}/anna_{number:05d}.DAT" for number in (1, 2, 3)]
    for number, box in enumerate((1, 2, 4), 1):
        stored = read_pixels(tmp_path / str(digit) / f"anna_{number:05d}.DAT")[:, :, 0]
        expected = picture_of(_lines(digit, box))
        assert np.corrcoef(stored.ravel(), expected.ravel())[0, 1] > 0.9
        assert np.corrcoef(stored.ravel(), picture_of(_lines((digit + 3) % 10, box)).ravel())[0, 1] < 0.6
    assert page.value("document.querySelectorAll('#pictures canvas').length") == 3
    assert page.value("boxes.every((box) => box.strokes.length === 0)")
    assert page.value("asked") != digit
    assert page.complaints == []


@pytest.mark.slow
def test_lines_and_saves_can_be_undone(page: Page, serve: Serve, tmp_path: Path) -> None:
    """By buttons and by keys; the last save of this page, and only that, is removed from the disk."""
    client = serve(Collector(Store(tmp_path, ("circle", "square"))).site)
    client.post("/samples", {"label": 0, "drawings": [[[[0, 0], [1, 1]]]]})
    page.screen(1000, 800)
    _open(page, client)
    first = "#boxes canvas:nth-child(1)"
    page.draw(first, [[(0.2, 0.2), (0.8, 0.8)], [(0.2, 0.8), (0.8, 0.2)]])
    page.click("#line")
    assert page.value("boxes[0].strokes.length") == 1
    page.click("#save")
    page.until("document.querySelector('#status').textContent.startsWith('Saved 1 sample ')")
    assert len(_files(tmp_path)) == 2
    page.click("#undo")
    page.until("document.querySelector('#status').textContent.startsWith('Removed 1')")
    assert _files(tmp_path) == ["circle/00001.DAT"]
    assert page.value("document.querySelector('#undo').disabled")
    page.draw(first, [[(0.2, 0.2), (0.8, 0.8)]])
    page.click("#clear")
    assert page.value("order.length") == 0
    assert page.complaints == []


@pytest.mark.slow
def test_a_server_that_is_gone_costs_no_drawing(page: Page, serve: Serve, tmp_path: Path) -> None:
    """The page says so, and keeps the lines."""
    client = serve(Collector(Store(tmp_path, DIGITS)).site)
    page.screen(1000, 800)
    _open(page, client)
    client.server.shutdown()
    client.server.server_close()
    page.draw("#boxes canvas:nth-child(1)", _lines(2, 1))
    page.click("#save")
    page.until("document.querySelector('#status').textContent.includes('still running')")
    assert page.value("boxes[0].strokes.length") > 0
    page.value("order.length = 0")  # so that the tab may be closed


@pytest.mark.slow
def test_the_page_has_no_barriers(page: Page, serve: Serve, tmp_path: Path) -> None:
    """axe finds nothing serious, in light and dark."""
    _open(page, serve(Collector(Store(tmp_path, DIGITS)).site))
    assert page.barriers() == []


@pytest.mark.slow
def test_two_clients_at_once_lose_nothing(serve: Serve, tmp_path: Path) -> None:
    """Two servers on one folder, two clients each: every picture that was acknowledged is there, under its own name."""
    clients = [serve(Collector(Store(tmp_path, ("a", "b"))).site) for _ in range(2)]
    saved: list[tuple[str, bytes]] = []

    def draw(client: Client, who: int) -> None:
        for turn in range(10):
            height = 0.1 + 0.8 * (4 * turn + who) / 40
            drawings = [[[[0.1, 0.1], [0.9, height], [0.5, 0.2 + 0.05 * box]]] for box in range(4)]
            answer = client.post("/samples", {"label": turn % 2, "drawings": drawings})
            saved.extend(
                ("ab"[turn % 2] + "/" + one["name"], base64.b64decode(one["pixels"])) for one in answer["saved"]
            )

    threads = [threading.Thread(target=draw, args=(clients[who % 2], who)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(saved) == 160 and len(dict(saved)) == 160
    assert _files(tmp_path) == sorted(dict(saved))
    assert all((tmp_path / name).read_bytes() == data for name, data in saved)
    assert len({data for _, data in saved}) > 100  # they are different pictures


@pytest.mark.slow
def test_two_pages_at_once_lose_nothing(browser: Browser, serve: Serve, tmp_path: Path) -> None:
    """Two tabs save at the same time: every drawing of each becomes a file of its own."""
    client = serve(Collector(Store(tmp_path, ("a", "b")), writer="anna").site)
    with browser.page() as first, browser.page() as second:
        for page in (first, second):
            page.call("Page.bringToFront")
            page.screen(1000, 800)
            _open(page, client)
            for box in (1, 2, 3):
                page.draw(f"#boxes canvas:nth-child({box})", _lines(2, box))
        for page in (first, second):
            page.value("document.querySelector('#save').click()")
        for page in (first, second):
            page.call("Page.bringToFront")  # a tab in the background looks only once a second
            page.until("document.querySelector('#status').textContent.startsWith('Saved 3 samples')")
        assert first.complaints == second.complaints == []
    assert len(_files(tmp_path)) == 6
    assert all(read_pixels(tmp_path / name).shape == (28, 28, 1) for name in _files(tmp_path))


@pytest.mark.slow
def test_nothing_half_written_remains_of_a_program_that_is_killed(tmp_path: Path, checkout: Path) -> None:
    """SIGKILL while four clients draw: every file is whole, and none that was acknowledged is missing."""
    process, ask = serve_apart(checkout, "collect", "-o", str(tmp_path / "d"))
    acknowledged: list[str] = []

    def draw(label: int) -> None:
        drawing = [[[0.1, 0.1], [0.9, 0.5]]]
        with contextlib.suppress(OSError, http.client.HTTPException):
            while True:
                answer = ask("/samples", {"label": label, "drawings": [drawing] * 4})
                acknowledged.extend(f"{label}/{one['name']}" for one in answer["saved"])

    threads = [threading.Thread(target=draw, args=(label,)) for label in range(4)]
    for thread in threads:
        thread.start()
    while len(acknowledged) < 60 and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.wait()
    for thread in threads:
        thread.join()
    files = _files(tmp_path / "d")
    assert set(acknowledged) <= set(files)
    assert all(name.endswith(".DAT") and (tmp_path / "d" / name).stat().st_size == 784 for name in files)


def test_a_folder_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    """A class that is a link, when the program starts or later, is not followed."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "d").mkdir()
    (tmp_path / "d/3").symlink_to(tmp_path / "outside")
    answer = run_cli("collect", "-o", str(tmp_path / "d"), "--port", "0")
    assert answer.status == 2 and "is a link" in answer.err
    (tmp_path / "d/3").unlink()
    store = Store(tmp_path / "d", DIGITS)
    (tmp_path / "d/3").rmdir()
    (tmp_path / "d/3").symlink_to(tmp_path / "outside")
    with pytest.raises(OSError, match="is a link"):
        store.add("3", b"x")
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ("--labels", "../x,y"),
        ("--labels", "a/b,c"),
        ("--labels", ".hidden,b"),
        ("--labels", "CON,b"),
        ("--labels", "a,A"),
        ("--labels", "a"),
        ("--labels", "a,,b"),
        ("--labels", ",".join(map(str, range(101)))),
        ("--labels", "a" * 41 + ",b"),
        ("--writer", "../anna"),
        ("--boxes", "0"),
        ("--goal", "0"),
        ("--pen", "nan"),
        ("--port", "70000"),
    ],
)
def test_bad_options_are_refused_before_anything_is_written(tmp_path: Path, words: tuple[str, str]) -> None:
    """Names that are no plain names among them."""
    answer = run_cli("collect", "-o", str(tmp_path / "d"), "--port", "0", *words)
    assert answer.status == 2 and answer.err.startswith("error:") and "internal" not in answer.err
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_files_without_links_are_whole_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a memory card's file system, without nameless files and links, samples are written by way of a second name."""
    import os

    def no_link(*words: object, **more: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    monkeypatch.setattr(os, "link", no_link)
    store = Store(tmp_path, ("a", "b"))
    first, second = store.add("a", b"1"), store.add("a", b"2")
    (tmp_path / "a/00003.DAT").write_bytes(b"another's")
    third = store.add("a", b"3")
    assert [path.name for path in (first, second, third)] == ["00001.DAT", "00002.DAT", "00004.DAT"]
    assert _files(tmp_path) == [f"a/0000{number}.DAT" for number in (1, 2, 3, 4)]


def test_what_a_killed_program_left_is_removed(tmp_path: Path) -> None:
    """Where files have a second name while they are written, the next start removes it once it is old."""
    import os
    import time

    Store(tmp_path, ("a", "b"))
    (tmp_path / "a/.tinyglow-1-2").write_bytes(b"half")
    os.utime(tmp_path / "a/.tinyglow-1-2", (time.time(), time.time()))  # by the clock that the program asks
    Store(tmp_path, ("a", "b"))
    assert _files(tmp_path) == ["a/.tinyglow-1-2"]
    os.utime(tmp_path / "a/.tinyglow-1-2", (1, 1))
    Store(tmp_path, ("a", "b"))
    assert _files(tmp_path) == []
