"""A browser without a window that takes real mouse and touch input, by Chrome's DevTools protocol over two pipes."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.unit.report.browser import BROWSER, axe_script

Points = Sequence[tuple[float, float]]


class Page:
    """One tab. Coordinates are those of the window, in pixels of the page."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command of the protocol, and wait for its result."""
        return self._browser.call(method, self._session, **parameters)

    def visit(self, url: str) -> None:
        """Load a page, and wait until its script has run to its end."""
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete'")

    def value(self, script: str) -> Any:
        """What an expression of the page is, promises awaited."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, (script, result["exceptionDetails"])
        return result["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until an expression is true, looking at it before each of the page's frames."""
        script = f"""(async () => {{
          for (let turn = 0; turn < 600; ++turn) {{
            if ({condition}) return true;
            await new Promise((done) => setTimeout(done, 50));
          }}
          return false;
        }})()"""
        assert self.value(script), f"never came true: {condition}; {self.value('document.body.innerText')}"

    def click(self, selector: str) -> None:
        """Click an element's middle with the mouse."""
        x, y, width, height = self.area(selector)
        where = {"x": x + width / 2, "y": y + height / 2, "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, **where)

    def area(self, selector: str) -> tuple[float, float, float, float]:
        """(x, y, width, height) of an element within its border, scrolled into view."""
        script = f"""(() => {{
          const found = document.querySelector({json.dumps(selector)});
          found.scrollIntoView({{ block: "center" }});
          const area = found.getBoundingClientRect();
          return [area.left + found.clientLeft, area.top + found.clientTop, found.clientWidth, found.clientHeight];
        }})()"""
        x, y, width, height = self.value(script)
        return x, y, width, height

    def draw(self, selector: str, lines: Sequence[Points], touch: bool = False) -> None:
        """Draw lines (points in 0..1 of an element) with the mouse or a finger."""
        x, y, width, height = self.area(selector)
        for line in lines:
            placed = [(x + a * width, y + b * height) for a, b in line]
            (self._swipe if touch else self._drag)(placed)

    def _drag(self, points: Points) -> None:
        for index, (x, y) in enumerate(points):
            kind = "mouseMoved" if index else "mousePressed"
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)
        x, y = points[-1]
        self.call("Input.dispatchMouseEvent", type="mouseReleased", x=x, y=y, button="left", clickCount=1)

    def _swipe(self, points: Points) -> None:
        for index, (x, y) in enumerate(points):
            kind = "touchMove" if index else "touchStart"
            self.call("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y}])
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def screen(self, width: int, height: int, phone: bool = False, dark: bool = False) -> None:
        """Show the page on another screen."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        self.call("Emulation.setTouchEmulationEnabled", enabled=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, path: Path) -> None:
        """Write a PNG of what is seen."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]))

    def barriers(self) -> list[list[str]]:
        """What axe finds serious for readers with other senses and tools, in light and dark; skips without axe."""
        script = axe_script()
        if not script:
            pytest.skip("needs axe-core-python, of the extra tinyglow[test]")
        self.value(f"void (() => {{ {script} }})()")
        found = []
        for scheme in ("light", "dark"):
            self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            look = """axe.run({ resultTypes: ["violations"] }).then((found) =>
              found.violations.map((one) => [one.impact, one.id, one.nodes[0].html]))"""
            found += [[scheme, *one] for one in self.value(look) if one[0] in ("serious", "critical")]
        return found

    @property
    def complaints(self) -> list[str]:
        """Errors of scripts and of the security policy that the page has had so far."""
        return [text for session, text in self._browser.complaints if session == self._session]


class Browser:
    """A running browser; ``close`` ends it."""

    def __init__(self, folder: Path) -> None:
        read_commands, self._commands = os.pipe()
        self._answers, write_answers = os.pipe()
        words = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run"]

        # The browser reads commands from its file 3, and writes answers to 4.
        move = f"import os, sys; os.dup2({read_commands}, 103); os.dup2({write_answers}, 104); "
        move += "os.dup2(103, 3); os.dup2(104, 4); os.execv(sys.argv[1], sys.argv[1:])"
        launch = [sys.executable, "-c", move, str(BROWSER), *words, f"--user-data-dir={folder}", "about:blank"]
        passed = (read_commands, write_answers)
        self._process = subprocess.Popen(launch, pass_fds=passed, stderr=subprocess.DEVNULL)
        for descriptor in passed:
            os.close(descriptor)
        self._rest, self._number = b"", 0
        self.complaints: list[tuple[str, str]] = []

    def call(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """Send a command, and wait for its result; what the browser says meanwhile is looked at for errors."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        message |= {"sessionId": session} if session else {}
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                return dict(answer["result"])
            self._look_at(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            data = os.read(self._answers, 2**16)
            assert data, "the browser has ended"
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(message))

    def _look_at(self, event: dict[str, Any]) -> None:
        session = event.get("sessionId", "")
        if event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append((session, str(event["params"]["exceptionDetails"])))
        if event.get("method") == "Log.entryAdded" and event["params"]["entry"]["level"] == "error":
            self.complaints.append((session, event["params"]["entry"]["text"]))

    @contextlib.contextmanager
    def page(self) -> Iterator[Page]:
        """A tab of its own."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        yield Page(self, session)
        self.call("Target.closeTarget", targetId=target)

    def close(self) -> None:
        """End the browser."""
        os.close(self._commands)
        os.close(self._answers)
        self._process.terminate()
        self._process.wait()
