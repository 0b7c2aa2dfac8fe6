"""A browser without a window that opens a page, clicks through it, and tells what it saw."""

from __future__ import annotations

import html
import importlib.util
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NO_BROWSER = "there is no browser: chromium"
needs_browser = pytest.mark.skipif(BROWSER is None, reason=NO_BROWSER)

# Runs before the page's own script: errors are noted, wherever they come from.
_BEFORE = """
window.failures = [];
window.addEventListener("error", (event) => window.failures.push(String(event.message)));
window.addEventListener("securitypolicyviolation", (event) => window.failures.push(event.violatedDirective));
for (const name of ["error", "warn"]) console[name] = (...words) => window.failures.push(words.join(" "));
const one = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];
const change = (id, value) => { one("#" + id).value = value; one("#" + id).dispatchEvent(new Event("change")); };
const press = (element, key) => element.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
"""

# Runs after the clicks, which fill ``seen``, and leaves that in the title.
_AFTER = """
const paper = () => getComputedStyle(document.body).backgroundColor;
const look = async (more) => typeof axe === "undefined" ? null
  : (await axe.run({ resultTypes: ["violations"], ...more })).violations.map(
    (one) => [one.impact, one.id, one.nodes.slice(0, 3).map((node) => node.html)]);
(async () => {
  for (const details of all("details")) details.open = true;
  seen.axe = await look({});
  const light = paper();
  one("#theme").click();
  seen.theme = paper() !== light;
  seen.axe = seen.axe && [...seen.axe, ...await look({ runOnly: ["color-contrast"] })];
  const controls = "button, select, canvas, svg[role=img], [role=button], [role=region]";
  seen.unnamed = all(controls).filter(
    (one) => !(one.getAttribute("aria-label") || one.textContent.trim() || one.closest("label"))).length;
  seen.headings = all("h1, h2, h3").map((heading) => Number(heading.tagName[1]));
  seen.tooWide = document.documentElement.scrollWidth > innerWidth;
  seen.broken = all("a").filter((link) => !one(link.getAttribute("href"))).length;
  seen.failures = window.failures;
  document.title = JSON.stringify(seen);
})();
"""


def axe_script() -> str:
    """axe, which looks for what readers with other senses and tools stumble over; "" where it is not installed."""
    given = os.environ.get("TINYGLOW_AXE")  # axe.min.js of npm's axe-core, to look with another version
    spec = importlib.util.find_spec("axe_core_python")
    if not given and (spec is None or not spec.submodule_search_locations):
        return ""
    path = Path(given) if given else Path(next(iter(spec.submodule_search_locations))) / "axe.min.js"  # type: ignore
    return path.read_text(encoding="utf-8")


def visit(page: str, folder: Path, clicks: str, width: int = 1280, axe: bool = True) -> dict[str, Any]:
    """What clicks led to, in a browser that reads a page from a file.

    Args:
        page: HTML.
        folder: For the page and the browser's own files.
        clicks: JavaScript that fills the object ``seen``. It may use ``one``, ``all``, ``change`` and ``press``.
        width: Of the window, in pixels.
        axe: Whether axe looks at the page, light and dark, which takes longer than all the rest.

    Returns:
        ``seen``, with what holds of every page.
    """
    driven = page.replace("<body>", f"<body><script>{_BEFORE}</script>", 1)
    after = (
        f"<script>{axe_script() if axe else ''}</script><script>{{const seen = {{}};{clicks}{_AFTER}}}</script></body>"
    )
    path = folder / "driven.html"
    path.write_text("".join([*driven.rsplit("</body>", 1)[:1], after, driven.rsplit("</body>", 1)[1]]), "utf-8")
    words = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'browser'}", "--dump-dom"]
    # The budget is of the page's own clock, which does not wait for the machine.
    words += [f"--window-size={width},900", "--virtual-time-budget=60000", path.as_uri()]
    done = subprocess.run([str(BROWSER), *words], capture_output=True, check=False)
    title = re.search(r"<title>(.*?)</title>", done.stdout.decode("utf-8"), re.DOTALL)
    assert title, done.stderr.decode("utf-8", "replace")[-2000:]
    text = html.unescape(title[1])
    assert text.startswith("{"), f"the clicks did not come to their end; title: {text}"
    return dict(json.loads(text))


def check_everywhere(seen: dict[str, Any]) -> None:
    """What must hold of every page: no error, a name for every control, headings in order, links with targets."""
    assert seen["failures"] == []
    assert seen["theme"] and not seen["tooWide"]
    assert seen["unnamed"] == 0 and seen["broken"] == 0
    assert seen["headings"][0] == 1
    assert all(b - a <= 1 for a, b in zip(seen["headings"], seen["headings"][1:], strict=False))
    assert [one for one in seen["axe"] or [] if one[0] in ("serious", "critical")] == []
