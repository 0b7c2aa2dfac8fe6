"""A web page for the people at this machine, and the requests it makes.

The server listens on 127.0.0.1 alone. Other pages that are open in the same browser are kept out: a request must name
this server as its host (else a foreign name could be pointed at this address), must not come from another origin, and
must carry a secret that only our own page can read. Sizes and times are bounded.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tinyglow.errors import InputError, Problem, reason
from tinyglow.resources import TEMPLATES

ADDRESS = "127.0.0.1"
MAX_BODY = 2**20  # bytes
_SECONDS = 10.0  # that a request may take to arrive
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
TOKEN_HEADER = "X-Tinyglow-Token"
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}

Json = Any  # what json.loads makes


class RefusedError(Exception):
    """A request that is not answered: the HTTP status, and why in a sentence."""

    def __init__(self, status: int, text: str) -> None:
        self.status, self.text = status, text
        super().__init__(text)


@dataclass(frozen=True)
class Reply:
    """What is sent back: text/html, image/png, ..."""

    kind: str
    data: bytes


Page = Callable[[Mapping[str, str]], Reply]  # from the query to what is sent


def static_pages(name: str) -> dict[str, Page]:
    """By path, the files of ``templates/dataset`` that page ``name`` is made of: its own, and those of all pages."""
    own = f"{name}.html", f"{name}.js"
    return {"/": _static(own[0])} | {f"/{file}": _static(file) for file in (own[1], "client.js", "page.css")}


def _static(file: str) -> Page:
    data = (TEMPLATES / "dataset" / file).read_bytes()
    reply = Reply(f"{_TYPES[file.rpartition('.')[2]]}; charset=utf-8", data)
    return lambda query: reply


def label_in(request: Json, key: str, labels: Sequence[str]) -> str:
    """The label whose number a request has under ``key``. Raises RefusedError."""
    number = request.get(key) if isinstance(request, dict) else None
    if type(number) is not int or not 0 <= number < len(labels):
        raise RefusedError(400, f"the label is not a number from 0 to {len(labels) - 1}")
    return labels[number]


@dataclass(frozen=True)
class Site:
    """What a server answers.

    Attributes:
        pages: By path.
        state: The figures that the page starts with; sent at /state with the secret that ``actions`` ask for.
        actions: By path: from the JSON of a POST to JSON. They may raise RefusedError.
    """

    pages: Mapping[str, Page]
    state: Callable[[], dict[str, Json]]
    actions: Mapping[str, Callable[[Json], dict[str, Json]]]


class Server(ThreadingHTTPServer):
    """Serves a site on 127.0.0.1, each request in a thread of its own."""

    daemon_threads = True  # a browser that keeps a connection open does not keep the program from ending
    request_queue_size = 64

    def __init__(self, site: Site, port: int = 0) -> None:
        """Bind to ``port`` (0: any that is free). Raises InputError if it is taken."""
        self.site, self.token = site, secrets.token_urlsafe(24)
        try:
            super().__init__((ADDRESS, port), _Handler)
        except (OSError, OverflowError) as error:
            problem = Problem(f"port {port}", reason(error), "a free one", "name another, or 0 for any, with --port")
            raise InputError("the page cannot be served", [problem]) from error

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{ADDRESS}:{self.port}/"

    @property
    def hosts(self) -> tuple[str, ...]:
        """What a browser may call this server by."""
        return (f"{ADDRESS}:{self.port}", f"localhost:{self.port}")

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no error of ours."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = _SECONDS
    server_version, sys_version = "tinyglow", ""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the terminal belongs to the user."""

    def do_GET(self) -> None:
        """Send a page, or the state."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """Do what the page asks for."""
        self._answer(self._post)

    def _answer(self, work: Callable[[], Reply]) -> None:
        try:
            self._require_own_page()
            status, reply = 200, work()
        except RefusedError as error:
            status, reply = error.status, _json({"error": error.text})
        except InputError as error:
            status, reply = 409, _json({"error": str(error)})
        except TimeoutError:
            status, reply = 408, _json({"error": "the request did not arrive in time"})
        except FileNotFoundError:
            status, reply = 409, _json({"error": "a sample is there no more: load the page again"})
        except OSError as error:
            status, reply = 507, _json({"error": f"{error.filename or 'the disk'}: {reason(error)}"})
        self.send_response(status)
        self.send_header("Content-Type", reply.kind)
        self.send_header("Content-Length", str(len(reply.data)))
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.data)

    def _require_own_page(self) -> None:
        """Refuse a request that a foreign page, or a foreign name of this address, may have made."""
        hosts = self.headers.get_all("Host", [])
        if len(hosts) != 1 or hosts[0] not in self.server.hosts:
            raise RefusedError(403, f"this page is only to be found at {self.server.url}")
        origin = self.headers.get("Origin")
        if origin is not None and origin != f"http://{hosts[0]}":
            raise RefusedError(403, "requests of other pages are refused")
        # Browsers say where a request comes from; "none" is the user's own address bar.
        if self.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            raise RefusedError(403, "requests of other pages are refused")

    def _get(self) -> Reply:
        address = urlsplit(self.path)
        if address.path == "/state":
            return _json({"token": self.server.token, **self.server.site.state()})
        page = self.server.site.pages.get(address.path)
        if page is None:
            raise RefusedError(404, "there is no such page")
        query = parse_qs(address.query, max_num_fields=8)
        return page({name: values[0] for name, values in query.items()})

    def _post(self) -> Reply:
        action = self.server.site.actions.get(self.path)
        if action is None:
            raise RefusedError(404, "there is no such page")
        given = self.headers.get(TOKEN_HEADER, "")
        if not secrets.compare_digest(given.encode("utf-8", "replace"), self.server.token.encode()):
            raise RefusedError(403, "the page is out of date: load it again")
        if self.headers.get_content_type() != "application/json":
            raise RefusedError(415, "the request is no JSON")
        return _json(action(self._body()))

    def _body(self) -> Json:
        length = self.headers.get("Content-Length", "")
        if self.headers.get("Transfer-Encoding") or not (length.isascii() and length.isdigit()):
            raise RefusedError(411, "the request does not say its size")
        if len(length) > 9 or int(length) > MAX_BODY:
            raise RefusedError(413, f"the request has more than {MAX_BODY:,} bytes")
        data = self.rfile.read(int(length))
        if len(data) != int(length):
            raise RefusedError(400, "the request ends too early")
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise RefusedError(400, "the request is no JSON") from error


def _json(content: dict[str, Json]) -> Reply:
    return Reply("application/json", json.dumps(content).encode())
