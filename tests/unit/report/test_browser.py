"""The reports in a browser without a window: no error, and every view answers to clicks and keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.report.browser import axe_script, check_everywhere, needs_browser, visit
from tests.unit.report.making import Report

pytestmark = [pytest.mark.slow, needs_browser]

_CLICKS = """
const ink = (id) => {
  const canvas = one("#" + id);
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return [...pixels].reduce((a, b) => (a * 31 + b) % 1000003, 7);
};
seen.steps = all(".step").length;
change("step", 0);
seen.firstStep = all(".step").map((step) => !step.hidden);
one("#step-on").click();
seen.secondStep = one("#step").value;
const width = () => Number(one(".step:not([hidden]) > svg").getAttribute("width"));
const before = width();
one("#zoom-in").click();
seen.zoom = width() / before;
one("#zoom-all").click();
press(one(".step:not([hidden]) .node[data-node]"), "Enter");
seen.node = one("#node").textContent;
change("step", seen.steps - 1);
const last = all(".step:not([hidden]) .node[data-node]").pop();
last.dispatchEvent(new MouseEvent("click", { bubbles: true }));
seen.last = one("#node").textContent;
one("#node button.link").click();
seen.ofTheModel = [one("#step").value, one(".node.chosen .name:last-child").textContent];
seen.origin = one("#node").textContent;
change("step", seen.steps - 1);
last.dispatchEvent(new MouseEvent("click", { bubbles: true }));
one('#node a[href="#code"]').click();
seen.code = one("#code-function").value;
seen.listing = all("#listing tbody tr").length;
one("#source .hot button").click();
seen.linked = [all("#source .linked").length, all("#listing .linked").length];
one("#listing .part button").click();
seen.back = [all("#source .linked").length, all("#listing .linked").length];
seen.tensors = [];
for (let index = 0; index < one("#tensor").options.length; ++index) {
  change("tensor", index);
  const name = one("#tensor").selectedOptions[0].textContent;
  seen.tensors.push([name, ink("real"), ink("integers"), one("#tensor-facts").textContent]);
}
change("tensor", 0);
const drawn = ink("real");
if (one("#sample").options.length > 1) { change("sample", 1); seen.otherSample = ink("real") !== drawn; }
seen.histograms = all(".histogram").filter((figure) => !figure.hidden).length;
const sized = (selector) => all(selector).filter((chart) => chart.getBoundingClientRect().height > 40).length;
seen.memory = sized("#memory figure > svg");
seen.time = sized("#time figure > svg");
one("#time a[data-function]").click();
seen.fromTime = one("#code-function").value;
for (const option of all("#code-board option")) change("code-board", option.value);
"""


def _check(report: Report, folder: Path, width: int, axe: bool) -> None:
    seen = visit(report.page, folder, _CLICKS, width, axe)
    check_everywhere(seen)
    assert seen["steps"] == len(report.figures["steps"])
    assert seen["firstStep"] == [True] + [False] * (seen["steps"] - 1)
    assert seen["secondStep"] == "1"
    assert seen["zoom"] == pytest.approx(1.25)
    assert report.figures["steps"][1]["nodes"][0]["name"] in seen["node"]
    assert "beside float" in seen["last"] and "cycles" in seen["last"]
    assert seen["ofTheModel"][0] == "0" and seen["ofTheModel"][1] in seen["origin"]
    assert seen["code"].startswith("tg_") and seen["listing"] > 5
    assert seen["linked"][0] == seen["back"][0] == 1 and min(seen["linked"][1], seen["back"][1]) >= 1
    names = [tensor["value"] for tensor in report.figures["tensors"]]
    assert [name for name, *_ in seen["tensors"]] == names
    assert len({(real, integers) for _, real, integers, _ in seen["tensors"]}) > len(names) // 2
    assert all("difference" in facts for *_, facts in seen["tensors"])
    assert seen.get("otherSample", True) and seen["histograms"] == 1
    assert seen["memory"] == len(report.figures["boards"]) and seen["time"] >= seen["memory"]
    assert seen["fromTime"].startswith("tg_")


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.long
def test_every_view_answers(report: Report, tmp_path: Path, width: int) -> None:
    """Graph, tensors, memory, time, code and theme, by mouse and by keyboard, in a wide window and on a phone."""
    _check(report, tmp_path, width, axe=width == 1280)


@pytest.mark.long
def test_every_view_of_a_larger_network(cifar10: Report, tmp_path: Path) -> None:
    """The same of cifar10."""
    _check(cifar10, tmp_path, 1280, axe=False)


def test_the_page_of_a_bundle(foreign: Report, tmp_path: Path) -> None:
    """Every section is there, and the machine code unfolds."""
    clicks = """
    seen.sections = all("nav a").map((link) => one(link.getAttribute("href")).getBoundingClientRect().height > 0);
    seen.charts = all("figure > svg").filter((chart) => chart.getBoundingClientRect().height > 20).length;
    one("#code summary").click();
    seen.code = one("#code pre").checkVisibility() && one("#code pre").textContent;
    """
    seen = visit(foreign.page, tmp_path, clicks)
    check_everywhere(seen)
    assert seen["sections"] == [True] * 5 and seen["charts"] == 2
    assert "inc" in seen["code"] and "bx" in seen["code"]


def test_accessibility_is_looked_at(foreign: Report, tmp_path: Path) -> None:
    """With axe at hand, its findings are among what the visits above saw."""
    if not axe_script():
        pytest.skip("axe is missing: needs the package axe-core-python")
    clicks = 'document.body.append(document.createElement("button"));'
    seen = visit(foreign.page, tmp_path, clicks)
    assert "button-name" in [name for _, name, _ in seen["axe"]]
