"""The server answers its own page alone, and bounds what it reads."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path

import pytest

from tests.unit.dataset.conftest import Client, Serve
from tinyglow.dataset.collect import Collector
from tinyglow.dataset.names import DIGITS
from tinyglow.dataset.site import MAX_BODY, TOKEN_HEADER, Server
from tinyglow.dataset.store import Store
from tinyglow.errors import InputError

SAMPLE = {"label": 3, "drawings": [[[[0.1, 0.1], [0.9, 0.9]]]]}


@pytest.fixture
def client(serve: Serve, tmp_path: Path) -> Client:
    """A server for digits."""
    return serve(Collector(Store(tmp_path / "dataset", DIGITS)).site)


def _files(tmp_path: Path) -> list[str]:
    return sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())


def test_the_page_and_its_files_are_there(client: Client, tmp_path: Path) -> None:
    """With the headers that keep foreign code out; and a sample can be saved."""
    for path, start in (
        ("/", b"<!doctype html>"),
        ("/collect.js", b"//"),
        ("/client.js", b"//"),
        ("/page.css", b":root"),
    ):
        status, data = client.ask("GET", path)
        assert status == 200 and data.startswith(start)
    connection = http.client.HTTPConnection("127.0.0.1", client.server.port)
    connection.request("GET", "/")
    headers = connection.getresponse().headers
    assert "default-src 'none'" in headers["Content-Security-Policy"] and headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"
    connection.close()
    assert client.post("/samples", SAMPLE)["counts"] == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    assert _files(tmp_path) == ["dataset/3/00001.DAT"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:8765"},
        {"Host": "127.0.0.1"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://127.0.0.1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_origins_are_refused(client: Client, tmp_path: Path, headers: dict[str, str], method: str) -> None:
    """Neither is the secret told nor anything written, even to who knows the secret."""
    path, content = ("/state", None) if method == "GET" else ("/samples", SAMPLE)
    status, answer = client.ask(method, path, content, headers)
    assert status == 403 and client.server.token not in json.dumps(answer)
    assert _files(tmp_path) == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({TOKEN_HEADER: ""}, 403),
        ({TOKEN_HEADER: "wrong"}, 403),
        ({TOKEN_HEADER: "\xff"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Length": "-1"}, 411),
        ({"Content-Length": "9" * 30}, 413),
        ({"Content-Length": str(MAX_BODY + 1)}, 413),
        ({"Transfer-Encoding": "chunked"}, 411),
    ],
)
def test_what_only_a_foreign_program_sends_is_refused(
    client: Client, tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    """A form of another page has no secret and another type; sizes are looked at before anything is read."""
    assert client.ask("POST", "/samples", SAMPLE, headers)[0] == status
    assert _files(tmp_path) == []


def test_the_own_origin_by_either_name_is_welcome(client: Client) -> None:
    """127.0.0.1 and localhost."""
    for host in client.server.hosts:
        headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
        assert client.ask("POST", "/samples", SAMPLE, headers)[0] == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 200_000,
        b"[]",
        b"null",
        b'{"label": true, "drawings": [[[[0, 0]]]]}',
        b'{"label": 10, "drawings": [[[[0, 0]]]]}',
        b'{"label": -1, "drawings": [[[[0, 0]]]]}',
        b'{"label": "../x", "drawings": [[[[0, 0]]]]}',
        b'{"label": 1}',
        b'{"label": 1, "drawings": []}',
        b'{"label": 1, "drawings": [[]]}',
        b'{"label": 1, "drawings": [[[]]]}',
        b'{"label": 1, "drawings": [[[[0]]]]}',
        b'{"label": 1, "drawings": [[[["a", 0]]]]}',
        b'{"label": 1, "drawings": [[[[NaN, 0]]]]}',
        b'{"label": 1, "drawings": [[[[1e999, 0]]]]}',
        b'{"label": 1, "drawings": [[[[1' + b"0" * 400 + b", 0]]]]}",
        b'{"label": 1, "drawings": [[[[0, 0]]], 7]}',
        json.dumps({"label": 1, "drawings": [[[[0, 0]]]] * 17}).encode(),
        json.dumps({"label": 1, "drawings": [[[[0, 0]]] * 65]}).encode(),
        json.dumps({"label": 1, "drawings": [[[[0, 0]] * 2001]]}).encode(),
    ],
    ids=range(23),
)
def test_a_request_that_makes_no_sense_writes_nothing(client: Client, tmp_path: Path, body: bytes) -> None:
    """Not even the drawings before the one that is wrong."""
    status, answer = client.ask("POST", "/samples", body=body)
    assert status == 400 and answer["error"]
    assert _files(tmp_path) == []


@pytest.mark.parametrize(
    "path", ["/../../etc/passwd", "/dataset/3/00001.DAT", "//evil.example/", "/samples", "/state/x"]
)
def test_there_are_no_other_pages(client: Client, path: str) -> None:
    """Files are not served by their path."""
    assert client.ask("GET", path)[0] == 404
    assert client.ask("POST", path.replace("samples", "x"), {})[0] == 404


def test_only_this_machine_is_listened_to(client: Client) -> None:
    """The socket is bound to 127.0.0.1, and a port that is taken is an error with advice."""
    assert client.server.socket.getsockname()[0] == "127.0.0.1"
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(InputError, match="cannot be served") as caught:
            Server(client.server.site, other.getsockname()[1])
    assert "--port" in str(caught.value)
