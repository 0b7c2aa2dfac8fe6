"""The report in a browser without a window: no error, and every view answers to clicks and keys."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.unit.report.conftest import Report

_BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

# Runs before the page's own script: errors are noted, wherever they come from.
_BEFORE = """
window.failures = [];
window.addEventListener("error", (event) => window.failures.push(String(event.message)));
window.addEventListener("securitypolicyviolation", (event) => window.failures.push(event.violatedDirective));
console.error = (...words) => window.failures.push(words.join(" "));
"""

# Clicks through the page, and leaves what it saw in the title.
_AFTER = """
const seen = {};
const one = (selector) => document.querySelector(selector);
const change = (id, value) => { one("#" + id).value = value; one("#" + id).dispatchEvent(new Event("change")); };
const ink = (id) => {
  const canvas = one("#" + id);
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return [...pixels].reduce((a, b) => (a * 31 + b) % 1000003, 7);
};
seen.steps = document.querySelectorAll(".step").length;
change("step", 0);
seen.firstStep = [...document.querySelectorAll(".step")].map((step) => !step.hidden);
one("#step-on").click();
seen.secondStep = one("#step").value;
const width = () => Number(one(".step:not([hidden]) > svg").getAttribute("width"));
const before = width();
one("#zoom-in").click();
seen.zoom = width() / before;
one("#zoom-all").click();
const node = one(".step:not([hidden]) .node[data-node]");
node.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
seen.node = one("#node").textContent;
change("step", seen.steps - 1);
const last = [...document.querySelectorAll(".step:not([hidden]) .node[data-node]")].pop();
last.dispatchEvent(new MouseEvent("click", { bubbles: true }));
seen.last = one("#node").textContent;
one('#node a[href="#code"]').click();
seen.code = one("#code-function").value;
seen.listing = document.querySelectorAll("#listing tbody tr").length;
seen.tensors = [];
for (let index = 0; index < one("#tensor").options.length; ++index) {
  change("tensor", index);
  const name = one("#tensor").selectedOptions[0].textContent;
  seen.tensors.push([name, ink("real"), ink("integers"), one("#tensor-facts").textContent]);
}
change("tensor", 0);
const drawn = ink("real");
change("sample", 1);
seen.otherSample = ink("real") !== drawn;
seen.histograms = [...document.querySelectorAll(".histogram")].filter((figure) => !figure.hidden).length;
const paper = () => getComputedStyle(document.body).backgroundColor;
const light = paper();
one("#theme").click();
seen.theme = paper() !== light;
for (const select of document.querySelectorAll("#code-board option")) change("code-board", select.value);
const controls = "button, select, canvas, svg[role=img], [role=button], [role=region]";
seen.unnamed = [...document.querySelectorAll(controls)].filter(
  (control) => !(control.getAttribute("aria-label") || control.textContent.trim() || control.closest("label"))).length;
seen.headings = [...document.querySelectorAll("h1, h2, h3")].map((heading) => Number(heading.tagName[1]));
const axes = typeof axe === "undefined" ? Promise.resolve(null) : axe.run();
axes.then((found) => {
  seen.axe = found && found.violations.map((one) => [one.impact, one.id, one.nodes.length]);
  seen.failures = window.failures;
  document.title = JSON.stringify(seen);
});
"""


def _visit(page: str, folder: Path) -> dict[str, Any]:
    """What the clicks led to, in a browser that reads the page from a file."""
    axe = os.environ.get("TINYGLOW_AXE")  # axe.min.js of npm's axe-core, for a look at accessibility beyond our own
    more = Path(axe).read_text(encoding="utf-8") if axe else ""
    driven = page.replace("<body>", f"<body><script>{_BEFORE}</script>", 1)
    driven = driven.replace("</body>", f"<script>{more}</script><script>{{{_AFTER}}}</script></body>", 1)
    path = folder / "driven.html"
    path.write_text(driven, encoding="utf-8")
    words = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'browser'}", "--dump-dom"]
    budget = "--virtual-time-budget=60000"  # of the page's own clock, which does not wait for the machine
    done = subprocess.run([str(_BROWSER), *words, budget, path.as_uri()], capture_output=True, check=False)
    title = re.search(r"<title>(.*?)</title>", done.stdout.decode("utf-8"), re.DOTALL)
    assert title, done.stderr.decode("utf-8", "replace")[-2000:]
    text = html.unescape(title[1])
    assert text.startswith("{"), f"the clicks did not come to their end; title: {text}"
    return dict(json.loads(text))


@pytest.mark.slow
@pytest.mark.skipif(_BROWSER is None, reason="there is no browser: chromium")
def test_every_view_answers(report: Report, tmp_path: Path) -> None:
    """Graph, tensors, code and theme, by mouse and by keyboard."""
    seen = _visit(report.page, tmp_path)
    assert seen["failures"] == []
    assert seen["steps"] == len(report.figures["steps"])
    assert seen["firstStep"] == [True] + [False] * (seen["steps"] - 1)
    assert seen["secondStep"] == "1"
    assert seen["zoom"] == pytest.approx(1.25)
    assert report.figures["steps"][1]["nodes"][0]["name"] in seen["node"]
    assert "beside float" in seen["last"] and "cycles" in seen["last"]
    assert seen["code"].startswith("tg_") and seen["listing"] > 10
    names = [tensor["value"] for tensor in report.figures["tensors"]]
    assert [name for name, *_ in seen["tensors"]] == names
    assert len({(real, integers) for _, real, integers, _ in seen["tensors"]}) > len(names) // 2
    assert all("difference" in facts for *_, facts in seen["tensors"])
    assert seen["otherSample"] and seen["histograms"] == 1 and seen["theme"]
    assert seen["unnamed"] == 0
    assert seen["headings"][0] == 1 and all(
        b - a <= 1 for a, b in zip(seen["headings"], seen["headings"][1:], strict=False)
    )
    serious = [one for one in seen["axe"] or [] if one[0] in ("serious", "critical")]
    assert serious == []
