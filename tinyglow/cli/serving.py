"""Serve a page from a command until the user has had enough."""

from __future__ import annotations

import signal
from types import FrameType

from tinyglow.dataset.site import Server


def serve(server: Server, what: str) -> None:
    """Say where the page is, and answer it until Ctrl-C or SIGTERM."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    print(f"{what}: {server.url} (Ctrl-C ends it)", flush=True)
    try:
        server.serve_forever(poll_interval=0.1)
    except KeyboardInterrupt:
        print(flush=True)
    finally:
        server.server_close()
