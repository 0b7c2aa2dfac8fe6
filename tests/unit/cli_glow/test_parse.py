"""Glow's spellings of options, and what is said about options that are wrong or mean nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyglow.cli.glow.option import Kind, Option
from tinyglow.cli.glow.parse import GlowArguments, parse
from tinyglow.cli.glow.tables import TABLES
from tinyglow.errors import InputError

# What each tool cannot do without.
REQUIRED = {tool: [f"-{option.name}=x" for option in table if option.required] for tool, table in TABLES.items()}


def _parsed(tool: str, *argv: str) -> GlowArguments:
    result = parse(tool, [*REQUIRED[tool], *argv])
    assert result is not None
    return result


def _refused(tool: str, *argv: str) -> str:
    with pytest.raises(InputError) as caught:
        parse(tool, [*REQUIRED[tool], *argv])
    return str(caught.value)


def _spellings(option: Option, value: str) -> list[list[str]]:
    dashed = [dashes + name for dashes in ("-", "--") for name in option.names]
    if option.kind is Kind.FLAG:
        return [[name] for name in dashed] + [[f"{name}=true"] for name in dashed]
    return [[f"{name}={value}"] for name in dashed] + [[name, value] for name in dashed]


def _value(option: Option) -> str:
    if option.choices:
        return option.choices[-1]
    return {Kind.FLAG: "true", Kind.COUNT: "12", Kind.NUMBER: "0.25", Kind.TEXT: "some/where"}[option.kind]


@pytest.mark.parametrize("tool", TABLES)
def test_every_option_in_every_spelling(tool: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each option and alias is understood with one dash or two, with its value after = or in the next argument."""
    for option in TABLES[tool]:
        if option.refused or option.required:
            continue
        for spelling in _spellings(option, _value(option)):
            assert _parsed(tool, *spelling).text(option.name) == _value(option), spelling


@pytest.mark.parametrize("tool", TABLES)
def test_names_are_unique(tool: str) -> None:
    """No two options of a tool share a name."""
    names = [name for option in TABLES[tool] for name in option.names]
    assert len(names) == len(set(names))


def test_options_that_mean_nothing_say_so_once(capsys: pytest.CaptureFixture[str]) -> None:
    """One line on stderr for each such option, however often it is given; nothing for the others."""
    _parsed("model-compiler", "-use-cmsis", "-mattr=+dsp", "-mattr", "+fp", "-enable-channelwise", "-mcpu=cortex-m7")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all("means nothing here: " in line for line in lines)
    assert any("-use-cmsis" in line for line in lines) and any("-target-feature" in line for line in lines)


@pytest.mark.parametrize(
    ("tool", "argument", "because"),
    [
        ("model-compiler", "-quantisation-schema=symmetric", "did you mean -quantization-schema?"),
        ("model-compiler", "--emit-bundel", "did you mean -emit-bundle?"),
        ("image-classifier", "-xyzzy", "image-classifier -help lists all"),
        ("model-compiler", "-topk=3", "is an option of image-classifier, not of model-compiler"),
        ("model-compiler", "picture.png", "model-compiler takes options only"),
        ("model-compiler", "-quantization-schema=assymetric", "expected asymmetric, symmetric"),
        ("model-compiler", "-network-name=", "expected a value"),
        ("model-compiler", "-network-name", "expected a value"),
        ("model-compiler", "-num-histogram-bins=ten", "a whole number"),
        ("model-compiler", "-num-histogram-bins=4294967296", "a whole number"),
        ("model-compiler", "-use-cmsis=perhaps", "true or false"),
        ("model-tuner", "-target-accuracy=high", "a number"),
        ("model-compiler", "-convert-to-fp16", "no float16"),
    ],
)
def test_what_is_wrong(tool: str, argument: str, because: str) -> None:
    """Unknown options suggest the nearest; values that are none say what was expected."""
    text = _refused(tool, argument)
    assert because in text
    assert argument.lstrip("-").partition("=")[0] in text


def test_everything_wrong_is_said_at_once() -> None:
    """Unknown options, bad values, repetitions and what is missing stand in one error."""
    with pytest.raises(InputError) as caught:
        parse("model-tuner", ["-mod=x", "-max-iter-per-node=-1", "-backend=CPU", "-backend=CPU"])
    found = [problem.where for problem in caught.value.problems]
    assert found[:3] == ["-mod", "-max-iter-per-node=-1", "-backend=CPU"]
    assert set(found[3:]) == {"-model", "-dataset-file", "-dataset-path", "-dump-tuned-profile"}


def test_a_missing_value_does_not_swallow_the_next_option() -> None:
    """``-load-profile -backend=CPU`` lacks a value, and -backend is still understood; a negative number is a value."""
    assert "-load-profile" in _refused("model-compiler", "-load-profile", "-backend=CPU")
    assert _parsed("image-classifier", "-mean", "-1,2").text("mean") == "-1,2"


def test_lists_and_repetitions() -> None:
    """Lists are split at commas and repeated options add up; what may be given once keeps its commas."""
    arguments = _parsed("image-classifier", "-expected-labels=1,2", "-expected-labels", "3", "-model-input=a,float,[1]")
    assert arguments.texts("expected-labels") == ("1", "2", "3")
    assert arguments.texts("model-input") == ("a,float,[1]",)
    kept = _parsed("model-compiler", "-keep-original-precision-for-nodes=Add,Div")
    assert kept.texts("keep-original-precision-for-nodes") == ("Add", "Div")


def test_files_and_defaults() -> None:
    """Files may stand anywhere among the options, and all after ``--``; what is not given has Glow's default."""
    arguments = _parsed("image-classifier", "a.png", "-topk", "2", "b.png", "-compute-softmax=false", "--", "-c.png")
    assert arguments.files == ("a.png", "b.png", "-c.png")
    assert (arguments.count("topk"), arguments.flag("compute-softmax")) == (2, False)
    assert (arguments.text("image-channel-order"), arguments.text("image-layout")) == ("BGR", "NCHW")
    assert (arguments.count("num-histogram-bins"), arguments.given("load-profile")) == (10, False)


def test_choices_have_their_own_case() -> None:
    """A choice is found whatever its case and comes out as Glow spells it."""
    assert _parsed("model-compiler", "-quantization-precision-bias=int8").text("quantization-precision-bias") == "Int8"


@pytest.mark.parametrize("tool", TABLES)
@pytest.mark.parametrize("spelling", ["-help", "--help", "-h"])
def test_help(tool: str, spelling: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Help lists every option with its meaning, whatever else is given."""
    assert parse(tool, ["-unknown", spelling]) is None
    text = capsys.readouterr().out
    for option in TABLES[tool]:
        meaning = (option.unused or option.refused or option.help).split()[:6]
        assert f"-{option.name}" in text
        assert " ".join(meaning) in " ".join(text.split())


@given(st.lists(st.text(max_size=8) | st.sampled_from(["-model=x", "-m", "--", "-", "-=", "-topk", "--topk=1"])))
def test_any_arguments_are_understood_or_refused(argv: list[Any]) -> None:
    """Whatever is given, the parser answers or raises an InputError with problems."""
    try:
        parse("image-classifier", argv)
    except InputError as error:
        assert error.problems
