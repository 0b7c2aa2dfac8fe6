"""The mutants are what they should be, the recorded run is whole, and a handful of mutants are noticed anew."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator

import pytest

from tests.planted import c_mutants, python_mutants
from tests.planted.areas import AREAS, mutants_of
from tests.planted.imports import ROOT
from tests.planted.mutant import ARGUMENTS, CONSTANT, STATEMENT, Mutant
from tests.planted.plant import Copy, copied
from tests.planted.record import ENOUGH, LEAST, explanations, interval, read_record, scores
from tests.planted.selection import chosen_tests

C_TEXT = """/* a + b */
#define N (1 + 2)
static int f(const int *p, int n) {
  int sum = -3; /* 4 */
  for (int i = 0; i < n && p != 0; i++) {
    sum += g(p[i], n) >> 1u;
    put("a + 1", &sum);
  }
  return sum <= 0x10 ? 1 : 2;
}
"""
PYTHON_TEXT = '''"""1 + 2."""
def f(x: int | None, y: int = 3) -> int:
    """4 < 5."""
    x -= y << 1
    g(x, (y))
    if not x or (x) <= -y:
        raise ValueError(f"{x + 1} is odd")
    return x // 2
'''


def _changed(mutants: Iterator[Mutant], text: str) -> dict[tuple[str, str], str]:
    return {(mutant.old, mutant.new): mutant.apply(text) for mutant in mutants}


def test_mutants_of_c() -> None:
    """Operators, constants, signs, statements and arguments; comments, strings and macros stay as they are."""
    found = _changed(c_mutants.mutants("f.c", C_TEXT), C_TEXT)
    wanted = [("<", "<="), ("<", ">="), ("&&", "||"), ("!=", "=="), ("++", "--"), ("+=", "-="), (">>", "<<")]
    wanted += [("<=", "<"), ("<=", ">"), ("-", " "), ("1u", "0u"), ("1u", "2u"), ("0x10", "17"), ("3", "4")]
    assert set(wanted) <= set(found)
    assert found["p[i], n", "n,p[i]"].splitlines()[5] == "    sum += g(n,p[i]) >> 1u;"
    assert found["sum += g(p[i], n) >> 1u;", ";"].splitlines()[5] == "    ;"
    for text in found.values():
        assert text.splitlines()[:2] == C_TEXT.splitlines()[:2]
        assert '"a + 1"' in text or "put(" not in text
    assert not any(old.startswith(("int", "return")) for old, _ in found)


def test_an_order_that_does_not_matter_is_no_mutant() -> None:
    """The larger of two numbers is the same whichever is named first."""
    for module, text in (
        (c_mutants, "int f(int a) { return tg_max(a, 3) + g(a, 3); }"),
        (python_mutants, "max(a, 3) + g(a, 3)"),
    ):
        kinds = [mutant.begin for mutant in module.mutants("f", text) if mutant.kind == ARGUMENTS]
        assert kinds == [text.index("g(a, 3)") + 2]


def test_mutants_of_python() -> None:
    """The same of Python, and each is a program still; texts and annotations stay as they are."""
    found = _changed(python_mutants.mutants("f.py", PYTHON_TEXT), PYTHON_TEXT)
    wanted = [("-", "+"), ("<<", ">>"), ("or", "and"), ("<=", "<"), ("<=", ">"), ("not", "   "), ("-", " ")]
    wanted += [("//", "*"), ("2", "1"), ("2", "3"), ("3", "4"), ("1", "2"), ("x -= y << 1", "pass")]
    assert set(wanted) <= set(found)
    for text in found.values():
        ast.parse(text)
        assert "1 + 2." in text and "4 < 5." in text and "int | None" in text
    raised = [old for old, new in found if new == "pass" and old.startswith("raise")]
    assert len(raised) == 1


def test_what_says_the_same_is_no_mutant() -> None:
    """Arguments of functions that are symmetric in them, and other negative sizes where one is left open."""
    text = "x = max(a, b) + min(a, b, c) + np.clip(a, 2, b)\n"
    text += "y = f(a, b).reshape(-1, g(c, d)) + h(-1).reshape((-1, e[-1]))\n"
    found = [(mutant.old, mutant.apply(text)) for mutant in python_mutants.mutants("f.py", text)]
    swapped = {old for old, _ in found if "," in old}
    assert swapped == {"a, b", "c, d", "-1, g(c, d)"} and sum("f(b, a)" in new for _, new in found) == 1
    assert all("max(a, b)" in new and "np.clip(a, " in new for _, new in found)
    assert not any("(-2, g" in new or "(-2, e" in new for _, new in found)
    for there in ("(-0, g", "(-0, e", "h(-2)", "e[-2]"):
        assert sum(there in new for _, new in found) == 1


@pytest.mark.long
@pytest.mark.parametrize("area", AREAS)
def test_every_area_has_mutants_and_tests(area: str) -> None:
    """Of a file of each, all mutants apply, and there is something to run for it."""
    files = AREAS[area].files()
    file = files[len(files) // 2]
    text = (ROOT / file).read_text(encoding="utf-8")
    for mutant in mutants_of(file):
        assert mutant.apply(text) != text
    tests = chosen_tests(file)
    assert tests and all((ROOT / test.partition("::")[0]).exists() for test in tests)


def test_enough_mutants_are_noticed() -> None:
    """In the recorded run, of each area of which enough were tried."""
    assert all(score.share >= LEAST for score in scores(read_record()) if score.mutants >= ENOUGH)


def test_the_confidence_interval() -> None:
    """Wilson's: of figures in his formula's usual examples, and at the ends, where it stays within 0 and 1."""
    assert interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-3)
    assert interval(0, 10)[0] == 0 and interval(10, 10)[1] == 1
    assert interval(10, 10)[0] == pytest.approx(0.7225, abs=1e-3)


def test_explanations_are_of_mutants() -> None:
    """Each explanation is of a recorded mutant that was not noticed, or of one that can be planted now; and is one."""
    others = set(explanations()) - {tried.name for tried in read_record() if tried.survived}
    files = {name.partition(": ")[0] for name in others}
    possible = {f"{one.file}: {one.code}: {one.change}" for file in files for one in mutants_of(file)}
    assert others <= possible
    assert all(len(why) > 20 for why in explanations().values())


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """A copy of the checkout."""
    if os.name != "posix":
        pytest.skip("forks: POSIX")
    with copied(tmp_path_factory.mktemp("planted")) as made:
        yield made


@pytest.mark.long
@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("runtime_c/src/reshape/tg_copy_s8.c", "comparison"),
        ("runtime_c/src/elementwise/tg_clip_s8.c", ARGUMENTS),
        ("tinyglow/lowering/rename.py", STATEMENT),
        ("tinyglow/numerics/exact_dot.py", CONSTANT),
    ],
)
def test_a_planted_mutant_is_noticed(copy: Copy, file: str, kind: str) -> None:
    """The tests that are chosen for a file pass as they are, and fail with the first mutant of a kind."""
    mutant = next(mutant for mutant in mutants_of(file) if mutant.kind == kind)
    tests, is_c = chosen_tests(file)[:2], not file.endswith(".py")
    assert copy.run(tests, is_c).outcome == "passed", copy.log()
    with copy.planted(mutant):
        found = copy.run(tests, is_c)
    assert found.outcome == "failed" and found.test
    assert (copy.root / file).read_bytes() == (ROOT / file).read_bytes()


def test_a_changed_file_is_refused() -> None:
    """A mutant does not apply to a text that has changed."""
    mutant = next(mutants_of("tinyglow/lowering/rename.py"))
    with pytest.raises(ValueError, match="has changed"):
        mutant.apply("")
