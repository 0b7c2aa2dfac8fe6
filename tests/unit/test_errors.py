"""What an error says of the system, in words that are ours."""

from __future__ import annotations

import errno

import pytest

from tinyglow.errors import InputError, Problem, reason


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (FileNotFoundError(errno.ENOENT, "Le fichier est introuvable", "x"), "No such file or directory"),
        (OSError(errno.ENOSPC, "disque plein"), "No space left on device"),
        (OSError(errno.EINVAL, "is no regular file", "x"), "is no regular file"),
        (OSError("no words and no number"), "no words and no number"),
        (ValueError("no file at all"), "no file at all"),
    ],
)
def test_the_system_speaks_in_our_words(error: Exception, text: str) -> None:
    """A frequent cause has one wording, whatever the system calls it; a rare one the words that came with it."""
    assert reason(error) == text


def test_a_problem_without_a_place_is_its_text() -> None:
    """Errors without a place to name do not begin with a colon."""
    assert str(Problem("", "found")) == "found"
    assert str(InputError("summary", [Problem("a", "found", "expected", "hint")])) == (
        "summary\n  - a: found; expected expected (hint)"
    )
