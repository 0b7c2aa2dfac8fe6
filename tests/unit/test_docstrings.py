"""What ``import tinyglow`` offers is explained: every argument, every result."""

from __future__ import annotations

import dataclasses
import inspect
import re

import pytest

import tinyglow

FUNCTIONS = [name for name in tinyglow.__all__ if inspect.isfunction(getattr(tinyglow, name))]
CLASSES = [name for name in tinyglow.__all__ if dataclasses.is_dataclass(getattr(tinyglow, name))]


def _section(text: str, title: str) -> list[str]:
    """The names that a section of a docstring in Google's style explains."""
    found = re.search(rf"^{title}:\n(.*?)(?=^\S|\Z)", text, re.DOTALL | re.MULTILINE)
    return re.findall(r"^    (\w+): \S", found[1], re.MULTILINE) if found else []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_argument_and_result_is_explained(name: str) -> None:
    """In the order of the signature; ruff's D417 looks only at functions that explain some of theirs."""
    function = getattr(tinyglow, name)
    text, signature = inspect.getdoc(function) or "", inspect.signature(function)
    assert _section(text, "Args") == list(signature.parameters)
    assert ("Returns:" in text) == (signature.return_annotation not in (None, "None"))
    assert _section(text, "Raises") or name == "target_of"


@pytest.mark.parametrize("name", CLASSES)
def test_every_field_is_explained(name: str) -> None:
    """Of the classes whose objects a user makes or looks into."""
    cls = getattr(tinyglow, name)
    assert _section(inspect.getdoc(cls) or "", "Attributes") == [field.name for field in dataclasses.fields(cls)]
