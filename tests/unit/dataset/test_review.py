"""Samples are looked through in a browser: some get another label, some go, and all of it can be taken back."""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import threading
import time
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from tests.helpers import run_cli
from tests.unit.dataset.browser import Page
from tests.unit.dataset.conftest import Client, Serve, serve_apart
from tests.unit.dataset.samples import files, make
from tinyglow.dataset.files import move_file
from tinyglow.dataset.review import Reviewer
from tinyglow.dataset.store import Store, class_names


def _client(serve: Serve, folder: Path) -> Client:
    return serve(Reviewer(Store(folder, class_names(folder))).site)


def _button(number: int) -> str:
    return f"#samples button:nth-child({number})"


@pytest.mark.slow
def test_samples_are_moved_removed_and_brought_back(page: Page, serve: Serve, tmp_path: Path) -> None:
    """By clicks; the disk and the page agree after each step."""
    folder = make(tmp_path / "d", {"0": 5, "1": 2}, writers=1)
    before = files(folder)
    client = _client(serve, folder)
    page.screen(390, 844, phone=True)
    page.visit(client.server.url)
    page.until("document.querySelectorAll('#samples img').length === 5")
    page.until("[...document.querySelectorAll('#samples img')].every((image) => image.naturalWidth === 28)")
    assert page.value("document.documentElement.scrollWidth <= innerWidth")
    page.click(_button(2))
    page.click(_button(4))
    page.value("one('to').value = 1, one('to').dispatchEvent(new Event('change'))")
    page.click("#move")
    page.until("document.querySelector('#status').textContent.startsWith('2 samples moved')")
    page.until("document.querySelectorAll('#samples img').length === 3 && !busy")
    now = files(folder)
    assert sorted(now) == [
        *(f"0/writer0_0000{number}.DAT" for number in (1, 3, 5)),
        *(f"1/writer0_0000{number}.DAT" for number in (1, 2, 3, 4)),
    ]
    assert now["1/writer0_00003.DAT"] == before["0/writer0_00002.DAT"]
    page.click(_button(1))
    page.click("#remove")
    page.until("document.querySelector('#status').textContent.startsWith('1 sample removed')")
    page.until("!busy")
    assert "0/writer0_00001.DAT" not in files(folder)
    page.click("#undo")
    page.until("document.querySelector('#status').textContent.startsWith('1 sample put back') && !busy")
    page.click("#undo")
    page.until("document.querySelector('#status').textContent.startsWith('2 samples put back') && !busy")
    assert sorted(files(folder).values()) == sorted(before.values())
    assert {name[0] for name, data in files(folder).items() if data in list(before.values())[:5]} == {"0"}
    assert page.value("document.querySelector('#undo').disabled")
    assert page.complaints == []


@pytest.mark.slow
def test_the_page_has_no_barriers(page: Page, serve: Serve, tmp_path: Path) -> None:
    """axe finds nothing serious, in light and dark."""
    page.visit(_client(serve, make(tmp_path / "d", {"0": 3, "1": 2})).server.url)
    page.until("[...document.images].length === 3 && [...document.images].every((image) => image.complete)")
    page.click(_button(2))
    assert page.barriers() == []


def test_pictures_of_every_kind_are_shown(serve: Serve, tmp_path: Path) -> None:
    """.DAT, PNG of 8 and 16 bits, JPEG and PPM; damaged and huge ones are refused with a reason."""
    folder = make(tmp_path / "d", {"0": 1, "1": 0})
    Image.new("RGB", (40, 30), (250, 0, 0)).save(folder / "0/a b&c.jpg")
    Image.fromarray(np.full((5, 6), 0x8000, np.uint16)).save(folder / "0/wide.png")
    (folder / "0/damaged.png").write_bytes(b"\x89PNG\r\n\x1a\nx")
    (folder / "0/large.ppm").write_bytes(b"P5 1 1 255 " + bytes(2**21))
    client = _client(serve, folder)
    names = client.post("/samples", {"label": 0, "begin": 0})["names"]
    assert names == ["00001.DAT", "a b&c.jpg", "damaged.png", "large.ppm", "wide.png"]
    sizes = {}
    for name, quoted in (("00001.DAT", "00001.DAT"), ("a b&c.jpg", "a%20b%26c.jpg"), ("wide.png", "wide.png")):
        status, data = client.ask("GET", f"/picture?label=0&name={quoted}")
        assert status == 200
        sizes[name] = Image.open(io.BytesIO(data)).size
    assert sizes == {"00001.DAT": (28, 28), "a b&c.jpg": (40, 30), "wide.png": (6, 5)}
    status, answer = client.ask("GET", "/picture?label=0&name=damaged.png")
    assert status == 409 and "damaged" in answer["error"]
    assert client.ask("GET", "/picture?label=0&name=large.ppm")[0] == 413


@pytest.mark.parametrize(
    "query",
    [
        "label=0&name=../secret.DAT",
        "label=0&name=..%2Fsecret.DAT",
        "label=0&name=%2Fetc%2Fpasswd",
        "label=0&name=..%5Csecret.DAT",
        "label=0&name=link.DAT",
        "label=0&name=.hidden.DAT",
        "label=0&name=notes.txt",
        "label=0&name=x%00.DAT",
        "label=0&name=",
        "label=0",
        "label=9&name=00001.DAT",
        "label=-1&name=00001.DAT",
        "label=%C2%B2&name=00001.DAT",
        "",
    ],
)
def test_nothing_but_samples_is_shown_or_touched(serve: Serve, tmp_path: Path, query: str) -> None:
    """No path, no link, no hidden file, no file of another kind."""
    folder = make(tmp_path / "d", {"0": 1, "1": 0})
    (folder / "secret.DAT").write_bytes(bytes(784))
    for name in (".hidden.DAT", "notes.txt"):
        (folder / "0" / name).write_bytes(bytes(784))
    (folder / "0/link.DAT").symlink_to(folder / "secret.DAT")
    before = files(folder)
    client = _client(serve, folder)
    assert client.ask("GET", f"/picture?{query}")[0] in (403, 404)
    name = dict(part.partition("=")[::2] for part in query.split("&")).get("name", "")
    for action, more in (("/remove", {}), ("/move", {"to": 1})):
        if name != "00001.DAT":
            assert client.ask("POST", action, {"label": 0, "names": [unquote(name)], **more})[0] == 409
    assert files(folder) == before


def test_requests_that_make_no_sense_change_nothing(serve: Serve, tmp_path: Path) -> None:
    """Also if only one of several samples is wrong."""
    folder = make(tmp_path / "d", {"0": 2, "1": 1})
    before = files(folder)
    client = _client(serve, folder)
    for action in ("/remove", "/move", "/samples", "/undo"):
        for request in ([], None, {}, {"label": 0, "names": []}, {"label": 0, "names": [1]}, {"id": 7}, {"id": "x"}):
            assert client.ask("POST", action, request)[0] in (400, 404)
    request = {"label": 0, "names": ["00001.DAT", "none.DAT"], "to": 1}
    assert client.ask("POST", "/remove", request)[0] == client.ask("POST", "/move", request)[0] == 409
    assert files(folder) == before


def test_two_reviewers_lose_nothing(serve: Serve, tmp_path: Path) -> None:
    """Two programs that move the same samples back and forth: each sample is there once at the end."""
    folder = make(tmp_path / "d", {"0": 20, "1": 20})
    before = sorted(files(folder).values())
    clients = [_client(serve, folder) for _ in range(2)]

    def shuffle(client: Client, source: int) -> None:
        for _ in range(5):
            names = client.post("/samples", {"label": source, "begin": 0})["names"][:5]
            client.ask("POST", "/move", {"label": source, "names": names, "to": 1 - source})

    threads = [threading.Thread(target=shuffle, args=(clients[who % 2], who // 2)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(files(folder).values()) == before


@pytest.mark.slow
def test_a_review_that_is_killed_loses_nothing(tmp_path: Path, checkout: Path) -> None:
    """SIGKILL while two clients move samples: each is there and whole. One of each client may have two names."""
    folder = make(tmp_path / "d", {"0": 30, "1": 30})
    before = sorted(files(folder).values())
    process, ask = serve_apart(checkout, "review", str(folder))
    moved: list[int] = []

    def shuffle(source: int) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            while True:
                names = ask("/samples", {"label": source, "begin": 0})["names"][:5]
                moved.append(ask("/move", {"label": source, "names": names, "to": 1 - source}).get("changed", 0))

    threads = [threading.Thread(target=shuffle, args=(source,)) for source in (0, 1)]
    for thread in threads:
        thread.start()
    while sum(moved) < 40 and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.wait()
    for thread in threads:
        thread.join()
    after = sorted(files(folder).values())
    assert sorted(set(after)) == before and len(after) <= len(before) + 2


def test_of_two_who_move_the_same_file_one_succeeds(tmp_path: Path) -> None:
    """The other one is told; the file has one name in the end, even if both gave it a second one at the same time."""
    folder = make(tmp_path / "d", {"0": 1, "1": 0})
    source = folder / "0/00001.DAT"

    def link(first: Path, second: Path) -> None:
        real(first, second)
        source.unlink()  # as the other one does

    real = os.link
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "link", link)
        real(source, folder / "1/other.DAT")
        with pytest.raises(FileNotFoundError):
            move_file(source, folder / "1/00001.DAT")
    assert list(files(folder)) == ["1/other.DAT"]


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    """And one that is not there."""
    for folder in (tmp_path, tmp_path / "none"):
        answer = run_cli("review", str(folder), "--port", "0")
        assert answer.status == 2 and answer.err.startswith("error: the data set")
