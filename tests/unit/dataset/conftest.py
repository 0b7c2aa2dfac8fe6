"""A browser for all tests of the pages, and servers for them."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.unit.dataset.browser import Browser, Page
from tests.unit.report.browser import BROWSER, NO_BROWSER
from tinyglow.dataset.site import TOKEN_HEADER, Server, Site

Serve = Callable[[Site], "Client"]


@dataclass
class Client:
    """Requests to a server as its own page makes them; ``headers`` replace the page's."""

    server: Server

    def ask(
        self,
        method: str,
        path: str,
        content: Any = None,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> tuple[int, Any]:
        """(status, JSON or bytes) of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        usual = {"Content-Type": "application/json", TOKEN_HEADER: self.server.token} if method == "POST" else {}
        data = body if body is not None else None if content is None else json.dumps(content).encode()
        given = {name: value for name, value in {**usual, **(headers or {})}.items() if value}
        connection.request(method, path, data, given)
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        is_json = response.getheader("Content-Type", "") == "application/json"
        return response.status, json.loads(answer) if is_json else answer

    def post(self, path: str, content: Any) -> Any:
        """The JSON of an action that is expected to succeed."""
        status, answer = self.ask("POST", path, content)
        assert status == 200, answer
        return answer


def serve_apart(checkout: Path, command: str, *words: str) -> tuple[subprocess.Popen[str], Callable[[str, Any], Any]]:
    """A command that serves, as a process of its own that a test may kill; and what posts actions to it.

    The function takes a path and the action's JSON, and returns the answer's. It raises OSError or HTTPException once
    the process is gone.
    """
    started = [sys.executable, "-m", "tinyglow", command, *words, "--port", "0"]
    process = subprocess.Popen(started, stdout=subprocess.PIPE, encoding="utf-8", cwd=checkout)
    assert process.stdout is not None
    address = process.stdout.readline().split("http://")[1].split("/")[0]

    def ask(method: str, path: str, content: Any, token: str) -> Any:
        connection = http.client.HTTPConnection(address, timeout=60)
        headers = {"Content-Type": "application/json", TOKEN_HEADER: token}
        connection.request(method, path, json.dumps(content), headers)
        return json.loads(connection.getresponse().read())

    token = str(ask("GET", "/state", None, "")["token"])
    return process, lambda path, content: ask("POST", path, content, token)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves sites until the test ends."""
    with contextlib.ExitStack() as ends:

        def start(site: Site) -> Client:
            server = Server(site)
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
            ends.callback(server.server_close)
            ends.callback(server.shutdown)
            return Client(server)

        yield start


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests of a worker."""
    if BROWSER is None:
        pytest.skip(NO_BROWSER)
    running = Browser(tmp_path_factory.mktemp("browser"))
    yield running
    running.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab."""
    with browser.page() as opened:
        yield opened
