"""evaluate counts what is recognized: float beside int8 beside a board, as text, page and JSON."""

from __future__ import annotations

import html
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import NetBuilder, run_cli
from tests.unit.dataset.browser import Page
from tinyglow.demo.drawn import write_data_set
from tinyglow.images import read_pixels
from tinyglow.report.evaluation import drawing

_IMAGES = ("--image-mode", "0to1", "--image-layout", "NHWC")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set, a linear classifier that is right about most of it, its profile, and its bundle."""
    folder = tmp_path_factory.mktemp("evaluate")
    write_data_set(folder / "d", 6)
    paths = sorted((folder / "d").glob("*/*.DAT"))
    images = np.stack([read_pixels(path)[:, :, 0] for path in paths]).astype(np.float64) / 255
    x, y = images.reshape(len(images), -1), np.eye(10)[[int(path.parent.name) for path in paths]]
    weights = np.linalg.solve(x.T @ x + 40 * np.eye(784), x.T @ y)
    weights[:, 7] = weights[:, 1]  # so that no seven is recognized: of equal scores the first one counts
    build = NetBuilder()
    flat = build.node("Flatten", "image", name="flatten")
    build.node("Gemm", flat, build.constant(weights), build.constant(np.zeros(10)), name="dense", output="answer")
    build.build({"image": (1, 28, 28, 1)}, ["answer"]).save(folder, "net.onnx")
    words = (str(folder / "net.onnx"), "--input", f"image={folder / 'd'}", *_IMAGES, "-o", str(folder / "p.yaml"))
    assert run_cli("profile", *words).status == 0
    source = (str(folder / "net.onnx"), "--profile", str(folder / "p.yaml"), "--board", "host")
    made = run_cli("compile", *source, "-o", str(folder / "bundle"))
    assert made.status == 0, made.err
    return folder


def _network(work: Path) -> tuple[str, ...]:
    return (str(work / "net.onnx"), "--profile", str(work / "p.yaml"))


def _answer(work: Path, *words: str) -> dict[str, object]:
    answer = run_cli("evaluate", *words, *_IMAGES, "--json")
    assert answer.status == 0, answer.err
    return dict(json.loads(answer.out))


@pytest.mark.slow  # compiles C
def test_float_int8_and_board_stand_beside_each_other(work: Path) -> None:
    """The counts are those of the scores themselves; the board answers as int8 does, and has costs."""
    pytest.importorskip("unicorn")
    pytest.importorskip("ziglang")
    found = _answer(work, *_network(work), "--images", str(work / "d"), "--board", "frdm-ke16z")
    columns = {one["by"]: one for one in found["answers"]}  # type: ignore[attr-defined]
    assert list(columns) == ["float", "int8", "frdm-ke16z"]
    assert found["images"] == 60
    for column in columns.values():
        matrix = np.array(column["confusion"])
        assert matrix.sum(axis=1).tolist() == [6] * 10 and matrix[7, 7] == 0 and matrix[:, 7].sum() == 0
        assert np.trace(matrix) == column["right"] == round(60 * column["accuracy"])
        assert 40 <= column["right"] <= 54
    assert columns["int8"]["confusion"] == columns["frdm-ke16z"]["confusion"]
    assert columns["frdm-ke16z"]["cycles"] > 7840 and columns["float"]["cycles"] is None
    wrong = found["wrong"]
    assert sum(one["label"] == 7 for one in wrong) == 6  # type: ignore[attr-defined]
    assert all(any(answer != one["label"] for answer in one["answers"]) for one in wrong)  # type: ignore[attr-defined]


def test_a_bundle_is_evaluated_as_it_is(work: Path) -> None:
    """On this machine without --board; it answers as the network that it was made of."""
    pytest.importorskip("ziglang")
    by_network = _answer(work, *_network(work), "--images", str(work / "d"))
    by_bundle = _answer(work, str(work / "bundle"), "--images", str(work / "d"))
    assert by_bundle["answers"][0]["by"] == "host"  # type: ignore[index]
    assert by_bundle["answers"][0]["confusion"] == by_network["answers"][1]["confusion"]  # type: ignore[index]


def test_labels_may_come_from_a_file(work: Path, tmp_path: Path) -> None:
    """Beside the images, or with their folder; wrong labels are seen as such."""
    names = [path.relative_to(work / "d").as_posix() for path in sorted((work / "d").glob("*/*.DAT"))]
    (tmp_path / "Labels.csv").write_text("".join(f"{name},{name[0]}\n" for name in names), "utf-8")
    given = ("--labels", str(tmp_path / "Labels.csv"), "--images", str(work / "d"))
    by_file, by_folder = (_answer(work, *_network(work), *w) for w in (given, ("--images", str(work / "d"))))
    assert by_file["answers"] == by_folder["answers"]
    shutil.copytree(work / "d", tmp_path / "0")
    (tmp_path / "beside.csv").write_text(f"0/{names[0]},3\n", "utf-8")
    found = _answer(work, *_network(work), "--labels", str(tmp_path / "beside.csv"))
    assert found["images"] == 1 and found["answers"][0]["right"] == 0  # type: ignore[index]


def test_the_text_lists_and_draws_the_wrong_ones(work: Path) -> None:
    """With accuracy, matrix, names, and pictures in characters; --min-accuracy sets the status."""
    answer = run_cli("evaluate", *_network(work), "--images", str(work / "d"), *_IMAGES, "--draw", "1")
    assert answer.status == 0
    assert "60 images of 10 classes" in answer.out and "accuracy" in answer.out
    assert re.search(r"[0-9] \(not 7\)", answer.out)
    assert (
        len([line for line in answer.out.splitlines() if re.fullmatch(r"[ .:\-=+*#%@]*[#%@=+*][ .:\-=+*#%@]*", line)])
        > 5
    )
    low = run_cli("evaluate", *_network(work), "--images", str(work / "d"), *_IMAGES, "--min-accuracy", "95")
    assert low.status == 1 and "below 95 %" in low.err
    fine = run_cli("evaluate", *_network(work), "--images", str(work / "d"), *_IMAGES, "--min-accuracy", "60")
    assert fine.status == 0


def test_a_drawing_is_what_is_seen() -> None:
    """White is the darkest character; large images are made smaller."""
    pixels = np.zeros((28, 28, 1), np.uint8)
    pixels[:, 14:] = 255
    assert drawing(pixels) == [" " * 14 + "@" * 14] * 14
    assert max(map(len, drawing(np.full((480, 640, 3), 65535, np.uint16)))) <= 56


def test_the_page_escapes_names_and_needs_nothing_else(work: Path, tmp_path: Path) -> None:
    """Names of files and classes are text; nothing is loaded from elsewhere."""
    classes = ["<b>", "b&b", *"cdefghij"]
    for number, name in enumerate(classes):
        shutil.copytree(work / "d" / str(number), tmp_path / "d" / name)
    page = tmp_path / "e.html"
    words = (*_network(work), "--images", str(tmp_path / "d"), *_IMAGES, "-o", str(page))
    answer = run_cli("evaluate", *words)
    assert answer.status == 0, answer.err
    text = page.read_text("utf-8")
    assert "<b>" not in text and "&lt;b&gt;" in text and "b&amp;b" in text
    assert "http" not in re.sub(r"http-equiv", "", text)
    wrong = json.loads(run_cli("evaluate", *words, "--json").out)["wrong"]
    assert text.count("<li><img") == len(wrong) > 5
    assert all(html.escape(one["file"]) in text for one in wrong)


@pytest.mark.slow
def test_the_page_is_seen_in_a_browser(page: Page, work: Path, tmp_path: Path) -> None:
    """Light and dark, wide and on a phone: no error, nothing runs out of the window, all pictures are there."""
    target = tmp_path / "e.html"
    words = (*_network(work), "--images", str(work / "d"), *_IMAGES, "-o", str(target))
    assert run_cli("evaluate", *words).status == 0
    for width, phone, dark in ((1200, False, False), (390, True, True)):
        page.screen(width, 900, phone=phone, dark=dark)
        page.visit(target.as_uri())
        page.until("[...document.images].every((image) => image.complete && image.naturalWidth === 28)")
        assert page.value("document.documentElement.scrollWidth <= innerWidth")
    before = page.value("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    assert page.value("getComputedStyle(document.body).backgroundColor") != before
    assert page.complaints == []


@pytest.mark.slow
def test_the_page_has_no_barriers(page: Page, work: Path, tmp_path: Path) -> None:
    """axe finds nothing serious, in light and dark."""
    target = tmp_path / "e.html"
    assert run_cli("evaluate", *_network(work), "--images", str(work / "d"), *_IMAGES, "-o", str(target)).status == 0
    page.visit(target.as_uri())
    assert page.barriers() == []


def test_what_does_not_fit_is_refused(work: Path, tmp_path: Path) -> None:
    """Each with a reason, and status 2."""
    (tmp_path / "flat").mkdir()
    shutil.copy(next((work / "d/0").iterdir()), tmp_path / "flat")
    (tmp_path / "far.csv").write_text(f"{next((work / 'd/0').iterdir())},12\n", "utf-8")
    (tmp_path / "bad.csv").write_text("a.png;x;y\n", "utf-8")
    for words, found in (
        ((), "--images: is missing"),
        (("--images", str(tmp_path / "flat")), "holds no folders with images"),
        (("--images", str(tmp_path / "none")), "No such file"),
        (("--labels", str(tmp_path / "far.csv")), "the network has so many classes"),
        (("--labels", str(tmp_path / "bad.csv")), "line 1"),
        (("--labels", str(tmp_path / "none.csv")), "No such file"),
        (("--images", str(work / "d"), "--draw", "-1"), "--draw"),
        (("--images", str(work / "d"), "--min-accuracy", "nan"), "--min-accuracy"),
    ):
        answer = run_cli("evaluate", *_network(work), *words, *_IMAGES)
        assert answer.status == 2 and found in answer.err and "internal" not in answer.err, (words, answer.err)
    assert run_cli("evaluate", *_network(work), "--images", str(work / "d")).status == 2  # no --image-mode
